-- base: resources
-- not null: resource_id, kind, hosting, in_use
-- One row a resource: whether it holds covered information, and whether somebody can say where it is. A machine
-- that is carried about is where the person is to whom it was given.
WITH contents AS (
    SELECT d.resource_id AS resource_id, any_true(d.is_covered_information) AS holds_covered
    FROM datasets d
    GROUP BY d.resource_id
)
SELECT
    r.*,
    NOT (r.decommissioned_at IS NOT NULL AND r.disposal_id IS NOT NULL) AS in_use,
    c.holds_covered AS holds_covered,
    filled(r.location_id)
        AND CASE
            WHEN r.assigned_person_id IS NOT NULL THEN TRUE
            WHEN r.hosting IN ('cloud', 'on_prem', 'third_party') THEN TRUE
        END AS is_located
FROM resources r
LEFT JOIN contents c ON c.resource_id = r.resource_id
