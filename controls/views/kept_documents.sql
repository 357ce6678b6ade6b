-- base: documents
-- not null: document_version_id, doc_type
-- One row a document version: whether its minimum period is over. It runs from the later of creation and
-- the last day in effect. A version that was never in effect counts from its creation.
WITH periods AS (
  SELECT
    d.*,
    CASE
      WHEN d.effective_to IS NULL THEN keep_until(day_of(d.created_at), $record_min_years)
      ELSE keep_until(latest(day_of(d.created_at), d.effective_to), $record_min_years)
    END AS keep_until
  FROM documents d
)
SELECT
  p.*,
  CASE
    WHEN p.is_in_effect THEN FALSE
    WHEN $as_of_day < p.keep_until THEN FALSE
    WHEN NOT p.is_in_effect
      AND (p.effective_to IS NOT NULL OR p.effective_from IS NULL)
      AND $as_of_day >= p.keep_until THEN TRUE
  END AS minimum_over,
  plus_days(day_of(p.copy_verified_at), $copy_check_days) >= $as_of_day AS copy_checked
FROM periods p
