-- base: persons
-- not null: person_id, employment_type, status, start_date
-- One row a person: whether a completed training on each topic is recent, and newer than the policy.
--   new_hire       the days a new hire has for the first training are not used up
-- A completion without a day proves nothing of its day. Whoever no training names is left open.
WITH revision AS (
  SELECT
    max(d.effective_from) AS effective_from,
    -- A version of which nobody knows whether, or since when, it is in effect may be the current one.
    CASE WHEN all_true(d.is_in_effect AND d.effective_from IS NOT NULL) THEN max(d.effective_from) <= $as_of_day END
      AS dated
  FROM documents d
  WHERE d.document_id = $policy_document_id AND (d.is_in_effect IS NULL OR d.is_in_effect)
),
done AS (
  SELECT
    t.person_id AS person_id,
    t.topics AS topics,
    CASE WHEN t.status = 'completed' THEN TRUE WHEN t.status <> 'unknown' THEN FALSE END AS completed,
    t.expires_at IS NULL OR not_before(t.expires_at, $as_of) AS still_counts,
    CASE
      WHEN t.completed_at IS NULL THEN NULL
      WHEN $training_max_age_days = 0 THEN TRUE
      ELSE plus_days(day_of(t.completed_at), $training_max_age_days) >= $as_of_day
    END AS recent,
    CASE WHEN r.dated THEN day_of(t.completed_at) >= r.effective_from END AS on_revision
  FROM training_records t
  CROSS JOIN revision r
),
per_person AS (
  SELECT
    d.person_id AS person_id,
    any_true(has(d.topics, 'security') AND d.completed AND d.still_counts AND d.recent) AS security,
    any_true(has(d.topics, 'privacy') AND d.completed AND d.still_counts AND d.recent) AS privacy,
    any_true(has(d.topics, 'security') AND d.completed AND d.still_counts AND d.on_revision) AS security_revision,
    any_true(has(d.topics, 'privacy') AND d.completed AND d.still_counts AND d.on_revision) AS privacy_revision
  FROM done d
  GROUP BY d.person_id
)
SELECT
  p.*,
  CASE
    WHEN p.employment_type = 'employee' THEN TRUE
    ELSE $workforce_includes_contractors AND p.employment_type IN ('contractor', 'temp')
  END AS in_workforce,
  p.status IN ('active', 'leave') AS in_service,
  -- Whoever is in service before the first day is entered wrongly, and has no days of grace.
  CASE
    WHEN p.start_date <= $as_of_day THEN plus_days(p.start_date, $new_hire_grace_days) >= $as_of_day
  END AS new_hire,
  t.security AS security,
  t.privacy AS privacy,
  CASE WHEN r.dated THEN plus_days(r.effective_from, $revision_grace_days) >= $as_of_day END
    OR (t.security_revision AND t.privacy_revision) AS on_revision
FROM persons p
LEFT JOIN per_person t ON t.person_id = p.person_id
CROSS JOIN revision r
