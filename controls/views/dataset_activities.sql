-- not null: dataset_id, activity_id
-- One row for each processing activity that a dataset names and that the register of activities holds.
SELECT d.dataset_id AS dataset_id, a.activity_id AS activity_id, d.data_classes AS data_classes
FROM datasets d
JOIN processing_activities a ON has(d.activity_ids, a.activity_id)
