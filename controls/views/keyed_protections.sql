-- base: storage_protections
-- not null: protection_id, resource_id, method, in_use, provider_keyed
-- One row a protection, with the key it uses, the procedure that governs the key and its custodian.
SELECT
  c.*,
  k.key_enabled AS key_enabled,
  k.key_apart AS key_apart,
  k.provider_manages AS provider_manages,
  k.procedure_in_effect AS procedure_in_effect,
  k.custodian_present AS custodian_present,
  k.rotation_current AS rotation_current
FROM covered_protections c
LEFT JOIN managed_keys k ON k.key_id = c.key_id
