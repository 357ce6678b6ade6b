-- not null: record_id, hold_id
-- One row for each record and each legal hold that reaches it. `reached` is NULL where the hold is on a
-- client, a person or a dataset and the record of such a class names none.
SELECT r.record_id AS record_id, h.hold_id AS hold_id, TRUE AS reached, h.issued_at AS issued_at, h.released_at AS released_at
FROM records r
JOIN legal_holds h ON h.scope_value = r.record_id
WHERE h.scope_kind = 'record'
UNION ALL
SELECT r.record_id, h.hold_id, TRUE, h.issued_at, h.released_at
FROM records r
JOIN legal_holds h ON h.scope_value = r.record_class
WHERE h.scope_kind = 'record_class'
UNION ALL
SELECT r.record_id, h.hold_id, TRUE, h.issued_at, h.released_at
FROM kept_records r
JOIN legal_holds h ON h.scope_value = coalesce(r.client_party_id, r.dataset_client_id)
WHERE h.scope_kind = 'client'
UNION ALL
SELECT r.record_id, h.hold_id, TRUE, h.issued_at, h.released_at
FROM records r
JOIN legal_holds h ON h.scope_value = r.subject_id
WHERE h.scope_kind = 'subject'
UNION ALL
SELECT r.record_id, h.hold_id, TRUE, h.issued_at, h.released_at
FROM records r
JOIN legal_holds h ON h.scope_value = r.dataset_id
WHERE h.scope_kind = 'dataset'
UNION ALL
SELECT r.record_id, h.hold_id, NULL, h.issued_at, h.released_at
FROM kept_records r
JOIN legal_holds h
  ON (h.scope_kind = 'client' AND r.of_clients AND r.client_party_id IS NULL AND r.dataset_client_id IS NULL)
  OR (h.scope_kind = 'subject' AND r.of_people AND r.subject_id IS NULL)
  OR (h.scope_kind = 'dataset' AND r.ceiling <> 'none' AND r.dataset_id IS NULL)
