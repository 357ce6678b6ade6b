-- base: contracts
-- not null: contract_id, party_id, contract_type, effective_from, states_period
-- One row a contract: whether it is a Master Service Agreement or an amendment of one, and whether what it
-- says about retention counts. An amendment ends with the agreement it amends. An end that is not given is
-- an agreement without an end. A longer chain than an amendment of an amendment is left open.
WITH families AS (
  SELECT
    k.*,
    CASE
      WHEN k.contract_type = 'MSA' THEN TRUE
      WHEN k.contract_type <> 'amendment' THEN FALSE
      WHEN p.contract_type = 'MSA' THEN TRUE
      WHEN p.contract_type <> 'amendment' THEN FALSE
      WHEN a.contract_type = 'MSA' THEN TRUE
      WHEN a.contract_type <> 'amendment' THEN FALSE
    END AS in_msa,
    CASE
      WHEN k.contract_type = 'MSA' THEN k.contract_id
      WHEN k.contract_type = 'amendment' AND p.contract_type = 'MSA' THEN p.contract_id
      WHEN k.contract_type = 'amendment' AND p.contract_type = 'amendment' AND a.contract_type = 'MSA'
        THEN a.contract_id
    END AS msa_id,
    CASE
      WHEN k.effective_to < $as_of_day THEN TRUE
      WHEN k.contract_type = 'amendment' AND p.effective_to < $as_of_day THEN TRUE
      WHEN k.contract_type = 'amendment' AND p.contract_type = 'amendment' AND a.effective_to < $as_of_day
        THEN TRUE
      ELSE FALSE
    END AS has_ended,
    CASE
      WHEN k.retention_survives_termination IS NOT NULL THEN k.retention_survives_termination
      WHEN k.contract_type = 'amendment' THEN p.retention_survives_termination
    END AS period_survives
  FROM contracts k
  LEFT JOIN contracts p ON p.contract_id = k.amends_contract_id
  LEFT JOIN contracts a ON a.contract_id = p.amends_contract_id
),
facts AS (
  SELECT
    f.*,
    f.retention_max_days IS NOT NULL OR f.retention_min_days IS NOT NULL AS states_period,
    CASE
      WHEN f.effective_from > $as_of_day THEN FALSE
      WHEN f.has_ended THEN f.period_survives
      ELSE TRUE
    END AS in_force
  FROM families f
)
SELECT
  c.*,
  c.in_msa AND c.states_period AND filled(c.retention_clause_ref) AND c.in_force AND c.signed_at IS NOT NULL
    AS may_lengthen,
  c.in_msa AND c.states_period AND filled(c.retention_clause_ref) AND c.in_force
    AND CASE WHEN c.signed_at IS NOT NULL THEN TRUE END AS may_shorten
FROM facts c
