-- base: notice_acknowledgments
-- not null: ack_id, notice_version_id, subject_id, outcome
-- One row for each notice handed to a person: whether the six years from that day are over, and whether it
-- was a notice at all.
SELECT
  a.*,
  d.doc_type = 'notice' AS of_a_notice,
  keep_until(day_of(a.at), $record_min_years) AS keep_until,
  $as_of_day >= keep_until(day_of(a.at), $record_min_years) AS minimum_over
FROM notice_acknowledgments a
LEFT JOIN documents d ON d.document_version_id = a.notice_version_id
