-- not null: activity_id
-- One row for each activity with records that may rest on consent: whether consent covers all of them.
SELECT
    k.activity_id AS activity_id,
    all_true(k.covered) AS covered,
    all_true(k.explicitly_covered) AS explicitly_covered
FROM record_consents k
GROUP BY k.activity_id
