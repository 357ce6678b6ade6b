-- base: appointments
-- not null: appointment_id, role, effective_from, reached
-- One row a term of office: whether it falls into the time that has to be documented, and whether that time
-- is documented without a gap on either side of it. The time is the last six years, the day six years ago
-- included, and not the days before the first revision of the policy took effect on 12 May 2022.
--   titled    the office or its holder has a title
--   reached   the term has begun and does not lie wholly before that time
--   preceded  no day before it is left without a titled term
--   followed  no day after it, up to today, is left without one
WITH titles AS (
  SELECT
    a.*,
    i.copy_present AS instrument_on_file,
    CASE
      WHEN a.office_title IS NULL AND a.person_id IS NULL THEN FALSE
      WHEN a.office_title IS NULL THEN filled(p.title)
      WHEN a.person_id IS NULL THEN filled(a.office_title)
      ELSE filled(a.office_title) OR filled(p.title)
    END AS titled
  FROM appointments a
  LEFT JOIN persons p ON p.person_id = a.person_id
  LEFT JOIN documents i ON i.document_version_id = a.instrument_document_version_id
),
neighbours AS (
  SELECT
    t.appointment_id,
    any_true(
      o.titled
      AND o.effective_from < t.effective_from
      AND (o.effective_to IS NULL OR o.effective_to >= plus_days(t.effective_from, -1))
    ) AS earlier_term,
    any_true(
      o.titled
      AND o.effective_from <= plus_days(t.effective_to, 1)
      AND (o.effective_to IS NULL OR o.effective_to > t.effective_to)
    ) AS later_term
  FROM titles t
  JOIN titles o ON o.role = t.role
  GROUP BY t.appointment_id
)
SELECT
  t.*,
  CASE
    WHEN t.effective_from > $as_of_day THEN FALSE
    WHEN t.effective_to IS NULL OR t.effective_to >= $as_of_day THEN TRUE
    WHEN t.effective_to < DATE '2022-05-12' THEN FALSE
    ELSE keep_until(t.effective_to, $record_min_years) >= $as_of_day
  END AS reached,
  CASE
    WHEN t.effective_from <= DATE '2022-05-12' THEN TRUE
    WHEN keep_until(plus_days(t.effective_from, -1), $record_min_years) < $as_of_day THEN TRUE
    ELSE n.earlier_term
  END AS preceded,
  CASE
    WHEN t.effective_to IS NULL OR t.effective_to >= $as_of_day THEN TRUE
    ELSE n.later_term
  END AS followed
FROM titles t
LEFT JOIN neighbours n ON n.appointment_id = t.appointment_id
