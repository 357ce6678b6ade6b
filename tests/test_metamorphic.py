"""How verdicts may change when evidence, exceptions, controls or the instant change, over the whole pack.

| property | what it says | held in |
|---|---|---|
| M1 | the order of rows changes no byte | test_laws: shuffled |
| M2 | the order of columns changes no byte | here |
| M3 | part files change no byte | test_laws: part files |
| M4 | the format of a file changes no byte | test_laws: yaml, json, ndjson, csv, parquet |
| M5 | a row given twice shows nothing | here |
| M6 | a subject without evidence closes no gap | here |
| M7 | a subject taken out of its file, the manifest as it was, closes no gap | here |
| M8 | a cell that becomes null closes no gap | test_laws, POLICYCHECK_NULL_CELLS for more |
| M9 | evidence that gets older closes no gap | test_laws: age |
| M10 | a further failing subject closes no gap | here |
| M11 | an exception taken away closes no gap | here |
| M12 | an exception that concerns nothing changes nothing | here |
| M13 | time alone closes no gap, but where the clause waits for time | here |
| M14 | order and repetition of the controls asked for change nothing | here |
| M15 | a column that is renamed everywhere changes nothing | here, on a small pack |
| M16 | every subject of a population has one verdict under each control | here |
| M17 | time zone, locale, hash seed and folder change no byte | test_laws: surroundings |
| M18 | two halves of the pack come to the verdicts of the whole, and to its gate | here |
| M19 | a changed byte is noticed under the same manifest | here, and test_laws: flip |
| M20 | two runs give the same bytes | test_laws |

The short run takes all rows of a kind at once or a few chosen; `-m slow` takes them one by one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import sample_run
from policycheck.assessment import assess
from policycheck.compiler import compile_pack
from policycheck.engines.duckdb import DuckDBSession
from policycheck.errors import FaultList
from policycheck.evidence import load_evidence
from policycheck.loading import load
from policycheck.model import SourceState, Status
from policycheck.outcomes import Assessment
from policycheck.parameters import find_profile, resolve_parameters
from sample_run import AS_OF, Row, Sample, SampleSource
from small_pack import BOXES, CONTROL, judge, write_pack
from test_laws import GOOD, closed_gaps, improved, report_bytes

SEED = 20260302


def base_of(control_id: str) -> str:
    """The table whose rows are the subjects of a control; empty for a roll-up."""
    control = sample_run.compiled_pack()[0].controls.get(control_id)
    return control.base if control else ""


def sound(evidence: Sample) -> list[SampleSource]:
    """Sources that hold rows and are what the manifest says."""
    return [s for s in evidence.sources if s.digest_is_right and s.rows]


def put(source: SampleSource, row: Row) -> None:
    """One more row in a source, with a manifest that says so."""
    path = sorted(source.files)[-1]
    if source.table == "exceptions" and path.startswith("exceptions/"):
        path = "exceptions/EX-added.yaml"
        source.files[path] = []
    source.files[path].append(row)
    source.entry["row_count"] = len(source.rows)
    source.changed = True


def key_of(table: str) -> list[str]:
    return list(sample_run.schemas()[table]["x-key"])


# --- M2, M5: rows as they are written -------------------------------------------------------------


def test_the_order_of_columns_changes_no_byte(tmp_path: Path, sample_assessment: Assessment) -> None:
    evidence = sample_run.sample()
    for source in sound(evidence):
        for rows in source.files.values():
            rows[:] = [dict(reversed(row.items())) for row in rows]
        source.changed = True
    assert report_bytes(sample_run.run(evidence.write(tmp_path))) == report_bytes(sample_assessment)


def duplicated(sources: Iterable[SampleSource]) -> None:
    for source in sources:
        if source.table != "exceptions":
            put(source, dict(source.rows[0]))


def test_rows_given_twice_show_nothing(tmp_path: Path, sample_assessment: Assessment) -> None:
    evidence = sample_run.sample()
    duplicated(sound(evidence))
    # A view that such a row breaks has no subjects: its controls are open as a whole.
    assert improved(sample_assessment, sample_run.run(evidence.write(tmp_path)), rows_stay=False) == []


@pytest.mark.slow
@pytest.mark.parametrize("evidence_id", sample_run.evidence_ids())
def test_a_row_given_twice_shows_nothing(
    evidence_id: str, tmp_path: Path, sample_assessment: Assessment
) -> None:
    evidence = sample_run.sample()
    duplicated(s for s in sound(evidence) if s.entry["evidence_id"] == evidence_id)
    assert improved(sample_assessment, sample_run.run(evidence.write(tmp_path)), rows_stay=False) == []


# --- M6, M7, M10: subjects that come and go ---------------------------------------------------------


NOBODY = "nobody-has-seen-it"


def bare(table: str, like: Row) -> Row:
    """A row that says the least its schema allows, under a new name; references are those of a known row."""
    schema = sample_run.schemas()[table]
    row = {}
    for name in schema["required"]:
        column = schema["properties"][name]
        if "x-references" in column or name not in key_of(table):
            plain = [] if "array" in sample_run.kinds(column) else like[name]
            unknown = [e for e in column.get("enum", []) if e in ("unknown", "UNKNOWN")]
            row[name] = unknown[0] if unknown else plain
        else:
            row[name] = NOBODY
    return row


SUBJECT_TABLES = (
    "resources", "datasets", "records", "disclosures", "persons", "processing_activities",
    "storage_protections", "data_flows", "subject_requests", "workstations", "disposals", "documents",
    "access_grants",
)  # fmt: skip


def add_bare(evidence: Sample, tables: Collection[str]) -> set[str]:
    """A bare row more in each of these tables that has a sound source; the tables that have one."""
    sources = {s.table: s for s in reversed(sound(evidence)) if s.table in tables}
    for table, source in sources.items():
        put(source, bare(table, source.rows[0]))
    return set(sources)


@pytest.mark.parametrize(
    "tables",
    [SUBJECT_TABLES, *(pytest.param((t,), marks=pytest.mark.slow) for t in SUBJECT_TABLES)],
    ids=lambda tables: "-".join(tables)[:40],
)
def test_a_subject_without_evidence_closes_no_gap(
    tables: tuple[str, ...], tmp_path: Path, sample_assessment: Assessment
) -> None:
    evidence = sample_run.sample()
    added = add_bare(evidence, tables)
    after = sample_run.run(evidence.write(tmp_path))
    assert closed_gaps(sample_assessment, after) == []
    asked = {base_of(r.control.id) for r in after.controls for f in r.findings if NOBODY in f.subject}
    assert asked & added or len(tables) == 1  # some of them are asked for, and do not pass


def test_a_failing_subject_more_closes_no_gap(tmp_path: Path, sample_assessment: Assessment) -> None:
    """A copy of every failing row that has a name of its own, under another name."""
    evidence = sample_run.sample()
    failing = {
        (base_of(r.control.id), f.subject)
        for r in sample_assessment.controls for f in r.findings if f.status is Status.FAIL
    }  # fmt: skip
    added = 0
    for source in sound(evidence):
        if source.table == "exceptions" or len(key_of(source.table)) > 1:
            continue
        (key,) = key_of(source.table)
        for row in list(source.rows):
            if (source.table, row[key]) in failing:
                added += 1
                put(source, {**row, key: f"{row[key]}-again"})
    assert added > 20
    after = sample_run.run(evidence.write(tmp_path))
    assert closed_gaps(sample_assessment, after) == []


def _taken() -> list[Any]:
    ids = sample_run.evidence_ids()
    return [pytest.param(i, marks=[] if n % 20 == 3 else [pytest.mark.slow]) for n, i in enumerate(ids)]


@pytest.mark.parametrize("evidence_id", _taken())
def test_a_subject_taken_out_of_its_file_closes_no_gap(
    evidence_id: str, tmp_path: Path, sample_assessment: Assessment
) -> None:
    """The manifest is the one that was signed off: its digest and its number of rows do not fit any more."""
    evidence = sample_run.sample()
    source = evidence.source(evidence_id)
    if not source.digest_is_right or len(source.rows) < 2 or "*" in source.entry["path"]:
        pytest.skip("nothing to take away here")
    source.set_rows(source.rows[1:], Path(source.entry["path"]).suffix)
    source.entry["row_count"] += 1
    source.digest_is_right = False  # the digest of the manifest stays
    assert improved(sample_assessment, sample_run.run(evidence.write(tmp_path)), rows_stay=False) == []


# --- M11, M12: exceptions -----------------------------------------------------------------------------


def exception_files() -> list[str]:
    return sorted(path.name for path in (sample_run.SAMPLE / "exceptions").glob("*.yaml"))


def about_stores(assessment: Assessment) -> dict[tuple[str, str], str]:
    """Verdicts but those on the exceptions themselves, and on what sums these up."""
    own = {r.control.id for r in assessment.controls if base_of(r.control.id) == "exceptions"}
    own |= {
        r.control.id for r in assessment.controls if r.control.all_of or r.control.id.startswith("META-5")
    }
    return {key: status for key, status in sample_run.verdicts(assessment).items() if key[0] not in own}


@pytest.mark.parametrize(
    "names",
    [exception_files(), *(pytest.param([n], marks=pytest.mark.slow) for n in exception_files())],
    ids=lambda names: "all" if len(names) > 1 else names[0],
)
def test_an_exception_taken_away_closes_no_gap(
    names: list[str], tmp_path: Path, sample_assessment: Assessment
) -> None:
    evidence = sample_run.sample()
    for source in evidence.sources:
        if source.table == "exceptions":
            gone = [p for p in source.files if Path(p).name in names]
            for path in gone[: len(source.files) - 1]:
                del source.files[path]
            source.entry["row_count"] = len(source.rows)
            source.changed = True
    before, after = about_stores(sample_assessment), about_stores(sample_run.run(evidence.write(tmp_path)))
    assert [
        key for key, status in before.items() if status not in GOOD and after.get(key, "pass") in GOOD
    ] == []
    if len(names) > 1:
        assert any(before[k] == "excepted" and after[k] == "fail" for k in before)


def test_an_exception_that_concerns_nothing_changes_nothing(
    tmp_path: Path, sample_assessment: Assessment
) -> None:
    evidence = sample_run.sample()
    source = next(
        s for s in evidence.sources if s.table == "exceptions" and any("exceptions/" in p for p in s.files)
    )
    like = next(r for rows in source.files.values() for r in rows if r["status"] == "approved")
    put(source, {**like, "exception_id": "EX-added", "resource_ids": ["a-store-nobody-has"]})
    after = sample_run.run(evidence.write(tmp_path))
    assert about_stores(after) == about_stores(sample_assessment)
    assert next(e.state for e in after.exceptions if e.id == "EX-added") != "in_force"


# --- M13: time ------------------------------------------------------------------------------------------

# Where time alone closes a gap. The evidence is as it was, but collected again.
ENDED = "an exception that is no longer in force is not asked any more; what it excepted fails by itself"
MINIMUM = "it must be kept for years, and need not be once these are over"
WAITS_FOR_TIME = {
    "DP-3.2": ENDED, "DP-3.12": ENDED, "DP-3.13": ENDED, "DP-3.14": ENDED, "META-5a": ENDED,
    "OR-2.1": MINIMUM, "OR-2.1b": MINIMUM, "OR-5.3": MINIMUM,
}  # fmt: skip


@cache
def compiled_at(as_of: datetime) -> Any:
    pack, faults, session = sample_run.shipped_pack(), FaultList(), DuckDBSession()
    compiled = compile_pack(
        pack, resolve_parameters(pack, find_profile(pack, None), faults), as_of, session, faults
    )
    faults.raise_if_any()
    return compiled, session


def run_at(folder: Path, as_of: datetime) -> Assessment:
    compiled, session = compiled_at(as_of)
    session.clear()
    evidence = load_evidence(folder, compiled.pack.tables, as_of)
    return assess(compiled, load(compiled, evidence, session), session, finding_limit=sample_run.LIMIT)


@pytest.mark.parametrize(
    "days", [400, *(pytest.param(d, marks=pytest.mark.slow) for d in (1, 31, 91, 800, 2300))]
)
def test_time_closes_no_gap_but_where_the_clause_waits_for_it(
    days: int, tmp_path: Path, sample_assessment: Assessment
) -> None:
    later = AS_OF + timedelta(days=days)
    stale = closed_gaps(sample_assessment, run_at(sample_run.SAMPLE, later))
    evidence = sample_run.sample()
    for source in evidence.sources:
        moment = datetime.fromisoformat(source.entry["collected_at"].replace("Z", "+00:00"))
        source.entry["collected_at"] = (moment + timedelta(days=days)).isoformat().replace("+00:00", "Z")
    again = closed_gaps(sample_assessment, run_at(evidence.write(tmp_path), later))
    unforeseen = [g for g in (*stale, *again) if g.split(":")[0].split(" ")[0] not in WAITS_FOR_TIME]
    assert unforeseen == []
    assert stale == []  # as it was and not collected again, nothing is shown at all


# --- M14, M16, M18: controls ----------------------------------------------------------------------------


def plain(assessment: Assessment) -> dict[str, Any]:
    return {
        r.control.id: (r.status, r.counts, [(f.subject, f.status, f.reason.code) for f in r.findings])
        for r in assessment.controls
    }


def test_halves_come_to_the_whole_in_any_order(sample_assessment: Assessment) -> None:
    """M14 and M18. Each half is asked for backwards and twice; roll-ups bring their members along."""
    ids = [r.control.id for r in sample_assessment.controls]
    whole, worst = plain(sample_assessment), set()
    for half in (ids[::2], ids[1::2]):
        part = sample_run.run(sample_run.SAMPLE, only=[*reversed(half), *half])
        found = plain(part)
        assert found == {i: whole[i] for i in ids if i in found}
        assert set(half) <= found.keys()
        worst.add(part.gate.exit_code)
    # A fail outranks an open verdict, and that a pass.
    assert sample_assessment.gate.exit_code == next(code for code in (1, 3, 0) if code in worst)


def test_every_subject_has_one_verdict_under_each_control(sample_assessment: Assessment) -> None:
    """The answers TRUE, FALSE and NULL part the subjects: nobody is in two parts or in none."""
    totals: dict[str, set[int]] = {}
    for result in sample_assessment.controls:
        base = base_of(result.control.id)
        if base and result.population is None:
            totals.setdefault(base, set()).add(sum(result.counts.values()))
        names = [f.subject for f in result.findings]
        assert len(names) == len(set(names)), result.control.id
    assert [base for base, numbers in totals.items() if len(numbers) > 1] == []


# --- M15: names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [{"locked": True}, {"locked": False}, {"locked": None}], ids=str)
def test_a_column_renamed_everywhere_changes_nothing(row: Row, tmp_path: Path) -> None:
    found = []
    for name in ("locked", "zz_bolted"):
        files = json.loads(json.dumps({"tables/boxes.schema.json": BOXES, "BX/BX-1.yaml": CONTROL}))
        columns = files["tables/boxes.schema.json"]["properties"]
        columns[name] = columns.pop("locked")
        files["BX/BX-1.yaml"]["expect"] = {
            "locked": f"{name} AND (place = 'cloud' OR NOT ({name} AND bits < 9))"
        }
        box = {"box_id": "b1", "place": "cloud", name: row["locked"]}
        found.append(judge(write_pack(tmp_path / name, files), {"boxes": [box]}).controls[0])
    assert (found[0].status, found[0].counts) == (found[1].status, found[1].counts)


# --- M19: bytes ---------------------------------------------------------------------------------------------


def _flips(per_file: int) -> list[tuple[str, str, int]]:
    """Source, file and offset: the first and the last byte and some between."""
    found, chance = [], random.Random(SEED)
    for source in sample_run.sample().sources:
        for path, data in source.raw.items():
            if source.digest_is_right and data:
                inner = (chance.randrange(len(data)) for _ in range(per_file))
                found += [
                    (str(source.entry["evidence_id"]), path, at) for at in sorted({0, len(data) - 1, *inner})
                ]
    return found


def undetected(per_file: int, folder: Path) -> list[tuple[str, str, int]]:
    evidence = sample_run.sample()
    evidence.write(folder)
    manifest = json.loads((folder / "manifest.yaml").read_text("utf-8"))
    missed, chance = [], random.Random(SEED)
    for evidence_id, path, at in _flips(per_file):
        entry = next(s for s in manifest["sources"] if s["evidence_id"] == evidence_id)
        (folder / "manifest.yaml").write_text(json.dumps({**manifest, "sources": [entry]}), "utf-8")
        original = (folder / path).read_bytes()
        data = bytearray(original)
        data[at] ^= chance.randrange(1, 256)
        (folder / path).write_bytes(data)
        loaded = load_evidence(folder, sample_run.shipped_pack().tables, AS_OF)
        if loaded.sources[0].state is SourceState.OK:
            missed.append((evidence_id, path, at))
        (folder / path).write_bytes(original)
    return missed


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    assert undetected(2, tmp_path) == []


@pytest.mark.slow
def test_every_changed_byte_of_ten_thousand_is_noticed(tmp_path: Path) -> None:
    files = sum(len(s.raw) for s in sample_run.sample().sources)
    assert undetected(10_000 // files + 1, tmp_path) == []
