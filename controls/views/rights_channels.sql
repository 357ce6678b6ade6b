-- not null: url
-- One row for each public address where people can send a request or object: whether the latest visit found
-- it open to everyone.
WITH later AS (
  SELECT
    c.check_id AS check_id,
    any_true(CASE WHEN o.checked_at = c.checked_at THEN FALSE ELSE after(o.checked_at, c.checked_at) END)
      AS superseded
  FROM public_checks c
  JOIN public_checks o ON o.url = c.url AND o.kind = c.kind
  GROUP BY c.check_id
)
SELECT
  c.url AS url,
  all_true(l.superseded OR (c.http_status = 200 AND NOT c.requires_login)) AS reachable
FROM public_checks c
JOIN later l ON l.check_id = c.check_id
WHERE c.kind IN ('rights_request', 'opt_out')
GROUP BY c.url
