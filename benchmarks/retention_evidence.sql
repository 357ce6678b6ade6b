-- A made-up archive: {records} records in 1000 datasets of 500 clients, each client with one agreement, and legal holds
-- on clients, datasets and records. A fifth of the records is gone, most of them with a disposal on record.
-- Every value follows from the row number. The names in braces are filled by benchmarks/retention.py.

COPY (
  SELECT 'cl-' || i AS party_id, 'Client ' || i AS name, 'client' AS kind FROM range(500) t(i)
) TO '{folder}/parties.parquet' (FORMAT parquet);

COPY (
  SELECT
    'msa-' || i AS contract_id,
    'cl-' || i AS party_id,
    'MSA' AS contract_type,
    CASE WHEN i % 19 <> 0 THEN TIMESTAMPTZ '2022-01-10T00:00:00Z' END AS signed_at,
    CASE WHEN i % 47 = 0 AND i % 13 <> 0 THEN DATE '2026-04-01' ELSE DATE '2022-02-01' END AS effective_from,
    CASE WHEN i % 13 = 0 THEN DATE '2025-12-31' END AS effective_to,
    []::VARCHAR[] AS services,
    []::VARCHAR[] AS permitted_purposes,
    CASE WHEN i % 3 = 0 THEN [30, 180, 365, 730][1 + i % 4] END::INTEGER AS retention_max_days,
    CASE WHEN i % 5 = 0 THEN [20, 30][1 + i % 2] END::INTEGER AS retention_min_days,
    CASE WHEN i % 3 = 0 OR i % 5 = 0 THEN '9.2' END AS retention_clause_ref,
    CASE WHEN i % 13 = 0 THEN CASE i % 4 WHEN 0 THEN true WHEN 1 THEN false END END AS retention_survives_termination,
    []::VARCHAR[] AS permitted_recipient_ids
  FROM range(500) t(i)
) TO '{folder}/contracts.parquet' (FORMAT parquet);

COPY (
  SELECT 'res-' || i AS resource_id, 'database' AS kind, 'cloud' AS hosting FROM range(100) t(i)
) TO '{folder}/resources.parquet' (FORMAT parquet);

COPY (
  SELECT
    'ds-' || i AS dataset_id,
    'res-' || (i % 100) AS resource_id,
    'dataset ' || i AS name,
    ['PII'] AS data_classes,
    CASE WHEN i % 50 = 0 THEN 'critical_record_other' ELSE 'pii_content' END AS record_class,
    'client' AS origin,
    CASE WHEN i % 4 = 0 THEN 'cl-' || (i % 500) END AS client_party_id,
    []::VARCHAR[] AS activity_ids,
    CASE WHEN i % 3 <> 0 THEN 400 END::INTEGER AS configured_retention_days,
    'automatic' AS retention_enforcement,
    'inventory' AS discovered_by
  FROM range(1000) t(i)
) TO '{folder}/datasets.parquet' (FORMAT parquet);

COPY (
  SELECT
    'hold-' || i AS hold_id,
    'matter ' || i AS matter,
    'counsel' AS authority,
    CASE WHEN i < 10 THEN 'client' WHEN i < 20 THEN 'dataset' ELSE 'record' END AS scope_kind,
    CASE WHEN i < 10 THEN 'cl-' || (i * 7) WHEN i < 20 THEN 'ds-' || (i * 11)
         ELSE 'rec-' || lpad((hash(i) % {records})::VARCHAR, 9, '0') END AS scope_value,
    TIMESTAMPTZ '2024-03-01T00:00:00Z' + to_days((i * 3)::INTEGER) AS issued_at,
    CASE WHEN i % 3 = 0 THEN TIMESTAMPTZ '2025-12-01T00:00:00Z' + to_days((i % 90)::INTEGER) END AS released_at
  FROM range(200) t(i)
) TO '{folder}/legal_holds.parquet' (FORMAT parquet);

