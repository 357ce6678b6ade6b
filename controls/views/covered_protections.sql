-- base: storage_protections
-- not null: protection_id, resource_id, method, layer, state, in_use, is_tdea, is_xts, provider_keyed
-- One row a protection, with the store it stands on and what DP-3 asks of it, each answer three-valued.
-- An enum member `unknown` becomes NULL here, so that it can never be read as a known value.
WITH stores AS (
  SELECT d.resource_id, any_true(d.is_covered_information) AS holds_covered
  FROM datasets d
  GROUP BY d.resource_id
),
card_versions AS (
  -- A truncated and an unkeyed hashed version of one card number together give the number away.
  SELECT
    p.dataset_id,
    any_true(p.method = 'truncation') AS truncated,
    any_true(p.method = 'one_way_hash' AND NOT p.hash_keyed) AS hashed_without_key
  FROM storage_protections p
  JOIN datasets d ON d.dataset_id = p.dataset_id
  WHERE p.method IN ('truncation', 'one_way_hash') AND has(d.data_classes, 'PAN')
  GROUP BY p.dataset_id
),
facts AS (
  SELECT
    p.*,
    r.kind AS resource_kind,
    r.hosting AS hosting,
    r.hosting IN ('cloud', 'third_party', 'unknown') AS in_cloud,
    -- A store leaves the scope only when it is out of use and its disposal is on record.
    NOT (r.decommissioned_at IS NOT NULL AND r.disposal_id IS NOT NULL) AS in_use,
    CASE WHEN p.dataset_id IS NULL THEN s.holds_covered ELSE d.is_covered_information END AS holds_covered,
    CASE WHEN p.method <> 'unknown' THEN p.method = 'encryption' END AS is_encryption,
    CASE
      WHEN p.method = 'one_way_hash' THEN p.hash_keyed
      WHEN p.method <> 'unknown' THEN p.method = 'encryption'
    END AS uses_key,
    -- A service of another house that documents its encryption and shows no key keeps it under its own procedure. On
    -- one's own machines the maker of the software keeps no key.
    p.key_id IS NULL AND p.algorithm_basis = 'vendor_documented' AND r.hosting IN ('cloud', 'third_party') AS provider_keyed,
    CASE WHEN p.state <> 'unknown' THEN p.state = 'complete' END AS state_complete,
    coalesce(p.algorithm, 'UNKNOWN') = 'TDEA' AS is_tdea,
    coalesce(p.mode, 'UNKNOWN') = 'XTS' AS is_xts,
    CASE WHEN p.algorithm <> 'UNKNOWN' THEN p.algorithm END AS cipher,
    CASE WHEN p.mode <> 'UNKNOWN' THEN p.mode END AS cipher_mode,
    CASE
      WHEN p.tdea_keying_option <> 'unknown' THEN p.tdea_keying_option
      WHEN p.key_bits_convention = 'nominal_tdea' AND p.key_bits_reported = 168 THEN 'three_key'
      WHEN p.key_bits_convention = 'with_parity' AND p.key_bits_reported = 192 THEN 'three_key'
      WHEN p.key_bits_convention = 'nominal_tdea' AND p.key_bits_reported = 112 THEN 'two_key'
      WHEN p.key_bits_convention = 'with_parity' AND p.key_bits_reported = 128 THEN 'two_key'
    END AS tdea_keys,
    -- XTS splits its key in two. Where the convention is not known the smaller reading counts.
    CASE
      WHEN p.mode = 'XTS' AND p.key_bits_convention = 'aes_size' THEN p.key_bits_reported
      WHEN p.mode = 'XTS' AND p.key_bits_reported = 512 THEN 256
      WHEN p.mode = 'XTS' AND p.key_bits_reported = 384 THEN 192
      WHEN p.mode = 'XTS' AND p.key_bits_reported = 256 THEN 128
      WHEN p.mode <> 'XTS' AND p.mode NOT IN ('UNKNOWN', 'OTHER') THEN p.key_bits_reported
      -- No way of counting makes a key longer than what is reported.
      WHEN p.key_bits_reported < p.key_bits_effective THEN p.key_bits_reported
    END AS reported_bits,
    -- Three providers document how their managed services encrypt, and show no mode. A provider is named with
    -- or without the account.
    r.hosting = 'cloud' AND has($managed_service_kinds, r.kind)
      AND full_match(lower(r.provider), '(aws|azure|gcp)(:.*)?') AS is_listed_service,
    -- This provider wrote some disks with 128-bit keys before 2015 and does not say which.
    CASE
      WHEN p.algorithm_basis = 'vendor_documented' AND r.kind = 'block_volume' AND full_match(lower(r.provider), 'gcp(:.*)?')
        THEN before(day_of(r.created_at), DATE '2015-01-01')
      ELSE false
    END AS length_in_doubt,
    CASE
      WHEN v.dataset_id IS NULL THEN true
      ELSE NOT (v.truncated AND v.hashed_without_key)
    END AS versions_apart
  FROM storage_protections p
  LEFT JOIN resources r ON r.resource_id = p.resource_id
  LEFT JOIN datasets d ON d.dataset_id = p.dataset_id
  LEFT JOIN stores s ON s.resource_id = p.resource_id
  LEFT JOIN card_versions v ON v.dataset_id = p.dataset_id
),
answers AS (
  SELECT
    f.*,
    CASE
      WHEN f.is_tdea THEN
        CASE
          WHEN f.tdea_keys = 'three_key' AND $key_length_basis = 'nominal' THEN 168
          WHEN f.tdea_keys = 'three_key' THEN 112
          WHEN f.tdea_keys = 'two_key' AND $key_length_basis = 'nominal' THEN 112
          WHEN f.tdea_keys = 'two_key' THEN 80
          WHEN f.tdea_keys = 'one_key' THEN 56
        END
      WHEN NOT f.length_in_doubt THEN
        CASE
          WHEN f.reported_bits IS NULL THEN f.key_bits_effective
          WHEN f.key_bits_effective IS NULL THEN f.reported_bits
          WHEN f.reported_bits < f.key_bits_effective THEN f.reported_bits
          ELSE f.key_bits_effective
        END
    END AS key_bits,
    CASE f.method
      WHEN 'encryption' THEN true
      WHEN 'one_way_hash' THEN true
      WHEN 'truncation' THEN true
      WHEN 'tokenization' THEN $allow_tokenization
      WHEN 'masking' THEN false
      WHEN 'none' THEN false
    END AS method_accepted,
    CASE
      WHEN f.cipher = 'AES' THEN
        CASE
          WHEN f.cipher_mode = 'CBC' THEN true
          WHEN f.cipher_mode = 'ECB' THEN false
          WHEN $crypto_profile = 'literal' AND f.cipher_mode IS NOT NULL THEN false
          WHEN $crypto_profile = 'literal' THEN NULL
          WHEN f.cipher_mode IN ('CBC_ESSIV', 'GCM', 'CCM') THEN true
          WHEN f.cipher_mode = 'XTS'
            THEN f.layer IN ('full_disk', 'volume', 'file', 'object', 'database', 'tablespace')
          WHEN f.cipher_mode IN ('CTR', 'CFB') AND f.integrity_mechanism <> 'unknown'
            THEN f.integrity_mechanism IN ('aead', 'hmac')
          WHEN f.cipher_mode = 'OTHER' THEN false
          WHEN f.cipher_mode IS NULL AND f.algorithm_basis = 'vendor_documented' AND f.is_listed_service THEN true
        END
      WHEN f.is_tdea AND f.tdea_keys = 'one_key' THEN false
      WHEN f.is_tdea AND $crypto_profile = 'literal' THEN f.cipher_mode <> 'ECB'
      WHEN f.is_tdea AND $crypto_profile = 'interpreted'
        THEN f.tdea_keys = 'three_key' AND f.cipher_mode <> 'ECB'
      WHEN f.is_tdea THEN f.tdea_keys = 'three_key' AND f.cipher_mode <> 'ECB' AND f.legacy_decrypt_only
      WHEN f.cipher IS NOT NULL THEN false
    END AS cipher_accepted,
    CASE
      WHEN lower(f.hash_algorithm) IN ('unknown', 'other') THEN NULL
      WHEN $hash_rule = 'any_one_way' THEN lower(f.hash_algorithm) <> 'crc32'
      ELSE has($hash_allowlist, f.hash_algorithm)
    END AS hash_strong,
    -- Guessable input needs a key, or a slow function with a salt.
    CASE f.input_entropy WHEN 'low' THEN true WHEN 'high' THEN false END AS guessable,
    f.hash_keyed
      OR (f.hash_salted AND f.hash_algorithm IN ('bcrypt', 'scrypt', 'argon2id', 'PBKDF2-HMAC-SHA2'))
      AS hash_hardened,
    f.original_length - f.retained_first - f.retained_last AS removed,
    CASE f.preboot_auth
      WHEN 'passphrase' THEN true
      WHEN 'pin' THEN true
      WHEN 'startup_key' THEN true
      WHEN 'smartcard' THEN true
      WHEN 'network_unlock' THEN true
      WHEN 'kms_service' THEN true
      WHEN 'tpm_only' THEN false
      WHEN 'os_user_credential' THEN false
      WHEN 'none' THEN false
    END AS unlock_independent,
    CASE
      WHEN f.method = 'encryption' AND f.state = 'complete' AND f.mode IN ('GCM', 'CCM') THEN true
      WHEN f.integrity_mechanism = 'vendor_documented' AND f.algorithm_basis IN ('vendor_documented', 'observed')
        THEN true
      WHEN f.integrity_mechanism = 'none' THEN false
      -- Authentication that is part of the encryption is only there while that is.
      WHEN f.integrity_mechanism = 'aead' THEN f.is_encryption AND f.state_complete
      WHEN f.integrity_mechanism NOT IN ('vendor_documented', 'unknown') THEN true
    END AS integrity_kept
  FROM facts f
),
checked AS (
  SELECT
    a.*,
    NOT a.is_xts OR a.key_bits <> 192 AS xts_size_exists,
    CASE
      WHEN a.in_cloud THEN NOT a.is_tdea AND a.key_bits >= $min_cloud_key_bits
      WHEN NOT a.in_cloud THEN a.key_bits >= $min_key_bits AND (NOT a.is_xts OR a.key_bits <> 192)
    END AS key_long_enough,
    CASE
      WHEN $hash_rule = 'any_one_way' THEN true
      ELSE a.hash_hardened OR NOT a.guessable
    END AS hash_withstands_guessing,
    CASE
      WHEN $truncation_rule = 'any' THEN a.removed > 0
      WHEN a.original_length >= 16 THEN a.retained_first <= 6 AND a.retained_last <= 4 AND a.removed >= 6
      WHEN a.original_length = 15 THEN a.retained_first <= 6 AND a.retained_last <= 4 AND a.removed >= 5
      WHEN a.original_length < 15 THEN a.retained_first = 0 AND a.retained_last <= 4 AND a.removed >= 5
    END AS enough_removed
  FROM answers a
)
SELECT
  c.*,
  c.state_complete AND CASE
    WHEN c.method = 'encryption' AND c.layer = 'full_disk'
      THEN c.cipher_accepted AND c.key_long_enough AND c.unlock_independent AND NOT c.key_bound_to_user_account
    WHEN c.method = 'encryption' THEN c.cipher_accepted AND c.key_long_enough
    WHEN c.method = 'one_way_hash' THEN c.hash_strong AND c.hash_withstands_guessing AND c.versions_apart
    WHEN c.method = 'truncation' THEN c.enough_removed AND c.versions_apart
    ELSE c.method_accepted
  END AS unreadable
FROM checked c
