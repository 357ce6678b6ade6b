-- not null: document_version_id
-- One row a version of a risk assessment: whether it is in effect, approved, and not too old.
SELECT
  d.document_version_id AS document_version_id,
  d.is_in_effect
    AND (d.effective_from IS NULL OR not_after(d.effective_from, $as_of_day))
    AND (d.effective_to IS NULL OR not_before(d.effective_to, $as_of_day)) AS in_force,
  -- Without a name or a day nothing shows that it was approved, nor that it was not.
  CASE WHEN d.approved_by IS NOT NULL THEN not_after(d.approved_at, $as_of) END AS approved,
  CASE
    WHEN $doc_review_days = 0 THEN TRUE
    ELSE plus_days(day_of(coalesce(d.reviewed_at, d.created_at)), $doc_review_days) >= $as_of_day
  END AS recent
FROM documents d
WHERE d.doc_type = 'risk_assessment'
