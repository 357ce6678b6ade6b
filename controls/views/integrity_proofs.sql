-- not null: dataset_id
-- One row for each dataset of which it is known whether falsifying it would show: by a safeguard, or by the
-- way in which its store is protected.
WITH proofs AS (
  SELECT m.dataset_id, m.holds FROM dataset_measures m WHERE m.purpose = 'falsification'
  UNION ALL
  SELECT l.dataset_id, l.intact FROM dataset_layers l
)
SELECT p.dataset_id AS dataset_id, any_true(p.holds) AS holds
FROM proofs p
GROUP BY p.dataset_id
