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
WITH measures AS (
  -- One row for each dataset and purpose comes in, so that bool_or picks a value and forgets no NULL.
  SELECT
    m.dataset_id,
    bool_or(CASE WHEN m.purpose = 'backup' THEN m.holds END) AS backed_up,
    bool_or(CASE WHEN m.purpose = 'recent_backup' THEN m.holds END) AS backup_recent,
    bool_or(CASE WHEN m.purpose = 'restorable_backup' THEN m.holds END) AS backup_restorable,
    bool_or(CASE WHEN m.purpose = 'second_copy' THEN m.holds END) AS second_copy,
    bool_or(CASE WHEN m.purpose = 'destruction' THEN m.holds END) AS kept_from_deletion,
    bool_or(CASE WHEN m.purpose = 'destruction' THEN m.bypassable END) AS lock_bypassable,
    max(CASE WHEN m.purpose = 'destruction' THEN m.locked_days END) AS longest_lock_days,
    bool_or(CASE WHEN m.purpose = 'access_control' THEN m.holds END) AS access_controlled,
    bool_or(CASE WHEN m.purpose = 'lock' THEN m.holds END) AS locked_up
  FROM dataset_measures m
  GROUP BY m.dataset_id
),
some_measure AS (
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
  p.backed_up AS backed_up,
  p.backup_recent AS backup_recent,
  p.backup_restorable AS backup_restorable,
  p.second_copy AS second_copy,
  p.kept_from_deletion AS kept_from_deletion,
  p.lock_bypassable AS lock_bypassable,
  p.longest_lock_days AS longest_lock_days,
  p.access_controlled AS access_controlled,
  p.locked_up AS locked_up,
  CASE WHEN $or7_measures = 'any_sufficient' THEN m.holds ELSE FALSE END AS any_suffices
FROM dataset_lifecycles d
LEFT JOIN resources r ON r.resource_id = d.resource_id
LEFT JOIN measures p ON p.dataset_id = d.dataset_id
LEFT JOIN some_measure m ON m.dataset_id = d.dataset_id
