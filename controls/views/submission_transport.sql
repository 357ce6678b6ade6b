-- One row: whether what people submit on the site is protected on its way, whichever endpoint it takes. The
-- evidence does not say which endpoint feeds which store: only where all of them protect, or none does, is it
-- decided.
WITH ways AS (
  SELECT s.collects_sensitive AS collects, s.protected AS protected
  FROM tls_endpoints s
  WHERE s.superseded IS NULL OR NOT s.superseded
  UNION ALL
  -- A website of the inventory that no scan names may collect, too.
  SELECT w.collects AS collects, w.submissions_protected AS protected
  FROM web_endpoints w
  WHERE w.kind = 'website' AND w.in_use AND NOT w.scanned
)
SELECT
  CASE
    WHEN any_true(w.collects) AND all_true(NOT w.collects OR w.protected) THEN TRUE
    WHEN any_true(w.collects) AND all_true(NOT w.collects OR NOT w.protected) THEN FALSE
  END AS in_transit
FROM ways w
