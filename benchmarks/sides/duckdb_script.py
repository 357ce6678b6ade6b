"""Runs a script of SQL written by hand and prints its counts as JSON. Arguments: the script, the evidence
folder.

The last statement answers one row a control: its name, then pass, fail and unknown. With --sha256 the
digests of the files are read too.
"""

import hashlib
import json
import sys
from pathlib import Path

import duckdb

folder = Path(sys.argv[2])
if "--sha256" in sys.argv:
    for path in sorted(folder.glob("*.parquet")):
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256").hexdigest()
with duckdb.connect() as connection:
    connection.execute("SET TimeZone = 'UTC'")
    script = Path(sys.argv[1]).read_text("utf-8").replace("{folder}", str(folder))
    rows = connection.execute(script).fetchall()
print(json.dumps({control: counts for control, *counts in rows}))
