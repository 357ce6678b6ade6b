-- base: documents
-- not null: document_version_id, document_id, doc_type
-- One row a document version: as in policy_revisions, whether it was reviewed before it was approved, and
-- whether that is recent. One meeting may do both, so the same day is in order where no times are recorded.
SELECT
  d.*,
  CASE
    WHEN after(d.reviewed_at, d.approved_at) THEN FALSE
    ELSE day_of(d.reviewed_at) <= day_of(d.approved_at)
  END AS reviewed_first,
  CASE
    WHEN $doc_review_days = 0 THEN TRUE
    ELSE plus_days(day_of(d.reviewed_at), $doc_review_days) >= $as_of_day
  END AS reviewed_lately,
  has_any(d.topics, ['ownership', 'classification', 'retention', 'storage', 'handling', 'disposal'])
    AS on_records
FROM policy_revisions d
