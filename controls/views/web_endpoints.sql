-- base: resources
-- not null: resource_id, kind, in_use, scanned
-- One row a resource: for a website, what the latest scans of its addresses say. A website is known to the
-- scanner by its identifier in the inventory; one that no scan names is left open.
WITH scans AS (
  SELECT
    s.endpoint_id AS endpoint_id,
    any_true(NOT s.superseded AND s.collects_sensitive) AS collects,
    all_true(s.superseded OR NOT s.collects_sensitive OR s.protected) AS submissions_protected
  FROM tls_endpoints s
  GROUP BY s.endpoint_id
)
SELECT
  r.*,
  NOT (r.decommissioned_at IS NOT NULL AND r.disposal_id IS NOT NULL) AS in_use,
  s.endpoint_id IS NOT NULL AS scanned,
  s.collects AS collects,
  s.submissions_protected AS submissions_protected
FROM resources r
LEFT JOIN scans s ON s.endpoint_id = r.resource_id
