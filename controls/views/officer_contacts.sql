-- base: public_checks
-- not null: check_id, kind
-- One row a check of a public address: whether the contact it names leads to the privacy officer in office, and
-- whether it answered when it was last tried. The contact may name the role, the title, the office or the person.
WITH named AS (
    SELECT c.check_id AS check_id, any_true(h.in_force AND h.holder_in_service) AS in_office
    FROM public_checks c
    JOIN appointment_holders h ON h.role = 'privacy_officer'
    LEFT JOIN persons p ON p.person_id = h.person_id
    WHERE has($privacy_contact_roles, lower(c.contact_role_named))
        OR c.contact_role_named = h.person_id
        OR lower(c.contact_role_named) = lower(p.title)
        OR lower(c.contact_role_named) = lower(h.office_title)
    GROUP BY c.check_id
)
SELECT
    c.*,
    CASE
        WHEN c.contact_role_named IS NULL THEN NULL
        WHEN n.check_id IS NULL THEN FALSE
        ELSE n.in_office
    END AS names_officer,
    CASE
        WHEN c.contact_test_result IN ('bounced', 'no_response') THEN FALSE
        WHEN c.contact_test_result = 'acknowledged'
            THEN CASE
                WHEN $contact_test_days = 0 THEN TRUE
                ELSE plus_days(day_of(c.contact_test_at), $contact_test_days) >= $as_of_day
            END
    END AS answered
FROM current_checks c
LEFT JOIN named n ON n.check_id = c.check_id
