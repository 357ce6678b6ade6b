-- One row: the shortest maximum and the longest minimum that any client has agreed or may have agreed.
SELECT
  min(m.agreed_max_days) AS agreed_max_days,
  min(m.open_max_low) AS open_max_low,
  max(m.agreed_min_days) AS agreed_min_days,
  max(m.strict_min_days) AS strict_min_days
FROM msa_terms m
