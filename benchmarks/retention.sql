-- RT-1.2, RT-1.2a, RT-1.4 and RT-1.4a over an archive, as someone who knows SQL would write them by hand for this evidence:
-- default parameters, judged at 2026-03-02T12:00:00Z, one agreement a client and none named by a record or dataset,
-- no holds on people or classes. One row a control: its name, then pass, fail, unknown. It does not check digests,
-- types, keys or references. {folder} is filled by benchmarks/sides/duckdb_script.py.
CREATE TEMP TABLE terms AS
WITH agreed AS (
  SELECT
    party_id, retention_max_days AS max_days, retention_min_days AS min_days,
    signed_at IS NOT NULL AS signed,
    CASE WHEN effective_from > DATE '2026-03-02' THEN false
         WHEN effective_to < DATE '2026-03-02' THEN retention_survives_termination
         ELSE true END AS in_force
  FROM read_parquet('{folder}/contracts.parquet')
),
counted AS (
  SELECT
    *,
    (max_days IS NOT NULL OR min_days IS NOT NULL) AS stated,
    in_force AND signed AS counts,
    in_force AND CASE WHEN signed THEN true END AS may_shorten
  FROM agreed
)
SELECT
  party_id,
  CASE WHEN stated AND counts THEN max_days END AS agreed_max,
  CASE WHEN stated AND counts THEN min_days END AS agreed_min,
  CASE WHEN stated AND (counts IS NULL OR may_shorten IS NULL) THEN coalesce(max_days, 90) END AS open_max_low,
  CASE WHEN stated AND counts IS NULL THEN max_days END AS open_max_high,
  CASE WHEN stated AND counts IS NULL THEN min_days END AS open_min,
  CASE WHEN stated AND counts IS NULL THEN coalesce(min_days, 0) END AS open_min_low,
  CASE WHEN stated AND (counts IS NULL OR may_shorten IS NULL) THEN min_days END AS strict_min
FROM counted;

CREATE TEMP TABLE shortest AS
SELECT
  min(agreed_max) AS agreed_max, min(open_max_low) AS open_max_low,
  max(agreed_min) AS agreed_min, max(strict_min) AS strict_min
FROM terms;

CREATE TEMP TABLE classes AS
SELECT * FROM (VALUES
  ('notice', 6, 'end', 'none', false), ('phi_disclosure_log', 6, 'created', 'none', false),
  ('consent_record', 6, 'created_or_end', 'none', false), ('pii_content', NULL, 'none', 'default', true),
  ('client_customer', NULL, 'none', 'default', true), ('website_usage', NULL, 'none', 'default', false),
  ('financial', NULL, 'none', 'schedule', true)
) t(record_class, min_years, clock, ceiling, of_clients);

CREATE TEMP TABLE kept AS
SELECT
  r.record_id, r.dataset_id, r.disposed_at, r.in_effect, r.last_in_effect_at, r.copy_present, r.disposal_id, d.resource_id,
  c.ceiling, c.of_clients, d.configured_retention_days AS schedule_days,
  coalesce(r.client_party_id, d.client_party_id) AS client_id,
  CASE WHEN c.min_years IS NULL AND d.record_class IN ('risk_assessment', 'critical_record_other')
    THEN 'created_or_end' ELSE c.clock END AS clock,
  CASE WHEN c.min_years IS NOT NULL THEN c.min_years
       WHEN d.record_class IN ('risk_assessment', 'critical_record_other') THEN 6 END AS min_years,
  (r.created_at AT TIME ZONE 'UTC')::DATE AS created_on,
  (r.received_at AT TIME ZONE 'UTC')::DATE AS received_on,
  (r.last_in_effect_at AT TIME ZONE 'UTC')::DATE AS effect_on,
  (r.disposed_at AT TIME ZONE 'UTC')::DATE AS gone_on,
  r.created_at
FROM read_parquet('{folder}/records.parquet') r
LEFT JOIN read_parquet('{folder}/datasets.parquet') d USING (dataset_id)
LEFT JOIN classes c ON c.record_class = r.record_class;

