-- not null: dataset_id, purpose
-- One row for each dataset and each purpose that some safeguard serves there: whether one of them serves it.
-- Of each kind of safeguard the nearest decides, so that a word about all records does not hide what is
-- known of one store. What only electronic records can have serves nothing on paper. A purpose that no
-- safeguard speaks of has no row.
--   holds       the purpose is served
--   bypassable  an administrator can get round every safeguard that serves it
--   locked_days the longest lock against deletion
WITH nearest AS (
  SELECT g.dataset_id, g.kind, min(g.distance) AS distance
  FROM reaching_safeguards g
  GROUP BY g.dataset_id, g.kind
),
deciding AS (
  SELECT g.*
  FROM reaching_safeguards g
  JOIN nearest n ON n.dataset_id = g.dataset_id AND n.kind = g.kind AND n.distance = g.distance
),
served AS (
  SELECT g.dataset_id, 'backup' AS purpose, g.in_place AS holds, g.bypassable, g.locked_days
  FROM deciding g WHERE g.kind = 'backup'
  UNION ALL
  SELECT g.dataset_id, 'recent_backup', g.in_place AND g.recent, g.bypassable, g.locked_days
  FROM deciding g WHERE g.kind = 'backup'
  UNION ALL
  SELECT g.dataset_id, 'restorable_backup', g.in_place AND g.recent AND g.restored, g.bypassable, g.locked_days
  FROM deciding g WHERE g.kind = 'backup'
  UNION ALL
  SELECT g.dataset_id, 'second_copy', g.in_place AND g.second_copy, g.bypassable, g.locked_days
  FROM deciding g WHERE g.kind = 'backup'
  UNION ALL
  SELECT g.dataset_id, 'destruction', g.in_place, g.bypassable, NULL
  FROM deciding g WHERE NOT g.on_paper AND g.kind = 'deletion_protection'
  UNION ALL
  SELECT g.dataset_id, 'destruction', g.in_place AND g.spans_floor, g.bypassable, g.locked_days
  FROM deciding g WHERE NOT g.on_paper AND g.kind = 'immutability'
  UNION ALL
  SELECT g.dataset_id, 'destruction', g.in_place, g.bypassable, NULL
  FROM deciding g WHERE g.on_paper AND g.kind IN ('locked_facility', 'locked_container')
  UNION ALL
  SELECT g.dataset_id, 'falsification', g.in_place, g.bypassable, g.locked_days
  FROM deciding g
  WHERE NOT g.on_paper AND g.kind IN ('electronic_signature', 'checksum', 'immutability')
  UNION ALL
  SELECT g.dataset_id, 'falsification', g.in_place AND NOT g.bypassable, g.bypassable, g.locked_days
  FROM deciding g WHERE g.kind = 'audit_log'
  UNION ALL
  SELECT g.dataset_id, 'access_control', g.in_place, g.bypassable, g.locked_days
  FROM deciding g WHERE g.kind = 'access_control'
  UNION ALL
  SELECT g.dataset_id, 'encryption', g.in_place, g.bypassable, g.locked_days
  FROM deciding g WHERE NOT g.on_paper AND g.kind = 'encryption'
  UNION ALL
  SELECT g.dataset_id, 'encryption_of_store', g.in_place, g.bypassable, g.locked_days
  FROM deciding g WHERE NOT g.on_paper AND g.kind = 'encryption' AND g.distance <= 2
  UNION ALL
  SELECT g.dataset_id, 'electronic_signature', g.in_place, g.bypassable, g.locked_days
  FROM deciding g WHERE NOT g.on_paper AND g.kind = 'electronic_signature'
  UNION ALL
  SELECT g.dataset_id, 'lock', g.in_place, g.bypassable, g.locked_days
  FROM deciding g WHERE g.kind IN ('locked_facility', 'locked_container')
)
SELECT
  v.dataset_id AS dataset_id,
  v.purpose AS purpose,
  any_true(v.holds) AS holds,
  all_true(NOT v.holds OR v.bypassable) AS bypassable,
  max(v.locked_days) AS locked_days
FROM served v
GROUP BY v.dataset_id, v.purpose
