-- not null: record_id
-- One row a record: whether a legal hold or a minimum period keeps it, now or when it was disposed of.
SELECT
    r.record_id AS record_id,
    CASE
        WHEN h.record_id IS NULL THEN FALSE
        WHEN r.disposed_at IS NULL THEN h.held_now
        ELSE h.held_at_disposal
    END
    OR NOT CASE WHEN r.disposed_at IS NULL THEN r.minimum_over ELSE r.minimum_over_at_disposal END AS must_keep
FROM kept_records r
LEFT JOIN record_hold_states h ON h.record_id = r.record_id