CREATE TEMP TABLE holds AS
WITH hits AS (
  SELECT r.record_id, r.disposed_at, true AS reached, h.issued_at, h.released_at
  FROM kept r JOIN read_parquet('{folder}/legal_holds.parquet') h ON h.scope_kind = 'record' AND h.scope_value = r.record_id
  UNION ALL
  SELECT r.record_id, r.disposed_at, true, h.issued_at, h.released_at
  FROM kept r JOIN read_parquet('{folder}/legal_holds.parquet') h ON h.scope_kind = 'client' AND h.scope_value = r.client_id
  UNION ALL
  SELECT r.record_id, r.disposed_at, true, h.issued_at, h.released_at
  FROM kept r JOIN read_parquet('{folder}/legal_holds.parquet') h ON h.scope_kind = 'dataset' AND h.scope_value = r.dataset_id
  UNION ALL
  SELECT r.record_id, r.disposed_at, NULL, h.issued_at, h.released_at
  FROM (SELECT * FROM kept WHERE of_clients AND client_id IS NULL) r
  CROSS JOIN (FROM read_parquet('{folder}/legal_holds.parquet') WHERE scope_kind = 'client') h
  UNION ALL
  SELECT r.record_id, r.disposed_at, NULL, h.issued_at, h.released_at
  FROM (SELECT * FROM kept WHERE ceiling <> 'none' AND dataset_id IS NULL) r
  CROSS JOIN (FROM read_parquet('{folder}/legal_holds.parquet') WHERE scope_kind = 'dataset') h
),
asked AS (
  SELECT
    record_id, reached, released_at,
    reached AND issued_at <= TIMESTAMPTZ '2026-03-02T12:00:00Z'
      AND (released_at IS NULL OR released_at > TIMESTAMPTZ '2026-03-02T12:00:00Z') AS now_,
    reached AND issued_at <= disposed_at AND (released_at IS NULL OR released_at > disposed_at) AS then_
  FROM hits
)
SELECT
  record_id,
  CASE WHEN bool_or(now_) THEN true WHEN count(*) = count(now_) THEN false END AS held_now,
  CASE WHEN bool_or(then_) THEN true WHEN count(*) = count(then_) THEN false END AS held_then,
  (max(released_at) FILTER (WHERE reached) AT TIME ZONE 'UTC')::DATE AS released_on,
  (max(released_at) AT TIME ZONE 'UTC')::DATE AS perhaps_released_on
FROM asked
GROUP BY record_id;

CREATE TEMP TABLE retained AS
WITH periods AS (
  SELECT
    k.*,
    CASE WHEN clock = 'created' OR effect_on IS NULL THEN created_on ELSE greatest(created_on, effect_on) END AS start,
    clock <> 'created' AND in_effect AS in_force,
    CASE WHEN clock = 'created' THEN true WHEN last_in_effect_at IS NOT NULL THEN NOT in_effect END AS end_known
  FROM kept k
),
limits AS (
  SELECT
    p.*,
    CASE WHEN month(start) = 2 AND day(start) = 29 THEN start + 1 + to_years(min_years::INTEGER)
         ELSE start + to_years(min_years::INTEGER) END::DATE AS keep_until,
    t.agreed_max, t.agreed_min, t.open_max_high, t.open_min, t.open_min_low,
    CASE WHEN p.client_id IS NOT NULL THEN t.open_max_low WHEN NOT p.of_clients THEN NULL
         WHEN s.open_max_low < s.agreed_max OR s.agreed_max IS NULL THEN s.open_max_low ELSE s.agreed_max END AS open_max_low,
    CASE WHEN p.client_id IS NOT NULL THEN t.strict_min WHEN NOT p.of_clients THEN NULL
         WHEN s.strict_min > s.agreed_min OR s.agreed_min IS NULL THEN s.strict_min ELSE s.agreed_min END AS strict_min,
    CASE WHEN t.agreed_max IS NOT NULL THEN t.agreed_max WHEN ceiling = 'default' THEN 90
         WHEN ceiling = 'schedule' THEN schedule_days END AS max_days,
    CASE WHEN ceiling = 'schedule' THEN coalesce(effect_on, received_on, created_on) ELSE received_on END AS clock_day,
    CASE WHEN ceiling = 'schedule' THEN in_effect ELSE false END AS in_use
  FROM periods p
  LEFT JOIN terms t ON t.party_id = p.client_id
  CROSS JOIN shortest s
),
days AS (
  SELECT
    l.*,
    CASE WHEN max_days IS NULL AND ceiling = 'schedule' THEN NULL
         WHEN open_max_low < max_days OR max_days IS NULL THEN open_max_low ELSE max_days END AS low,
    CASE WHEN open_max_high > max_days THEN open_max_high ELSE max_days END AS high,
    date_diff('day', clock_day, DATE '2026-03-02') AS age,
    date_diff('day', clock_day, gone_on) AS age_then,
    CASE WHEN h.record_id IS NULL THEN false ELSE h.held_now END AS held_now,
    CASE WHEN h.record_id IS NULL THEN false ELSE h.held_then END AS held_then,
    CASE WHEN h.perhaps_released_on IS NULL THEN false
         WHEN DATE '2026-03-02' > h.perhaps_released_on + 30 THEN false
         WHEN DATE '2026-03-02' <= h.released_on + 30 THEN true END AS in_grace
  FROM limits l
  LEFT JOIN holds h ON h.record_id = l.record_id
)
SELECT
  disposed_at IS NULL AS here,
  CASE WHEN in_use THEN true
       WHEN low IS NULL AND ceiling = 'none' THEN true
       WHEN age <= low THEN true
       WHEN in_use IS NULL THEN NULL
       WHEN age > high THEN false END
  OR held_now
  OR CASE WHEN min_years IS NULL THEN false WHEN in_force THEN true WHEN DATE '2026-03-02' <= keep_until THEN true
          WHEN end_known AND DATE '2026-03-02' > keep_until THEN false END
  OR CASE WHEN agreed_min IS NULL AND open_min IS NULL THEN false
          WHEN age <= agreed_min AND (open_min_low IS NULL OR age <= open_min_low) THEN true
          WHEN age > coalesce(open_min, 0) AND age > coalesce(agreed_min, 0) THEN false END
  OR in_grace AS may_be_here,
  NOT held_then
  AND CASE WHEN min_years IS NULL THEN true WHEN in_force THEN false WHEN gone_on < keep_until THEN false
           WHEN end_known AND gone_on >= keep_until THEN true END
  AND CASE WHEN agreed_min IS NULL AND strict_min IS NULL THEN true WHEN age_then < agreed_min THEN false
           WHEN age_then >= coalesce(strict_min, 0) THEN true END AS might_go
