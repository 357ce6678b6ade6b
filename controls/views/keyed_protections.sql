-- base: storage_protections
-- not null: protection_id, resource_id, method, in_use, provider_keyed
-- One row a protection, with the key it uses, the procedure that governs the key and its custodian.
SELECT
  c.*,
  CASE
    WHEN c.method = 'one_way_hash' THEN c.hash_keyed
    ELSE c.is_encryption
  END AS uses_key,
  -- A managed service that documents its encryption and shows no key keeps it under its own procedure.
  c.key_id IS NULL AND c.algorithm_basis = 'vendor_documented' AS provider_keyed,
  CASE WHEN k.state <> 'unknown' THEN k.state = 'enabled' END AS key_enabled,
  k.separate_from_data AS key_apart,
  k.manager <> 'customer' AS provider_manages,
  CASE
    WHEN m.doc_type <> 'key_mgmt_procedure' THEN false
    ELSE m.is_in_effect
      AND (m.effective_from IS NULL OR not_after(m.effective_from, $as_of_day))
      AND (m.effective_to IS NULL OR not_before(m.effective_to, $as_of_day))
  END AS procedure_in_effect,
  CASE
    WHEN k.manager <> 'customer' THEN true
    ELSE o.status IN ('active', 'leave')
  END AS custodian_present,
  CASE
    WHEN k.manager <> 'customer' OR $cryptoperiod_days = 0 THEN true
    ELSE k.rotation_enabled
      OR days_between(day_of(k.created_at), $as_of_day) <= $cryptoperiod_days
      OR days_between(day_of(k.last_rotated_at), $as_of_day) <= $cryptoperiod_days
  END AS rotation_current
FROM covered_protections c
LEFT JOIN crypto_keys k ON k.key_id = c.key_id
LEFT JOIN documents m ON m.document_version_id = k.procedure_document_version_id
LEFT JOIN persons o ON o.person_id = k.custodian_person_id
