-- not null: resource_id, surely
-- One row for each store that may be encrypted at some layer.
--   surely   one layer is encrypted as a whole, and the store has a layer beside it
-- A layer is encrypted only if every protection in it is, so that one sound disk does not hide an open one. What is of one
-- dataset or one column says nothing of the rest. Where there is no second layer nothing shows that it is another one.
WITH layers AS (
  SELECT
    p.resource_id AS resource_id,
    CASE WHEN p.layer IN ('full_disk', 'volume') THEN 'disk' ELSE p.layer END AS layer_group,
    bool_or(p.method IN ('encryption', 'unknown') AND p.state IN ('complete', 'unknown')) AS perhaps,
    bool_and(p.method = 'encryption' AND p.state = 'complete' AND p.dataset_id IS NULL AND p.layer <> 'column') AS wholly
  FROM storage_protections p
  GROUP BY p.resource_id, CASE WHEN p.layer IN ('full_disk', 'volume') THEN 'disk' ELSE p.layer END
),
stores AS (
  SELECT
    l.resource_id AS resource_id,
    bool_or(l.perhaps) AS perhaps,
    bool_or(l.wholly) AND count(*) > 1 AS surely
  FROM layers l
  GROUP BY l.resource_id
)
SELECT s.resource_id AS resource_id, s.surely AS surely
FROM stores s
WHERE s.perhaps
