-- base: resources
-- not null: resource_id, kind, hosting, in_use, stores_data, in_cloud
-- One row a resource: whether it stores covered information, and whether the rules for the cloud hold there. The inventory
-- of stores, without a look at how they are protected. A store of which no dataset is known may hold anything.
WITH contents AS (
  SELECT d.resource_id AS resource_id, any_true(d.is_covered_information) AS holds_covered
  FROM datasets d
  GROUP BY d.resource_id
)
SELECT
  r.*,
  NOT (r.decommissioned_at IS NOT NULL AND r.disposal_id IS NOT NULL) AS in_use,
  r.kind NOT IN ('paper_store', 'website') AS stores_data,
  r.hosting IN ('cloud', 'third_party', 'unknown') AS in_cloud,
  c.holds_covered AS holds_covered
FROM resources r
LEFT JOIN contents c ON c.resource_id = r.resource_id
