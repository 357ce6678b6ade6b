"""One million protections under the DP-3 controls of the shipped pack, beside a query written by hand.

Both read the same Parquet files. The query does not check digests, types, keys and references, nor name
findings.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import by_hand
from benchmarks.evidence import made, write_shipped_evidence
from benchmarks.measure import Aim, Table

HERE = Path(__file__).parent
DOCUMENT = {
    **{"document_version_id": "doc-1", "document_id": "procedure", "doc_type": "key_mgmt_procedure"},
    **{"version_label": "1", "topics": [], "scope": "all", "created_at": "2025-01-01T00:00:00Z"},
    **{"publication_urls": [], "is_in_effect": True},
}
PERSONS = "person_id,employment_type,status,start_date,groups\nperson-1,employee,active,2020-01-01,\n"


def write(folder: Path, stores: int) -> None:
    """An evidence folder with `stores` stores, two protections each."""
    (folder / "persons.csv").write_text(PERSONS, "utf-8")
    (folder / "documents.ndjson").write_text(json.dumps(DOCUMENT) + "\n", "utf-8")
    script = (HERE / "million_evidence.sql").read_text("utf-8").replace("{stores}", str(stores))
    rows = {
        **{
            "resources.parquet": stores,
            "datasets.parquet": stores,
            "storage_protections.parquet": 2 * stores,
        },
        **{"crypto_keys.parquet": 1000, "persons.csv": 1, "documents.ndjson": 1},
    }
    write_shipped_evidence(folder, script, rows)


def measure(protections: int, rounds: int) -> Table:
    """One table."""
    folder = made(f"million-{protections}", write, protections // 2)
    words = f"DP-3 over {protections:,} protections"
    aims = [(f"{words}: at most 5 times the query", by_hand.PLAIN, 5.0)]
    memory = Aim(f"{words}: at most 1 GiB of memory", by_hand.OURS, by_hand.OURS, 1024, unit="MiB")
    title = f"DP-3 of the shipped pack over {protections:,} protections"
    return by_hand.measure(title, folder, "hand_written.sql", ["DP-3"], rounds, aims, [memory])
