-- not null: dataset_id
-- One row for each dataset of which it is known whether its records are signed: electronically, or in ink as
-- a document in effect attests for their class. Such a document has the topic wet_ink_signature, was
-- approved, and loses its force when it is not reviewed.
WITH proofs AS (
  SELECT m.dataset_id, m.holds FROM dataset_measures m WHERE m.purpose = 'electronic_signature'
  UNION ALL
  SELECT
    d.dataset_id,
    w.is_in_effect
      AND (w.effective_from IS NULL OR not_after(w.effective_from, $as_of_day))
      AND (w.effective_to IS NULL OR not_before(w.effective_to, $as_of_day))
      AND w.approved_at IS NOT NULL
      AND CASE WHEN plus_days(day_of(w.reviewed_at), $attestation_days) >= $as_of_day THEN TRUE END
  FROM datasets d
  JOIN documents w ON has(w.topics, 'wet_ink_signature') AND (w.scope = 'all' OR w.scope = d.record_class)
)
SELECT p.dataset_id AS dataset_id, any_true(p.holds) AS holds
FROM proofs p
GROUP BY p.dataset_id
