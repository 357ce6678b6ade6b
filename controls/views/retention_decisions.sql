-- not null: document_version_id, scope
-- One row for each document version that decides how long records are kept. `scope` is a record class, or
-- `all`. The topics legal_duty, business_need and storage_cost say what it weighs.
SELECT
  d.document_version_id AS document_version_id,
  d.scope AS scope,
  d.is_in_effect
    AND (d.effective_from IS NULL OR not_after(d.effective_from, $as_of_day))
    AND (d.effective_to IS NULL OR not_before(d.effective_to, $as_of_day)) AS in_effect,
  has_all(d.topics, ['legal_duty', 'business_need', 'storage_cost']) AS weighs_all,
  CASE
    WHEN $doc_review_days = 0 THEN TRUE
    ELSE plus_days(day_of(d.reviewed_at), $doc_review_days) >= $as_of_day
  END AS reviewed
FROM documents d
WHERE d.doc_type = 'guideline' AND has(d.topics, 'retention')
