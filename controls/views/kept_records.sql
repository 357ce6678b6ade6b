-- base: records
-- not null: record_id, record_class, clock, ceiling, of_clients, of_people
-- One row a record: its minimum period and whether that period is over.
-- A data record in a dataset that is registered as critical records has their minimum.
WITH rules AS (
  SELECT
    r.*,
    CASE
      WHEN r.record_class IN ('risk_assessment', 'critical_record_other') THEN TRUE
      WHEN c.min_years IS NOT NULL THEN FALSE
      ELSE d.record_class IN ('risk_assessment', 'critical_record_other')
    END AS is_critical,
    CASE
      WHEN c.min_years IS NOT NULL THEN c.min_years
      WHEN d.record_class IN ('risk_assessment', 'critical_record_other') THEN $record_min_years
    END AS min_years,
    CASE
      WHEN c.min_years IS NULL AND d.record_class IN ('risk_assessment', 'critical_record_other')
        THEN 'created_or_end'
      ELSE c.clock
    END AS clock,
    c.ceiling AS ceiling,
    c.of_clients AS of_clients,
    c.of_people AS of_people,
    d.client_party_id AS dataset_client_id,
    d.contract_id AS dataset_contract_id,
    d.configured_retention_days AS configured_retention_days,
    d.retention_enforcement AS retention_enforcement
  FROM records r
  LEFT JOIN datasets d ON d.dataset_id = r.dataset_id
  LEFT JOIN record_class_rules c ON c.record_class = r.record_class
),
periods AS (
  SELECT
    g.*,
    -- The minimum cannot end before this day, whatever is not known about the end of effect.
    CASE
      WHEN g.clock = 'created' OR g.last_in_effect_at IS NULL THEN keep_until(day_of(g.created_at), g.min_years)
      ELSE keep_until(latest(day_of(g.created_at), day_of(g.last_in_effect_at)), g.min_years)
    END AS keep_until,
    g.clock <> 'created' AND g.in_effect AS still_in_effect,
    CASE
      WHEN g.clock = 'created' THEN TRUE
      WHEN g.last_in_effect_at IS NOT NULL THEN NOT g.in_effect
    END AS end_known
  FROM rules g
)
SELECT
  p.*,
  CASE
    WHEN p.min_years IS NULL THEN TRUE
    WHEN p.still_in_effect THEN FALSE
    WHEN $as_of_day < p.keep_until THEN FALSE
    WHEN p.end_known AND $as_of_day >= p.keep_until THEN TRUE
  END AS minimum_over,
  CASE
    WHEN p.min_years IS NULL THEN TRUE
    WHEN p.still_in_effect THEN FALSE
    WHEN day_of(p.disposed_at) < p.keep_until THEN FALSE
    WHEN p.end_known AND day_of(p.disposed_at) >= p.keep_until THEN TRUE
  END AS minimum_over_at_disposal,
  -- On the day on which the minimum ends the record may still be there.
  CASE
    WHEN p.min_years IS NULL THEN FALSE
    WHEN p.still_in_effect THEN TRUE
    WHEN $as_of_day <= p.keep_until THEN TRUE
    WHEN p.end_known AND $as_of_day > p.keep_until THEN FALSE
  END AS minimum_allows,
  plus_days(day_of(p.copy_verified_at), $copy_check_days) >= $as_of_day AS copy_checked
FROM periods p
