-- base: disclosures
-- not null: disclosure_id, occurred_at, ground
-- One row a disclosure: whether a choice against passing the data on was offered before it, and whether the
-- person had made that choice by then, in the disclosure register or in the consent log. A choice at the very
-- time of the transfer counts. A disclosure that names no person leaves the consent log open.
WITH logged AS (
  SELECT
    d.disclosure_id AS disclosure_id,
    all_true(
      after(c.granted_at, d.occurred_at)
      OR (c.withdrawn_at IS NOT NULL AND not_after(c.withdrawn_at, d.occurred_at))
      OR (c.expires_at IS NOT NULL AND not_after(c.expires_at, d.occurred_at))
      OR NOT (
        has(c.recipients, d.recipient_party_id)
        OR (is_empty(c.recipients) AND (is_empty(c.purposes) OR has(c.purposes, '*') OR has(c.purposes, d.purpose)))
      )
    ) AS none_holds
  FROM legal_disclosures d
  JOIN consents c ON c.subject_id = d.subject_id AND c.kind = 'opt_out'
  GROUP BY d.disclosure_id
),
choices AS (
  SELECT
    d.*,
    before(d.opt_out_offered_at, d.occurred_at) AS choice_offered,
    d.subject_opted_out_at IS NULL OR after(d.subject_opted_out_at, d.occurred_at) AS no_opt_out_registered,
    CASE
      WHEN d.subject_id IS NULL THEN NULL
      WHEN l.disclosure_id IS NULL THEN TRUE
      ELSE l.none_holds
    END AS no_opt_out_logged
  FROM legal_disclosures d
  LEFT JOIN logged l ON l.disclosure_id = d.disclosure_id
)
SELECT
  c.*,
  c.is_onward_transfer AND c.choice_offered AND c.no_opt_out_registered AND c.no_opt_out_logged
    AS onward_transfer_holds
FROM choices c
