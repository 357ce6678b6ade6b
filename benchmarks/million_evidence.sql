-- A made-up organisation with {stores} stores, one dataset on each, and two protections for each store: one million
-- protections for half a million stores. Every value follows from the row number, so each run makes the same files.
-- Most rows are in order. A few in each thousand fail or leave something unknown, so that no branch stays idle.
-- The names in braces are filled by benchmarks/million.py.

COPY (
  SELECT
    'res-' || lpad(i::VARCHAR, 7, '0') AS resource_id,
    ['laptop', 'server', 'database', 'object_store', 'block_volume'][1 + i % 5] AS kind,
    ['endpoint', 'on_prem', 'on_prem', 'cloud', 'cloud'][1 + i % 5] AS hosting,
    'provider-' || (i % 7) AS provider,
    TIMESTAMPTZ '2024-01-01T00:00:00Z' + to_hours((i % 9000)::INTEGER) AS created_at
  FROM range({stores}) t(i)
) TO '{folder}/resources.parquet' (FORMAT parquet);

COPY (
  SELECT
    'data-' || lpad(i::VARCHAR, 7, '0') AS dataset_id,
    'res-' || lpad(i::VARCHAR, 7, '0') AS resource_id,
    'data of store ' || i AS name,
    [['PII'], ['PHI', 'PII'], ['PAN'], ['none']][1 + i % 4] AS data_classes,
    CASE WHEN i % 997 = 0 THEN NULL ELSE i % 4 <> 3 END AS is_covered_information,
    'pii_content' AS record_class,
    'client' AS origin,
    []::VARCHAR[] AS activity_ids,
    'automatic' AS retention_enforcement,
    'inventory' AS discovered_by
  FROM range({stores}) t(i)
) TO '{folder}/datasets.parquet' (FORMAT parquet);

COPY (
  SELECT
    'prot-' || lpad(j::VARCHAR, 8, '0') AS protection_id,
    'res-' || lpad(i::VARCHAR, 7, '0') AS resource_id,
    CASE WHEN upper_layer THEN 'data-' || lpad(i::VARCHAR, 7, '0') END AS dataset_id,
    CASE
      WHEN upper_layer AND i % 50 = 7 THEN 'one_way_hash'
      WHEN upper_layer AND i % 50 = 9 THEN 'truncation'
      WHEN i % 1009 = 0 THEN 'none'
      WHEN i % 1013 = 0 THEN 'unknown'
      ELSE 'encryption'
    END AS method,
    CASE WHEN upper_layer THEN 'database' ELSE 'full_disk' END AS layer,
    CASE WHEN i % 701 = 0 THEN 'TDEA' WHEN i % 499 = 0 THEN 'UNKNOWN' WHEN i % 887 = 0 THEN 'RC4' ELSE 'AES' END
      AS algorithm,
    CASE WHEN i % 601 = 0 THEN 'ECB' WHEN i % 701 = 0 THEN 'CBC' WHEN upper_layer THEN 'GCM' ELSE 'XTS' END AS mode,
    CASE WHEN i % 401 = 0 THEN NULL WHEN i % 307 = 0 THEN 128 WHEN upper_layer THEN 256 ELSE 512 END
      AS key_bits_reported,
    CASE WHEN upper_layer THEN 'aes_size' ELSE 'total_xts' END AS key_bits_convention,
    CASE WHEN i % 401 = 0 THEN NULL WHEN i % 307 = 0 THEN 64 ELSE 256 END AS key_bits_effective,
    CASE WHEN i % 701 = 0 THEN 'three_key' END AS tdea_keying_option,
    'observed' AS algorithm_basis,
    CASE WHEN i % 1201 = 0 THEN 'suspended' WHEN i % 1301 = 0 THEN 'unknown' ELSE 'complete' END AS state,
    CASE WHEN upper_layer AND i % 50 = 7 THEN CASE WHEN i % 3 = 0 THEN 'MD5' ELSE 'SHA-256' END END
      AS hash_algorithm,
    CASE WHEN upper_layer AND i % 50 = 7 THEN i % 11 <> 0 END AS hash_keyed,
    CASE WHEN upper_layer AND i % 50 = 7 THEN true END AS hash_salted,
    CASE WHEN upper_layer AND i % 50 = 7 THEN 'low' END AS input_entropy,
    CASE WHEN upper_layer AND i % 50 = 9 THEN 16 END AS original_length,
    CASE WHEN upper_layer AND i % 50 = 9 THEN 6 + (i % 3 = 0)::INTEGER END AS retained_first,
    CASE WHEN upper_layer AND i % 50 = 9 THEN 4 END AS retained_last,
    CASE WHEN i % 60 = 11 THEN NULL ELSE 'key-' || (i % 1000) END AS key_id,
    CASE WHEN upper_layer THEN 'aead' WHEN i % 13 = 0 THEN 'none' ELSE 'dm_integrity' END AS integrity_mechanism,
    CASE WHEN upper_layer THEN 'not_applicable' WHEN i % 900 = 1 THEN 'tpm_only' ELSE 'passphrase' END
      AS preboot_auth,
    CASE WHEN i % 1100 = 3 THEN NULL ELSE i % 1300 = 5 END AS key_bound_to_user_account,
    CASE WHEN i % 1400 = 6 THEN TIMESTAMPTZ '2026-02-10T06:00:00Z' ELSE TIMESTAMPTZ '2026-03-01T06:00:00Z' END
      AS observed_at
  FROM (SELECT j, j // 2 AS i, j % 2 = 1 AS upper_layer FROM range(2 * {stores}) t(j))
) TO '{folder}/storage_protections.parquet' (FORMAT parquet);

COPY (
  SELECT
    'key-' || i AS key_id,
    'internal' AS provider,
    'AES-256' AS spec,
    CASE WHEN i % 97 = 0 THEN 'disabled' WHEN i % 89 = 0 THEN 'unknown' ELSE 'enabled' END AS state,
    'customer' AS manager,
    TIMESTAMPTZ '2025-09-01T00:00:00Z' AS created_at,
    i % 3 = 0 AS rotation_enabled,
    i % 83 <> 0 AS separate_from_data,
    'person-1' AS custodian_person_id,
    'doc-1' AS procedure_document_version_id,
    CASE WHEN i % 101 = 0 THEN ['user-1'] ELSE []::VARCHAR[] END AS decrypt_user_principals
  FROM range(1000) t(i)
) TO '{folder}/crypto_keys.parquet' (FORMAT parquet);
