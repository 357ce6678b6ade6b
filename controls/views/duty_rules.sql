-- not null: job_function, job_duty, data_classes, permission_rank
-- One row for each duty of a job function that needs data about people: the classes of data it needs, and the
-- widest permission (1 read, 2 write, 3 admin). A function without a row is one that nobody has thought about.
SELECT 'operations' AS job_function, 'data processing' AS job_duty,
       ['PHI', 'PII', 'SSN', 'client_sensitive', 'special_category', 'business_contact', 'none'] AS data_classes,
       2 AS permission_rank
UNION ALL SELECT 'operations', 'customer service',
       ['PHI', 'PII', 'client_sensitive', 'business_contact', 'website_contact', 'none'], 2
UNION ALL SELECT 'finance', 'billing', ['PII', 'PAN', 'business_contact', 'none'], 2
UNION ALL SELECT 'it', 'system administration',
       ['PHI', 'PII', 'PAN', 'SSN', 'client_sensitive', 'special_category', 'business_contact', 'website_contact',
        'website_usage', 'credential', 'none'], 3
UNION ALL SELECT 'security', 'security monitoring',
       ['PII', 'website_usage', 'credential', 'none'], 1
UNION ALL SELECT 'privacy', 'privacy requests',
       ['PHI', 'PII', 'SSN', 'client_sensitive', 'special_category', 'business_contact', 'website_contact',
        'website_usage', 'none'], 2
UNION ALL SELECT 'legal', 'legal advice',
       ['PHI', 'PII', 'client_sensitive', 'special_category', 'business_contact', 'none'], 1
UNION ALL SELECT 'hr', 'personnel administration', ['PII', 'SSN', 'none'], 2
UNION ALL SELECT 'executive', 'management review', ['PII', 'business_contact', 'none'], 1
