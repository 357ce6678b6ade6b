-- not null: activity_id
-- One row for each registered activity and each contract that names its purpose: the days on which it does.
SELECT
  a.activity_id AS activity_id,
  t.root_id AS root_id,
  t.starts_on AS starts_on,
  t.ends_on AS ends_on,
  t.signed_at AS signed_at
FROM processing_activities a
JOIN contract_terms t ON has(t.services, a.purpose) OR has(t.permitted_purposes, a.purpose)
