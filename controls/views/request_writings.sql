-- base: subject_requests
-- not null: request_id, subject_id, type
-- One row a request: whether it was granted, the writing that has to be kept about it, and whether the six
-- years of that writing are over. A restriction is kept from the later of its writing and its own last day;
-- an accounting from the day on which it was given.
--   granted       the restriction was agreed, or the accounting given, in full or in part
--   minimum_over  FALSE also while no day can be named, as long as six years from the request are not over
WITH writings AS (
  SELECT
    q.*,
    CASE
      WHEN q.type = 'restriction' THEN q.writing_document_version_id
      WHEN q.type = 'accounting' THEN q.response_document_version_id
    END AS kept_version_id
  FROM subject_requests q
),
periods AS (
  SELECT
    w.*,
    w.outcome IN ('fulfilled', 'partially') AS granted,
    d.doc_type AS writing_type,
    d.copy_present AS writing_present,
    plus_days(day_of(d.copy_verified_at), $copy_check_days) >= $as_of_day AS writing_checked,
    w.type = 'restriction' AND d.is_in_effect AS still_in_effect,
    CASE
      WHEN w.type = 'accounting' THEN keep_until(day_of(w.completed_at), $record_min_years)
      WHEN d.created_at IS NULL THEN keep_until(w.effective_to, $record_min_years)
      ELSE keep_until(latest(day_of(d.created_at), w.effective_to), $record_min_years)
    END AS keep_until
  FROM writings w
  LEFT JOIN documents d ON d.document_version_id = w.kept_version_id
)
SELECT
  p.*,
  CASE
    WHEN p.still_in_effect THEN FALSE
    WHEN $as_of_day < keep_until(day_of(p.received_at), $record_min_years) THEN FALSE
    ELSE $as_of_day >= p.keep_until
  END AS minimum_over
FROM periods p
