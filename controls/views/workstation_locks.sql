-- base: resources
-- not null: resource_id, kind, in_use, is_workstation
-- One row a resource: for a workstation, how it locked and opened when it last reported. The inventory asks;
-- a workstation of which the device management knows nothing, or that was silent too long, is left open.
WITH later AS (
  SELECT
    w.device_id AS device_id,
    w.observed_at AS observed_at,
    any_true(CASE WHEN o.observed_at = w.observed_at THEN FALSE ELSE after(o.observed_at, w.observed_at) END)
      AS superseded
  FROM workstations w
  JOIN workstations o ON o.device_id = w.device_id
  GROUP BY w.device_id, w.observed_at
),
seen AS (
  SELECT
    w.resource_id AS resource_id,
    l.superseded AS superseded,
    days_between(day_of(w.observed_at), $as_of_day) <= $endpoint_silence_days AS recent,
    -- An idle time of nought is written for `never`.
    w.screen_lock_enabled AND w.idle_timeout_s > 0 AS locks,
    w.password_required_on_resume AS asks,
    CASE WHEN $idle_lock_s = 0 THEN TRUE ELSE w.idle_timeout_s <= $idle_lock_s END AS locks_in_time,
    CASE WHEN NOT $lock_enforced THEN TRUE ELSE w.enforced_by_policy END AS enforced,
    w.lock_grace_s >= 0 AND w.lock_grace_s <= $max_lock_grace_s AS asks_at_once,
    -- Where no way to unlock is listed, nobody has looked.
    CASE
      WHEN is_empty(w.unlock_methods) THEN NULL
      WHEN $password_only THEN subset_of(w.unlock_methods, ['password'])
      ELSE subset_of(w.unlock_methods, ['password', 'pin', 'biometric', 'smartcard', 'security_key'])
    END AS proves_who
  FROM workstations w
  JOIN later l ON l.device_id = w.device_id AND l.observed_at = w.observed_at
),
devices AS (
  SELECT
    s.resource_id AS resource_id,
    all_true(s.superseded OR CASE WHEN s.recent THEN s.locks END) AS locks,
    all_true(s.superseded OR CASE WHEN s.recent THEN s.asks END) AS asks,
    all_true(s.superseded OR CASE WHEN s.recent THEN s.locks_in_time END) AS locks_in_time,
    all_true(s.superseded OR CASE WHEN s.recent THEN s.enforced END) AS enforced,
    all_true(s.superseded OR CASE WHEN s.recent THEN s.asks_at_once END) AS asks_at_once,
    all_true(s.superseded OR CASE WHEN s.recent THEN s.proves_who END) AS proves_who
  FROM seen s
  GROUP BY s.resource_id
)
SELECT
  r.*,
  NOT (r.decommissioned_at IS NOT NULL AND r.disposal_id IS NOT NULL) AS in_use,
  has($workstation_kinds, r.kind) AS is_workstation,
  d.locks AS locks,
  d.asks AS asks,
  d.locks_in_time AS locks_in_time,
  d.enforced AS enforced,
  d.asks_at_once AS asks_at_once,
  d.proves_who AS proves_who
FROM resources r
LEFT JOIN devices d ON d.resource_id = r.resource_id
