-- base: records
-- not null: record_id, record_class, vital_status
-- One row a record: the record as in decedent_records, and how the dataset that holds it is protected.
SELECT
  r.*,
  l.unreadable AS store_unreadable,
  g.authorised AS grants_authorised
FROM decedent_records r
LEFT JOIN dataset_layers l ON l.dataset_id = r.dataset_id
LEFT JOIN dataset_grants g ON g.dataset_id = r.dataset_id
