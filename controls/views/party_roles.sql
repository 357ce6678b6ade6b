-- not null: party_id, kind
-- One row a party: whether it is a third party whatever it receives, and the agreement it works under.
-- `outside` is NULL where it depends on whose data it is or on the day, and where the kind is not known.
-- Public bodies are third parties: what they may receive is for the clauses on legal disclosure to say.
SELECT
  p.party_id AS party_id,
  p.kind AS kind,
  p.collection_authority_citation AS collection_authority_citation,
  p.kind IN ('regulator', 'state_agency', 'federal_agency') AS is_agency,
  CASE
    WHEN p.kind IN ('third_party', 'affiliate', 'advisor', 'regulator', 'state_agency', 'federal_agency',
      'public_authority', 'court') THEN TRUE
    WHEN p.kind = 'own_organisation' THEN FALSE
    WHEN p.kind = 'processor' AND ($processors_are_third_parties OR NOT p.has_processing_agreement) THEN TRUE
  END AS outside,
  p.has_processing_agreement AND a.party_id = p.party_id AS has_agreement,
  a.signed_at AS agreement_signed_at,
  a.starts_on AS agreement_starts_on,
  a.ends_on AS agreement_ends_on
FROM parties p
LEFT JOIN contract_terms a ON a.contract_id = p.agreement_contract_id
