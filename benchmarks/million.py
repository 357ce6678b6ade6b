"""One million protections under the DP-3 controls, beside a query written by hand for the same question.

Run: python -m benchmarks.million [--runs N] [--stores N] [--folder DIR] [--format parquet|ndjson|csv]

Each runs in a process of its own: the query over Parquet files, policycheck over the same or over a copy of
them as text. The answers of the controls over stores and protections are compared too: a fast wrong answer is
no answer.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Run, describe, interleaved, run, table, verdict

RATIO_LIMIT = 5.0
MEMORY_LIMIT_MIB = 1024.0
HERE = Path(__file__).parent
PERSONS = "person_id,employment_type,status,start_date,groups\nperson-1,employee,active,2020-01-01,\n"
DOCUMENT = {
    **{"document_version_id": "doc-1", "document_id": "procedure", "doc_type": "key_mgmt_procedure"},
    **{"version_label": "1", "topics": [], "scope": "all", "created_at": "2025-01-01T00:00:00Z"},
    **{"publication_urls": [], "is_in_effect": True},
}
SOURCE = """\
  - evidence_id: {table}-million
    table: {table}
    path: {path}
    source_system: benchmark
    collector: benchmark
    collector_version: "1"
    collected_at: 2026-03-01T06:00:00Z
    evidence_kind: observed
    population_complete: true
    row_count: {rows}
    file_sha256: {digest}
