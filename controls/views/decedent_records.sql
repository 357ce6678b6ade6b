-- base: records
-- not null: record_id, record_class, duty_to_hold, vital_status
-- One row a record: whether its person is dead, and what the years after a death ask of it.
-- A record of the class of the dead is about a dead person, also where it names nobody or the register of
-- people does not say so. Another record that names no person has the vital status unknown. Without a day of death no day is late
-- enough to dispose of the record, and none ends its protection.
WITH people AS (
  SELECT
    r.*,
    c.ceiling = 'default' AS identifies_person,
    $decedent_rule = 'retain_50y' AS duty_to_hold,
    CASE WHEN r.record_class = 'decedent_iihi' THEN 'deceased' ELSE coalesce(s.vital_status, 'unknown') END
      AS vital_status,
    -- Health and personal content is about somebody; where it names nobody, that may be somebody dead.
    CASE
      WHEN r.record_class = 'decedent_iihi' THEN TRUE
      WHEN r.subject_id IS NULL THEN CASE WHEN r.record_class NOT IN ('phi_content', 'pii_content') THEN FALSE END
      ELSE s.vital_status = 'deceased'
    END AS concerns_dead,
    s.date_of_death AS date_of_death,
    keep_until(s.date_of_death, $decedent_years) AS keep_through,
    d.resource_id AS resource_id,
    d.configured_retention_days AS configured_retention_days,
    d.retention_enforcement AS retention_enforcement
  FROM records r
  LEFT JOIN record_class_rules c ON c.record_class = r.record_class
  LEFT JOIN subjects s ON s.subject_id = r.subject_id
  LEFT JOIN datasets d ON d.dataset_id = r.dataset_id
)
SELECT
  p.*,
  CASE
    WHEN p.date_of_death IS NULL THEN FALSE
    ELSE after($as_of_day, p.keep_through)
  END AS years_over,
  after(day_of(p.disposed_at), p.keep_through) AS years_over_at_disposal,
  plus_days(day_of(p.copy_verified_at), $copy_check_days) >= $as_of_day AS copy_checked,
  CASE
    WHEN p.retention_enforcement = 'none' THEN TRUE
    ELSE after(plus_days(day_of(p.created_at), p.configured_retention_days), p.keep_through)
  END AS lifecycle_long_enough
FROM people p
