"""The laws, on the sample organisation: evidence that gets worse never makes a verdict better, and
nothing but the inputs changes a byte.

The short run takes a fixed share of the heavier suites; `-m slow` runs the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sample_run
from policycheck.model import Status
from policycheck.outcomes import Assessment
from policycheck.reporters import REPORTERS
from sample_run import Change, Sample, SampleSource

IDS = sample_run.evidence_ids()
GOOD = (Status.PASS, Status.NA)


def closed_gaps(before: Assessment, after: Assessment) -> list[str]:
    """Every gap of `before` that is none in `after`: subjects by name, controls by status.

    A pass may become na: a column such as the day a store was taken out of use decides scope by being
    empty. A gap may not become either.
    """
    found = []
    results = {r.control.id: r for r in after.controls}
    for old in before.controls:
        new = results[old.control.id]
        if new.status in GOOD and old.status not in GOOD:
            found.append(f"{old.control.id}: {old.status} > {new.status}")
        gaps = {f.subject for f in new.findings}
        found += [f"{old.control.id} {f.subject}" for f in old.findings if f.subject not in gaps]
    return found


def improved(before: Assessment, after: Assessment, *, rows_stay: bool) -> list[str]:
    """Every way in which `after` looks better than `before`; verdicts may only move away from pass and na.

    With `rows_stay` the subjects are the same, so each gap is still to be found by name; else a control
    may have fewer subjects, but never more that pass.
    """
    found = []
    results = {r.control.id: r for r in after.controls}
    for old in before.controls:
        new = results[old.control.id]
        if new.status in GOOD and old.status is not new.status:
            found.append(f"{old.control.id}: {old.status} > {new.status}")
        for status in GOOD:
            if new.counts[status] > old.counts[status]:
                found.append(f"{old.control.id}: {old.counts[status]} > {new.counts[status]} {status}")
        if rows_stay:
            gaps = {f.subject for f in new.findings}
            found += [f"{old.control.id} {f.subject}" for f in old.findings if f.subject not in gaps]
    return found


# --- worse evidence -------------------------------------------------------------------------------


def _remove(source: SampleSource, folder: Path) -> None:
    for path in source.files:
        (folder / path).unlink()


def _flip(source: SampleSource, folder: Path) -> None:
    path = folder / sorted(source.files)[-1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _age(source: SampleSource) -> None:
    source.entry["collected_at"] = "2019-01-01T00:00:00Z"


def _plan(source: SampleSource) -> None:
    source.entry["evidence_kind"] = "planned"


def _leave_incomplete(source: SampleSource) -> None:
    source.entry["population_complete"] = False


ON_FILES = {"remove": _remove, "flip": _flip}
ON_ENTRIES = {"age": _age, "plan": _plan, "incomplete": _leave_incomplete}


def _cases() -> list[Any]:
    """Every way to spoil every source; removal of each and a fifth of the rest in the short run."""
    cases = []
    for i, evidence_id in enumerate(IDS):
        for j, how in enumerate([*ON_FILES, *ON_ENTRIES]):
            short = how == "remove" or i % 5 == j
            cases.append(pytest.param(evidence_id, how, marks=[] if short else [pytest.mark.slow]))
    return cases


@pytest.mark.parametrize(("evidence_id", "how"), _cases())
def test_worse_evidence_never_makes_a_better_verdict(
    evidence_id: str, how: str, tmp_path: Path, sample_assessment: Assessment
) -> None:
    evidence = sample_run.sample()
    source = evidence.source(evidence_id)
    if how in ON_ENTRIES:
        ON_ENTRIES[how](source)
    folder = evidence.write(tmp_path)
    if how in ON_FILES:
        ON_FILES[how](source, folder)

    after = sample_run.run(folder)

    assert improved(sample_assessment, after, rows_stay=how in ON_ENTRIES) == []
    if how in ("remove", "flip", "age"):
        state = next(s.state for s in after.sources if s.source.evidence_id == evidence_id)
        assert state in {"remove": ("missing",), "flip": ("tampered",), "age": ("stale", "tampered")}[how]
    reads = [r for r in after.controls if source.table in r.tables and r.counts[Status.PASS]]
    if how == "plan":
        # A plan shows gaps only: nothing whose subjects stand in a planned source passes as a whole.
        assert not [r.control.id for r in reads if r.status is Status.PASS and _judges(r, source.table)]


def _judges(result: Any, table: str) -> bool:
    compiled, _ = sample_run.compiled_pack()
    control = compiled.controls.get(result.control.id)
    return control is not None and control.base == table


def test_nothing_collected_passes_nothing(tmp_path: Path) -> None:
    evidence = sample_run.sample()
    evidence.sources = []
    assessment = sample_run.run(evidence.write(tmp_path))
    passing = {r.control.id for r in assessment.controls if r.status in GOOD}
    about_the_pack = {i for i in passing if i.startswith("META-")}
    assert passing == about_the_pack
    assert not assessment.gate.open


# --- the same inputs, the same bytes ----------------------------------------------------------------


def report_bytes(assessment: Assessment) -> bytes:
    """The JSON report without what says where a row stands: that alone may differ."""
    document = json.loads(REPORTERS["json"].render(assessment))

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if k not in ("location", "manifest_digest")}
        return [plain(v) for v in value] if isinstance(value, list) else value

    document.pop("evidence")
    return json.dumps(plain(document), indent=1).encode()


def _shuffle(evidence: Sample) -> None:
    chance = random.Random(7)
    for source in evidence.sources:
        if source.table == "exceptions" and source.entry["path"].startswith("exceptions/"):
            continue
        for rows in source.files.values():
            chance.shuffle(rows)
        source.changed = source.digest_is_right
    chance.shuffle(evidence.sources)


def _split(evidence: Sample) -> None:
    """Part files read through a glob."""
    for source in evidence.sources:
        rows = source.rows
        if "*" in source.entry["path"] or not source.digest_is_right or len(rows) < 2:
            continue
        stem = f"parts/{source.entry['evidence_id']}"
        source.entry["path"], source.changed = f"{stem}/*.ndjson", True
        cut = len(rows) // 3 + 1
        source.files = {f"{stem}/{i}.ndjson": rows[i * cut : (i + 1) * cut] for i in (2, 0, 1)}
        source.files = {path: part for path, part in source.files.items() if part}


def _rewrite(suffix: str) -> Change:
    def change(evidence: Sample) -> None:
        for source in evidence.sources:
            if "*" in source.entry["path"] or not source.digest_is_right:
                continue
            if source.table == "exceptions":
                continue
            if suffix in (".csv", ".parquet") and not sample_run.fits_csv(source.table, source.rows):
                continue
            source.set_rows(source.rows, suffix)

    return change


CHANGES: dict[str, Change] = {
    "shuffled": _shuffle,
    "part files": _split,
    "yaml": _rewrite(".yaml"),
    "json": _rewrite(".json"),
    "ndjson": _rewrite(".ndjson"),
    "csv": _rewrite(".csv"),
    "parquet": _rewrite(".parquet"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_how_rows_are_stored_changes_no_byte(
    name: str, tmp_path: Path, sample_assessment: Assessment
) -> None:
    evidence = sample_run.sample()
    CHANGES[name](evidence)
    assert any(source.changed for source in evidence.sources)
    after = sample_run.run(evidence.write(tmp_path))
    assert report_bytes(after) == report_bytes(sample_assessment)


SCRIPT = """
import hashlib, sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import sample_run
from policycheck.reporters import REPORTERS
a = sample_run.run(sample_run.SAMPLE)
print(*(hashlib.sha256(r.render(a)).hexdigest() for r in REPORTERS.values()))
"""


def test_surroundings_change_no_byte(sample_assessment: Assessment) -> None:
    tests = Path(__file__).parent
    seen = {" ".join(hashlib.sha256(r.render(sample_assessment)).hexdigest() for r in REPORTERS.values())}
    for extra in (
        {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
        {"TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "4242", "COLUMNS": "40"},
    ):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tests), str(tests.parent / "src")],
            env={**os.environ, **extra}, capture_output=True, text=True, check=True, cwd="/",
        )  # fmt: skip
        # Paths of the pack differ from nothing: both are absolute. The digests must not.
        seen.add(done.stdout.strip())
    assert len(seen) == 1


def test_two_runs_give_the_same_bytes(sample_assessment: Assessment) -> None:
    again = sample_run.run(sample_run.SAMPLE)
    for reporter in REPORTERS.values():
        assert reporter.render(again) == reporter.render(sample_assessment), reporter.name


# --- a cell that is not known -----------------------------------------------------------------------

# Moves to pass or na that a null makes by right, each because the null itself is a statement.
JUSTIFIED: dict[str, str] = {}


def _cells() -> list[tuple[str, int, str]]:
    """Every cell of a sound source that holds a value and may be null by its schema."""
    found = []
    for source in sample_run.sample().sources:
        columns = sample_run.schemas()[source.table]["properties"]
        if not source.digest_is_right:
            continue
        for number, row in enumerate(source.rows):
            found += [
                (str(source.entry["evidence_id"]), number, name)
                for name, value in row.items()
                if value is not None and _nullable(columns[name])
            ]
    return found


def _nullable(column: dict[str, Any]) -> bool:
    return "null" in sample_run.kinds(column) or None in column.get("enum", [])


def moves_of_null(cell: tuple[str, int, str], folder: Path, before: Assessment) -> list[str]:
    evidence_id, number, name = cell
    evidence = sample_run.sample()
    source = evidence.source(evidence_id)
    source.rows[number][name] = None
    source.changed = True
    after = sample_run.run(evidence.write(folder))
    return [f"{source.table}.{name}: {move}" for move in closed_gaps(before, after)]


def _chosen(size: int) -> list[tuple[str, int, str]]:
    """A fixed sample with every column once before any column twice."""
    cells = _cells()
    random.Random(20260302).shuffle(cells)
    seen: dict[tuple[str, str], int] = {}
    ranked = []
    for cell in cells:
        column = (cell[0], cell[2])
        seen[column] = seen.get(column, 0) + 1
        ranked.append((seen[column], cell))
    return [cell for _, cell in sorted(ranked, key=lambda pair: pair[0])[:size]]


@pytest.mark.parametrize("cell", _chosen(12), ids=lambda c: "-".join(map(str, c)))
def test_a_null_never_makes_a_better_verdict(
    cell: tuple[str, int, str], tmp_path: Path, sample_assessment: Assessment
) -> None:
    assert _unjustified(moves_of_null(cell, tmp_path, sample_assessment)) == []


@pytest.mark.slow
def test_no_null_makes_a_better_verdict(tmp_path: Path, sample_assessment: Assessment) -> None:
    size = int(os.environ.get("POLICYCHECK_NULL_CELLS", "300"))
    moves = []
    for i, cell in enumerate(_chosen(size)):
        moves += [f"{cell}: {m}" for m in moves_of_null(cell, tmp_path / str(i), sample_assessment)]
    assert _unjustified(moves) == []


def _unjustified(moves: list[str]) -> list[str]:
    return [move for move in moves if not any(re.search(pattern, move) for pattern in JUSTIFIED)]
