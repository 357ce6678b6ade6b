-- base: processing_activities
-- not null: activity_id
-- One row an activity: the order of its dates, and for each basis but consent whether its facts are there.
-- A date without a time of day that equals the other proves no order; $same_day_order decides what that means.
SELECT
    a.*,
    CASE
        WHEN same_day(a.basis_identified_at, a.started_at) AND before(a.basis_identified_at, a.started_at) IS NULL
            THEN CASE $same_day_order WHEN 'pass' THEN TRUE WHEN 'fail' THEN FALSE END
        ELSE before(a.basis_identified_at, a.started_at)
    END AS identified_before_start,
    CASE
        WHEN same_day(a.basis_verified_at, a.started_at) AND before(a.basis_verified_at, a.started_at) IS NULL
            THEN CASE $same_day_order WHEN 'pass' THEN TRUE WHEN 'fail' THEN FALSE END
        ELSE before(a.basis_verified_at, a.started_at)
    END AS verified_before_start,
    v.copy_present AS verification_on_file,
    a.subject_is_contract_party
        OR (a.precontract_request_ref IS NOT NULL AND filled(a.precontract_request_ref)) AS party_or_request,
    l.is_in_effect
        AND (l.effective_from IS NULL OR not_after(l.effective_from, $as_of_day))
        AND (l.effective_to IS NULL OR not_before(l.effective_to, $as_of_day)) AS assessment_in_effect,
    CASE
        WHEN $li_override_scope = 'children_only' AND NOT a.includes_children THEN TRUE
        WHEN a.lia_outcome = 'not_overridden' THEN TRUE
        WHEN a.lia_outcome = 'overridden' AND $li_override_scope = 'all' THEN FALSE
        WHEN a.lia_outcome = 'overridden' AND a.includes_children THEN FALSE
    END AS not_overridden,
    NOT a.includes_children OR a.lia_addresses_children AS children_addressed,
    has_any(a.data_classes, ['PHI', 'special_category'])
        OR CASE WHEN g.activity_id IS NULL THEN FALSE ELSE g.holds_special_data END AS touches_special_data
FROM processing_activities a
LEFT JOIN documents v ON v.document_version_id = a.basis_document_version_id
LEFT JOIN documents l ON l.document_version_id = a.lia_document_version_id
LEFT JOIN activity_special_data g ON g.activity_id = a.activity_id