CREATE TABLE made AS
  SELECT
    i,
    'rec-' || lpad(i::VARCHAR, 9, '0') AS record_id,
    CASE hash(i, 1) % 20
      WHEN 0 THEN 'phi_disclosure_log' WHEN 1 THEN 'financial' WHEN 2 THEN 'consent_record' WHEN 3 THEN 'notice'
      WHEN 4 THEN 'website_usage' WHEN 5 THEN 'website_usage' WHEN 6 THEN 'client_customer' ELSE 'pii_content' END
      AS record_class,
    CASE WHEN i % 23 <> 0 THEN 'ds-' || (hash(i, 2) % 1000) END AS dataset_id,
    CASE WHEN i % 3 = 0 THEN 'cl-' || (hash(i, 3) % 500) END AS client_party_id,
    TIMESTAMPTZ '2026-03-01T10:00:00Z' - to_days(CASE WHEN i % 7 = 0 THEN hash(i, 4) % 3000 ELSE hash(i, 4) % 95 END::INTEGER)
      AS created_at
  FROM range({records}) t(i);

CREATE TABLE records AS
  SELECT
    record_id, record_class, dataset_id, client_party_id, created_at,
    CASE WHEN i % 71 <> 0 THEN created_at END AS received_at,
    CASE WHEN record_class IN ('financial', 'consent_record', 'notice') AND i % 5 <> 0 THEN created_at END AS last_in_effect_at,
    CASE WHEN record_class IN ('financial', 'consent_record', 'notice') AND i % 11 <> 0 THEN i % 4 = 0 END AS in_effect,
    CASE WHEN i % 5 = 0 THEN i % 10 = 5 WHEN i % 67 <> 0 THEN true END AS copy_present,
    CASE WHEN i % 5 = 0 THEN least(created_at + to_days((hash(i, 5) % 60)::INTEGER), TIMESTAMPTZ '2026-03-01T20:00:00Z') END
      AS disposed_at,
    CASE WHEN i % 5 = 0 AND i % 45 = 0 THEN 'disp-' || lpad(i::VARCHAR, 9, '0') END AS disposal_id
  FROM made
  ORDER BY record_id;

COPY records TO '{folder}/records.parquet' (FORMAT parquet);

COPY (
  SELECT
    'disp-' || substr(record_id, 5) AS disposal_id,
    CASE WHEN disposal_id IS NOT NULL THEN 'media' ELSE 'record' END AS target_kind,
    CASE WHEN disposal_id IS NOT NULL THEN 'tape-' || substr(record_id, 5) ELSE record_id END AS target_id,
    ['magnetic', 'flash', 'cloud_logical', 'tape', 'paper', 'unknown'][1 + (hash(record_id) % 6)::INTEGER] AS medium,
    ['purge', 'overwrite', 'cryptographic_erase', 'clear', 'cross_cut_shred', 'logical_delete', 'unknown', 'degauss']
      [1 + (hash(record_id, 1) % 8)::INTEGER] AS method,
    CASE WHEN hash(record_id, 2) % 31 = 0 THEN disposed_at + INTERVAL 1 HOUR ELSE disposed_at END AS performed_at,
    CASE WHEN hash(record_id, 3) % 37 <> 0 THEN 'operator' END AS performed_by,
    CASE WHEN hash(record_id, 4) % 41 = 0 THEN 'cl-1' END AS vendor_party_id,
    CASE WHEN hash(record_id, 5) % 2 = 0 THEN 'cert-1' END AS certificate_ref,
    CASE WHEN hash(record_id, 6) % 43 <> 0 THEN 'auditor' END AS verified_by,
    CASE WHEN hash(record_id, 6) % 43 <> 0 THEN disposed_at + INTERVAL 1 HOUR END AS verified_at
  FROM records
  WHERE disposed_at IS NOT NULL AND (disposal_id IS NOT NULL OR hash(record_id, 7) % 53 <> 0)
  ORDER BY disposal_id
) TO '{folder}/disposals.parquet' (FORMAT parquet);
