-- base: disclosures
-- not null: disclosure_id
-- One row a disclosure: whether it carries personal data, whether it leaves the organisation, whether a law asks
-- for consent, and whether consent covers it. The person concerned and the own house are not outside, nor is a
-- processor while an agreement with it is in force. That no law asks for consent counts only with the rule that says so. A register that
-- denies personal data and lists it contradicts itself: NULL.
WITH facts AS (
    SELECT
        d.*,
        p.kind AS recipient_kind,
        has_any(d.data_classes, ['PHI', 'PII', 'PAN', 'SSN', 'SAD', 'special_category', 'website_contact'])
            OR d.contains_phi AS lists_personal,
        p.has_processing_agreement
            AND k.party_id = p.party_id
            AND day_of(k.signed_at) <= day_of(d.occurred_at)
            AND k.effective_from <= day_of(d.occurred_at)
            AND (k.effective_to IS NULL OR k.effective_to >= day_of(d.occurred_at)) AS under_agreement
    FROM disclosures d
    LEFT JOIN parties p ON p.party_id = d.recipient_party_id
    LEFT JOIN contracts k ON k.contract_id = p.agreement_contract_id
)
SELECT
    f.*,
    CASE
        WHEN f.lists_personal AND NOT f.contains_pii THEN NULL
        WHEN f.lists_personal THEN TRUE
        ELSE f.contains_pii
    END AS is_personal,
    CASE
        WHEN f.recipient_kind IN ('data_subject', 'own_organisation') THEN FALSE
        WHEN f.recipient_kind = 'processor' THEN NOT f.under_agreement
        WHEN f.recipient_kind <> 'unknown' THEN TRUE
    END AS goes_outside,
    CASE
        WHEN f.consent_required_by_law THEN TRUE
        WHEN NOT f.consent_required_by_law AND filled(f.consent_law_citation) THEN FALSE
    END AS consent_required,
    CASE
        WHEN f.subject_id IS NULL THEN NULL
        WHEN m.disclosure_id IS NULL THEN FALSE
        ELSE m.covered
    END AS consent_covers
FROM facts f
LEFT JOIN disclosure_consents m ON m.disclosure_id = f.disclosure_id
