-- base: datasets
-- not null: dataset_id, origin, activity_ids
-- One row a dataset: whether it maps to a contract with its client, whether its first data came while that
-- contract was in force, and whether the contract or an amendment named each of its purposes on that day.
-- Without a named contract it is decided only where the client has none at all. What is not signed is open.
WITH clients AS (
  SELECT o.party_id AS party_id, count(*) AS contracts FROM contracts o GROUP BY o.party_id
),
registered AS (
  SELECT d.dataset_id AS dataset_id, count(*) AS activities
  FROM datasets d
  JOIN processing_activities a ON has(d.activity_ids, a.activity_id)
  GROUP BY d.dataset_id
),
named AS (
  SELECT
    d.dataset_id AS dataset_id,
    count(DISTINCT x.activity_id) AS activities,
    count(DISTINCT x.activity_id) FILTER (WHERE x.signed_at IS NOT NULL) AS agreed_activities
  FROM datasets d
  JOIN contract_terms k ON k.contract_id = d.contract_id
  JOIN activity_terms x ON x.root_id = k.root_id AND has(d.activity_ids, x.activity_id)
  WHERE x.starts_on <= day_of(d.first_received_at)
    AND (x.ends_on IS NULL OR day_of(d.first_received_at) <= x.ends_on)
  GROUP BY d.dataset_id
),
counted AS (
  SELECT
    d.*,
    k.contract_id AS found_contract_id,
    k.party_id AS contract_party_id,
    k.signed_at AS contract_signed_at,
    k.starts_on AS contract_starts_on,
    k.ends_on AS contract_ends_on,
    coalesce(o.contracts, 0) AS contracts_of_client,
    coalesce(r.activities, 0) AS registered_activities,
    coalesce(n.activities, 0) AS named_activities,
    coalesce(n.agreed_activities, 0) AS agreed_activities
  FROM datasets d
  LEFT JOIN contract_terms k ON k.contract_id = d.contract_id
  LEFT JOIN clients o ON o.party_id = d.client_party_id
  LEFT JOIN registered r ON r.dataset_id = d.dataset_id
  LEFT JOIN named n ON n.dataset_id = d.dataset_id
)
SELECT
  c.*,
  CASE
    WHEN c.found_contract_id IS NOT NULL THEN c.contract_party_id = c.client_party_id
    WHEN c.contract_id IS NULL AND c.client_party_id IS NOT NULL AND c.contracts_of_client = 0 THEN FALSE
  END AS has_contract,
  c.contract_starts_on <= day_of(c.first_received_at)
    AND (c.contract_ends_on IS NULL OR day_of(c.first_received_at) <= c.contract_ends_on)
    AND CASE WHEN c.contract_signed_at IS NOT NULL THEN TRUE END AS received_in_term,
  CASE
    WHEN c.contract_starts_on IS NULL OR day_of(c.first_received_at) IS NULL THEN NULL
    WHEN is_empty(c.activity_ids) OR c.registered_activities <> size(c.activity_ids) THEN NULL
    WHEN c.agreed_activities = size(c.activity_ids) THEN TRUE
    WHEN c.named_activities < size(c.activity_ids) THEN FALSE
  END AS purposes_agreed
FROM counted c
