-- not null: record_id
-- One row a record: whether a legal hold or a minimum period keeps it, now or when it was disposed of.
SELECT
    r.record_id AS record_id,
    CASE WHEN r.disposed_at IS NULL THEN r.held_now ELSE r.held_at_disposal END
    OR NOT CASE WHEN r.disposed_at IS NULL THEN r.minimum_over ELSE r.minimum_over_at_disposal END AS must_keep
FROM record_hold_states r
