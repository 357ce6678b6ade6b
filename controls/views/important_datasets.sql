-- base: datasets
-- not null: dataset_id, record_class, ceiling, in_use
-- One row a dataset: whether its records are important, on what they are kept, and which measures guard them.
-- The four classes the clause names are always important; others are by class or by label. A measure of
-- which no safeguard speaks is NULL.
--   important     NULL where the class does not say so and the dataset has no label
--   electronic    FALSE on paper
--   movable       paper, tape and other media that somebody can carry away; NULL where it is not known whose
--                 hands the medium is in
--   any_suffices  one of the five measures of the clause is in place and the profile asks for no more
--   lock_bypassable, longest_lock_days   of what keeps the records from being deleted
WITH some_measure AS (
  SELECT m.dataset_id, any_true(m.holds) AS holds
  FROM dataset_measures m
  WHERE m.purpose IN ('access_control', 'encryption', 'backup', 'electronic_signature', 'lock')
  GROUP BY m.dataset_id
)
SELECT
  d.*,
  r.kind AS store_kind,
  d.record_class IN ('contract', 'personnel', 'financial', 'client_customer')
    OR has($further_important_classes, d.record_class)
    OR has($important_labels, lower(d.classification)) AS important,
  NOT (r.decommissioned_at IS NOT NULL AND r.disposal_id IS NOT NULL) AS in_use,
  r.kind <> 'paper_store' AS electronic,
  CASE
    WHEN r.kind = 'paper_store' THEN TRUE
    WHEN r.kind NOT IN ('portable_media', 'backup_media') THEN FALSE
    WHEN r.hosting = 'cloud' THEN FALSE
    WHEN r.hosting <> 'unknown' THEN TRUE
  END AS movable,
  backup.holds AS backed_up,
  recent.holds AS backup_recent,
  restorable.holds AS backup_restorable,
  copied.holds AS second_copy,
  kept.holds AS kept_from_deletion,
  kept.bypassable AS lock_bypassable,
  kept.locked_days AS longest_lock_days,
  access.holds AS access_controlled,
  locked.holds AS locked_up,
  CASE WHEN $or7_measures = 'any_sufficient' THEN m.holds ELSE FALSE END AS any_suffices
FROM dataset_lifecycles d
LEFT JOIN resources r ON r.resource_id = d.resource_id
-- One row for each dataset and purpose, so that no join makes a dataset more.
LEFT JOIN dataset_measures backup ON backup.dataset_id = d.dataset_id AND backup.purpose = 'backup'
LEFT JOIN dataset_measures recent ON recent.dataset_id = d.dataset_id AND recent.purpose = 'recent_backup'
LEFT JOIN dataset_measures restorable
  ON restorable.dataset_id = d.dataset_id AND restorable.purpose = 'restorable_backup'
LEFT JOIN dataset_measures copied ON copied.dataset_id = d.dataset_id AND copied.purpose = 'second_copy'
LEFT JOIN dataset_measures kept ON kept.dataset_id = d.dataset_id AND kept.purpose = 'destruction'
LEFT JOIN dataset_measures access ON access.dataset_id = d.dataset_id AND access.purpose = 'access_control'
LEFT JOIN dataset_measures locked ON locked.dataset_id = d.dataset_id AND locked.purpose = 'lock'
LEFT JOIN some_measure m ON m.dataset_id = d.dataset_id
