-- base: documents
-- not null: document_version_id, document_id, doc_type
-- One row a document version: as in kept_documents, whether it was ever issued, and whether the version
-- before it is accounted for.
--   issued             it was published, or its effect has begun
--   predecessor_known  TRUE where it is the first version, where the version before it needs no longer be
--                      kept, or where that version is in the register; NULL otherwise, and never FALSE: a
--                      hole in the numbering is a suspicion and no proof
-- Versions are counted where their labels are single letters or numbers below 100. Other labels say nothing
-- of an order; there the effect of some version has to end on the day on which this one begins, or on the
-- day before it.
WITH numbered AS (
  SELECT
    d.*,
    CASE d.version_label
      WHEN 'A' THEN 1 WHEN 'B' THEN 2 WHEN 'C' THEN 3 WHEN 'D' THEN 4 WHEN 'E' THEN 5 WHEN 'F' THEN 6
      WHEN 'G' THEN 7 WHEN 'H' THEN 8 WHEN 'I' THEN 9 WHEN 'J' THEN 10 WHEN 'K' THEN 11 WHEN 'L' THEN 12
      WHEN 'M' THEN 13 WHEN 'N' THEN 14 WHEN 'O' THEN 15 WHEN 'P' THEN 16 WHEN 'Q' THEN 17 WHEN 'R' THEN 18
      WHEN 'S' THEN 19 WHEN 'T' THEN 20 WHEN 'U' THEN 21 WHEN 'V' THEN 22 WHEN 'W' THEN 23 WHEN 'X' THEN 24
      WHEN 'Y' THEN 25 WHEN 'Z' THEN 26
    END AS letter,
    CASE
      WHEN full_match(d.version_label, '\d') THEN 0
      WHEN full_match(d.version_label, '1\d') THEN 1
      WHEN full_match(d.version_label, '2\d') THEN 2
      WHEN full_match(d.version_label, '3\d') THEN 3
      WHEN full_match(d.version_label, '4\d') THEN 4
      WHEN full_match(d.version_label, '5\d') THEN 5
      WHEN full_match(d.version_label, '6\d') THEN 6
      WHEN full_match(d.version_label, '7\d') THEN 7
      WHEN full_match(d.version_label, '8\d') THEN 8
      WHEN full_match(d.version_label, '9\d') THEN 9
    END AS tens,
    CASE
      WHEN full_match(d.version_label, '\d?0') THEN 0
      WHEN full_match(d.version_label, '\d?1') THEN 1
      WHEN full_match(d.version_label, '\d?2') THEN 2
      WHEN full_match(d.version_label, '\d?3') THEN 3
      WHEN full_match(d.version_label, '\d?4') THEN 4
      WHEN full_match(d.version_label, '\d?5') THEN 5
      WHEN full_match(d.version_label, '\d?6') THEN 6
      WHEN full_match(d.version_label, '\d?7') THEN 7
      WHEN full_match(d.version_label, '\d?8') THEN 8
      WHEN full_match(d.version_label, '\d?9') THEN 9
    END AS ones
  FROM kept_documents d
),
ordered AS (
  SELECT n.*, coalesce(n.letter, 10 * n.tens + n.ones) AS place, n.letter IS NOT NULL AS lettered FROM numbered n
),
neighbours AS (
  SELECT
    o.document_version_id,
    any_true(p.place = o.place - 1 AND p.lettered = o.lettered) AS counted,
    any_true(p.effective_to = o.effective_from OR plus_days(p.effective_to, 1) = o.effective_from) AS adjoins
  FROM ordered o
  JOIN ordered p ON p.document_id = o.document_id
  GROUP BY o.document_version_id
)
SELECT
  o.*,
  CASE
    WHEN o.published_at IS NOT NULL THEN TRUE
    WHEN o.effective_from IS NULL THEN o.is_in_effect
    ELSE o.effective_from <= $as_of_day OR o.is_in_effect
  END AS issued,
  CASE
    WHEN o.place <= 1 THEN TRUE
    WHEN $as_of_day >= keep_until(o.effective_from, $record_min_years) THEN TRUE
    WHEN o.place IS NOT NULL AND n.counted THEN TRUE
    WHEN o.place IS NULL AND n.adjoins THEN TRUE
  END AS predecessor_known
FROM ordered o
LEFT JOIN neighbours n ON n.document_version_id = o.document_version_id