FROM days;

CREATE TEMP TABLE gone AS
WITH named AS (
  SELECT r.record_id, r.disposed_at, r.created_at, d.performed_at
  FROM kept r
  JOIN read_parquet('{folder}/disposals.parquet') d ON d.target_kind = 'record' AND d.target_id = r.record_id
  UNION ALL
  SELECT r.record_id, r.disposed_at, r.created_at, d.performed_at
  FROM kept r
  JOIN read_parquet('{folder}/disposals.parquet') d ON d.target_kind = 'dataset' AND d.target_id = r.dataset_id
  UNION ALL
  SELECT r.record_id, r.disposed_at, r.created_at, d.performed_at
  FROM kept r
  JOIN read_parquet('{folder}/disposals.parquet') d
    ON d.target_kind IN ('resource', 'media') AND d.target_id = r.resource_id
  UNION ALL
  SELECT r.record_id, r.disposed_at, r.created_at, d.performed_at
  FROM kept r
  JOIN read_parquet('{folder}/disposals.parquet') d
    ON d.target_kind IN ('paper_batch', 'media') AND d.disposal_id = r.disposal_id
),
matched AS (
  SELECT
    record_id,
    bool_or(CASE WHEN disposed_at IS NULL THEN performed_at >= created_at
                 ELSE (performed_at AT TIME ZONE 'UTC')::DATE = (disposed_at AT TIME ZONE 'UTC')::DATE END) AS of_that_day
  FROM named
  GROUP BY record_id
)
SELECT
  r.disposed_at IS NOT NULL OR NOT r.copy_present AS applies,
  CASE WHEN m.record_id IS NULL THEN false ELSE m.of_that_day END AS ok
FROM kept r
LEFT JOIN matched m ON m.record_id = r.record_id;

SELECT 'RT-1.2', count(*) FILTER (WHERE may_be_here), count(*) FILTER (WHERE NOT may_be_here),
  count(*) FILTER (WHERE may_be_here IS NULL)
FROM retained WHERE here
UNION ALL
SELECT 'RT-1.2a', count(*) FILTER (WHERE might_go), count(*) FILTER (WHERE NOT might_go),
  count(*) FILTER (WHERE might_go IS NULL)
FROM retained WHERE NOT here
UNION ALL
SELECT 'RT-1.4a', count(*) FILTER (WHERE applies AND ok), count(*) FILTER (WHERE applies AND NOT ok),
  count(*) FILTER (WHERE applies IS NULL OR (applies AND ok IS NULL))
FROM gone
UNION ALL
SELECT 'RT-1.4', count(*) FILTER (WHERE ok), count(*) FILTER (WHERE NOT ok), count(*) FILTER (WHERE ok IS NULL)
FROM (
  SELECT
    CASE
      WHEN method = 'unknown' THEN NULL
      WHEN method = 'return_to_client' THEN true
      WHEN method IN ('logical_delete', 'recycle_unshredded', 'redaction', 'strip_cut_shred') THEN false
      WHEN method IN ('pulverize', 'incinerate') AND medium <> 'cloud_logical' THEN true
      WHEN medium = 'unknown' THEN NULL
      WHEN medium = 'paper' THEN method IN ('cross_cut_shred', 'pulp')
      WHEN method = 'degauss' THEN medium IN ('magnetic', 'tape')
      WHEN medium = 'cloud_logical' THEN method IN ('clear', 'purge', 'cryptographic_erase', 'overwrite')
      ELSE method IN ('clear', 'purge', 'cryptographic_erase', 'overwrite', 'destroy_shred')
    END
    AND trim(verified_by) <> ''
    AND (verified_at AT TIME ZONE 'UTC')::DATE >= (performed_at AT TIME ZONE 'UTC')::DATE
    AND ((vendor_party_id IS NULL AND method <> 'cryptographic_erase' AND trim(performed_by) <> '')
      OR trim(certificate_ref) <> '') AS ok
  FROM read_parquet('{folder}/disposals.parquet')
);
