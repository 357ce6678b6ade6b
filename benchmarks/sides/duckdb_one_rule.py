"""The one rule as SQL. Arguments: the evidence folder, and --sha256 to read the digests of its files too."""

import hashlib
import json
import sys
from pathlib import Path

import duckdb

QUERY = """
WITH judged AS (
  SELECT r.record_id, r.key_bits >= 256 OR e.record_id IS NOT NULL AS ok
  FROM read_parquet('{folder}/records.parquet') r
  LEFT JOIN read_parquet('{folder}/exemptions.parquet') e ON e.record_id = r.record_id
)
SELECT
  count(*) FILTER (WHERE ok), count(*) FILTER (WHERE NOT ok), count(*) FILTER (WHERE ok IS NULL),
  min(record_id, 1000) FILTER (WHERE NOT ok)
FROM judged
"""

folder = Path(sys.argv[1])
if "--sha256" in sys.argv:
    for path in sorted(folder.glob("*.parquet")):
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256").hexdigest()
with duckdb.connect() as connection:
    passed, failed, unknown, names = connection.execute(QUERY.format(folder=folder)).fetchone()
print(json.dumps({"pass": passed, "fail": failed, "unknown": unknown, "failing": names or []}))
