-- base: data_flows
-- not null: flow_id, kind
-- One row a flow of data: whether CA-1.2 allows its use, and whether it leaves for a third party.
-- The use is allowed for the account and the requested service, and, with use_rules = 'by_origin', where the
-- clause on its origin allows it. A flow that names no recipient is open: what stays inside names the
-- organisation itself. A processor is no third party while its signed agreement is in force.
SELECT
  f.*,
  f.use IN ('account', 'service')
    OR ($use_rules = 'by_origin' AND f.origin = 'website' AND f.site_use_allowed)
    OR ($use_rules = 'by_origin' AND f.origin = 'client' AND f.contract_names_purpose) AS use_allowed,
  CASE
    WHEN r.outside IS NOT NULL THEN r.outside
    WHEN r.kind = 'client' AND f.origin IN ('website', 'website_usage') AND f.dataset_client_id IS NULL THEN TRUE
    WHEN r.kind = 'client' THEN r.party_id <> f.dataset_client_id
    WHEN r.kind = 'processor' THEN NOT (
      r.has_agreement
      AND r.agreement_starts_on <= day_of(f.last_seen)
      AND (r.agreement_ends_on IS NULL OR day_of(f.last_seen) <= r.agreement_ends_on)
      AND not_after(r.agreement_signed_at, f.last_seen)
    )
  END AS to_third_party
FROM flow_uses f
LEFT JOIN party_roles r ON r.party_id = f.recipient_party_id