"""
Counts = dict[str, tuple[int, int, int]]


TABLES = ("resources", "datasets", "storage_protections", "crypto_keys")
TEXT_FORMATS = ("ndjson", "csv")


def write_evidence(folder: Path, stores: int, form: str = "parquet") -> None:
    """Makes an evidence folder with `stores` stores, two protections each; its large tables in this form."""
    import duckdb

    script = (HERE / "million_evidence.sql").read_text("utf-8")
    script = script.replace("{folder}", str(folder)).replace("{stores}", str(stores))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(script)
        for table in TABLES if form in TEXT_FORMATS else ():
            _write_text(connection, folder / f"{table}.parquet", folder / f"{table}.{form}")
    (folder / "persons.csv").write_text(PERSONS, "utf-8")
    (folder / "documents.ndjson").write_text(json.dumps(DOCUMENT) + "\n", "utf-8")
    (folder / "safeguards.ndjson").write_text("", "utf-8")
    rows = dict(zip(TABLES, (stores, stores, 2 * stores, 1000), strict=True))
    sizes = {f"{table}.{form}": total for table, total in rows.items()}
    sizes |= {"persons.csv": 1, "documents.ndjson": 1, "safeguards.ndjson": 0}
    manifest = "organisation: Benchmark\nas_of: 2026-03-02T12:00:00Z\nsources:\n"
    for path, rows in sizes.items():
        with (folder / path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        manifest += SOURCE.format(table=Path(path).stem, path=path, rows=rows, digest=digest)
    (folder / "manifest.yaml").write_text(manifest, "utf-8")


def _write_text(connection: Any, parquet: Path, path: Path) -> None:
    """The same rows as text: instants and sets in the form that evidence has."""
    form = path.suffix[1:]
    items = []
    for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM '{parquet}'").fetchall():
        if kind == "TIMESTAMP WITH TIME ZONE":
            items.append(f"strftime({name}, '%Y-%m-%dT%H:%M:%SZ') AS {name}")
        else:
            flat = form == "csv" and kind == "VARCHAR[]"
            items.append(f"array_to_string({name}, ';') AS {name}" if flat else name)
    kind = "json" if form == "ndjson" else "csv, header"
    connection.execute(f"COPY (SELECT {', '.join(items)} FROM '{parquet}') TO '{path}' (FORMAT {kind})")


def answer_by_hand(folder: str) -> None:
    """Runs the query written by hand and prints its counts as JSON. The child process of the comparison."""
    import duckdb

    query = (HERE / "hand_written.sql").read_text("utf-8").replace("{folder}", folder)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(query).fetchall()
    print(json.dumps({control: counts for control, *counts in rows}))


def reported_counts(report: Path) -> Counts:
    """Pass, fail and unknown of each control of a JSON report."""
    controls = json.loads(report.read_text("utf-8"))["controls"]
    return {c["id"]: tuple(c["counts"].get(s, 0) for s in ("pass", "fail", "unknown")) for c in controls}


def differences(by_hand: Mapping[str, list[int]], reported: Counts) -> list[str]:
    """One line for each control on which the two do not agree."""
    return [
        f"{control}: by hand {tuple(counts)}, policycheck {reported.get(control)}"
        for control, counts in by_hand.items()
        if tuple(counts) != reported.get(control)
    ]


def measure(folder: Path, runs: int, stores: int, form: str) -> None:
    """Writes the evidence, runs both sides in turn, prints one table."""
    evidence, reports, log = folder / "evidence", folder / "reports", folder / "output"
    evidence.mkdir(parents=True, exist_ok=True)
    reports.mkdir(exist_ok=True)
    # In a process of its own: a child begins with the memory of its parent, and its peak would be that.
    write = [sys.executable, "-m", "benchmarks.million", "--stores", str(stores), "--format", form]
    run([*write, "--write", str(evidence)], (0,), log)
    check = [
        *(sys.executable, "-m", "policycheck", "check", "--pack", "controls", "--evidence", str(evidence)),
        *("--as-of", "manifest", "--only", "DP-3", "--format", "json", "--output", "-", "--quiet"),
    ]
    hand = [sys.executable, "-m", "benchmarks.million", "--by-hand", str(evidence)]
    pairs: list[tuple[Run, Run]] = []
    for _ in range(runs):
        checked = run(check, (0, 1, 3), reports / "report.json")
        pairs.append((checked, run(hand, (0,), log)))
    wrong = differences(json.loads(log.read_text("utf-8")), reported_counts(reports / "report.json"))
    show([a for a, _ in pairs], [b for _, b in pairs], stores)
    print("\n".join(["", "the answers differ:", *wrong] if wrong else ["", "the answers are the same"]))


def show(checks: list[Run], hands: list[Run], stores: int) -> None:
    """Prints the table of results."""
    ratio = interleaved(checks, hands)
    peak = max(r.peak_mib for r in checks)
    hand_peak = median(r.peak_mib for r in hands)
    print(
        table(
            [
                (f"{2 * stores:,} protections", "measured", "limit", "result"),
                ("policycheck check --only DP-3", describe(checks), "", ""),
                ("query written by hand", describe(hands), "", ""),
                ("ratio", f"{ratio:.2f}", f"{RATIO_LIMIT:.1f}", verdict(ratio, RATIO_LIMIT)),
                (
                    *("peak memory of policycheck", f"{peak:.0f} MiB", f"{MEMORY_LIMIT_MIB:.0f} MiB"),
                    verdict(peak, MEMORY_LIMIT_MIB),
                ),
                ("peak memory of the query", f"{hand_peak:.0f} MiB", "", ""),
            ]
        )
    )


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of each side (default 3)")
    parser.add_argument("--stores", type=int, default=500_000, help="stores, two protections each")
    forms = ("parquet", *TEXT_FORMATS)
    parser.add_argument("--format", choices=forms, default=forms[0], help="of the large tables")
    parser.add_argument("--folder", type=Path, help="where to write; kept afterwards")
    parser.add_argument("--by-hand", metavar="DIR", help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.by_hand:
        answer_by_hand(asked.by_hand)
    elif asked.write:
        write_evidence(asked.write, asked.stores, asked.format)
    elif asked.folder:
        measure(asked.folder.resolve(), asked.runs, asked.stores, asked.format)
    else:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), asked.runs, asked.stores, asked.format)


if __name__ == "__main__":
    main()
