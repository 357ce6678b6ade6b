-- not null: key_id
-- One row a key, with the procedure that governs it and its custodian.
--   governed   all that DP-3.4 asks of a key
WITH facts AS (
  SELECT
    k.key_id AS key_id,
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
  FROM crypto_keys k
  LEFT JOIN documents m ON m.document_version_id = k.procedure_document_version_id
  LEFT JOIN persons o ON o.person_id = k.custodian_person_id
)
SELECT
  f.*,
  f.procedure_in_effect AND f.key_enabled AND f.key_apart AND f.custodian_present AND f.rotation_current AS governed
FROM facts f
