-- base: tls_scans
-- not null: endpoint_id, ip, scanned_at
-- One row a scan of one address: whether what it found protects what people submit there.
--   superseded   a later scan of the same host, port and address is at hand; this one says nothing about today
-- A protocol that was not tested is not one that is not offered. What was scanned too long ago is left open.
WITH later AS (
  SELECT
    s.endpoint_id AS endpoint_id,
    s.ip AS ip,
    s.scanned_at AS scanned_at,
    any_true(CASE WHEN o.scanned_at = s.scanned_at THEN FALSE ELSE after(o.scanned_at, s.scanned_at) END)
      AS superseded
  FROM tls_scans s
  -- Many hosts share an address, and one host has many ports: a scan of another says nothing of this one.
  JOIN tls_scans o ON o.endpoint_id = s.endpoint_id AND o.ip = s.ip AND o.host = s.host AND o.port = s.port
  GROUP BY s.endpoint_id, s.ip, s.scanned_at
),
offers AS (
  SELECT
    s.*,
    l.superseded AS superseded,
    days_between(day_of(s.scanned_at), $as_of_day) <= $scan_silence_days AS recent,
    CASE s.sslv2 WHEN 'offered' THEN TRUE WHEN 'not_offered' THEN FALSE END AS offers_sslv2,
    CASE s.sslv3 WHEN 'offered' THEN TRUE WHEN 'not_offered' THEN FALSE END AS offers_sslv3,
    CASE s.tls1_0 WHEN 'offered' THEN TRUE WHEN 'not_offered' THEN FALSE END AS offers_tls1_0,
    CASE s.tls1_1 WHEN 'offered' THEN TRUE WHEN 'not_offered' THEN FALSE END AS offers_tls1_1,
    CASE s.tls1_2 WHEN 'offered' THEN TRUE WHEN 'not_offered' THEN FALSE END AS offers_tls1_2,
    CASE s.tls1_3 WHEN 'offered' THEN TRUE WHEN 'not_offered' THEN FALSE END AS offers_tls1_3
  FROM tls_scans s
  JOIN later l ON l.endpoint_id = s.endpoint_id AND l.ip = s.ip AND l.scanned_at = s.scanned_at
),
judged AS (
  SELECT
    o.*,
    o.offers_sslv2 OR o.offers_sslv3 OR o.offers_tls1_0 OR o.offers_tls1_1 AS offers_outdated,
    CASE
      WHEN $min_tls = 'any' THEN TRUE
      ELSE NOT (o.offers_sslv2 OR o.offers_sslv3 OR o.offers_tls1_0 OR o.offers_tls1_1)
    END AS outdated_ok,
    CASE
      WHEN $min_tls = 'any' THEN o.offers_sslv2 OR o.offers_sslv3 OR o.offers_tls1_0 OR o.offers_tls1_1
        OR o.offers_tls1_2 OR o.offers_tls1_3
      -- One of the two that was not tested leaves the answer open, also where the other is offered.
      WHEN o.offers_tls1_2 IS NULL OR o.offers_tls1_3 IS NULL THEN NULL
      ELSE o.offers_tls1_2 OR o.offers_tls1_3
    END AS accepted_ok,
    CASE
      WHEN $min_tls = 'any' THEN o.min_cipher_bits > 0
      ELSE is_empty(o.weak_ciphers) AND o.min_cipher_bits >= $min_tls_cipher_bits
    END AS ciphers_ok,
    not_after(o.cert_not_before, $as_of) AND not_before(o.cert_not_after, $as_of)
      AND o.hostname_match AND o.chain_trusted AS certificate_ok,
    CASE
      WHEN o.plaintext_http IN ('refused', 'redirects') THEN TRUE
      WHEN o.plaintext_http <> 'unknown' THEN FALSE
    END AS plaintext_ok
  FROM offers o
)
SELECT
  j.*,
  CASE WHEN j.recent THEN j.outdated_ok END AS outdated_off,
  CASE WHEN j.recent THEN j.accepted_ok END AS accepted_offered,
  CASE WHEN j.recent THEN j.ciphers_ok END AS ciphers_strong,
  CASE WHEN j.recent THEN j.certificate_ok END AS certificate_valid,
  CASE WHEN j.recent THEN j.plaintext_ok END AS plaintext_closed,
  CASE
    WHEN j.recent THEN j.outdated_ok AND j.accepted_ok AND j.ciphers_ok AND j.certificate_ok AND j.plaintext_ok
  END AS protected
FROM judged j
