-- base: disclosures
-- not null: disclosure_id, channel
-- One row a disclosure: whether it sends sensitive personal information to a regulator or agency, and what is
-- on file about its protection. A submission to a regulator is one, whoever is recorded as the recipient. A plan
-- is a document of that kind; two equal dates prove no order, and $same_day_order decides what that means.
SELECT
    d.*,
    CASE
        WHEN d.ground = 'regulator_submission' THEN TRUE
        WHEN p.kind <> 'unknown' THEN p.kind IN ('regulator', 'state_agency', 'federal_agency')
    END AS goes_to_regulator,
    has_any(d.data_classes, ['PHI', 'PII', 'PAN', 'SSN', 'SAD', 'special_category', 'client_sensitive'])
        OR d.contains_pii OR d.contains_phi AS is_sensitive,
    t.doc_type = 'transfer_protection_plan' AND t.copy_present AS plan_on_file,
    t.created_at AS planned_at,
    CASE
        WHEN same_day(t.created_at, d.occurred_at) AND before(t.created_at, d.occurred_at) IS NULL
            THEN CASE $same_day_order WHEN 'pass' THEN TRUE WHEN 'fail' THEN FALSE END
        ELSE before(t.created_at, d.occurred_at)
    END AS planned_before,
    filled(p.collection_authority_citation) AS authority_on_file
FROM disclosures d
LEFT JOIN parties p ON p.party_id = d.recipient_party_id
LEFT JOIN documents t ON t.document_version_id = d.protections_document_version_id
