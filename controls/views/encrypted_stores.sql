-- not null: resource_id, surely
-- One row for each store that may be encrypted at some layer, and whether a row says so without doubt.
SELECT
  p.resource_id AS resource_id,
  bool_or(p.method = 'encryption' AND p.state = 'complete') AS surely
FROM storage_protections p
WHERE p.method IN ('encryption', 'unknown') AND p.state IN ('complete', 'unknown')
GROUP BY p.resource_id
