-- base: datasets
-- not null: dataset_id
-- One row a dataset: what shows that it is no more than what is needed. A namesake for the same client is a
-- copy, and a copy without a stated need has none. A list of fields with nothing in it lists nothing. A record
-- of which it is not known how long it may stay leaves the dataset open.
WITH registered AS (
    SELECT x.dataset_id AS dataset_id, count(*) AS activities
    FROM dataset_activities x
    GROUP BY x.dataset_id
),
copies AS (
    SELECT d.dataset_id AS dataset_id, count(*) AS namesakes
    FROM datasets d
    JOIN datasets o ON lower(o.name) = lower(d.name) AND o.dataset_id <> d.dataset_id
        AND (o.client_party_id = d.client_party_id OR (o.client_party_id IS NULL AND d.client_party_id IS NULL))
    GROUP BY d.dataset_id
),
held AS (
    SELECT
        r.dataset_id AS dataset_id,
        all_true(CASE WHEN r.retention_state <> 'UNKNOWN' THEN r.retention_state <> 'MUST_DISPOSE' END) AS in_time
    FROM retained_records r
    WHERE r.dataset_id IS NOT NULL
    GROUP BY r.dataset_id
)
SELECT
    d.*,
    CASE
        WHEN is_empty(d.activity_ids) THEN FALSE
        WHEN g.activities = size(d.activity_ids) THEN TRUE
    END AS serves_activities,
    CASE
        WHEN d.necessity_rationale IS NULL AND c.dataset_id IS NOT NULL THEN FALSE
        ELSE filled(d.necessity_rationale)
    END AS need_stated,
    CASE WHEN NOT is_empty(d.fields_held) THEN subset_of(d.fields_held, d.fields_needed) END AS fields_needed_only,
    CASE
        WHEN $doc_review_days = 0 THEN TRUE
        ELSE plus_days(day_of(d.minimization_reviewed_at), $doc_review_days) >= $as_of_day
    END AS need_reviewed,
    CASE WHEN h.dataset_id IS NULL THEN TRUE ELSE h.in_time END AS nothing_overdue
FROM datasets d
LEFT JOIN registered g ON g.dataset_id = d.dataset_id
LEFT JOIN copies c ON c.dataset_id = d.dataset_id
LEFT JOIN held h ON h.dataset_id = d.dataset_id
