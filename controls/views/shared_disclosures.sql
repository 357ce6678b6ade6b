-- base: disclosures
-- not null: disclosure_id, occurred_at, ground
-- One row a disclosure: whose data it is, whether it went to a third party, and whether anything permits that.
--   owner_id              the client; NULL where register and dataset name different ones, or none
--   without_client        the data did not come from a client, so no client can permit anything
--   to_third_party        back to its client or to the person is none; another client is one; a processor is
--                         none while its signed agreement is in force
--   client_sensitive      anything but business contacts and data of the site; the flags count where they say more
--   has_own_clause        the ground is judged by LD-1.1, LD-1.2 or, for agencies, DP-4
--   contract_covers       a signed contract of the client in force permits this recipient by a clause
--   client_consented, client_aware   the client itself, for this recipient and purpose
--   excused               a ground of law, an opt-out choice, or the client permits it
WITH owners AS (
  SELECT
    d.*,
    CASE
      WHEN d.client_party_id <> s.client_party_id THEN NULL
      ELSE coalesce(d.client_party_id, s.client_party_id)
    END AS owner_id,
    CASE
      WHEN d.client_party_id IS NOT NULL OR s.client_party_id IS NOT NULL THEN FALSE
      WHEN s.origin IN ('website', 'internal', 'indirect') THEN TRUE
    END AS without_client
  FROM onward_transfers d
  LEFT JOIN datasets s ON s.dataset_id = d.dataset_id
),
clients AS (
  SELECT n.party_id AS party_id FROM contracts n GROUP BY n.party_id
),
contracted AS (
  SELECT
    o.disclosure_id AS disclosure_id,
    any_true(
      t.starts_on <= day_of(o.occurred_at)
      AND (t.ends_on IS NULL OR day_of(o.occurred_at) <= t.ends_on)
      AND not_after(t.signed_at, o.occurred_at)
      AND t.permits_sharing AND filled(t.sharing_clause_ref)
      AND has(t.permitted_recipient_ids, o.recipient_party_id)
    ) AS holds
  FROM owners o
  JOIN contract_terms t ON t.party_id = o.owner_id
  GROUP BY o.disclosure_id
),
consented AS (
  SELECT
    o.disclosure_id AS disclosure_id,
    any_true(
      not_after(c.granted_at, o.occurred_at)
      AND (c.withdrawn_at IS NULL OR after(c.withdrawn_at, o.occurred_at))
      AND (c.expires_at IS NULL OR after(c.expires_at, o.occurred_at))
      AND has(c.recipients, o.recipient_party_id) AND has(c.purposes, o.purpose)
    ) AS holds
  FROM owners o
  JOIN consents c ON c.client_party_id = o.owner_id AND c.giver_kind = 'client' AND c.kind = 'consent'
  GROUP BY o.disclosure_id
),
told AS (
  SELECT
    o.disclosure_id AS disclosure_id,
    any_true(
      before(c.granted_at, o.occurred_at)
      AND has(c.recipients, o.recipient_party_id) AND has(c.purposes, o.purpose)
    ) AS holds
  FROM owners o
  JOIN consents c ON c.client_party_id = o.owner_id AND c.giver_kind = 'client' AND c.kind = 'awareness_notice'
  GROUP BY o.disclosure_id
),
facts AS (
  SELECT
    o.*,
    CASE
      WHEN o.recipient_party_id IS NULL OR r.kind = 'data_subject'
        THEN CASE WHEN o.ground = 'to_subject' THEN FALSE END
      WHEN r.outside IS NOT NULL THEN r.outside
      WHEN r.kind = 'client' AND o.without_client THEN TRUE
      WHEN r.kind = 'client' THEN r.party_id <> o.owner_id
      WHEN r.kind = 'processor' THEN NOT (
        r.has_agreement
        AND r.agreement_starts_on <= day_of(o.occurred_at)
        AND (r.agreement_ends_on IS NULL OR day_of(o.occurred_at) <= r.agreement_ends_on)
        AND not_after(r.agreement_signed_at, o.occurred_at)
      )
    END AS to_third_party,
    CASE
      WHEN o.contains_phi THEN TRUE
      WHEN o.contains_pii AND NOT has_any(o.data_classes, ['business_contact', 'website_contact']) THEN TRUE
      WHEN is_empty(o.data_classes) THEN NULL
      ELSE NOT subset_of(o.data_classes, ['business_contact', 'website_contact', 'website_usage', 'none'])
    END AS client_sensitive,
    CASE
      WHEN $sharing_rule = 'no_sharing' THEN FALSE
      WHEN o.ground = 'unknown' THEN NULL
      WHEN o.ground = 'regulator_submission' THEN r.is_agency
      ELSE o.ground IN ('legal_process', 'public_authority_request')
    END AS has_own_clause,
    CASE
      WHEN o.without_client THEN FALSE
      WHEN o.owner_id IS NULL THEN NULL
      WHEN k.party_id IS NULL THEN FALSE
      ELSE t.holds
    END AS contract_covers,
    CASE
      WHEN o.without_client THEN FALSE
      WHEN o.owner_id IS NULL THEN NULL
      WHEN c.disclosure_id IS NULL THEN FALSE
      ELSE c.holds
    END AS client_consented,
    CASE
      WHEN o.without_client THEN FALSE
      WHEN o.owner_id IS NULL THEN NULL
      WHEN a.disclosure_id IS NULL THEN FALSE
      ELSE a.holds
    END AS client_aware
  FROM owners o
  LEFT JOIN party_roles r ON r.party_id = o.recipient_party_id
  LEFT JOIN clients k ON k.party_id = o.owner_id
  LEFT JOIN contracted t ON t.disclosure_id = o.disclosure_id
  LEFT JOIN consented c ON c.disclosure_id = o.disclosure_id
  LEFT JOIN told a ON a.disclosure_id = o.disclosure_id
)
SELECT
  f.*,
  f.contract_covers OR (f.client_consented AND f.client_aware) AS client_permits,
  CASE
    WHEN $sharing_rule = 'no_sharing' THEN FALSE
    ELSE f.ground_of_law_holds OR f.onward_transfer_holds
      OR f.contract_covers OR (f.client_consented AND f.client_aware)
  END AS excused
FROM facts f
