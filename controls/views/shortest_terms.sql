-- One row: the shortest retention that any client has agreed or may have agreed.
SELECT
  min(m.agreed_max_days) AS agreed_max_days,
  min(m.open_max_low) AS open_max_low
FROM msa_terms m
