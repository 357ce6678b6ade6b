-- not null: dataset_id
-- One row for each dataset of which it is known whether it is encrypted: as its store was observed, or as a
-- safeguard of the dataset or its resource says. A word about a whole class of records, a place or the
-- organisation does not show that this one store is encrypted.
WITH proofs AS (
  SELECT l.dataset_id, l.unreadable AS holds FROM dataset_layers l
  UNION ALL
  SELECT m.dataset_id, m.holds FROM dataset_measures m WHERE m.purpose = 'encryption_of_store'
)
SELECT p.dataset_id AS dataset_id, any_true(p.holds) AS holds
FROM proofs p
GROUP BY p.dataset_id
