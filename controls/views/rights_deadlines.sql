-- not null: jurisdiction, type, months, days, extended_months, extended_days
-- One row for each kind of request under each law: when it has to be answered, counted from its receipt, and
-- by when at the latest after an extension. Exactly one of months and days is above nought. Counsel owns this
-- table; a law or a kind that it does not name leaves the request open. INT-51 says which periods are the law's
-- and which are the organisation's own, because the law sets none.
WITH kinds AS (
  SELECT 'access' AS type, 30 AS days, 60 AS extended_days
  UNION ALL SELECT 'rectification', 60, 90
  UNION ALL SELECT 'accounting', 60, 90
  UNION ALL SELECT 'portability', 30, 60
  -- HIPAA sets no period for these; the days are the organisation's own, and cannot be extended.
  UNION ALL SELECT 'restriction', 30, 30
  UNION ALL SELECT 'erasure', 30, 30
  UNION ALL SELECT 'objection', 30, 30
  UNION ALL SELECT 'adm_review', 30, 30
  UNION ALL SELECT 'consent_withdrawal', 30, 30
  UNION ALL SELECT 'information', 30, 30
)
SELECT 'hipaa' AS jurisdiction, k.type AS type, 0 AS months, k.days AS days, 0 AS extended_months,
       k.extended_days AS extended_days
FROM kinds k
UNION ALL
-- One month, and two more; a withdrawal of consent is carried out within the month and cannot be extended.
SELECT 'gdpr', k.type, 1, 0, CASE WHEN k.type = 'consent_withdrawal' THEN 1 ELSE 3 END, 0
FROM kinds k
