-- not null: dataset_id
-- One row for each dataset to which anybody has access: whether every live grant is that of an employee in
-- service, approved before it was given and reviewed in time.
-- A grant without a dataset reaches every dataset of its resource.
WITH grants AS (
  SELECT
    g.dataset_id AS dataset_id,
    g.resource_id AS resource_id,
    g.personal AND g.in_service AND g.in_workforce AND g.approved AND g.reviewed AS authorised
  FROM judged_grants g
  WHERE g.live
),
reached AS (
  SELECT d.dataset_id AS dataset_id, g.authorised AS authorised
  FROM datasets d
  JOIN grants g ON g.dataset_id = d.dataset_id
  UNION ALL
  SELECT d.dataset_id AS dataset_id, g.authorised AS authorised
  FROM datasets d
  JOIN grants g ON g.resource_id = d.resource_id
  WHERE g.dataset_id IS NULL
)
SELECT r.dataset_id AS dataset_id, all_true(r.authorised) AS authorised
FROM reached r
GROUP BY r.dataset_id
