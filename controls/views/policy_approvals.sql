-- not null: document_version_id
-- One row for each document whose approver was ever appointed to senior management: whether that was so on
-- the day of the approval.
SELECT
    d.document_version_id AS document_version_id,
    any_true(
        not_after(a.effective_from, day_of(d.approved_at))
        AND (a.effective_to IS NULL OR not_before(a.effective_to, day_of(d.approved_at)))
    ) AS in_role
FROM documents d
JOIN appointments a ON a.person_id = d.approved_by AND a.role = 'senior_management'
GROUP BY d.document_version_id
