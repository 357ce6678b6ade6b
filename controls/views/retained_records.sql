-- base: records
-- not null: record_id, record_class, ceiling, contract_below_minimum
-- One row a record: the retention rules that reach it, in the order legal hold, minimum, contract, default.
--   held_now               a legal hold is in force
--   may_stay               a minimum (of the class, of the contract, after a death) has not ended
--   within_maximum         the days it may stay are not used up
--   in_hold_grace          a legal hold ended so lately that the disposal is not yet due
-- An unknown rule that could change the answer leaves it open.
WITH reached AS (
  SELECT
    r.*,
    CASE
      WHEN r.perhaps_released_on IS NULL THEN FALSE
      WHEN $as_of_day > plus_days(r.perhaps_released_on, $post_hold_days) THEN FALSE
      WHEN $as_of_day <= plus_days(r.released_on, $post_hold_days) THEN TRUE
    END AS in_hold_grace,
    CASE
      WHEN $decedent_rule <> 'retain_50y' THEN FALSE
      WHEN NOT r.of_people OR r.ceiling <> 'default' THEN FALSE
      WHEN (s.vital_status = 'deceased' OR r.record_class = 'decedent_iihi') AND s.date_of_death IS NULL THEN TRUE
      WHEN s.vital_status = 'deceased' OR r.record_class = 'decedent_iihi'
        THEN not_before(keep_until(s.date_of_death, $decedent_years), plus_days($as_of_day, -1))
      ELSE FALSE
    END AS death_allows,
    CASE
      WHEN $decedent_rule <> 'retain_50y' THEN TRUE
      WHEN NOT r.of_people OR r.ceiling <> 'default' THEN TRUE
      WHEN s.vital_status = 'living' AND r.record_class <> 'decedent_iihi' THEN TRUE
      WHEN s.vital_status = 'deceased' OR r.record_class = 'decedent_iihi'
        THEN after(day_of(r.disposed_at), keep_until(s.date_of_death, $decedent_years))
    END AS death_over_at_disposal
  FROM record_terms r
  LEFT JOIN subjects s ON s.subject_id = r.subject_id
),
judged AS (
  SELECT
    r.*,
    CASE
      WHEN r.in_use THEN TRUE
      WHEN r.max_days_low IS NULL AND r.ceiling = 'none' THEN TRUE
      WHEN r.age_days <= r.max_days_low + $backup_tail_days THEN TRUE
      WHEN r.in_use IS NULL THEN NULL
      WHEN r.age_days > r.max_days_high + $backup_tail_days THEN FALSE
    END AS within_maximum,
    CASE
      WHEN r.agreed_min_days IS NULL AND r.open_min_days IS NULL THEN FALSE
      -- A newer clause that may count would take the place of the agreed one, with a shorter minimum or none.
      WHEN r.age_days <= r.agreed_min_days AND (r.open_min_low IS NULL OR r.age_days <= r.open_min_low) THEN TRUE
      WHEN r.age_days > coalesce(r.open_min_days, 0) AND r.age_days > coalesce(r.agreed_min_days, 0) THEN FALSE
    END AS contract_allows,
    CASE
      WHEN r.agreed_min_days IS NULL AND r.strict_min_days IS NULL THEN TRUE
      WHEN days_between(r.clock_day, day_of(r.disposed_at)) < r.agreed_min_days THEN FALSE
      WHEN days_between(r.clock_day, day_of(r.disposed_at)) >= coalesce(r.strict_min_days, 0) THEN TRUE
    END AS contract_over_at_disposal,
    CASE
      WHEN r.agreed_max_days IS NULL OR r.min_years IS NULL THEN FALSE
      WHEN r.still_in_effect THEN TRUE
      WHEN plus_days(coalesce(r.clock_day, day_of(r.created_at)), r.agreed_max_days) < r.keep_until THEN TRUE
      ELSE FALSE
    END AS contract_below_minimum
  FROM reached r
)
SELECT
  j.*,
  j.minimum_allows OR j.contract_allows OR j.death_allows AS may_stay,
  j.minimum_over_at_disposal AND j.contract_over_at_disposal AND j.death_over_at_disposal
    AS minimum_ended_before_disposal,
  CASE
    WHEN j.ceiling = 'none' AND j.max_days IS NULL THEN FALSE
    WHEN j.max_days_high IS NULL THEN NULL
    ELSE days_between(j.clock_day, day_of(j.disposed_at)) > j.max_days_high + $backup_tail_days
      AND day_of(j.disposed_at) > coalesce(j.keep_until, j.clock_day)
  END AS disposed_late,
  CASE
    WHEN j.disposed_at IS NOT NULL THEN 'GONE'
    WHEN j.held_now THEN 'HOLD'
    WHEN j.minimum_allows OR j.contract_allows OR j.death_allows THEN 'MUST_KEEP'
    WHEN j.within_maximum THEN 'MAY_KEEP'
    WHEN j.in_hold_grace THEN 'MAY_KEEP'
    WHEN NOT j.within_maximum AND NOT j.held_now AND NOT j.in_hold_grace
      AND NOT (j.minimum_allows OR j.contract_allows OR j.death_allows) THEN 'MUST_DISPOSE'
    ELSE 'UNKNOWN'
  END AS retention_state
FROM judged j
