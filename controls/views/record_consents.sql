-- not null: record_id, activity_id
-- One row for each record and each activity that may rest on consent: whether one consent covers it, and
-- whether one explicit consent does.
SELECT
    m.record_id AS record_id,
    m.activity_id AS activity_id,
    any_true(m.covers) AS covered,
    any_true(m.covers AND m.kind = 'explicit_consent') AS explicitly_covered
FROM consent_matches m
GROUP BY m.record_id, m.activity_id
