"""Ways a pack, a memo, a file or an exception once made something pass that nobody had shown."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from policycheck.assessment import assess
from policycheck.compiler import compile_pack
from policycheck.control_file import without_examples
from policycheck.engines.duckdb import DuckDBSession
from policycheck.engines.findings_file import write_findings
from policycheck.errors import FaultList, InputError
from policycheck.evidence import load_evidence
from policycheck.folder import private_copy
from policycheck.loading import check_rows, fill
from policycheck.model import Reason, Status
from policycheck.outcomes import Finding
from policycheck.pack import load_pack
from policycheck.parameters import find_profile, resolve_parameters
from policycheck.register import Entry, judge_register
from policycheck.source import Place
from policycheck.verdicts import Verdict, except_verdict
from small_pack import AS_OF, CONTROL, KEYS, judge, write_pack

BOX = {"box_id": "b1", "locked": True}


def control(**changes: Any) -> dict[str, Any]:
    merged = {**CONTROL, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def test_a_table_that_is_only_counted_is_still_a_table_the_verdict_rests_on(tmp_path: Path) -> None:
    view = "-- base: boxes\nSELECT b.*, (SELECT count(*) FROM keys k) AS copies FROM boxes b"
    pack = write_pack(tmp_path, {
        "views/counted_boxes.sql": view,
        "BX/BX-1.yaml": control(subject="counted_boxes", expect={"locked": "copies = 0"}),
    })  # fmt: skip
    assert judge(pack, {"boxes": [BOX], "keys": []}).controls[0].status is Status.PASS
    assert judge(pack, {"boxes": [BOX], "keys": "missing"}).controls[0].status is Status.UNKNOWN


@pytest.mark.parametrize("rows", [[{**BOX, "place": "cellar"}], []])
def test_a_plan_does_not_put_anything_out_of_scope(tmp_path: Path, rows: list[Any]) -> None:
    pack = write_pack(tmp_path, {
        "BX/BX-1.yaml": control(applies_when="place = 'cloud'", none_in_scope="na"),
    })  # fmt: skip
    observed = judge(pack, {"boxes": rows}).controls[0]
    planned = judge(pack, {"boxes": {"rows": rows, "kind": "planned"}}).controls[0]
    assert (observed.status, planned.status) == (Status.NA, Status.UNKNOWN)


def test_a_view_that_keeps_the_number_of_rows_but_not_the_rows_is_not_judged(tmp_path: Path) -> None:
    view = (
        "-- base: boxes\nSELECT k.*, b.locked AS locked FROM keys k LEFT JOIN boxes b ON b.box_id = k.box_id"
    )
    pack = write_pack(tmp_path, {
        "views/wrong_boxes.sql": view, "BX/BX-1.yaml": control(subject="wrong_boxes"),
    })  # fmt: skip
    boxes = [BOX, {"box_id": "b2", "locked": False}]
    keys = [{"key_id": "k1", "box_id": "b1"}, {"key_id": "k2", "box_id": "b1"}]
    result = judge(pack, {"boxes": boxes, "keys": keys}).controls[0]
    assert (result.status, result.reason.code) == (Status.UNKNOWN, "engine_error")


def memo(**changes: Any) -> dict[str, Any]:
    return {
        "id": "INT-01", "title": "t", "clauses": ["BX-1"], "question": "q", "reading": "r",
        "approved": True, "approved_by": "privacy officer", "approved_at": "2026-01-02", **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "accepted"),
    [(memo(), True), (memo(clauses=["ZZ-9"]), False), (memo(approved=False), False)],
)
def test_a_memo_licenses_only_what_it_is_about(tmp_path: Path, written: Any, accepted: bool) -> None:
    parameter = {"value": 64, "unit": "bits", "at_least": 128, "memo": "INT-01"}
    pack = write_pack(tmp_path, {
        "interpretations/INT-01.yaml": written,
        "BX/BX-1.yaml": control(expect={"locked": "bits >= $least"}, parameters={"least": parameter}),
    })  # fmt: skip
    if accepted:
        assert judge(pack, {"boxes": [{**BOX, "bits": 64}]}).controls[0].status is Status.PASS
    else:
        with pytest.raises(InputError, match="PC310"):
            judge(pack, {"boxes": [BOX]})


def test_a_rule_on_exceptions_is_about_exceptions(tmp_path: Path) -> None:
    name = {"type": "string", "description": "d", "examples": ["e1"]}
    register = {
        **KEYS,
        "title": "Exceptions",
        "x-key": ["exception_id"],
        "required": ["exception_id"],
        "properties": {"exception_id": name},
    }
    pack = write_pack(tmp_path, {
        "tables/exceptions.schema.json": register,
        "BX/BX-2.yaml": control(id="BX-2", clauses=["BX-2"]),
        "BX/BX-1.yaml": control(exceptions={"allowed": True, "rules": ["BX-2"], "covers": "box_id"}),
    })  # fmt: skip
    with pytest.raises(InputError, match="which is not about the table"):
        judge(pack, {"boxes": [BOX]})


def test_an_exception_does_not_cover_what_is_not_known() -> None:
    fail = Verdict(Status.FAIL, Reason("expectation_failed", "w"), ("a",), ("b",))
    assert except_verdict(fail, "EX-1").status is Status.UNKNOWN
    assert except_verdict(Verdict(Status.FAIL, fail.reason, ("a",)), "EX-1").status is Status.EXCEPTED


@pytest.mark.parametrize(
    "requester", ["person-002", "Person-002", "person-002\u200b", " person-002", "\u3000", ""]
)
def test_nobody_approves_an_exception_of_his_own(requester: str) -> None:
    entry = Entry(
        "EX-1",
        ("BX-1",),
        ("b1",),
        requester,
        "person-002",
        date(2026, 1, 1),
        date(2026, 12, 31),
        "approved",
        None,
    )
    register = judge_register([entry], {}, {}, date(2026, 3, 2))
    assert register.states["EX-1"][1].code in ("self_approved", "no_requester")


@pytest.mark.parametrize("line_end", ["\r", "\x85", "\u2028", "\u2029"])
def test_nothing_hides_behind_the_examples(line_end: str) -> None:
    data = f"id: BX-1\nexamples: []{line_end}max_age_days: {{boxes: 1}}\n".encode()
    assert without_examples(data) == data
    assert without_examples(b"id: BX-1\nexamples: []\nmax_age_days: {boxes: 1}\n").endswith(b"1}\n")
    assert without_examples(b"id: BX-1\nexamples:\n  - name: x\n") == b"id: BX-1\n"


def test_a_bulk_file_is_read_from_a_copy_that_nobody_else_can_write(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"first" * 100_000)
    original = os.open(path, os.O_RDONLY)
    copy = private_copy(original)
    os.close(original)
    path.write_bytes(b"other")
    assert os.pread(copy.fd, 1_000_000, 0) == b"first" * 100_000
    assert copy.digest == hashlib.sha256(b"first" * 100_000).hexdigest()


def test_a_full_list_of_findings_holds_every_one(tmp_path: Path) -> None:
    findings = (
        Finding(
            f"s{i}", Status.FAIL, Reason("expectation_failed", "w"), ("a",), (), "m", {"n": i}, Place("f", i)
        )
        for i in range(45_000)
    )
    path = tmp_path / "BX-1.parquet"
    assert write_findings(path, findings, lambda value: value) == 45_000
    rows = duckdb.sql(f"SELECT count(*), count(DISTINCT subject), max(line) FROM '{path}'").fetchall()
    assert rows == [(45_000, 45_000, 44_999)]
    assert [p.name for p in tmp_path.iterdir()] == ["BX-1.parquet"]


def forged(path: Path, true: int, claimed: int) -> None:
    """Makes the footer of a Parquet file claim other minima and maxima than its data has."""
    data = path.read_bytes()
    start = len(data) - 8 - struct.unpack("<I", data[-8:-4])[0]
    footer = data[start:].replace(struct.pack("<q", true), struct.pack("<q", claimed))
    assert footer != data[start:]
    path.write_bytes(data[:start] + footer)


def test_a_lying_parquet_footer_decides_no_verdict(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = pyarrow.table({"box_id": [f"b{i}" for i in range(500)], "bits": pyarrow.array([64] * 500)})
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    path = evidence / "boxes.parquet"
    parquet.write_table(rows, path)
    forged(path, true=64, claimed=256)
    claims = f"SELECT stats_min_value FROM parquet_metadata('{path}') WHERE path_in_schema = 'bits'"
    believed = duckdb.sql(claims)
    assert believed.fetchall() == [("256",)]
    source = {
        "evidence_id": "e1", "table": "boxes", "path": "boxes.parquet", "source_system": "s",
        "collector": "c",
        "collector_version": "1", "collected_at": "2026-03-01T00:00:00Z", "evidence_kind": "observed",
        "population_complete": True, "row_count": 500,
        "file_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }  # fmt: skip
    manifest = {"organisation": "Boxes", "sources": [source]}
    (evidence / "manifest.yaml").write_text(json.dumps(manifest), encoding="utf-8")
    pack = write_pack(tmp_path / "pack", {"BX/BX-1.yaml": control(expect={"locked": "bits >= 128"})})
    loaded = load_pack(pack)
    resolved = resolve_parameters(loaded, find_profile(loaded, None), FaultList())
    with DuckDBSession() as session:
        filled = fill(loaded, resolved, load_evidence(evidence, loaded.tables, AS_OF), session)
        compiled = compile_pack(loaded, resolved, AS_OF, session, FaultList())
        result = assess(compiled, check_rows(compiled, filled, session), session).controls[0]
    assert (result.status, result.counts[Status.FAIL]) == (Status.FAIL, 500)
