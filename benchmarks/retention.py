"""The retention controls over records (RT-1.2, RT-1.2a, RT-1.4, RT-1.4a of the shipped pack)."""

from __future__ import annotations

from pathlib import Path

from benchmarks import by_hand
from benchmarks.evidence import made, write_shipped_evidence
from benchmarks.measure import Table

ONLY = ("RT-1.2", "RT-1.2a", "RT-1.4", "RT-1.4a")


def write(folder: Path, records: int) -> None:
    """The evidence folder."""
    script = (Path(__file__).parent / "retention_evidence.sql").read_text("utf-8")
    rows: dict[str, int | None] = {
        **{
            "parties.parquet": 500,
            "contracts.parquet": 500,
            "resources.parquet": 100,
            "datasets.parquet": 1000,
        },
        **{"legal_holds.parquet": 200, "records.parquet": records, "disposals.parquet": None},
    }
    write_shipped_evidence(folder, script.replace("{records}", str(records)), rows)


def measure(records: int, rounds: int) -> Table:
    """One table."""
    words = f"retention, {records:,} records: at most twice a hand-tuned query"
    aims = [
        (f"{words}, which reads the digests too", by_hand.BASE, 2.0),
        (f"{words} without digests", by_hand.PLAIN, 2.0),
    ]
    title = f"retention: {records:,} records with agreements, legal holds and disposals"
    folder = made(f"retention-{records}", write, records)
    return by_hand.measure(title, folder, "retention.sql", ONLY, rounds, aims)
