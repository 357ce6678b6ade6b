-- not null: topic, theme
-- One row for each thing a person is told when data is collected: whether a notice in effect tells it. Where no
-- notice at all is in effect, none is told.
WITH topics AS (
  SELECT 'controller' AS topic, 'who' AS theme
  UNION ALL SELECT 'privacy_officer', 'who'
  UNION ALL SELECT 'purposes', 'why'
  UNION ALL SELECT 'legal_basis', 'why'
  UNION ALL SELECT 'recipients', 'where_to'
  UNION ALL SELECT 'transfers', 'where_to'
  UNION ALL SELECT 'retention', 'how_long'
  UNION ALL SELECT 'rights', 'rights'
  UNION ALL SELECT 'consent_withdrawal', 'rights'
  UNION ALL SELECT 'complaint', 'rights'
  UNION ALL SELECT 'obligation', 'consequences'
  UNION ALL SELECT 'automated_decisions', 'consequences'
)
SELECT
  t.topic AS topic,
  t.theme AS theme,
  any_true(
    d.is_in_effect
    AND (d.effective_from IS NULL OR not_after(d.effective_from, $as_of_day))
    AND (d.effective_to IS NULL OR not_before(d.effective_to, $as_of_day))
    AND has(d.topics, t.topic)
  ) AS told
FROM topics t
JOIN documents d ON d.doc_type = 'notice'
GROUP BY t.topic, t.theme
