"""80 generated controls over one table of twenty columns with few values each, beside three plans in SQL.

A person who knows that the columns have few values can group by them first; who does not writes one scan a
control, or one SELECT that counts everything. policycheck is held against the best of the three.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

from benchmarks import peers
from benchmarks.evidence import (
    GATE,
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

SIDE = Path(__file__).parent / "sides" / "duckdb_many_controls.py"
CONTROLS, SEED = 80, 20260302
OURS = "policycheck"
NAMED = "by hand, grouped, and the first thousand that fail of each control"
PLANS = {
    "one scan a control": "by hand, one scan a control",
    "fused": "by hand, one SELECT for all",
    "grouped": "by hand, grouped by the columns first",
}
NUMBERS = [f"n{k:02d}" for k in range(1, 11)]
WORDS = [f"w{k:02d}" for k in range(1, 6)]
FLAGS = [f"b{k:02d}" for k in range(1, 6)]


def rules(number: int) -> dict[str, str]:
    """Control to the expression that all sides evaluate: one or two comparisons that may be unknown."""
    random = Random(SEED)
    made_ = {}
    for n in range(1, number + 1):
        parts = []
        for column in random.sample(NUMBERS + WORDS + FLAGS, random.choice((1, 2))):
            if column in FLAGS:
                parts.append(column)
            elif column in WORDS:
                parts.append(f"{column} <> 'v{random.randrange(4)}'")
            else:
                parts.append(random.choice((f"{column} >= {random.randrange(1, 3)}", f"{column} < 6")))
        made_[f"MC-{n}"] = random.choice((" AND ", " OR ")).join(parts)
    return made_


def evidence_sql(records: int) -> str:
    """Rows in which a few columns decide the others, as in evidence that a few templates made."""
    cells = ["'rec-' || lpad(i::VARCHAR, 9, '0') AS record_id"]
    # Forty machine types, and three columns that vary from row to row.
    for k, name in enumerate(NUMBERS):
        seed = f"hash(i % 40, {k})" if k else "hash(i)"
        cells.append(f"CASE WHEN {seed} % 23 = 0 THEN NULL ELSE ({seed} % 7)::INTEGER END AS {name}")
    for k, name in enumerate(WORDS):
        seed = f"hash(i % 40, {20 + k})" if k else "hash(i, 1)"
        cells.append(f"CASE WHEN {seed} % 19 <> 0 THEN 'v' || ({seed} % 5) END AS {name}")
    for k, name in enumerate(FLAGS):
        seed = f"hash(i % 40, {40 + k})" if k else "hash(i, 2)"
        cells.append(f"CASE WHEN {seed} % 29 <> 0 THEN {seed} % 4 <> 0 END AS {name}")
    rows = f"SELECT {', '.join(cells)} FROM range({records}) t(i)"
    return f"COPY ({rows}) TO '{{folder}}/records.parquet' (FORMAT parquet)"


def write(folder: Path, records: int, number: int) -> None:
    """A pack of so many controls, its evidence, and the rules for the other side."""
    evidence = folder / "evidence"
    evidence.mkdir()
    run_sql(evidence_sql(records).format(folder=evidence))
    write_manifest(evidence, {"records.parquet": records})
    columns = {
        "record_id": {"type": "string", "minLength": 1, "examples": ["rec-1"]},
        **{name: {"type": ["integer", "null"], "minimum": 0} for name in NUMBERS},
        **{name: {"type": ["string", "null"]} for name in WORDS},
        **{name: {"type": ["boolean", "null"]} for name in FLAGS},
    }
    asked = rules(number)
    controls = {name: control(name, "records", {"as_asked": rule}) for name, rule in asked.items()}
    write_pack(folder / "pack", {"records": schema("record_id", columns, ["record_id"])}, controls)
    (folder / "rules.json").write_text(json.dumps(asked), "utf-8")


def folder_of(records: int, number: int) -> Path:
    """Pack and evidence of that size."""
    return made(f"many-controls-{records}-{number}", write, records, number)


def sides(folder: Path) -> Sequence[Side]:
    """policycheck and the three plans."""
    ours = Side(OURS, check(folder / "pack", folder / "evidence"), counts, GATE)
    return [
        ours,
        *(Side(name, peers.ours(str(SIDE), str(folder), plan)) for plan, name in PLANS.items()),
        Side(NAMED, peers.ours(str(SIDE), str(folder), "named"), note="nearer to what a report says"),
    ]


def measure(records: int, rounds: int) -> Table:
    """One table. The base is the best of the three plans, which is known only afterwards."""
    title = f"{CONTROLS} controls over one table of 20 columns, {records:,} records"
    first = compare(title, sides(folder_of(records, CONTROLS)), PLANS["fused"], rounds)
    times = {row["side"]: min((r["seconds"] for r in row["runs"]), default=0.0) for row in first["rows"]}
    best = min(PLANS.values(), key=times.__getitem__)
    words = f"{CONTROLS} controls, {records:,} records: at most 1.5 times the best of three plans by hand"
    return based(first, best, [Aim(words, OURS, best, 1.5)])


def based(table: Table, base: str, aims: Sequence[Aim]) -> Table:
    """The table with another base."""
    from benchmarks.measure import judged, ratio_of

    rows = [row | {"ratio": ratio_of(table, row["side"], base)} for row in table["rows"]]
    return table | {"base": base, "rows": rows, "aims": [judged(table, aim) for aim in aims]}
