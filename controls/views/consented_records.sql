-- base: records
-- not null: record_id
-- One row a record: whether it is held under consent, and whether that consent covers it.
-- A record of no dataset may still be held under consent, unless its class has a minimum period: that is
-- kept because a clause orders it. An activity that is missing from the register leaves it open.
SELECT
    r.*,
    CASE
        WHEN g.rests_on_consent THEN TRUE
        WHEN r.dataset_id IS NULL AND c.min_years IS NOT NULL THEN FALSE
        WHEN g.record_id IS NULL AND is_empty(d.activity_ids) THEN FALSE
        WHEN g.activities = size(d.activity_ids) THEN g.rests_on_consent
    END AS rests_on_consent,
    g.covered AS consent_covers
FROM records r
LEFT JOIN datasets d ON d.dataset_id = r.dataset_id
LEFT JOIN record_class_rules c ON c.record_class = r.record_class
LEFT JOIN record_activities g ON g.record_id = r.record_id
