-- base: subjects
-- not null: subject_id, deletion_recorded
-- One row a person: by when their data is to be deleted once they were found too young, whether that was done,
-- and whether each record of them, copies in backups included, was disposed of by then in a way that suits its
-- medium. Records that are gone stay in the register of records; a person without any row there has no deletion that can be seen. While a legal hold reaches the
-- person, what is not deleted stays open until counsel decides.
WITH disposed AS (
    SELECT r.record_id AS record_id, any_true(d.method_suits) AS unrecoverable
    FROM records r
    JOIN judged_disposals d ON d.disposal_id = r.disposal_id
        OR (d.target_kind = 'record' AND d.target_id = r.record_id)
        OR (d.target_kind = 'dataset' AND d.target_id = r.dataset_id)
    GROUP BY r.record_id
),
direct_holds AS (
    SELECT
        s.subject_id AS subject_id,
        any_true(not_after(h.issued_at, $as_of) AND (h.released_at IS NULL OR after(h.released_at, $as_of))) AS held
    FROM subjects s
    JOIN legal_holds h ON h.scope_kind = 'subject' AND h.scope_value = s.subject_id
    GROUP BY s.subject_id
),
copies AS (
    SELECT
        s.subject_id AS subject_id,
        any_true(CASE WHEN h.record_id IS NULL THEN FALSE ELSE h.held_now END) AS held,
        all_true(r.disposed_at IS NOT NULL
            AND CASE WHEN d.record_id IS NULL THEN FALSE ELSE d.unrecoverable END
            AND day_of(r.disposed_at) <= plus_days(day_of(s.age_learned_at), $under13_delete_days)) AS gone
    FROM subjects s
    JOIN records r ON r.subject_id = s.subject_id
    LEFT JOIN record_hold_states h ON h.record_id = r.record_id
    LEFT JOIN disposed d ON d.record_id = r.record_id
    GROUP BY s.subject_id
),
facts AS (
    SELECT
        a.*,
        plus_days(day_of(a.age_learned_at), $under13_delete_days) AS delete_by,
        CASE WHEN h.subject_id IS NULL THEN FALSE ELSE h.held END
            OR CASE WHEN c.subject_id IS NULL THEN FALSE ELSE c.held END AS held,
        c.gone AS gone
    FROM subject_ages a
    LEFT JOIN direct_holds h ON h.subject_id = a.subject_id
    LEFT JOIN copies c ON c.subject_id = a.subject_id
)
SELECT
    f.*,
    f.data_deleted_at IS NOT NULL AS deletion_recorded,
    CASE
        WHEN day_of(f.data_deleted_at) <= f.delete_by THEN TRUE
        WHEN NOT f.held THEN coalesce(day_of(f.data_deleted_at), $as_of_day) <= f.delete_by
    END AS deleted_in_time,
    CASE
        WHEN f.data_deleted_at IS NULL THEN TRUE
        WHEN f.gone THEN TRUE
        WHEN NOT f.held THEN f.gone
    END AS copies_gone
FROM facts f
