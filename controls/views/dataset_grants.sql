-- not null: dataset_id
-- One row for each dataset to which anybody has access: whether every live grant is that of an employee in
-- service, approved before it was given and reviewed in time.
-- A grant without a dataset reaches every dataset of its resource.
-- Service, group and emergency accounts are left open: the evidence does not show who stands behind them.
WITH grants AS (
  SELECT
    g.dataset_id AS dataset_id,
    g.resource_id AS resource_id,
    CASE g.principal_type WHEN 'user' THEN TRUE WHEN 'shared' THEN FALSE END
      AND p.status IN ('active', 'leave')
      AND p.employment_type = 'employee'
      AND g.approved_by IS NOT NULL
      AND not_after(g.approved_at, g.granted_at)
      AND CASE
        WHEN $grant_review_days = 0 THEN TRUE
        ELSE plus_days(day_of(g.last_reviewed_at), $grant_review_days) >= $as_of_day
      END AS authorised
  FROM access_grants g
  LEFT JOIN persons p ON p.person_id = g.person_id
  WHERE g.revoked_at IS NULL
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
