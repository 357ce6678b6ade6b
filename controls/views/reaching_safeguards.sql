-- not null: dataset_id, safeguard_id, kind, distance, on_paper
-- One row for each dataset and each safeguard that reaches it: the dataset itself (distance 1), its resource,
-- the place of that resource, the class of its records, or the whole organisation (distance 5).
--   in_place      as last looked at; NULL where that was too long ago, since a look shows nothing about today
--   spans_floor   a lock against deletion lasts as long as records of the class have to be kept
WITH pairs AS (
  SELECT d.dataset_id, d.resource_id, d.record_class, s.safeguard_id, 1 AS distance
  FROM datasets d JOIN safeguards s ON s.target_kind = 'dataset' AND s.target_id = d.dataset_id
  UNION ALL
  SELECT d.dataset_id, d.resource_id, d.record_class, s.safeguard_id, 2
  FROM datasets d JOIN safeguards s ON s.target_kind = 'resource' AND s.target_id = d.resource_id
  UNION ALL
  SELECT d.dataset_id, d.resource_id, d.record_class, s.safeguard_id, 3
  FROM datasets d
  JOIN resources r ON r.resource_id = d.resource_id
  JOIN safeguards s ON s.target_kind = 'location' AND s.target_id = r.location_id
  UNION ALL
  SELECT d.dataset_id, d.resource_id, d.record_class, s.safeguard_id, 4
  FROM datasets d JOIN safeguards s ON s.target_kind = 'record_class' AND s.target_id = d.record_class
  UNION ALL
  SELECT d.dataset_id, d.resource_id, d.record_class, s.safeguard_id, 5
  FROM datasets d JOIN safeguards s ON s.target_kind = 'org'
)
SELECT
  p.dataset_id AS dataset_id,
  p.safeguard_id AS safeguard_id,
  p.distance AS distance,
  s.kind AS kind,
  coalesce(r.kind, 'server') = 'paper_store' AS on_paper,
  CASE
    WHEN s.kind IN ('locked_facility', 'locked_container')
      THEN CASE WHEN days_between(day_of(s.verified_at), $as_of_day) <= $lock_check_days THEN s.implemented END
    WHEN days_between(day_of(s.verified_at), $as_of_day) <= $measure_check_days THEN s.implemented
  END AS in_place,
  CASE
    WHEN $backup_max_age_h = 0 THEN TRUE
    ELSE not_before(plus_hours(s.last_success_at, $backup_max_age_h), $as_of)
  END AS recent,
  CASE
    WHEN $restore_test_days = 0 THEN TRUE
    ELSE plus_days(day_of(s.restore_tested_at), $restore_test_days) >= $as_of_day
  END AS restored,
  s.copies >= 2 OR s.offsite AS second_copy,
  s.bypassable AS bypassable,
  s.retention_days AS locked_days,
  CASE
    WHEN c.min_years IS NULL THEN TRUE
    ELSE plus_days(DATE '2023-03-01', s.retention_days) >= keep_until(DATE '2023-03-01', c.min_years)
  END AS spans_floor
FROM pairs p
JOIN safeguards s ON s.safeguard_id = p.safeguard_id
LEFT JOIN resources r ON r.resource_id = p.resource_id
LEFT JOIN record_class_rules c ON c.record_class = p.record_class
