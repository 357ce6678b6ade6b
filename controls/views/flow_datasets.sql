-- base: data_flows
-- not null: flow_id, kind
-- One row a flow of data: whether a registered activity stands behind it. A flow that names no activity is
-- decided by its dataset: with no activity at all it is unregistered, with some it is not known which.
SELECT
    f.*,
    CASE
        WHEN f.activity_id IS NOT NULL THEN TRUE
        WHEN is_empty(d.activity_ids) THEN FALSE
    END AS registered
FROM data_flows f
LEFT JOIN datasets d ON d.dataset_id = f.dataset_id
