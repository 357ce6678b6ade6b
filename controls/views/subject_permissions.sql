-- base: subjects
-- not null: subject_id, age_signalled
-- One row a person: whether they were a minor past the floor of age when data was first collected, and whether a
-- parent had permitted it. A parent or legal representative gives the permission, before the first collection;
-- one that was withdrawn permits nothing any more.
WITH permissions AS (
    SELECT
        s.subject_id AS subject_id,
        any_true(c.giver_kind IN ('parent_guardian', 'representative')
            AND c.withdrawn_at IS NULL
            AND not_after(c.granted_at, s.first_collected_at)
            AND (c.expires_at IS NULL OR after(c.expires_at, s.first_collected_at))) AS before_collection,
        any_true(c.giver_kind IN ('parent_guardian', 'representative') AND c.withdrawn_at IS NULL) AS on_record
    FROM subjects s
    JOIN consents c ON c.subject_id = s.subject_id AND c.kind = 'parental_permission'
    GROUP BY s.subject_id
)
SELECT
    s.*,
    s.birth_date IS NOT NULL OR coalesce(s.age_assertion, 'none') = '13_17_with_permission' AS age_signalled,
    CASE
        WHEN s.birth_date IS NOT NULL
            THEN age_at_least(s.birth_date, day_of(s.first_collected_at), $age_floor)
                AND NOT age_at_least(s.birth_date, day_of(s.first_collected_at), $age_adult)
        WHEN s.age_assertion = '13_17_with_permission' THEN TRUE
    END AS was_minor,
    CASE WHEN p.subject_id IS NULL THEN FALSE ELSE p.before_collection END AS permitted,
    CASE WHEN p.subject_id IS NULL THEN FALSE ELSE p.on_record END AS permission_on_record,
    CASE
        WHEN s.birth_date IS NULL THEN TRUE
        WHEN s.age_assertion = '18_or_over' THEN age_at_least(s.birth_date, $as_of_day, $age_adult)
        WHEN s.age_assertion = '13_17_with_permission' THEN age_at_least(s.birth_date, $as_of_day, $age_floor)
    END AS claim_possible
FROM subjects s
LEFT JOIN permissions p ON p.subject_id = s.subject_id
