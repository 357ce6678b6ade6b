-- base: resources
-- not null: resource_id, kind, hosting, in_use, stores_data, every_store
-- One row a resource: whether it holds covered information and whether its protections reach all of it.
-- A protection without a dataset covers the whole resource; with one, that dataset only.
WITH layers AS (
  SELECT l.resource_id, l.dataset_id, l.sound, l.intact FROM store_layers l
),
whole AS (
  SELECT l.resource_id, any_true(l.sound) AS sound, any_true(l.intact) AS intact
  FROM layers l
  WHERE l.dataset_id IS NULL
  GROUP BY l.resource_id
),
parts AS (
  SELECT l.resource_id, l.dataset_id, any_true(l.sound) AS sound, any_true(l.intact) AS intact
  FROM layers l
  WHERE l.dataset_id IS NOT NULL
  GROUP BY l.resource_id, l.dataset_id
),
contents AS (
  SELECT
    d.resource_id,
    d.is_covered_information AS covered,
    CASE
      WHEN w.resource_id IS NULL THEN p.sound
      WHEN p.resource_id IS NULL THEN w.sound
      ELSE w.sound OR p.sound
    END AS sound,
    CASE
      WHEN w.resource_id IS NULL THEN p.intact
      WHEN p.resource_id IS NULL THEN w.intact
      ELSE w.intact OR p.intact
    END AS intact
  FROM datasets d
  LEFT JOIN whole w ON w.resource_id = d.resource_id
  LEFT JOIN parts p ON p.resource_id = d.resource_id AND p.dataset_id = d.dataset_id
),
held AS (
  SELECT
    c.resource_id,
    any_true(c.covered) AS holds_covered,
    all_true(NOT c.covered OR c.sound) AS covered_unreadable,
    all_true(NOT c.covered OR c.intact) AS covered_intact,
    all_true(c.sound) AS all_unreadable,
    all_true(c.intact) AS all_intact
  FROM contents c
  GROUP BY c.resource_id
)
SELECT
  r.*,
  NOT (r.decommissioned_at IS NOT NULL AND r.disposal_id IS NOT NULL) AS in_use,
  r.kind NOT IN ('paper_store', 'website') AS stores_data,
  $dp310_scope = 'all' AS every_store,
  h.holds_covered,
  h.covered_unreadable,
  h.covered_intact,
  h.all_unreadable,
  h.all_intact
FROM resources r
LEFT JOIN held h ON h.resource_id = r.resource_id
