-- not null: party_id
-- One row for each client with a Master Service Agreement: the retention days agreed with it. Where several
-- agreements differ, a record that names none of them is open between the shortest and the longest.
WITH totals AS (
  SELECT
    m.party_id,
    count(*) AS agreements,
    min(coalesce(m.agreed_max_days, $default_retention_days)) AS shortest,
    max(coalesce(m.agreed_max_days, $default_retention_days)) AS longest,
    max(m.agreed_max_days) AS agreed_max_days,
    min(coalesce(m.agreed_min_days, 0)) AS least_min_days,
    max(coalesce(m.agreed_min_days, 0)) AS most_min_days,
    max(m.agreed_min_days) AS agreed_min_days,
    min(m.open_max_low) AS open_max_low,
    max(m.open_max_high) AS open_max_high,
    max(m.open_min_days) AS open_min_days,
    min(m.open_min_low) AS open_min_low,
    max(m.strict_min_days) AS strict_min_days
  FROM msa_terms m
  GROUP BY m.party_id
)
SELECT
  t.party_id,
  CASE WHEN t.shortest = t.longest THEN t.agreed_max_days END AS agreed_max_days,
  CASE WHEN t.least_min_days = t.most_min_days THEN t.agreed_min_days END AS agreed_min_days,
  CASE
    WHEN t.shortest = t.longest THEN t.open_max_low
    WHEN t.open_max_low < t.shortest THEN t.open_max_low
    ELSE t.shortest
  END AS open_max_low,
  CASE
    WHEN t.shortest = t.longest THEN t.open_max_high
    WHEN t.open_max_high > t.longest THEN t.open_max_high
    ELSE t.longest
  END AS open_max_high,
  CASE
    WHEN t.least_min_days = t.most_min_days THEN t.open_min_days
    WHEN t.open_min_days > t.most_min_days THEN t.open_min_days
    ELSE t.most_min_days
  END AS open_min_days,
  t.open_min_low AS open_min_low,
  CASE
    WHEN t.least_min_days = t.most_min_days THEN t.strict_min_days
    WHEN t.strict_min_days > t.most_min_days THEN t.strict_min_days
    ELSE t.most_min_days
  END AS strict_min_days
FROM totals t
