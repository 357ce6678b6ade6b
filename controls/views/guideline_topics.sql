-- not null: topic
-- One row for each topic on which guidelines have to be issued, once there is any guideline: whether one that
-- is in effect and was published treats it, for all records or for every class of records that is held.
WITH guidelines AS (
  SELECT d.topics, d.scope, d.published_at IS NOT NULL AND d.is_in_effect
    AND (d.effective_from IS NULL OR not_after(d.effective_from, $as_of_day))
    AND (d.effective_to IS NULL OR not_before(d.effective_to, $as_of_day)) AS issued
  FROM documents d
  WHERE d.doc_type = 'guideline'
),
topics AS (
  SELECT 'ownership' AS topic
  UNION ALL SELECT 'classification'
  UNION ALL SELECT 'retention'
  UNION ALL SELECT 'storage'
  UNION ALL SELECT 'handling'
  UNION ALL SELECT 'disposal'
),
by_class AS (
  SELECT t.topic, c.record_class,
    any_true(g.issued AND g.scope = c.record_class AND has(g.topics, t.topic)) AS treated
  FROM topics t
  CROSS JOIN (SELECT d.record_class FROM datasets d GROUP BY d.record_class) c
  CROSS JOIN guidelines g
  GROUP BY t.topic, c.record_class
),
classes AS (
  SELECT b.topic, all_true(b.treated) AS treated FROM by_class b GROUP BY b.topic
),
general AS (
  SELECT t.topic, any_true(g.issued AND g.scope = 'all' AND has(g.topics, t.topic)) AS treated
  FROM topics t
  CROSS JOIN guidelines g
  GROUP BY t.topic
)
SELECT a.topic AS topic, a.treated OR c.treated AS treated
FROM general a
LEFT JOIN classes c ON c.topic = a.topic
