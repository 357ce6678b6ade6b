-- not null: msa_id, party_id
-- One row for each Master Service Agreement: the retention days it and its amendments agree.
--   agreed_max_days, agreed_min_days   of the newest clause that counts; NULL: none is agreed
--   open_max_low, open_max_high, open_min_days, open_min_low, strict_min_days
--       of newer clauses of which it is not known whether they count. One without a day of signature never
--       lets data stay longer, but it may shorten the stay or forbid a disposal.
-- An amendment that does not say what it amends may amend every agreement of its client.
WITH attached AS (
  SELECT c.*, c.msa_id AS family_id
  FROM msa_clauses c
  WHERE c.msa_id IS NOT NULL AND c.states_period
  UNION ALL
  SELECT c.*, m.contract_id AS family_id
  FROM msa_clauses c
  JOIN contracts m ON m.party_id = c.party_id
  WHERE c.msa_id IS NULL AND c.in_msa IS NULL AND c.states_period AND m.contract_type = 'MSA'
),
ranked AS (
  SELECT
    c.*,
    row_number() OVER (PARTITION BY c.family_id ORDER BY c.effective_from DESC, c.contract_id DESC) AS place
  FROM attached c
  WHERE c.may_lengthen
),
newest AS (
  SELECT c.family_id, c.effective_from, c.retention_max_days, c.retention_min_days
  FROM ranked c
  WHERE c.place = 1
),
undecided AS (
  SELECT
    c.family_id,
    min(coalesce(c.retention_max_days, $default_retention_days)) AS open_max_low,
    max(CASE WHEN c.may_lengthen IS NULL THEN c.retention_max_days END) AS open_max_high,
    max(CASE WHEN c.may_lengthen IS NULL THEN c.retention_min_days END) AS open_min_days,
    min(CASE WHEN c.may_lengthen IS NULL THEN coalesce(c.retention_min_days, 0) END) AS open_min_low,
    max(c.retention_min_days) AS strict_min_days
  FROM attached c
  LEFT JOIN newest n ON n.family_id = c.family_id
  WHERE (c.may_lengthen IS NULL OR c.may_shorten IS NULL)
    AND (n.family_id IS NULL OR c.effective_from >= n.effective_from)
  GROUP BY c.family_id
)
SELECT
  m.contract_id AS msa_id,
  m.party_id AS party_id,
  n.retention_max_days AS agreed_max_days,
  n.retention_min_days AS agreed_min_days,
  u.open_max_low AS open_max_low,
  u.open_max_high AS open_max_high,
  u.open_min_days AS open_min_days,
  u.open_min_low AS open_min_low,
  u.strict_min_days AS strict_min_days
FROM contracts m
LEFT JOIN newest n ON n.family_id = m.contract_id
LEFT JOIN undecided u ON u.family_id = m.contract_id
WHERE m.contract_type = 'MSA'
