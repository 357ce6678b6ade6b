-- base: records
-- not null: record_id, record_class
-- One row a record: whether some disposal is that of the record, and of the day on which it is said to have gone.
--   accounted_for   FALSE where none is; NULL where the days leave it open
-- A disposal names the record, its dataset, or the store of that dataset. A batch of paper or a medium has a name of
-- its own, which the record has to give. What is gone on no known day went after it was made.
WITH named AS (
  SELECT r.record_id, r.disposed_at, r.created_at, d.performed_at
  FROM records r
  JOIN disposals d ON d.target_id = r.record_id AND d.target_kind = 'record'
  UNION ALL
  SELECT r.record_id, r.disposed_at, r.created_at, d.performed_at
  FROM records r
  JOIN disposals d ON d.target_id = r.dataset_id AND d.target_kind = 'dataset'
  UNION ALL
  SELECT r.record_id, r.disposed_at, r.created_at, d.performed_at
  FROM records r
  JOIN datasets s ON s.dataset_id = r.dataset_id
  JOIN disposals d ON d.target_id = s.resource_id AND d.target_kind IN ('resource', 'media')
  UNION ALL
  SELECT r.record_id, r.disposed_at, r.created_at, d.performed_at
  FROM records r
  JOIN disposals d ON d.disposal_id = r.disposal_id AND d.target_kind IN ('paper_batch', 'media')
),
matches AS (
  SELECT
    n.record_id AS record_id,
    any_true(CASE
      WHEN n.disposed_at IS NULL THEN not_before(n.performed_at, n.created_at)
      ELSE same_day(n.performed_at, n.disposed_at)
    END) AS of_that_day
  FROM named n
  GROUP BY n.record_id
)
SELECT
  r.*,
  CASE WHEN m.record_id IS NULL THEN FALSE ELSE m.of_that_day END AS accounted_for
FROM records r
LEFT JOIN matches m ON m.record_id = r.record_id
