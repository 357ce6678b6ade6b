-- base: datasets
-- not null: dataset_id, record_class, ceiling, in_use
-- One row a dataset: whether its records are important, on what they are kept, and whether one measure alone
-- is enough. The four classes the clause names are always important; others are by class or by label.
--   important    NULL where the class does not say so and the dataset has no label
--   electronic   FALSE on paper
--   movable      paper, tape and other media that somebody can carry away; NULL where it is not known whose
--                hands the medium is in
--   any_suffices one of the five measures of the clause is in place and the profile asks for no more
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
  CASE WHEN $or7_measures = 'any_sufficient' THEN m.holds ELSE FALSE END AS any_suffices
FROM dataset_lifecycles d
LEFT JOIN resources r ON r.resource_id = d.resource_id
LEFT JOIN some_measure m ON m.dataset_id = d.dataset_id
