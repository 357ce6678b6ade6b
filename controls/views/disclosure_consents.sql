-- not null: disclosure_id
-- One row for each disclosure of a person of whom some consent or objection is recorded: whether a consent covers it.
-- It was given before the disclosure and had not ended; it names the purpose, and the recipient and the
-- channel where it names any. An objection that was not made is no consent, and a client cannot consent for a
-- person, nor a parent for one who is of age. Two equal dates prove no order; $same_day_order decides that.
SELECT
    d.disclosure_id AS disclosure_id,
    any_true(
        CASE WHEN c.kind IN ('consent', 'explicit_consent', 'hipaa_authorization') THEN
            CASE
                WHEN same_day(c.granted_at, d.occurred_at) AND before(c.granted_at, d.occurred_at) IS NULL
                    THEN CASE $same_day_order WHEN 'pass' THEN TRUE WHEN 'fail' THEN FALSE END
                ELSE before(c.granted_at, d.occurred_at)
            END
            AND (c.withdrawn_at IS NULL OR after(c.withdrawn_at, d.occurred_at))
            AND (c.expires_at IS NULL OR after(c.expires_at, d.occurred_at))
            AND has(c.purposes, d.purpose)
            AND NOT has(c.purposes, '*')
            AND (is_empty(c.recipients) OR has(c.recipients, d.recipient_party_id))
            AND (is_empty(c.channels) OR CASE WHEN d.channel <> 'unknown' THEN has(c.channels, d.channel) END)
            AND c.giver_kind <> 'client'
            AND (c.giver_kind <> 'parent_guardian'
                OR NOT age_at_least(s.birth_date, day_of(c.granted_at), $age_adult))
        ELSE FALSE END
    ) AS covered
FROM disclosures d
JOIN consents c ON c.subject_id = d.subject_id
LEFT JOIN subjects s ON s.subject_id = c.subject_id
GROUP BY d.disclosure_id
