-- not null: evidence_id, system
-- One row for each source of disclosures that is whole, complete and of the last day, with the system it was
-- collected from.
SELECT m.evidence_id AS evidence_id, lower(m.source_system) AS system
FROM evidence_manifest m
WHERE m.table_name = 'disclosures'
  AND m.state = 'ok'
  AND m.population_complete
  AND plus_days(day_of(m.collected_at), 1) >= $as_of_day
