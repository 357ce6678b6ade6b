-- not null: record_id, dataset_id, created_at
-- One row for each record of a dataset and each opt-out of its person, or one row without an opt-out: who is on
-- a contact list, and whether the opt-out reaches contact about offerings. Without a purpose, or for all, it
-- reaches every purpose. One for some channels only leaves it open, since a flow does not state its channel.
SELECT
  r.record_id AS record_id,
  r.dataset_id AS dataset_id,
  r.subject_id AS subject_id,
  r.created_at AS created_at,
  r.disposed_at AS disposed_at,
  c.granted_at AS opted_out_at,
  c.withdrawn_at AS withdrawn_at,
  c.expires_at AS expires_at,
  CASE
    WHEN r.subject_id IS NULL THEN NULL
    WHEN c.consent_id IS NULL THEN FALSE
    WHEN NOT is_empty(c.purposes) AND NOT has(c.purposes, '*') AND NOT has_any(c.purposes, $contact_purposes)
      THEN FALSE
    WHEN is_empty(c.channels) OR has(c.channels, '*') THEN TRUE
  END AS opt_out_reaches
FROM records r
LEFT JOIN consents c ON c.subject_id = r.subject_id AND c.kind = 'opt_out'
WHERE r.dataset_id IS NOT NULL
