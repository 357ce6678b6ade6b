-- not null: no_client, no_subject, no_dataset
-- What the legal holds come to that may reach a record which names no client, no person or no dataset: one row for
-- each combination of these that some hold is about.
--   held_now      FALSE where none of these holds can be in force; otherwise it is open whether one reaches the record
--   released_on   when the last of them ended
WITH answers AS (
  SELECT TRUE AS holds
  UNION ALL SELECT FALSE
)
SELECT
  c.holds AS no_client,
  s.holds AS no_subject,
  d.holds AS no_dataset,
  CASE
    WHEN NOT any_true(not_after(h.issued_at, $as_of) AND (h.released_at IS NULL OR after(h.released_at, $as_of)))
      THEN FALSE
  END AS held_now,
  max(day_of(h.released_at)) AS released_on
FROM answers c
CROSS JOIN answers s
CROSS JOIN answers d
JOIN legal_holds h
  ON (h.scope_kind = 'client' AND c.holds)
  OR (h.scope_kind = 'subject' AND s.holds)
  OR (h.scope_kind = 'dataset' AND d.holds)
GROUP BY c.holds, s.holds, d.holds
