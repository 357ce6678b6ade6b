-- base: documents
-- not null: document_version_id, document_id
-- One row a document version: whether its approver was in senior management when approving.
SELECT
    d.*,
    CASE
        WHEN d.approved_by IS NULL OR d.approved_at IS NULL THEN NULL
        WHEN g.document_version_id IS NULL THEN FALSE
        ELSE g.in_role
    END AS approver_in_role
FROM documents d
LEFT JOIN policy_approvals g ON g.document_version_id = d.document_version_id
