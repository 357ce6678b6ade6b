-- base: datasets
-- not null: dataset_id, record_class, clock, ceiling
-- One row a dataset: whether what is configured to happen to it leaves its records their minimum period, and
-- how long it is locked. A lock that somebody can lift keeps nothing. 1 March 2023 starts the longest run of days that any number of years can have, so
-- a lifecycle that spans the minimum from there spans it from every day.
WITH locks AS (
  SELECT s.target_id, max(s.retention_days) AS locked_days,
    max(CASE WHEN NOT s.bypassable THEN s.retention_days END) AS firmly_locked_days
  FROM safeguards s
  WHERE s.target_kind = 'dataset' AND s.kind = 'immutability' AND s.implemented
  GROUP BY s.target_id
)
SELECT
  d.*,
  c.min_years AS min_years,
  c.clock AS clock,
  c.ceiling AS ceiling,
  l.locked_days AS locked_days,
  CASE
    WHEN d.retention_enforcement = 'none' THEN TRUE
    WHEN plus_days(DATE '2023-03-01', l.firmly_locked_days) >= keep_until(DATE '2023-03-01', c.min_years) THEN TRUE
    ELSE plus_days(DATE '2023-03-01', d.configured_retention_days) >= keep_until(DATE '2023-03-01', c.min_years)
  END AS lifecycle_long_enough
FROM datasets d
LEFT JOIN record_class_rules c ON c.record_class = d.record_class
LEFT JOIN locks l ON l.target_id = d.dataset_id
