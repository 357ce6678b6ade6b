-- not null: contract_id, party_id, services, permitted_purposes, permitted_recipient_ids
-- One row a contract: the contract at the root of its family, and the days and the signature that count.
-- What amends another contract is in force only while that one is, and counts as signed only if both are.
-- A longer chain than an amendment of an amendment has no root that is known, and so no days in force.
WITH families AS (
  SELECT
    k.*,
    CASE
      WHEN k.amends_contract_id IS NULL THEN k.contract_id
      WHEN p.amends_contract_id IS NULL THEN p.contract_id
      WHEN g.amends_contract_id IS NULL THEN g.contract_id
    END AS root_id
  FROM contracts k
  LEFT JOIN contracts p ON p.contract_id = k.amends_contract_id
  LEFT JOIN contracts g ON g.contract_id = p.amends_contract_id
)
SELECT
  f.contract_id AS contract_id,
  f.party_id AS party_id,
  f.root_id AS root_id,
  f.services AS services,
  f.permitted_purposes AS permitted_purposes,
  f.permits_sharing AS permits_sharing,
  f.permitted_recipient_ids AS permitted_recipient_ids,
  f.sharing_clause_ref AS sharing_clause_ref,
  CASE WHEN r.signed_at IS NOT NULL THEN f.signed_at END AS signed_at,
  latest(f.effective_from, r.effective_from) AS starts_on,
  CASE
    WHEN f.effective_to IS NULL THEN r.effective_to
    WHEN r.effective_to IS NULL THEN f.effective_to
    ELSE earliest(f.effective_to, r.effective_to)
  END AS ends_on
FROM families f
LEFT JOIN contracts r ON r.contract_id = f.root_id
