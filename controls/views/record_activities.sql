-- not null: record_id, activities
-- One row for each record with a registered activity: whether one of its activities rests on consent, and
-- whether every such activity has a consent that covers the record or another basis that holds.
SELECT
    r.record_id AS record_id,
    count(*) AS activities,
    any_true(has(b.legal_bases, 'consent')) AS rests_on_consent,
    all_true(NOT has(b.legal_bases, 'consent') OR b.other_basis_holds OR k.covered) AS covered
FROM records r
JOIN dataset_activities x ON x.dataset_id = r.dataset_id
JOIN activity_bases b ON b.activity_id = x.activity_id
LEFT JOIN record_consents k ON k.record_id = r.record_id AND k.activity_id = x.activity_id
GROUP BY r.record_id
