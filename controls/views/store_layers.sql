-- not null: resource_id, layer_group
-- One row for each layer of protection of a store: a whole resource, or one dataset on it. A layer holds
-- only if every protection in it does, so that one sound disk does not hide an open one beside it. A column
-- that names no dataset says nothing of the rest of its store: it can fail there, but not show that all holds.
--   accepted   cipher, key length, hash and the like
--   sound      that, seen lately, and under a key that is managed as DP-3.4 asks
SELECT
  p.resource_id,
  p.dataset_id,
  p.layer_group,
  CASE WHEN p.dataset_id IS NULL AND p.layer_group = 'column' AND all_true(p.unreadable AND p.is_encryption) THEN NULL
    ELSE all_true(p.unreadable AND p.is_encryption) END AS accepted,
  CASE WHEN p.dataset_id IS NULL AND p.layer_group = 'column' AND all_true(p.unreadable_now) THEN NULL
    ELSE all_true(p.unreadable_now) END AS sound,
  CASE WHEN p.dataset_id IS NULL AND p.layer_group = 'column' AND all_true(p.integrity_kept) THEN NULL
    ELSE all_true(p.integrity_kept) END AS intact
FROM (
  SELECT
    c.resource_id,
    c.dataset_id,
    CASE WHEN c.layer IN ('full_disk', 'volume') THEN 'disk' ELSE c.layer END AS layer_group,
    c.unreadable,
    c.is_encryption,
    c.integrity_kept,
    -- What was seen too long ago says nothing about today.
    CASE
      WHEN c.hosting = 'endpoint' AND days_between(day_of(c.observed_at), $as_of_day) <= $endpoint_silence_days
        THEN c.unreadable AND (NOT c.uses_key OR c.provider_keyed OR k.governed)
      WHEN c.hosting <> 'endpoint' AND days_between(day_of(c.observed_at), $as_of_day) <= $server_silence_days
        THEN c.unreadable AND (NOT c.uses_key OR c.provider_keyed OR k.governed)
    END AS unreadable_now
  FROM covered_protections c
  LEFT JOIN managed_keys k ON k.key_id = c.key_id
) p
GROUP BY p.resource_id, p.dataset_id, p.layer_group
