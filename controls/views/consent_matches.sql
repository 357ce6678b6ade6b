-- not null: record_id, activity_id
-- One row for each record, each activity that may rest on consent and each consent of the person (one row
-- without a consent where there is none): whether that consent covers the activity's purpose from receipt
-- until disposal, or until now while the record is held.
-- Consent ends at the instant of its withdrawal, but a legal hold or a minimum period keeps the record then.
-- A consent for every purpose is for none.
-- A client cannot consent for a person, nor a parent for one who is of age.
-- Where children may be concerned, the consent is a parent's or the person is known to be of age.
SELECT
    r.record_id AS record_id,
    a.activity_id AS activity_id,
    c.kind AS kind,
    CASE
        WHEN r.subject_id IS NULL THEN NULL
        WHEN c.consent_id IS NULL THEN FALSE
        ELSE has(c.purposes, a.purpose)
            AND NOT has(c.purposes, '*')
            AND not_after(c.granted_at, r.received_at)
            AND (o.must_keep
                OR (c.withdrawn_at IS NULL OR after(c.withdrawn_at, coalesce(r.disposed_at, $as_of)))
                AND (c.expires_at IS NULL OR after(c.expires_at, coalesce(r.disposed_at, $as_of))))
            AND c.giver_kind <> 'client'
            AND (c.giver_kind <> 'parent_guardian'
                OR NOT age_at_least(s.birth_date, day_of(c.granted_at), $age_adult))
            AND (c.giver_kind = 'parent_guardian'
                OR NOT a.includes_children
                OR age_at_least(s.birth_date, day_of(c.granted_at), $age_adult))
    END AS covers
FROM records r
JOIN dataset_activities x ON x.dataset_id = r.dataset_id
JOIN processing_activities a ON a.activity_id = x.activity_id
LEFT JOIN consents c ON c.subject_id = r.subject_id AND c.kind IN ('consent', 'explicit_consent')
LEFT JOIN obliged_records o ON o.record_id = r.record_id
LEFT JOIN subjects s ON s.subject_id = r.subject_id
WHERE a.legal_bases IS NULL OR has(a.legal_bases, 'consent') OR a.art9_condition = 'explicit_consent'
