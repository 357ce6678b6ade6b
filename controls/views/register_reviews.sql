-- not null: document_version_id
-- One row for each document that records a review of the register of exceptions as a whole: whether the CISO in
-- office made it, whether it is on file, and until when it is good.
WITH reviewers AS (
    SELECT
        d.document_version_id AS document_version_id,
        any_true(not_after(a.effective_from, day_of(d.reviewed_at))
            AND (a.effective_to IS NULL OR not_before(a.effective_to, day_of(d.reviewed_at)))) AS in_role
    FROM documents d
    JOIN appointments a ON a.person_id = d.approved_by AND a.role = 'ciso'
    GROUP BY d.document_version_id
)
SELECT
    d.document_version_id AS document_version_id,
    d.copy_present AS on_file,
    due_by(day_of(d.reviewed_at), $ciso_review_years) AS review_due,
    CASE
        WHEN d.approved_by IS NULL OR d.reviewed_at IS NULL THEN NULL
        WHEN r.document_version_id IS NULL THEN FALSE
        ELSE r.in_role
    END AS by_ciso
FROM documents d
LEFT JOIN reviewers r ON r.document_version_id = d.document_version_id
WHERE has(d.topics, 'exception_register_review')
