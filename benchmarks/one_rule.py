"""One three-valued rule over many records: a key has 256 bits or more, or the record is on the list of
exemptions.

A length that nobody knows leaves the answer open, unless the record is exempt. Each side counts what
passes, fails and is unknown, and names the first thousand that fail.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.evidence import (
    GATE,
    SHOWN,
    check,
    control,
    counts,
    made,
    run_sql,
    schema,
    write_manifest,
    write_pack,
)
from benchmarks.measure import Aim, Side, Table, compare

SIDES = Path(__file__).parent / "sides"
EXEMPT = 1000
BASE = "hand-written DuckDB, SHA-256 of the files too"
PLAIN = "hand-written DuckDB"
OURS = "policycheck"
CEL, REGO = "CEL (cel-expr-python)", "Rego (regopy, rego-cpp)"
RULE = "key_bits >= 256 OR EXISTS (SELECT 1 FROM exemptions e WHERE e.record_id = subject.record_id)"
_RECORDS = """
COPY (
  SELECT
    'rec-' || lpad(i::VARCHAR, 9, '0') AS record_id,
    ['AES', 'TDEA', 'RSA'][1 + i % 3] AS algorithm,
    CASE WHEN hash(i) % 200 = 0 THEN NULL WHEN hash(i) % 200 <= 2 THEN 128 ELSE 256 END::INTEGER AS key_bits
  FROM range({records}) t(i)
) TO '{folder}/records.parquet' (FORMAT parquet);
COPY (
  SELECT 'rec-' || lpad((i * ({records} // greatest({exempt}, 1)))::VARCHAR, 9, '0') AS record_id
  FROM range({exempt}) t(i)
) TO '{folder}/exemptions.parquet' (FORMAT parquet);
"""
_LINES = """
COPY (SELECT * FROM '{folder}/records.parquet') TO '{folder}/peers/records.ndjson' (FORMAT json);
COPY (SELECT * FROM '{folder}/exemptions.parquet') TO '{folder}/peers/exemptions.ndjson' (FORMAT json);
"""


def write(folder: Path, records: int, exempt: int, lines: bool) -> None:
    """A pack of one control, its evidence in `evidence`, and with `lines` the same rows as NDJSON in
    `peers`.
    """
    evidence = folder / "evidence"
    (evidence / "peers").mkdir(parents=True)
    script = _RECORDS + (_LINES if lines else "")
    run_sql(script.format(folder=evidence, records=records, exempt=exempt))
    (evidence / "peers").rename(folder / "peers")
    write_manifest(evidence, {"records.parquet": records, "exemptions.parquet": exempt})
    key = {"type": "string", "minLength": 1, "examples": ["rec-1"]}
    tables = {
        "records": schema(
            "record_id",
            {
                "record_id": key,
                "algorithm": {"enum": ["AES", "TDEA", "RSA"], "examples": ["AES"]},
                "key_bits": {"type": ["integer", "null"], "minimum": 0, "x-unit": "bits"},
            },
            ["record_id", "algorithm"],
        ),
        "exemptions": schema("record_id", {"record_id": key}, ["record_id"]),
    }
    write_pack(folder / "pack", tables, {"KB-1": control("KB-1", "records", {"long_enough": RULE})})


def answer_of(report: str) -> dict[str, Any]:
    """What policycheck says, in the form of the other sides."""
    passed, failed, unknown = counts(report)["KB-1"]
    findings = next(c for c in json.loads(report)["controls"] if c["id"] == "KB-1")["findings"]
    names = sorted(each["subject"] for each in findings if each["status"] == "fail")[:SHOWN]
    return {"pass": passed, "fail": failed, "unknown": unknown, "failing": names}


def first_names(output: str) -> dict[str, Any]:
    """The answer of another side, its failing records in the same order."""
    answer: dict[str, Any] = json.loads(output)
    return answer | {"failing": sorted(answer["failing"])[:SHOWN]}


def sides(folder: Path, records: int) -> Sequence[Side]:
    """All sides that can be asked for so many records.

    What takes more than some 20 s is left to the smaller ones, except that Rego is asked for 100,000.
    """
    evidence, lines = str(folder / "evidence"), str(folder / "peers")
    small, medium = records <= 10_000, records <= 1_000_000

    def ours(name: str, *more: str) -> list[str]:
        return peers.ours(str(SIDES / f"{name}.py"), *more)

    def theirs(package: str, name: str, *more: str) -> Sequence[str] | None:
        return peers.python(package, str(SIDES / f"{name}.py"), *more)

    found = [
        Side(
            OURS,
            check(folder / "pack", Path(evidence)),
            answer_of,
            GATE,
            note="verifies digests, types, keys",
        ),
        Side(BASE, ours("duckdb_one_rule", evidence, "--sha256"), first_names),
        Side(PLAIN, ours("duckdb_one_rule", evidence), first_names),
        Side("Polars", theirs("polars", "polars_one_rule", evidence), first_names),
    ]
    if medium:
        once = None if small else 1
        found += [
            Side("msgspec over NDJSON", ours("msgspec_one_rule", lines), first_names, rounds=once),
            Side(
                "JSON Schema (jsonschema-rs) over NDJSON",
                theirs("jsonschema-rs", "jsonschema_one_rule", lines),
                first_names,
                rounds=once,
                note="two schemas, as a schema has two answers",
            ),
            Side(
                CEL, theirs("cel-expr-python", "cel_one_rule", lines), first_names, rounds=once, patience=120
            ),
        ]
        if records <= 100_000:
            rego = theirs("regopy", "rego_one_rule", lines)
            found.append(Side(REGO, rego, first_names, rounds=1, patience=240))
    if small:
        found.append(
            Side("CEL (cel-python)", theirs("cel-python", "celpy_one_rule", lines), first_names, rounds=1)
        )
    return found


def folder_of(records: int, exempt: int = EXEMPT) -> Path:
    """Pack and evidence with so many records; up to a million of them as NDJSON too."""
    lines = records <= 1_000_000
    return made(f"one-rule-{records}-{exempt}", write, records, exempt, lines)


def measure(records: int, rounds: int) -> Table:
    """One table."""
    words, aims = f"one rule, {records:,} records", []
    if records >= 1_000_000:
        aims += [
            Aim(
                f"{words}: at most 1.5 times hand-written DuckDB, which reads the digests too",
                OURS,
                BASE,
                1.5,
            ),
            Aim(f"{words}: at most 1.5 times hand-written DuckDB without digests", OURS, PLAIN, 1.5),
        ]
    if records == 1_000_000:
        aims.append(Aim(f"{words}: 10 times as fast as CEL", CEL, OURS, 10, at_least=True))
    if records == 100_000:
        aims.append(Aim(f"{words}: 100 times as fast as Rego", REGO, OURS, 100, at_least=True))
    title = f"{words}, {EXEMPT:,} exemptions"
    return compare(title, sides(folder_of(records), records), BASE, rounds, aims=aims)


def measure_linear(few: int, many: int, rounds: int) -> Table:
    """Whether time grows no faster than the number of records, and what memory the larger number takes.

    The evidence of the larger number is removed afterwards: it takes gigabytes.
    """
    sides_, names = [], []
    for records in (few, many):
        folder = folder_of(records)
        evidence = folder / "evidence"
        names.append(f"{OURS}, {records:,} records")
        hand = peers.ours(str(SIDES / "duckdb_one_rule.py"), str(evidence), "--sha256")
        command = check(folder / "pack", evidence)
        sides_.append(Side(names[-1], command, answer_of, GATE, group=str(records), rounds=rounds))
        sides_.append(
            Side(f"{BASE}, {records:,} records", hand, first_names, group=str(records), rounds=rounds)
        )
    growth = many // few
    aims = [
        Aim(f"{many:,} records: within 20 % of {growth} times {few:,}", names[1], names[0], 1.2 * growth),
        Aim(f"{many:,} records: under 2 GiB of memory", names[1], names[1], 2048, unit="MiB"),
    ]
    table = compare(
        f"one rule, {few:,} and {many:,} records", sides_, names[0], rounds, warm=False, aims=aims
    )
    shutil.rmtree(folder_of(many))
    return table
