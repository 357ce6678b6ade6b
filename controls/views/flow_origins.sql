-- base: data_flows
-- not null: flow_id, kind, origin_class, first_seen, last_seen
-- One row a flow of data: where the datum came from, and what the word for its purpose means.
--   origin            of the datum, not of the person. NULL where flow and dataset contradict each other.
--   use               account, service, contact, legal or other. NULL for a word that is on no list.
--   declared          the flow is a declaration, or its activity is registered with this purpose. Never FALSE:
--                     what nobody declared is not yet known to be right.
--   site_use_allowed  whether data from the site may be used so
SELECT
  f.*,
  d.client_party_id AS dataset_client_id,
  d.contract_id AS dataset_contract_id,
  CASE
    WHEN d.origin IS NULL OR d.origin = 'unknown'
      THEN CASE WHEN f.origin_class <> 'unknown' THEN f.origin_class END
    WHEN f.origin_class = 'unknown' OR f.origin_class = d.origin THEN d.origin
    WHEN f.origin_class = 'website_usage' AND d.origin = 'website' THEN f.origin_class
  END AS origin,
  CASE
    WHEN has($other_purposes, f.purpose) THEN 'other'
    WHEN has($legal_purposes, f.purpose) THEN 'legal'
    WHEN has($contact_purposes, f.purpose) THEN 'contact'
    WHEN has($account_purposes, f.purpose) THEN 'account'
    WHEN has($service_purposes, f.purpose) THEN 'service'
  END AS use,
  CASE WHEN f.kind = 'declared' OR a.purpose = f.purpose THEN TRUE END AS declared,
  CASE
    WHEN has($extra_site_purposes, f.purpose)
      THEN CASE WHEN f.kind = 'declared' OR a.purpose = f.purpose THEN TRUE END
    WHEN has($contact_purposes, f.purpose) THEN TRUE
    WHEN has($other_purposes, f.purpose) OR has($legal_purposes, f.purpose)
      OR has($account_purposes, f.purpose) OR has($service_purposes, f.purpose) THEN FALSE
  END AS site_use_allowed
FROM data_flows f
LEFT JOIN datasets d ON d.dataset_id = f.dataset_id
LEFT JOIN processing_activities a ON a.activity_id = f.activity_id
