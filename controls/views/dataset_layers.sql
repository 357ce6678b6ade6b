-- not null: dataset_id
-- One row for each dataset that some layer of protection reaches: whether one of them holds, and whether one
-- of them keeps the data from being altered.
SELECT d.dataset_id AS dataset_id, any_true(l.sound) AS unreadable, any_true(l.intact) AS intact
FROM datasets d
JOIN store_layers l ON l.resource_id = d.resource_id AND (l.dataset_id IS NULL OR l.dataset_id = d.dataset_id)
GROUP BY d.dataset_id
