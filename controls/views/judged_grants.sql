-- base: access_grants
-- not null: grant_id, principal_type, live
-- One row a grant: what it opens, who holds it, and whether it was approved and reviewed.
--   to_customer_data   it opens a dataset of customers; without a dataset it opens every one of its resource
--   personal           the account is that of one person. Service, group and emergency accounts are left
--                      open: the evidence does not show who stands behind them. An emergency account that
--                      was used is no longer sealed.
--   duty_known         its duty is one of the holder's job function; open where nobody wrote rules for that
--   data_needed        that duty needs every class of data the grant opens
--   permission_needed  that duty needs so wide a permission
WITH opened AS (
  SELECT
    g.grant_id AS grant_id,
    any_true(d.of_customers) AS of_customers,
    -- A dataset without any class is one that nobody classified.
    all_true(CASE WHEN NOT is_empty(d.data_classes) THEN has_all(u.data_classes, d.data_classes) END) AS data_needed
  FROM access_grants g
  JOIN customer_datasets d
    ON d.dataset_id = g.dataset_id OR (g.dataset_id IS NULL AND d.resource_id = g.resource_id)
  LEFT JOIN persons p ON p.person_id = g.person_id
  LEFT JOIN duty_rules u ON u.job_function = lower(p.job_function) AND u.job_duty = lower(g.job_duty)
  GROUP BY g.grant_id
),
functions AS (
  SELECT u.job_function AS job_function, count(*) AS duties FROM duty_rules u GROUP BY u.job_function
)
SELECT
  g.*,
  g.revoked_at IS NULL AS live,
  o.of_customers AS to_customer_data,
  CASE
    WHEN g.principal_type = 'user' THEN TRUE
    WHEN g.principal_type = 'shared' THEN FALSE
    WHEN g.principal_type = 'break_glass' AND g.last_used_at IS NOT NULL THEN FALSE
  END AS personal,
  p.status IN ('active', 'leave') AND (p.end_date IS NULL OR p.end_date >= $as_of_day) AS in_service,
  p.employment_type = 'employee'
    OR ($workforce_includes_contractors AND p.employment_type IN ('contractor', 'temp')) AS in_workforce,
  has_any(p.groups, $office_user_groups) AS office_user,
  p.status = 'leave' AS on_leave,
  p.job_function AS job_function,
  g.approved_by IS NOT NULL AND not_after(g.approved_at, g.granted_at) AS approved,
  CASE
    WHEN $grant_review_days = 0 THEN TRUE
    ELSE plus_days(day_of(g.last_reviewed_at), $grant_review_days) >= $as_of_day
  END AS reviewed,
  CASE WHEN f.duties > 0 THEN u.job_duty IS NOT NULL END AS duty_known,
  o.data_needed AS data_needed,
  CASE g.permission WHEN 'read' THEN 1 WHEN 'write' THEN 2 WHEN 'admin' THEN 3 END <= u.permission_rank
    AS permission_needed
FROM access_grants g
LEFT JOIN opened o ON o.grant_id = g.grant_id
LEFT JOIN persons p ON p.person_id = g.person_id
LEFT JOIN functions f ON f.job_function = lower(p.job_function)
LEFT JOIN duty_rules u ON u.job_function = lower(p.job_function) AND u.job_duty = lower(g.job_duty)
