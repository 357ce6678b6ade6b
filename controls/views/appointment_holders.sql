-- base: appointments
-- not null: appointment_id, role, effective_from
-- One row an appointment: whether it is in force, who holds it, and to whom the holder answers.
-- An open end date means that the appointment still runs; its last day is included.
-- The line is undecided (NULL) when the holder leads the organisation, when the chart has several tops or
-- runs in a circle, and when the personnel system and the letter of appointment name different superiors.
SELECT
    a.*,
    not_after(a.effective_from, $as_of_day)
        AND (a.effective_to IS NULL OR not_before(a.effective_to, $as_of_day)) AS in_force,
    h.status AS holder_status,
    h.status IN ('active', 'leave') AS holder_in_service,
    i.copy_present AS instrument_on_file,
    s.person_id AS superior_id,
    CASE
        WHEN h.is_top_management OR r.roots > 1 THEN NULL
        WHEN a.reports_to_person_id <> h.manager_id THEN NULL
        WHEN s.person_id = a.person_id
            OR s.manager_id = a.person_id
            OR s.manager_id = s.person_id
            OR t.manager_id = a.person_id
            OR t.manager_id = s.person_id THEN NULL
        WHEN h.is_top_management IS NULL AND s.is_top_management THEN NULL
        ELSE s.is_top_management
    END AS reports_to_top,
    CASE
        WHEN a.capability_assessed_at IS NOT NULL THEN TRUE
        WHEN has(i.topics, 'time_and_resources') THEN TRUE
        WHEN a.qualification_evidence_count = 0 THEN FALSE
    END AS capability_on_file
FROM appointments a
LEFT JOIN persons h ON h.person_id = a.person_id
LEFT JOIN documents i ON i.document_version_id = a.instrument_document_version_id
LEFT JOIN persons s ON s.person_id = coalesce(a.reports_to_person_id, h.manager_id)
LEFT JOIN persons t ON t.person_id = s.manager_id
CROSS JOIN reporting_roots r
