-- A made-up register: {records} disclosures and as many consents of {subjects} people. Every value follows from the
-- row number. Most disclosures are covered; a few in each hundred are not, or leave something unknown.
-- The names in braces are filled by benchmarks/consent.py.

COPY (
  SELECT
    'sub-' || lpad(i::VARCHAR, 9, '0') AS subject_id,
    'living' AS vital_status,
    CASE WHEN i % 61 = 0 THEN NULL ELSE (DATE '1950-01-01' + (hash(i) % 24000)::INTEGER)::VARCHAR END AS birth_date,
    []::VARCHAR[] AS jurisdictions
  FROM range({subjects}) t(i)
) TO '{folder}/subjects.parquet' (FORMAT parquet);

COPY (
  SELECT
    'party-' || i AS party_id,
    'Party ' || i AS name,
    ['third_party', 'processor', 'affiliate', 'advisor', 'data_subject', 'client', 'unknown'][1 + i % 7] AS kind,
    CASE WHEN i % 7 = 1 THEN i % 2 = 0 END AS has_processing_agreement,
    CASE WHEN i % 7 = 1 THEN 'con-' || i END AS agreement_contract_id
  FROM range(70) t(i)
) TO '{folder}/parties.parquet' (FORMAT parquet);

COPY (
  SELECT
    'con-' || i AS contract_id,
    'party-' || i AS party_id,
    'DPA' AS contract_type,
    CASE WHEN i % 3 <> 0 THEN TIMESTAMPTZ '2024-01-10T00:00:00Z' END AS signed_at,
    DATE '2024-02-01' AS effective_from,
    []::VARCHAR[] AS services,
    []::VARCHAR[] AS permitted_purposes,
    []::VARCHAR[] AS permitted_recipient_ids
  FROM range(70) t(i)
  WHERE i % 7 = 1
) TO '{folder}/contracts.parquet' (FORMAT parquet);

COPY (
  SELECT
    'cns-' || lpad(i::VARCHAR, 9, '0') AS consent_id,
    CASE WHEN i % 97 = 0 THEN 'client' WHEN i % 41 = 0 THEN 'parent_guardian' ELSE 'subject' END AS giver_kind,
    'sub-' || lpad((i % {subjects})::VARCHAR, 9, '0') AS subject_id,
    CASE i % 11 WHEN 3 THEN 'opt_out' WHEN 5 THEN 'hipaa_authorization' ELSE 'consent' END AS kind,
    CASE WHEN i % 53 = 0 THEN ['*'] WHEN i % 3 = 0 THEN ['care'] ELSE ['care', 'billing'] END AS purposes,
    CASE WHEN i % 29 = 0 THEN ['party-' || (i % 70)] ELSE []::VARCHAR[] END AS recipients,
    CASE WHEN i % 31 = 0 THEN ['portal', 'api'] ELSE []::VARCHAR[] END AS channels,
    TIMESTAMPTZ '2024-06-01T08:00:00Z' + to_hours((hash(i, 1) % 9000)::INTEGER) AS granted_at,
    CASE WHEN i % 37 = 0 THEN TIMESTAMPTZ '2025-11-01T08:00:00Z' + to_hours((hash(i, 2) % 2000)::INTEGER) END AS expires_at,
    CASE WHEN i % 43 = 0 THEN TIMESTAMPTZ '2025-07-01T08:00:00Z' + to_hours((hash(i, 3) % 5000)::INTEGER) END AS withdrawn_at,
    'web form' AS method
  FROM range({records}) t(i)
) TO '{folder}/consents.parquet' (FORMAT parquet);

COPY (
  SELECT
    'dis-' || lpad(i::VARCHAR, 9, '0') AS disclosure_id,
    TIMESTAMPTZ '2025-06-01T09:00:00Z' + to_minutes((hash(i, 4) % 380000)::INTEGER) AS occurred_at,
    CASE WHEN i % 59 = 0 THEN 'unknown' ELSE ['portal', 'api', 'email', 'sftp'][1 + i % 4] END AS channel,
    CASE WHEN i % 83 <> 0 THEN 'sub-' || lpad((hash(i, 5) % {subjects})::VARCHAR, 9, '0') END AS subject_id,
    CASE WHEN i % 101 <> 0 THEN 'party-' || (hash(i, 6) % 70) END AS recipient_party_id,
    CASE WHEN i % 17 = 0 THEN ['none'] ELSE ['PII'] END AS data_classes,
    CASE WHEN i % 103 = 0 THEN NULL ELSE i % 17 <> 0 END AS contains_pii,
    CASE WHEN i % 107 = 0 THEN NULL ELSE ['care', 'care', 'billing'][1 + i % 3] END AS purpose,
    'subject_consent' AS ground,
    CASE WHEN i % 109 = 0 THEN NULL ELSE i % 13 <> 0 END AS consent_required_by_law,
    CASE WHEN i % 5 <> 0 THEN 'Article 9' END AS consent_law_citation
  FROM range({records}) t(i)
) TO '{folder}/disclosures.parquet' (FORMAT parquet);
