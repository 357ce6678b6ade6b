-- base: data_flows
-- not null: flow_id, kind
-- One row a flow of data: whether the contract of its dataset, or one that amends it, names its purpose on the
-- day the flow was last seen. A contract that states no service and no purpose leaves it open. Without a
-- named contract it is decided only where the client has none at all.
WITH named AS (
  SELECT
    f.flow_id AS flow_id,
    any_true(
      t.starts_on <= day_of(f.last_seen)
      AND (t.ends_on IS NULL OR day_of(f.last_seen) <= t.ends_on)
      AND not_after(t.signed_at, f.last_seen)
      AND CASE
        WHEN t.contract_id = t.root_id AND is_empty(t.services) AND is_empty(t.permitted_purposes) THEN NULL
        ELSE has(t.services, f.purpose) OR has(t.permitted_purposes, f.purpose)
      END
    ) AS holds
  FROM flow_origins f
  JOIN contract_terms k ON k.contract_id = f.dataset_contract_id
  JOIN contract_terms t ON t.root_id = k.root_id
  GROUP BY f.flow_id
),
clients AS (
  SELECT o.party_id AS party_id FROM contracts o GROUP BY o.party_id
)
SELECT
  f.*,
  CASE
    WHEN k.contract_id IS NOT NULL THEN n.holds
    WHEN f.dataset_contract_id IS NULL AND f.dataset_client_id IS NOT NULL AND c.party_id IS NULL THEN FALSE
  END AS contract_names_purpose
FROM flow_origins f
LEFT JOIN contract_terms k ON k.contract_id = f.dataset_contract_id
LEFT JOIN named n ON n.flow_id = f.flow_id
LEFT JOIN clients c ON c.party_id = f.dataset_client_id
