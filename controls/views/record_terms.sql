-- base: records
-- not null: record_id, record_class, ceiling, clock
-- One row a record: the record as in record_hold_states, the day its maximum runs from, and the days it may stay.
-- The agreement the record or its dataset names decides; without one, the agreements of its client.
-- A client that is not known can shorten the default or forbid a disposal, but not lengthen the stay.
WITH linked AS (
  SELECT
    r.*,
    c.msa_id AS linked_msa_id,
    c.in_force AS contract_in_force,
    coalesce(r.client_party_id, r.dataset_client_id, c.party_id) AS client_id
  FROM record_hold_states r
  LEFT JOIN msa_clauses c ON c.contract_id = coalesce(r.contract_id, r.dataset_contract_id)
),
agreed AS (
  SELECT
    r.*,
    CASE WHEN t.msa_id IS NOT NULL THEN t.agreed_max_days ELSE p.agreed_max_days END AS agreed_max_days,
    CASE WHEN t.msa_id IS NOT NULL THEN t.agreed_min_days ELSE p.agreed_min_days END AS agreed_min_days,
    CASE
      WHEN t.msa_id IS NOT NULL THEN t.open_max_low
      WHEN r.client_id IS NOT NULL THEN p.open_max_low
      WHEN NOT r.of_clients THEN NULL
      WHEN s.open_max_low < s.agreed_max_days OR s.agreed_max_days IS NULL THEN s.open_max_low
      ELSE s.agreed_max_days
    END AS open_max_low,
    CASE WHEN t.msa_id IS NOT NULL THEN t.open_max_high ELSE p.open_max_high END AS open_max_high,
    CASE WHEN t.msa_id IS NOT NULL THEN t.open_min_days ELSE p.open_min_days END AS open_min_days,
    CASE WHEN t.msa_id IS NOT NULL THEN t.open_min_low ELSE p.open_min_low END AS open_min_low,
    CASE
      WHEN t.msa_id IS NOT NULL THEN t.strict_min_days
      WHEN r.client_id IS NOT NULL THEN p.strict_min_days
      WHEN NOT r.of_clients THEN NULL
      WHEN s.strict_min_days > s.agreed_min_days OR s.agreed_min_days IS NULL THEN s.strict_min_days
      ELSE s.agreed_min_days
    END AS strict_min_days
  FROM linked r
  LEFT JOIN msa_terms t ON t.msa_id = r.linked_msa_id
  LEFT JOIN client_terms p ON p.party_id = r.client_id
  CROSS JOIN shortest_terms s
),
limits AS (
  SELECT
    r.*,
    CASE
      WHEN r.agreed_max_days IS NOT NULL THEN r.agreed_max_days
      WHEN r.ceiling = 'default' THEN $default_retention_days
      WHEN r.ceiling = 'schedule' THEN r.configured_retention_days
    END AS max_days,
    CASE
      WHEN r.ceiling = 'schedule'
        THEN coalesce(day_of(r.last_in_effect_at), day_of(r.received_at), day_of(r.created_at))
      WHEN $retention_clock = 'received_at' THEN day_of(r.received_at)
      WHEN $retention_clock = 'last_used_at' THEN day_of(r.last_used_at)
      WHEN $retention_clock = 'processing_completed_at' THEN day_of(r.processing_completed_at)
    END AS clock_day,
    -- Data is in use until its processing is recorded as complete, while the contract for it runs.
    CASE
      WHEN r.ceiling = 'schedule' THEN r.in_effect
      WHEN $retention_clock <> 'processing_completed_at' THEN FALSE
      WHEN r.processing_completed_at IS NOT NULL THEN FALSE
      WHEN r.contract_in_force THEN TRUE
    END AS in_use
  FROM agreed r
)
SELECT
  r.*,
  CASE
    -- Without a schedule there is no period that terms which may hold could shorten.
    WHEN r.max_days IS NULL AND r.ceiling = 'schedule' THEN NULL
    WHEN r.open_max_low < r.max_days OR r.max_days IS NULL THEN r.open_max_low
    ELSE r.max_days
  END AS max_days_low,
  CASE WHEN r.open_max_high > r.max_days THEN r.open_max_high ELSE r.max_days END AS max_days_high,
  days_between(r.clock_day, $as_of_day) AS age_days
FROM limits r
