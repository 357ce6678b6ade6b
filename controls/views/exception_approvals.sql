-- base: exceptions
-- not null: exception_id, resource_ids, in_force, concerns_protection, leaves_readable, either_suffices
-- One row an exception, with who decided on it, in which role on that day, and what is on file.
WITH authorisers AS (
  SELECT
    e.exception_id,
    any_true(
      not_before(day_of(e.authorized_at), a.effective_from)
      AND (a.effective_to IS NULL OR not_after(day_of(e.authorized_at), a.effective_to))
    ) AS in_role
  FROM exceptions e
  JOIN appointments a ON a.person_id = e.authorized_by AND has($authorising_roles, a.role)
  GROUP BY e.exception_id
),
approvers AS (
  SELECT
    e.exception_id,
    any_true(
      not_before(day_of(e.ciso_approved_at), a.effective_from)
      AND (a.effective_to IS NULL OR not_after(day_of(e.ciso_approved_at), a.effective_to))
    ) AS in_role
  FROM exceptions e
  JOIN appointments a ON a.person_id = e.ciso_approved_by AND a.role = 'ciso'
  GROUP BY e.exception_id
),
reviews AS (
  -- Until the first yearly review the approval itself is the last one.
  SELECT
    e.exception_id,
    CASE WHEN e.last_ciso_review_at IS NULL THEN e.ciso_approved_by ELSE e.last_ciso_review_by END AS reviewer,
    CASE
      WHEN e.last_ciso_review_at IS NULL THEN day_of(e.ciso_approved_at)
      ELSE day_of(e.last_ciso_review_at)
    END AS reviewed_on
  FROM exceptions e
),
reviewers AS (
  SELECT
    v.exception_id,
    any_true(
      not_before(v.reviewed_on, a.effective_from)
      AND (a.effective_to IS NULL OR not_after(v.reviewed_on, a.effective_to))
    ) AS in_role
  FROM reviews v
  JOIN appointments a ON a.person_id = v.reviewer AND a.role = 'ciso'
  GROUP BY v.exception_id
),
facts AS (
  SELECT
    e.*,
    e.status = 'approved'
      AND not_before($as_of_day, e.valid_from)
      AND (e.valid_to IS NULL OR not_after($as_of_day, e.valid_to)) AS in_force,
    has_any(e.clause_ids, ['DP-3.1', 'DP-3.3', 'DP-3.4', 'DP-3.5', 'DP-3.6', 'DP-3.7', 'DP-3.8', 'DP-3.9',
                           'DP-3.10', 'DP-3.11']) AS concerns_protection,
    -- An exception from these clauses leaves information without accepted encryption.
    has_any(e.clause_ids, ['DP-3.1', 'DP-3.3', 'DP-3.10']) AS leaves_readable,
    $encryption_exception_logic = 'literal_or' AS either_suffices,
    m.copy_present AS memo_kept,
    -- Nobody with the role is a known no; a decision without person or day is not decided.
    CASE WHEN e.authorized_by IS NOT NULL AND e.authorized_at IS NOT NULL
      THEN CASE WHEN u.exception_id IS NULL THEN false ELSE u.in_role END
    END AS authorised_in_role,
    CASE WHEN e.ciso_approved_by IS NOT NULL AND e.ciso_approved_at IS NOT NULL
      THEN CASE WHEN p.exception_id IS NULL THEN false ELSE p.in_role END
    END AS approved_by_ciso,
    CASE WHEN v.reviewer IS NOT NULL AND v.reviewed_on IS NOT NULL
      THEN CASE WHEN w.exception_id IS NULL THEN false ELSE w.in_role END
    END AS reviewed_by_ciso,
    v.reviewed_on AS reviewed_on,
    due_by(v.reviewed_on, $ciso_review_years) AS review_due,
    days_between($as_of_day, due_by(v.reviewed_on, $ciso_review_years)) AS review_days_left,
    filled(e.rationale) AS reason_given,
    NOT is_empty(e.compensating_controls) AS control_named,
    -- A word that is in no list may mean anything, and leaves it open.
    CASE
      WHEN is_empty(e.compensating_controls) THEN TRUE
      WHEN has_any(e.compensating_controls, $compensating_kinds) THEN TRUE
      WHEN subset_of(e.compensating_controls, $circular_kinds) THEN FALSE
    END AS control_differs
  FROM exceptions e
  LEFT JOIN documents m ON m.document_version_id = e.document_version_id
  LEFT JOIN authorisers u ON u.exception_id = e.exception_id
  LEFT JOIN approvers p ON p.exception_id = e.exception_id
  LEFT JOIN reviews v ON v.exception_id = e.exception_id
  LEFT JOIN reviewers w ON w.exception_id = e.exception_id
)
SELECT
  f.*,
  f.either_suffices AND f.reason_given AND f.memo_kept AS reason_suffices,
  f.either_suffices AND f.control_named AND f.control_differs AND f.approved_by_ciso
    AND not_after($as_of_day, f.review_due) AND f.reviewed_by_ciso AS control_suffices
FROM facts f
