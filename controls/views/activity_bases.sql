-- base: processing_activities
-- not null: activity_id
-- One row an activity: whether a basis it claims holds, and whether one it claims does not.
-- Without special_category_rule = 'condition_required' the text of the clause decides nothing: NULL.
SELECT
    t.*,
    k.covered AS consent_covers,
    (has(t.legal_bases, 'contract') AND t.party_or_request)
        OR (has(t.legal_bases, 'legal_obligation')
            AND filled(t.legal_obligation_citation) AND t.obligation_applies_to_org)
        OR (has(t.legal_bases, 'vital_interests') AND filled(t.vital_interest_rationale))
        OR (has(t.legal_bases, 'public_task') AND filled(t.public_task_citation))
        OR (has(t.legal_bases, 'legitimate_interests')
            AND t.assessment_in_effect AND t.not_overridden AND t.children_addressed) AS other_basis_holds,
    (has(t.legal_bases, 'consent') AND NOT k.covered)
        OR (has(t.legal_bases, 'contract') AND NOT t.party_or_request)
        OR (has(t.legal_bases, 'legal_obligation')
            AND NOT (filled(t.legal_obligation_citation) AND t.obligation_applies_to_org))
        OR (has(t.legal_bases, 'vital_interests') AND NOT filled(t.vital_interest_rationale))
        OR (has(t.legal_bases, 'public_task') AND NOT filled(t.public_task_citation))
        OR (has(t.legal_bases, 'legitimate_interests')
            AND NOT (t.assessment_in_effect AND t.not_overridden AND t.children_addressed)) AS some_basis_fails,
    CASE WHEN $special_category_rule = 'condition_required' THEN NOT is_empty(t.special_categories) END
        AS special_data_declared,
    CASE
        WHEN $special_category_rule <> 'condition_required' OR t.art9_condition IS NULL THEN NULL
        WHEN t.art9_condition = 'explicit_consent' THEN k.explicitly_covered
        ELSE TRUE
    END AS condition_holds
FROM activity_tests t
LEFT JOIN activity_consents k ON k.activity_id = t.activity_id
