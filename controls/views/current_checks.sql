-- base: public_checks
-- not null: check_id, kind
-- One row a check of a public address: whether no later check of the same address for the same thing exists,
-- and whether it is recent enough to speak of today. What was seen too long ago says nothing (NULL).
WITH followed AS (
    SELECT c.check_id AS check_id, any_true(after(o.checked_at, c.checked_at)) AS superseded
    FROM public_checks c
    JOIN public_checks o ON o.url = c.url AND o.kind = c.kind AND o.check_id <> c.check_id
    GROUP BY c.check_id
)
SELECT
    c.*,
    CASE WHEN f.check_id IS NULL THEN TRUE ELSE NOT f.superseded END AS is_latest,
    CASE WHEN days_between(day_of(c.checked_at), $as_of_day) <= $public_check_days THEN TRUE END AS is_recent
FROM public_checks c
LEFT JOIN followed f ON f.check_id = c.check_id
