-- base: records
-- not null: record_id, record_class, clock, ceiling, of_clients, of_people
-- One row a record, as in kept_records: whether some legal hold is on it now, whether one was when it was
-- disposed of, the first of those that have not ended, and when the last one ended.
--   perhaps_released_on   as released_on, but of the holds too of which it is not known whether they reach it
WITH states AS (
  SELECT
    h.record_id AS record_id,
    any_true(h.reached AND not_after(h.issued_at, $as_of)
      AND (h.released_at IS NULL OR after(h.released_at, $as_of))) AS held_now,
    any_true(h.reached AND not_after(h.issued_at, h.disposed_at)
      AND (h.released_at IS NULL OR after(h.released_at, h.disposed_at))) AS held_at_disposal,
    min(CASE WHEN h.reached AND h.released_at IS NULL THEN h.hold_id END) AS hold_id,
    max(CASE WHEN h.reached THEN day_of(h.released_at) END) AS released_on,
    max(day_of(h.released_at)) AS perhaps_released_on
  FROM record_holds h
  GROUP BY h.record_id
),
present AS (
  SELECT
    k.*,
    k.disposed_at IS NULL AND k.of_clients AND k.client_party_id IS NULL AND k.dataset_client_id IS NULL
      AS no_client,
    k.disposed_at IS NULL AND k.of_people AND k.subject_id IS NULL AS no_subject,
    k.disposed_at IS NULL AND k.ceiling <> 'none' AND k.dataset_id IS NULL AS no_dataset
  FROM kept_records k
)
SELECT
  p.*,
  CASE WHEN s.record_id IS NULL THEN FALSE ELSE s.held_now END
    OR CASE WHEN o.no_client IS NULL THEN FALSE ELSE o.held_now END AS held_now,
  CASE WHEN s.record_id IS NULL THEN FALSE ELSE s.held_at_disposal END
    OR CASE WHEN o.no_client IS NULL THEN FALSE END AS held_at_disposal,
  s.hold_id AS hold_id,
  s.released_on AS released_on,
  CASE
    WHEN s.perhaps_released_on IS NULL THEN o.released_on
    WHEN o.released_on IS NULL THEN s.perhaps_released_on
    ELSE latest(s.perhaps_released_on, o.released_on)
  END AS perhaps_released_on
FROM present p
LEFT JOIN states s ON s.record_id = p.record_id
LEFT JOIN open_holds o
  ON o.no_client = p.no_client AND o.no_subject = p.no_subject AND o.no_dataset = p.no_dataset
