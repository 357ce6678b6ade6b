"""Evidence is believed only as far as its manifest, its bytes and its rows agree."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policycheck.errors import FaultList, InputError
from policycheck.evidence import load_evidence, row_fault_as_fault, rows_as_evidence
from policycheck.model import Column, ColumnType, Evidence, EvidenceKind, SourceState, TableSchema
from policycheck.rowfiles import read_rows

AS_OF = datetime(2026, 3, 2, 12)
TEXT, INT, SET = ColumnType.TEXT, ColumnType.INT, ColumnType.SET
HOLDERS = TableSchema(
    "holders", "Holders", "", (
        Column("holder_id", TEXT, False, example="holder-1", min_length=1),
        Column("name", TEXT, True),
    ), ("holder_id",), 7,
)  # fmt: skip
PROOFS = TableSchema(
    "things_proofs", "Proofs", "", (
        Column("thing_id", TEXT, False, example="thing-1", min_length=1),
        Column("ref", TEXT, False, example="ref-1"),
    ), (), 7, parent="things", parent_column="proofs",
)  # fmt: skip
THINGS = TableSchema(
    "things", "Things", "", (
        Column("thing_id", TEXT, False, example="thing-1", min_length=1),
        Column("bits", INT, True, minimum=0),
        Column("born", ColumnType.DAYS, True),
        Column("seen_at", ColumnType.INSTANT, True),
        Column("tags", SET, True),
        Column("holder_id", TEXT, True, references=("holders", "holder_id")),
        Column("proofs_count", INT, True),
    ), ("thing_id",), 7, children=(PROOFS,),
)  # fmt: skip
TABLES = {"things": THINGS, "holders": HOLDERS, "things_proofs": PROOFS}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def entry(path: str, data: bytes | None, rows: int, /, **changes: Any) -> dict[str, Any]:
    """A manifest entry; `changes` replace fields, None removes one."""
    made = {
        "evidence_id": path.replace("*", "all"), "table": "things", "path": path, "source_system": "test",
        "collector": "test", "collector_version": "1", "collected_at": "2026-03-01T06:00:00Z",
        "evidence_kind": "observed", "population_complete": True, "row_count": rows,
        "file_sha256": sha(data) if data is not None else "0" * 64,
    }  # fmt: skip
    return {name: value for name, value in {**made, **changes}.items() if value is not None}


def write(root: Path, entries: list[dict[str, Any]], files: dict[str, bytes], **top: Any) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    manifest = {"organisation": "Example", "sources": entries, **top}
    (root / "manifest.yaml").write_text(json.dumps(manifest, indent=1))
    return root


ROWS = [
    {"thing_id": "b", "bits": 128, "tags": ["y", "x"], "born": "1976"},
    {"thing_id": "a", "bits": 256, "seen_at": "2026-03-01"},
]


def ndjson(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def one(root: Path, path: str, data: bytes, rows: int = 2, **changes: Any) -> Evidence:
    return load_evidence(write(root, [entry(path, data, rows, **changes)], {path: data}), TABLES, AS_OF)


def codes(evidence: Evidence) -> list[str]:
    return [fault.code for fault in evidence.faults]


def row_codes(evidence: Evidence) -> list[tuple[str, int, str, str]]:
    return [(fault.table, fault.row, fault.column, fault.code) for fault in evidence.row_faults]


# --- sources ---


def test_a_good_source_gives_its_rows_in_order_of_their_keys(tmp_path: Path) -> None:
    evidence = one(tmp_path, "t/things.ndjson", ndjson(ROWS))
    source = evidence.sources[0]
    assert (source.state, source.rows, source.digest) == (SourceState.OK, 2, source.file_sha256)
    assert source.files[0].rows == 2
    data = evidence.tables["things"]
    assert data.columns["thing_id"] == ["a", "b"]
    assert data.columns["tags"] == [None, ["x", "y"]]
    assert data.origins == [(0, "t/things.ndjson", 2), (0, "t/things.ndjson", 1)]
    assert evidence.tables["holders"].row_total == 0
    assert (evidence.faults, evidence.row_faults) == ((), [])


@pytest.mark.parametrize(
    ("changes", "state", "code"),
    [
        ({"file_sha256": "1" * 64}, SourceState.TAMPERED, "PC407"),
        ({"row_count": 3}, SourceState.COUNT_MISMATCH, "PC410"),
        ({"collected_at": "2026-03-02T12:00:01Z"}, SourceState.FUTURE, "PC411"),
        ({"path": "gone.ndjson"}, SourceState.MISSING, "PC406"),
        ({"path": "../things.ndjson"}, SourceState.REFUSED, "PC405"),
        ({"path": "/etc/hostname"}, SourceState.REFUSED, "PC405"),
        ({"path": "./things.ndjson"}, SourceState.REFUSED, "PC405"),
        ({"path": "a//things.ndjson"}, SourceState.REFUSED, "PC405"),
        ({"path": "a\\things.ndjson"}, SourceState.REFUSED, "PC405"),
        ({"path": "*/things.ndjson"}, SourceState.REFUSED, "PC405"),
        ({"path": "folder"}, SourceState.REFUSED, "PC405"),
        ({"table": "thingz"}, SourceState.INVALID, "PC404"),
        ({"table": "things_proofs"}, SourceState.INVALID, "PC404"),
        ({"evidence_kind": "seen"}, SourceState.INVALID, "PC113"),
        ({"collected_at": "2026-03-01"}, SourceState.INVALID, "PC402"),
        ({"collected_at": None}, SourceState.INVALID, "PC111"),
        ({"population_complete": "yes"}, SourceState.INVALID, "PC110"),
        ({"row_count": None}, SourceState.INVALID, "PC111"),
        ({"row_count": -1}, SourceState.INVALID, "PC113"),
        ({"file_sha256": "ABC"}, SourceState.INVALID, "PC402"),
        ({"evidence_id": "a b"}, SourceState.INVALID, "PC402"),
        ({"populaton_complete": True}, SourceState.INVALID, "PC112"),
    ],
)
def test_a_source_in_doubt_gives_no_rows_and_says_why(
    tmp_path: Path, changes: dict[str, Any], state: SourceState, code: str
) -> None:
    (tmp_path / "folder").mkdir()
    data = ndjson(ROWS)
    made = [entry("things.ndjson", data, 2, **changes)]
    evidence = load_evidence(write(tmp_path, made, {"things.ndjson": data}), TABLES, AS_OF)
    source = evidence.sources[0]
    assert source.state is state
    assert source.reason
    assert code in codes(evidence)
    assert all(table.row_total == 0 for table in evidence.tables.values())
    assert all(fault.place.path for fault in evidence.faults)


@pytest.mark.parametrize(
    ("path", "text", "state"),
    [
        ("a.ndjson", '{"thing_id": "a"}\n{"thing_id": "b"\n', SourceState.UNREADABLE),
        ("a.ndjson", '{"thing_id": "a"}\n\n{"thing_id": "b"}\n', SourceState.UNREADABLE),
        ("a.ndjson", '{"thing_id": "a", "thing_id": "b"}\n{}\n', SourceState.UNREADABLE),
        ("a.ndjson", '"a"\n"b"\n', SourceState.UNREADABLE),
        ("a.ndjson", '{"thing_id": "a"}\n{"thing_id": "b", "bitz": 1}\n', SourceState.INVALID),
        ("a.json", '{"thing_id": "a"}', SourceState.UNREADABLE),
        ("a.json", '["a"]', SourceState.UNREADABLE),
        ("a.yaml", "- thing_id: yes\n", SourceState.UNREADABLE),
        ("a.yaml", "- &a {thing_id: a}\n", SourceState.UNREADABLE),
        ("a.csv", "", SourceState.UNREADABLE),
        ("a.csv", "thing_id,thing_id\na,b\n", SourceState.UNREADABLE),
        ("a.csv", "thing_id,bits\na\nb,1\n", SourceState.UNREADABLE),
        ("a.csv", "thing_id,bits\na,1,2\nb,1\n", SourceState.UNREADABLE),
        ("a.csv", "thing_id,bits\na,1\n\nb,1\n", SourceState.UNREADABLE),
        ("a.csv", 'thing_id,bits\n"a"x,1\nb,1\n', SourceState.UNREADABLE),
        ("a.csv", 'thing_id,bits\n"a,1\nb,1\n', SourceState.UNREADABLE),
        ("a.csv", "thing_id,bits\ra,1\rb,1\r", SourceState.UNREADABLE),
        ("a.csv", "a,1\nb,1\n", SourceState.INVALID),
        ("a.csv", "Thing_id,bits\na,1\nb,1\n", SourceState.INVALID),
        ("a.xml", "<a/>", SourceState.UNREADABLE),
    ],
)
def test_a_broken_file_gives_no_rows_at_all(tmp_path: Path, path: str, text: str, state: SourceState) -> None:
    evidence = one(tmp_path, path, text.encode())
    assert evidence.sources[0].state is state
    assert evidence.tables["things"].row_total == 0
    assert any(fault.place.path == path for fault in evidence.faults) or path == "a.xml"


def test_a_comment_sign_is_a_value_and_hides_no_csv_row(tmp_path: Path) -> None:
    evidence = one(tmp_path, "a.csv", b"thing_id,bits\n#a,1\nb,2\n")
    assert evidence.tables["things"].columns["thing_id"] == ["#a", "b"]


def test_links_and_pipes_are_refused(tmp_path: Path) -> None:
    data = ndjson(ROWS)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "things.ndjson").write_bytes(data)
    root = tmp_path / "evidence"
    made = [entry(name, data, 2) for name in ("link.ndjson", "folder/things.ndjson", "pipe.ndjson")]
    made.append(entry("folder/*.ndjson", data, 2))
    write(root, made, {})
    (root / "link.ndjson").symlink_to(outside / "things.ndjson")
    (root / "folder").symlink_to(outside)
    os.mkfifo(root / "pipe.ndjson")
    evidence = load_evidence(root, TABLES, AS_OF)
    assert [source.state for source in evidence.sources] == [SourceState.REFUSED] * 4


def test_one_id_or_file_for_two_sources_refuses_both(tmp_path: Path) -> None:
    data = ndjson(ROWS)
    twins = [entry("a.ndjson", data, 2, evidence_id="x"), entry("b.ndjson", data, 2, evidence_id="X")]
    evidence = load_evidence(
        write(tmp_path / "1", twins, {"a.ndjson": data, "b.ndjson": data}), TABLES, AS_OF
    )
    assert [source.state for source in evidence.sources] == [SourceState.INVALID] * 2
    shared = [entry("d/*.ndjson", data, 2), entry("d/a.ndjson", data, 2)]
    evidence = load_evidence(write(tmp_path / "2", shared, {"d/a.ndjson": data}), TABLES, AS_OF)
    assert [source.state for source in evidence.sources] == [SourceState.INVALID] * 2
    assert not any(source.population_complete for source in evidence.sources)


def test_the_digest_of_a_pattern_is_of_all_its_files(tmp_path: Path) -> None:
    parts = {f"p/{n}.ndjson": ndjson([row]) for n, row in enumerate(ROWS)}
    lines = "".join(f"{sha(data)}  {path}\n" for path, data in sorted(parts.items()))
    made = [entry("p/*.ndjson", lines.encode(), 2)]
    evidence = load_evidence(write(tmp_path, made, parts), TABLES, AS_OF)
    assert evidence.sources[0].state is SourceState.OK
    assert [file.path for file in evidence.sources[0].files] == ["p/0.ndjson", "p/1.ndjson"]
    (tmp_path / "p" / "2.ndjson").write_bytes(b"")
    assert load_evidence(tmp_path, TABLES, AS_OF).sources[0].state is SourceState.TAMPERED
    (tmp_path / "p" / "2.ndjson").unlink()
    (tmp_path / "p" / "1.ndjson").unlink()
    assert load_evidence(tmp_path, TABLES, AS_OF).sources[0].state is SourceState.TAMPERED


def test_a_pattern_may_stand_for_no_file_if_the_manifest_says_so(tmp_path: Path) -> None:
    made = [entry("none/*.yaml", b"", 0), entry("gone/*.yaml", None, 0)]
    evidence = load_evidence(write(tmp_path, made, {}), TABLES, AS_OF)
    assert [source.state for source in evidence.sources] == [SourceState.MISSING, SourceState.OK]


def test_a_register_file_is_one_row(tmp_path: Path) -> None:
    data = b"thing_id: a\nbits: 1\n"
    made = [entry("r/*.yaml", f"{sha(data)}  r/a.yaml\n".encode(), 1)]
    evidence = load_evidence(write(tmp_path, made, {"r/a.yaml": data}), TABLES, AS_OF)
    assert evidence.tables["things"].columns["bits"] == [1]


def test_bulk_files_are_hashed_through_the_descriptor_that_stays_open(tmp_path: Path) -> None:
    data = b"PAR1 not looked into PAR1"
    evidence = one(tmp_path, "b.parquet", data, 7)
    (bulk,) = evidence.tables["things"].bulk
    (tmp_path / "b.parquet").rename(tmp_path / "away")
    assert Path(bulk.fd_path).read_bytes() == data
    assert (bulk.rows, evidence.sources[0].rows) == (-1, -1)
    assert evidence.sources[0].digest == sha(data)
    count = len(list(Path("/proc/self/fd").iterdir()))
    del evidence, bulk
    count -= 1
    assert len(list(Path("/proc/self/fd").iterdir())) == count
    wrong = one(tmp_path / "2", "b.parquet", data, 7, file_sha256="1" * 64)
    assert wrong.sources[0].state is SourceState.TAMPERED
    assert wrong.tables["things"].bulk == []
    assert len(list(Path("/proc/self/fd").iterdir())) == count


def test_what_the_manifest_does_not_list_is_said(tmp_path: Path) -> None:
    data = ndjson(ROWS)
    made = [
        entry("a.ndjson", data, 2, attachments=[
            {"path": "raw/a.json", "file_sha256": sha(b"{}")},
            {"path": "raw/b.json", "file_sha256": sha(b"{}")},
            {"path": "raw/c.json", "file_sha256": sha(b"{}")},
        ])
    ]  # fmt: skip
    files = {"a.ndjson": data, "raw/a.json": b"{}", "raw/b.json": b"{ }", "raw/d.json": b"", "README.md": b""}
    evidence = load_evidence(write(tmp_path, made, files), TABLES, AS_OF)
    assert evidence.sources[0].usable
    assert sorted(codes(evidence)) == ["PC412", "PC413", "PC413"]


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "a: [", "organisation: x\n", "sources: []\n", "organisation: x\nsources: 3\n",
        "organisation: x\nsources: [3]\n", "organisation: x\nsources: [{table: things}]\n",
        "organisation: x\nsources: []\nextra: 1\n", "organisation: x\nsources: []\nas_of: yesterday\n",
    ],
)  # fmt: skip
def test_a_manifest_that_cannot_be_understood_stops_the_run(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.yaml").write_text(text)
    with pytest.raises(InputError):
        load_evidence(tmp_path, TABLES, AS_OF)


def test_a_folder_without_manifest_stops_the_run(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError) as raised:
            load_evidence(folder, TABLES, AS_OF)
        assert raised.value.faults[0].code == "PC401"
    (tmp_path / "manifest.yaml").symlink_to("/etc/hostname")
    with pytest.raises(InputError):
        load_evidence(tmp_path, TABLES, AS_OF)


def test_an_empty_manifest_is_evidence_of_nothing(tmp_path: Path) -> None:
    evidence = load_evidence(write(tmp_path, [], {}, as_of="2026-03-02T12:00:00Z"), TABLES, AS_OF)
    assert evidence.sources == ()
    assert evidence.manifest_as_of is not None
    assert set(evidence.tables) == set(TABLES)


# --- rows ---


def example(given_: dict[str, Any]) -> Evidence:
    return rows_as_evidence(given_, TABLES, AS_OF)


def test_rows_with_one_key_become_one_row_that_says_nothing() -> None:
    same = example({"things": [{"thing_id": "a", "bits": 1}, {"thing_id": "a", "bits": 1}]})
    assert row_codes(same) == [("things", 0, "*", "duplicate_key")]
    assert same.tables["things"].columns["bits"] == [None]
    assert same.tables["things"].columns["thing_id"] == ["a"]
    differ = example({"things": [{"thing_id": "a", "bits": 1}, {"thing_id": "a", "bits": 2}]})
    assert row_codes(differ) == [("things", 0, "*", "evidence_conflict")]
    assert differ.tables["things"].columns["bits"] == [None]


def test_a_row_without_a_key_is_no_row_to_rely_on() -> None:
    evidence = example({"things": [{"thing_id": None}, {"thing_id": 3}, {"thing_id": "a"}]})
    assert ("things", 0, "*", "wrong_type") in row_codes(evidence)
    assert ("things", 1, "*", "wrong_type") in row_codes(evidence)
    assert evidence.tables["things"].columns["thing_id"] == [None, None, "a"]


def test_a_wrong_cell_is_null_with_a_fault() -> None:
    evidence = example({"things": [{"bits": "256"}]})
    assert row_codes(evidence) == [("things", 0, "bits", "wrong_type")]
    assert evidence.tables["things"].columns["bits"] == [None]
    assert "not a whole number" in str(row_fault_as_fault(evidence.row_faults[0]))
    assert row_codes(example({"things": [{"seen_at": "2026-03-03"}]})) == [
        ("things", 0, "seen_at", "future_date")
    ]


def test_a_reference_leads_nowhere_only_where_the_whole_population_is_known() -> None:
    things = [{"thing_id": "a", "holder_id": "h"}, {"thing_id": "b"}]
    assert row_codes(example({"things": things})) == [("things", 0, "holder_id", "dangling_ref")]
    assert row_codes(example({"things": things, "holders": [{"holder_id": "h"}]})) == []
    assert row_codes(example({"things": things, "holders": "missing"})) == []
    assert row_codes(example({"things": things, "holders": {"rows": [], "complete": False}})) == []


def test_child_rows_carry_the_key_of_their_parent() -> None:
    evidence = example(
        {"things": [{"thing_id": "a", "proofs": [{"ref": "z"}, {"ref": "y"}]}, {"proofs": []}]}
    )
    proofs = evidence.tables["things_proofs"]
    assert proofs.columns == {"thing_id": ["a", "a"], "ref": ["y", "z"]}
    assert evidence.tables["things"].columns["proofs_count"] == [2, 0]
    assert proofs.origins[0][2] == 1


def test_a_list_that_cannot_be_read_is_not_an_empty_list() -> None:
    evidence = example({"things": [{"thing_id": "a", "proofs": [3]}]})
    assert row_codes(evidence) == [
        ("things", 0, "proofs_count", "wrong_type"), ("things_proofs", 0, "*", "wrong_type"),
    ]  # fmt: skip
    twins = example({"things": [{"thing_id": "a", "proofs": [{"ref": "x"}]}, {"thing_id": "a"}]})
    assert ("things_proofs", 0, "*", "evidence_conflict") in row_codes(twins)


def test_examples_say_what_is_missing_stale_incomplete_or_planned() -> None:
    evidence = example({"things": "stale", "holders": {"rows": [{}], "complete": False, "kind": "planned"}})
    holders, things = evidence.sources
    assert (holders.table, holders.population_complete, holders.evidence_kind) == (
        "holders", False, EvidenceKind.PLANNED,
    )  # fmt: skip
    assert things.collected_at is not None
    assert (evidence.as_of - things.collected_at).days > 36500
    assert [source.table for source in example({"things": "missing"}).sources] == ["holders"]


@pytest.mark.parametrize(
    "given_",
    [{"thingz": []}, {"things_proofs": []}, {"things": [{"bitz": 1}]}, {"things": 3}, {"things": [3]},
     {"things": {"row": []}}, {"things": {"rows": [], "complete": "no"}}],
)  # fmt: skip
def test_a_wrong_example_is_not_an_undecided_one(given_: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        example(given_)


# --- laws ---

CELLS = {
    "bits": st.integers(0, 10**6) | st.none(),
    "born": st.sampled_from(["1976", "1976-02", "1976-02-29", "2026-01-31"]) | st.none(),
    "seen_at": st.sampled_from(["2026-03-01", "2026-03-01T06:00:00Z", "2026-03-01T08:00:00.25+02:00"])
    | st.none(),
    "tags": st.lists(st.sampled_from(["p", "q", "ä", "r,s", 'u"v']), unique=True, min_size=1) | st.none(),
    "holder_id": st.sampled_from(["h1", "h2", "no such"]) | st.none(),
}
THING_ROWS = st.lists(
    st.fixed_dictionaries({"thing_id": st.sampled_from("abcdefgh")}, optional=CELLS), max_size=8
)


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    names = ["thing_id", *CELLS]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(names)
    for row in rows:
        values = [row.get(name) for name in names]
        writer.writerow(["" if v is None else ";".join(v) if isinstance(v, list) else v for v in values])
    return out.getvalue().encode()


WRITERS = {
    "ndjson": ndjson,
    "json": lambda rows: json.dumps(rows, indent=2).encode(),
    "yaml": lambda rows: json.dumps(rows, ensure_ascii=False).encode(),
    "csv": as_csv,
}


@pytest.fixture(scope="module")
def counter() -> Iterator[int]:
    return iter(range(10**9))


def typed(evidence: Evidence) -> Any:
    faults = [(f.table, f.row, f.column, f.code, f.words) for f in evidence.row_faults]
    return {name: data.columns for name, data in evidence.tables.items()}, faults


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(THING_ROWS, st.sampled_from(sorted(WRITERS)), st.integers(1, 3), st.randoms(use_true_random=False))
def test_order_format_and_split_of_rows_change_nothing(
    tmp_path: Path, counter: Iterator[int],
    rows: list[dict[str, Any]], suffix: str, parts: int, chance: random.Random,
) -> None:  # fmt: skip
    holders = ndjson([{"holder_id": "h1"}, {"holder_id": "h2"}])
    listed = [entry("holders.ndjson", holders, 2, table="holders")]

    def load(files: dict[str, tuple[bytes, int]]) -> Evidence:
        made = [entry(path, data, count) for path, (data, count) in files.items()]
        data = {path: data for path, (data, _) in files.items()}
        root = write(tmp_path / str(next(counter)), listed + made, {**data, "holders.ndjson": holders})
        return load_evidence(root, TABLES, AS_OF)

    straight = load({"a.ndjson": (ndjson(rows), len(rows))})
    mixed = list(rows)
    chance.shuffle(mixed)
    split = [mixed[n::parts] for n in range(parts)]
    other = load({f"{n}.{suffix}": (WRITERS[suffix](part), len(part)) for n, part in enumerate(split)})
    assert all(source.usable for source in other.sources), other.faults
    assert typed(other) == typed(straight)


@settings(max_examples=300)
@given(st.sampled_from(["yaml", "json", "ndjson", "csv"]), st.binary(max_size=80) | st.text(max_size=80))
def test_no_bytes_crash_the_reader_of_a_file(suffix: str, raw: bytes | str) -> None:
    data = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
    faults = FaultList()
    rows = read_rows(f"a.{suffix}", data, faults)
    assert (rows is None) == bool(faults.faults)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_changed_byte_of_a_file_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    good = ndjson(ROWS)
    spot = data.draw(st.integers(0, len(good) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != good[spot]))
    bad = good[:spot] + bytes([value]) + good[spot + 1 :]
    write(tmp_path, [entry("a.ndjson", good, 2)], {"a.ndjson": bad})
    evidence = load_evidence(tmp_path, TABLES, AS_OF)
    assert evidence.sources[0].state is SourceState.TAMPERED
    assert evidence.tables["things"].row_total == 0
