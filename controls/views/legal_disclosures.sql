-- base: disclosures
-- not null: disclosure_id, occurred_at, channel, ground
-- One row a disclosure: the conditions of a disclosure by legal process (LD-1.1), those of one to a public
-- authority (LD-1.2), and whether the ground of law that it states holds.
-- The person who decided was in service on the day of the decision, whatever came later.
-- A request without a reference gets a few days for it: until then it is open. After them an empty reference
-- fails, and so does a request by word of mouth; elsewhere a reference that is not recorded stays open.
WITH conditions AS (
  SELECT
    d.*,
    r.kind AS recipient_kind,
    r.kind IN ('regulator', 'state_agency', 'federal_agency') AS to_agency,
    r.collection_authority_citation AS recipient_authority,
    CASE WHEN d.legal_instrument_kind <> 'unknown'
      THEN d.legal_instrument_kind IN ('judicial_proceeding', 'court_order', 'legal_process') END
      AND filled(d.legal_instrument_ref) AS instrument_stated,
    not_after(d.instrument_date, day_of(d.occurred_at))
      AND (d.instrument_ended_on IS NULL OR not_before(d.instrument_ended_on, day_of(d.occurred_at)))
      AS instrument_in_force,
    not_after(d.good_faith_determination_at, d.occurred_at) AS decided_first,
    CASE
      WHEN p.status = 'prehire' OR p.start_date > day_of(d.good_faith_determination_at)
        OR p.end_date < day_of(d.good_faith_determination_at) THEN FALSE
      WHEN d.good_faith_determination_at IS NULL THEN NULL
      WHEN p.end_date IS NOT NULL OR p.status IN ('active', 'leave') THEN TRUE
    END AS decider_in_service,
    CASE
      WHEN d.legal_instrument_kind IS NULL THEN NULL
      WHEN d.legal_instrument_kind <> 'judicial_proceeding' THEN TRUE
      WHEN d.proceeding_status_at_disclosure <> 'unknown' THEN d.proceeding_status_at_disclosure = 'open'
    END AS proceeding_open,
    CASE
      WHEN NOT filled(r.collection_authority_citation) THEN FALSE
      WHEN r.kind <> 'unknown' THEN r.kind IN ('public_authority', 'state_agency', 'federal_agency')
    END AS asked_by_authority,
    CASE
      WHEN filled(d.legal_instrument_ref) THEN TRUE
      WHEN $as_of_day <= plus_days(day_of(d.occurred_at), $emergency_reference_days) THEN NULL
      WHEN d.legal_instrument_ref IS NOT NULL OR d.channel IN ('telephone', 'in_person') THEN FALSE
    END AS request_referenced,
    not_after(d.lawfulness_checked_at, d.occurred_at) AS checked_first,
    has($authority_purposes, d.purpose) AS purpose_of_authority
  FROM disclosures d
  LEFT JOIN parties r ON r.party_id = d.recipient_party_id
  LEFT JOIN persons p ON p.person_id = d.good_faith_determination_by
)
SELECT
  c.*,
  CASE c.ground
    WHEN 'unknown' THEN NULL
    WHEN 'legal_process' THEN c.instrument_stated AND c.instrument_in_force AND c.decided_first
      AND c.decider_in_service AND c.proceeding_open AND c.scope_matches
    WHEN 'public_authority_request' THEN c.asked_by_authority AND c.request_referenced AND c.checked_first
      AND c.purpose_of_authority
    WHEN 'regulator_submission' THEN c.to_agency AND filled(c.recipient_authority)
    ELSE FALSE
  END AS ground_of_law_holds
FROM conditions c
