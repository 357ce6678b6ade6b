"""Consent before disclosure (DP-2.1 of the shipped pack), as many consents as disclosures."""

from __future__ import annotations

from pathlib import Path

from benchmarks import by_hand
from benchmarks.evidence import made, write_shipped_evidence
from benchmarks.measure import Table


def write(folder: Path, records: int) -> None:
    """The evidence folder."""
    script = (Path(__file__).parent / "consent_evidence.sql").read_text("utf-8")
    subjects = records // 2
    script = script.replace("{records}", str(records)).replace("{subjects}", str(subjects))
    rows = {
        **{"subjects.parquet": subjects, "parties.parquet": 70, "contracts.parquet": 10},
        **{"consents.parquet": records, "disclosures.parquet": records},
    }
    write_shipped_evidence(folder, script, rows)


def measure(records: int, rounds: int) -> Table:
    """One table."""
    words = f"consent before disclosure, {records:,} of each: at most 1.5 times hand-written DuckDB"
    aims = [
        (f"{words}, which reads the digests too", by_hand.BASE, 1.5),
        (f"{words} without digests", by_hand.PLAIN, 1.5),
    ]
    title = f"consent before disclosure: {records:,} disclosures, {records:,} consents"
    folder = made(f"consent-{records}", write, records)
    return by_hand.measure(title, folder, "consent.sql", ["DP-2.1"], rounds, aims)
