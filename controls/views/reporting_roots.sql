-- One row: how many employees in service stand at the top of the reporting lines, with nobody above them.
-- More than one means that the chart does not say who leads the organisation.
SELECT count(*) AS roots
FROM persons p
WHERE p.employment_type = 'employee'
  AND p.status IN ('active', 'leave')
  AND p.manager_id IS NULL
  AND (p.is_top_management IS NULL OR p.is_top_management)
