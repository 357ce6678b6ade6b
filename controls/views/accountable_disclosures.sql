-- base: disclosures
-- not null: disclosure_id
-- One row a disclosure: until when its accounting is kept, and whether that time is over.
SELECT
  d.*,
  keep_until(day_of(d.occurred_at), $record_min_years) AS keep_until,
  $as_of_day >= keep_until(day_of(d.occurred_at), $record_min_years) AS minimum_over
FROM disclosures d
