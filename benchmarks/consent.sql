-- DP-2.1 over disclosures and consents, as someone who knows SQL would write it by hand for this evidence: default
-- parameters, instants that are exact, birth dates that are whole days, one row of counts (pass, fail, unknown). It does
-- not check digests, types, keys or references. {folder} is filled by benchmarks/sides/duckdb_script.py.
WITH
asked AS MATERIALIZED (
  SELECT
    d.disclosure_id, d.occurred_at, d.subject_id, d.recipient_party_id, d.purpose, d.channel,
    CASE
      WHEN list_has_any(d.data_classes, ['PHI', 'PII', 'PAN', 'SSN', 'SAD', 'special_category', 'website_contact'])
        THEN CASE WHEN d.contains_pii IS NOT false THEN true END
      ELSE d.contains_pii
    END AS is_personal,
    CASE
      WHEN p.kind IN ('data_subject', 'own_organisation') THEN false
      WHEN p.kind = 'processor' THEN NOT (
        p.has_processing_agreement
        AND k.party_id = p.party_id
        AND (k.signed_at AT TIME ZONE 'UTC')::DATE <= (d.occurred_at AT TIME ZONE 'UTC')::DATE
        AND k.effective_from <= (d.occurred_at AT TIME ZONE 'UTC')::DATE)
      WHEN p.kind <> 'unknown' THEN true
    END AS goes_outside,
    CASE
      WHEN d.consent_required_by_law THEN true
      WHEN NOT d.consent_required_by_law AND trim(d.consent_law_citation) <> '' THEN false
    END AS required
  FROM read_parquet('{folder}/disclosures.parquet') d
  LEFT JOIN read_parquet('{folder}/parties.parquet') p ON p.party_id = d.recipient_party_id
  LEFT JOIN read_parquet('{folder}/contracts.parquet') k ON k.contract_id = p.agreement_contract_id
),
scoped AS MATERIALIZED (
  SELECT *, is_personal AND goes_outside AND required AS applies
  FROM asked
),
answers AS (
  SELECT
    s.disclosure_id,
    c.granted_at < s.occurred_at
      AND (c.withdrawn_at IS NULL OR c.withdrawn_at > s.occurred_at)
      AND (c.expires_at IS NULL OR c.expires_at > s.occurred_at)
      AND list_contains(c.purposes, s.purpose)
      AND NOT list_contains(c.purposes, '*')
      AND (len(c.recipients) = 0 OR list_contains(c.recipients, s.recipient_party_id))
      AND (len(c.channels) = 0 OR CASE WHEN s.channel <> 'unknown' THEN list_contains(c.channels, s.channel) END)
      AND c.giver_kind <> 'client'
      AND (c.giver_kind <> 'parent_guardian'
        OR (b.birth_date::DATE + INTERVAL 18 YEAR)::DATE > (c.granted_at AT TIME ZONE 'UTC')::DATE) AS covered
  FROM scoped s
  JOIN read_parquet('{folder}/consents.parquet') c
    ON c.subject_id = s.subject_id AND c.kind IN ('consent', 'explicit_consent', 'hipaa_authorization')
  LEFT JOIN read_parquet('{folder}/subjects.parquet') b
    ON b.subject_id = c.subject_id AND c.giver_kind = 'parent_guardian'
  WHERE s.applies
),
covered AS (
  SELECT
    disclosure_id,
    CASE WHEN bool_or(covered) THEN true WHEN count(*) = count(covered) THEN false END AS covered
  FROM answers
  GROUP BY disclosure_id
),
judged AS (
  SELECT
    s.applies,
    CASE WHEN s.subject_id IS NULL THEN NULL WHEN c.disclosure_id IS NULL THEN false ELSE c.covered END AS ok
  FROM scoped s
  LEFT JOIN covered c USING (disclosure_id)
)
SELECT
  'DP-2.1',
  count(*) FILTER (WHERE applies AND ok),
  count(*) FILTER (WHERE applies AND NOT ok),
  count(*) FILTER (WHERE applies IS NULL OR (applies AND ok IS NULL))
FROM judged
