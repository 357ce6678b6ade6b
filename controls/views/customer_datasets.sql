-- base: datasets
-- not null: dataset_id, resource_id
-- One row a dataset: whether it holds data of customers, and what kind of data.
--   of_customers   it came from a website, a client or others, or its record class is that of customers' data
--   sensitive      it holds data of the classes the policy calls sensitive; without any class it is left open
SELECT
  d.*,
  CASE
    WHEN d.origin IN ('website', 'client', 'indirect') OR c.ceiling = 'default' THEN TRUE
    WHEN d.origin = 'internal' THEN FALSE
  END AS of_customers,
  CASE
    WHEN d.origin = 'website' THEN TRUE
    WHEN d.origin <> 'unknown' THEN FALSE
  END AS from_website,
  CASE WHEN NOT is_empty(d.data_classes) THEN has_any(d.data_classes, $sensitive_classes) END AS sensitive,
  CASE
    WHEN $doc_review_days = 0 THEN TRUE
    ELSE plus_days(day_of(d.minimization_reviewed_at), $doc_review_days) >= $as_of_day
  END AS need_reviewed
FROM datasets d
LEFT JOIN record_class_rules c ON c.record_class = d.record_class
