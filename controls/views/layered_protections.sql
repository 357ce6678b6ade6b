-- base: storage_protections
-- not null: protection_id, resource_id, method, in_use, is_tdea
-- One row a protection, and whether some layer of the same store is accepted as a whole.
WITH layers AS (
  SELECT l.resource_id, l.dataset_id, l.accepted FROM store_layers l
),
whole AS (
  SELECT l.resource_id, any_true(l.accepted) AS accepted
  FROM layers l
  WHERE l.dataset_id IS NULL
  GROUP BY l.resource_id
),
parts AS (
  SELECT l.resource_id, l.dataset_id, any_true(l.accepted) AS accepted
  FROM layers l
  WHERE l.dataset_id IS NOT NULL
  GROUP BY l.resource_id, l.dataset_id
)
SELECT
  c.*,
  CASE
    WHEN w.resource_id IS NULL THEN p.accepted
    WHEN p.resource_id IS NULL THEN w.accepted
    ELSE w.accepted OR p.accepted
  END AS some_layer_accepted
FROM covered_protections c
LEFT JOIN whole w ON w.resource_id = c.resource_id
LEFT JOIN parts p ON p.resource_id = c.resource_id AND p.dataset_id = c.dataset_id
