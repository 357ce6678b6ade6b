-- not null: record_id, hold_id
-- One row for each record and each legal hold that reaches it. `reached` is NULL where the hold is on a
-- client, a person or a dataset and the record of such a class names none; that is so of many records, and only
-- those that are gone are listed with it, because what they need to know depends on the day on which they went.
SELECT r.record_id AS record_id, r.disposed_at AS disposed_at, h.hold_id AS hold_id, TRUE AS reached,
       h.issued_at AS issued_at, h.released_at AS released_at
FROM records r
JOIN legal_holds h ON h.scope_value = r.record_id
WHERE h.scope_kind = 'record'
UNION ALL
SELECT r.record_id, r.disposed_at, h.hold_id, TRUE, h.issued_at, h.released_at
FROM records r
JOIN legal_holds h ON h.scope_value = r.record_class
WHERE h.scope_kind = 'record_class'
UNION ALL
SELECT r.record_id, r.disposed_at, h.hold_id, TRUE, h.issued_at, h.released_at
FROM records r
LEFT JOIN datasets d ON d.dataset_id = r.dataset_id
JOIN legal_holds h ON h.scope_value = coalesce(r.client_party_id, d.client_party_id)
WHERE h.scope_kind = 'client'
UNION ALL
SELECT r.record_id, r.disposed_at, h.hold_id, TRUE, h.issued_at, h.released_at
FROM records r
JOIN legal_holds h ON h.scope_value = r.subject_id
WHERE h.scope_kind = 'subject'
UNION ALL
SELECT r.record_id, r.disposed_at, h.hold_id, TRUE, h.issued_at, h.released_at
FROM records r
JOIN legal_holds h ON h.scope_value = r.dataset_id
WHERE h.scope_kind = 'dataset'
UNION ALL
SELECT r.record_id, r.disposed_at, h.hold_id, NULL, h.issued_at, h.released_at
FROM records r
JOIN record_class_rules c ON c.record_class = r.record_class
LEFT JOIN datasets d ON d.dataset_id = r.dataset_id
CROSS JOIN legal_holds h
WHERE h.scope_kind = 'client' AND r.disposed_at IS NOT NULL
  AND c.of_clients AND r.client_party_id IS NULL AND d.client_party_id IS NULL
UNION ALL
SELECT r.record_id, r.disposed_at, h.hold_id, NULL, h.issued_at, h.released_at
FROM records r
JOIN record_class_rules c ON c.record_class = r.record_class
CROSS JOIN legal_holds h
WHERE h.scope_kind = 'subject' AND r.disposed_at IS NOT NULL AND c.of_people AND r.subject_id IS NULL
UNION ALL
SELECT r.record_id, r.disposed_at, h.hold_id, NULL, h.issued_at, h.released_at
FROM records r
JOIN record_class_rules c ON c.record_class = r.record_class
CROSS JOIN legal_holds h
WHERE h.scope_kind = 'dataset' AND r.disposed_at IS NOT NULL AND c.ceiling <> 'none' AND r.dataset_id IS NULL
