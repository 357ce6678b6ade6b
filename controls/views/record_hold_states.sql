-- not null: record_id
-- One row for each record that some legal hold reaches or may reach: whether one is in force now, whether
-- one was when the record was disposed of, and when the last one ended.
SELECT
  h.record_id AS record_id,
  any_true(h.reached AND not_after(h.issued_at, $as_of)
    AND (h.released_at IS NULL OR after(h.released_at, $as_of))) AS held_now,
  any_true(h.reached AND not_after(h.issued_at, r.disposed_at)
    AND (h.released_at IS NULL OR after(h.released_at, r.disposed_at))) AS held_at_disposal,
  min(CASE WHEN h.reached AND h.released_at IS NULL THEN h.hold_id END) AS hold_id,
  max(CASE WHEN h.reached THEN day_of(h.released_at) END) AS released_on,
  max(day_of(h.released_at)) AS perhaps_released_on
FROM record_holds h
JOIN records r ON r.record_id = h.record_id
GROUP BY h.record_id
