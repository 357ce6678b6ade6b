-- not null: activity_id
-- One row for each processing activity with a dataset: whether a dataset holds health or other special data.
SELECT x.activity_id AS activity_id, any_true(has_any(x.data_classes, ['PHI', 'special_category'])) AS holds_special_data
FROM dataset_activities x
GROUP BY x.activity_id
