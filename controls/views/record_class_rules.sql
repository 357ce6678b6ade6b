-- not null: record_class, clock, ceiling, of_clients, of_people
-- One row a record class: how long it must be kept, from when, and how long it may be kept.
--   min_years  the minimum period in years; NULL: none
--   clock      where the minimum starts: created (the day of the record), end (its last day in effect),
--              created_or_end (the later of both; open while the end is not recorded), none
--   ceiling    default (the default retention), schedule (the period of its dataset), none
--   of_clients, of_people   whether a client or a person can be concerned although the record names none
SELECT 'notice' AS record_class, $record_min_years AS min_years, 'end' AS clock, 'none' AS ceiling,
       FALSE AS of_clients, FALSE AS of_people
UNION ALL SELECT 'notice_ack', $record_min_years, 'created', 'none', FALSE, FALSE
UNION ALL SELECT 'notice_good_faith_effort', $record_min_years, 'created', 'none', FALSE, FALSE
UNION ALL SELECT 'restriction', $record_min_years, 'end', 'none', FALSE, FALSE
UNION ALL SELECT 'drs_register', $record_min_years, 'end', 'none', FALSE, FALSE
UNION ALL SELECT 'access_office_designation', $record_min_years, 'end', 'none', FALSE, FALSE
UNION ALL SELECT 'disclosure_accounting', $record_min_years, 'created', 'none', FALSE, FALSE
UNION ALL SELECT 'accounting_provided', $record_min_years, 'created', 'none', FALSE, FALSE
UNION ALL SELECT 'accounting_office_designation', $record_min_years, 'end', 'none', FALSE, FALSE
UNION ALL SELECT 'policy_procedure', $record_min_years, 'end', 'none', FALSE, FALSE
UNION ALL SELECT 'risk_assessment', $record_min_years, 'created_or_end', 'none', FALSE, FALSE
UNION ALL SELECT 'critical_record_other', $record_min_years, 'created_or_end', 'none', FALSE, FALSE
UNION ALL SELECT 'phi_disclosure_log', $record_min_years, 'created', 'none', FALSE, FALSE
UNION ALL SELECT 'ehr_tpo_disclosure_log', $ehr_tpo_min_years, 'created', 'none', FALSE, FALSE
UNION ALL SELECT 'consent_record', $record_min_years, 'created_or_end', 'none', FALSE, FALSE
UNION ALL SELECT 'training_record', $record_min_years, 'created_or_end', 'none', FALSE, FALSE
UNION ALL SELECT 'disposal_certificate', $record_min_years, 'created_or_end', 'none', FALSE, FALSE
UNION ALL SELECT 'exception_memo', $record_min_years, 'created_or_end', 'none', FALSE, FALSE
UNION ALL SELECT 'decedent_iihi', NULL, 'none', 'default', TRUE, TRUE
UNION ALL SELECT 'phi_content', NULL, 'none', 'default', TRUE, TRUE
UNION ALL SELECT 'pii_content', NULL, 'none', 'default', TRUE, TRUE
UNION ALL SELECT 'client_customer', NULL, 'none', 'default', TRUE, TRUE
UNION ALL SELECT 'log_covered', NULL, 'none', 'default', TRUE, TRUE
UNION ALL SELECT 'website_contact', NULL, 'none', 'default', FALSE, TRUE
UNION ALL SELECT 'website_usage', NULL, 'none', 'default', FALSE, TRUE
UNION ALL SELECT 'contract', NULL, 'none', 'schedule', TRUE, FALSE
UNION ALL SELECT 'personnel', NULL, 'none', 'schedule', FALSE, TRUE
UNION ALL SELECT 'financial', NULL, 'none', 'schedule', TRUE, FALSE
UNION ALL SELECT 'other', NULL, 'none', 'schedule', TRUE, TRUE
