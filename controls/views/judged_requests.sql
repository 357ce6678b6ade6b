-- base: subject_requests
-- not null: request_id, subject_id, type, received_at
-- One row a request: when its answer was due, and whether it came by then.
--   due_day        the day the register names, but never later than the law allows (rights_deadlines)
--   extended_day   the later day, where the person was told of it before the first one had passed
--   answered_day   the day of the answer; today, while the request is recorded as pending
--   refused        all or part of it was denied
-- A month ends on the day of the same number, or with the month that has no such day.
WITH limits AS (
  SELECT
    p.*,
    CASE
      WHEN p.months > 0 THEN earliest(plus_days(d.first_day, p.days_into_month), d.last_day)
      ELSE p.days_due
    END AS law_day,
    CASE
      WHEN p.months > 0 THEN earliest(plus_days(e.first_day, p.days_into_month), e.last_day)
      ELSE p.extended_days_due
    END AS law_extended_day
  FROM placed_requests p
  LEFT JOIN calendar_months d ON d.month_number = p.due_month
  LEFT JOIN calendar_months e ON e.month_number = p.extended_month
),
dated AS (
  SELECT
    l.*,
    earliest(day_of(l.due_at), l.law_day) AS due_day,
    earliest(day_of(l.extended_to), l.law_extended_day) AS latest_day,
    CASE
      WHEN l.outcome = 'pending' AND l.completed_at IS NULL THEN $as_of_day
      WHEN l.outcome <> 'pending' THEN day_of(l.completed_at)
    END AS answered_day
  FROM limits l
),
extended AS (
  SELECT
    d.*,
    CASE WHEN d.extended_to IS NULL THEN FALSE ELSE day_of(d.extension_notice_at) <= d.due_day END
      AS was_extended
  FROM dated d
)
SELECT
  x.*,
  CASE WHEN x.was_extended THEN x.latest_day END AS extended_day,
  $as_of_day <= x.due_day
    OR x.answered_day <= x.due_day
    OR (x.was_extended AND ($as_of_day <= x.latest_day OR x.answered_day <= x.latest_day)) AS in_time,
  CASE
    WHEN x.outcome IN ('denied', 'partially') THEN TRUE
    WHEN x.outcome IN ('fulfilled', 'pending') THEN FALSE
    WHEN x.completed_at IS NULL AND $as_of_day <= x.due_day THEN FALSE
  END AS refused,
  x.outcome IN ('fulfilled', 'partially') AS granted
FROM extended x
