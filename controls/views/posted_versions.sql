-- base: documents
-- not null: document_version_id, document_id
-- One row a document version: what the addresses show at which it or another version of the document was
-- published. An address that the version has given up may be gone. Only the latest check of an address counts.
WITH shown AS (
    SELECT
        d.document_version_id AS document_version_id,
        all_true(CASE
            WHEN NOT c.is_latest THEN TRUE
            WHEN c.is_latest AND c.is_recent AND NOT has(d.publication_urls, c.url) AND c.http_status IN (404, 410)
                THEN TRUE
            WHEN c.is_latest AND c.is_recent
                THEN c.http_status = 200 AND NOT c.requires_login AND c.normalized_sha256 = d.normalized_sha256
        END) AS shows_text,
        all_true(CASE
            WHEN NOT c.is_latest OR c.displayed_version_label IS NULL THEN TRUE
            WHEN c.is_latest AND c.is_recent THEN c.displayed_version_label = d.version_label
        END) AS shows_label,
        count(DISTINCT CASE WHEN has(d.publication_urls, c.url) THEN c.url END) AS places_seen
    FROM documents d
    JOIN documents o ON o.document_id = d.document_id
    JOIN current_checks c ON c.kind = 'privacy_notice' AND has(o.publication_urls, c.url)
    GROUP BY d.document_version_id
)
SELECT
    d.*,
    CASE
        WHEN is_empty(d.publication_urls) THEN FALSE
        WHEN s.places_seen = size(d.publication_urls) THEN TRUE
    END AS every_place_seen,
    s.shows_text AS shows_text,
    s.shows_label AS shows_label,
    day_of(d.approved_at) <= day_of(d.published_at) AS approved_first,
    CASE
        WHEN $posting_grace_days < 0 THEN TRUE
        ELSE day_of(d.published_at) <= plus_days(d.effective_from, $posting_grace_days)
    END AS posted_in_time
FROM documents d
LEFT JOIN shown s ON s.document_version_id = d.document_version_id
