-- not null: document_version_id, topics
-- One row a version of a procedure: whether it is in effect today.
SELECT
  d.document_version_id AS document_version_id,
  d.topics AS topics,
  d.is_in_effect
    AND (d.effective_from IS NULL OR not_after(d.effective_from, $as_of_day))
    AND (d.effective_to IS NULL OR not_before(d.effective_to, $as_of_day)) AS in_force
FROM documents d
WHERE d.doc_type = 'procedure'
