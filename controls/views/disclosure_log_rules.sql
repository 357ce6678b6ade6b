-- base: disclosures
-- not null: disclosure_id, ehr_tpo, min_years
-- One row a disclosure: whether the rule for electronic health records reaches it (yes, no or open) and how
-- long its log is kept. Only a disclosure that is known to fall under that rule has its shorter minimum.
WITH answers AS (
  SELECT
    d.*,
    CASE
      WHEN d.via_ehr AND d.is_tpo THEN 'yes'
      WHEN NOT d.via_ehr OR NOT d.is_tpo THEN 'no'
      ELSE 'open'
    END AS ehr_tpo
  FROM disclosures d
),
periods AS (
  SELECT a.*, CASE WHEN a.ehr_tpo = 'yes' THEN $ehr_tpo_min_years ELSE $record_min_years END AS min_years
  FROM answers a
)
SELECT p.*, keep_until(day_of(p.occurred_at), p.min_years) AS keep_until
FROM periods p
