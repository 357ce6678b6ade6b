-- not null: dataset_id
-- One row for each dataset of which it is known whether it is encrypted: as the store was observed, or as
-- the safeguards say. What is said of a whole class of records, a place or the organisation counts only where
-- the store was not observed.
WITH proofs AS (
  SELECT l.dataset_id, l.unreadable AS holds FROM dataset_layers l
  UNION ALL
  SELECT m.dataset_id, m.holds FROM dataset_measures m WHERE m.purpose = 'encryption_of_store'
  UNION ALL
  SELECT m.dataset_id, m.holds
  FROM dataset_measures m
  LEFT JOIN dataset_layers l ON l.dataset_id = m.dataset_id
  WHERE m.purpose = 'encryption' AND l.unreadable IS NULL
)
SELECT p.dataset_id AS dataset_id, any_true(p.holds) AS holds
FROM proofs p
GROUP BY p.dataset_id
