-- base: subject_requests
-- not null: request_id, subject_id, type, received_at
-- One row a request: the periods the law gives for it, and the months in which they end, counted from the
-- month it came in. Prepared here, since a join is only made on what is there.
SELECT
  r.*,
  t.months AS months,
  t.extended_months AS extended_months,
  plus_days(day_of(r.received_at), t.days) AS days_due,
  plus_days(day_of(r.received_at), t.extended_days) AS extended_days_due,
  m.month_number + t.months AS due_month,
  m.month_number + t.extended_months AS extended_month,
  days_between(m.first_day, day_of(r.received_at)) AS days_into_month
FROM subject_requests r
LEFT JOIN rights_deadlines t ON t.jurisdiction = lower(r.jurisdiction) AND t.type = r.type
LEFT JOIN calendar_months m ON day_of(r.received_at) >= m.first_day AND day_of(r.received_at) <= m.last_day
