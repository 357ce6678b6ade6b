"""What cannot be relied on makes verdicts unknown: for a subject, for what is joined, for a population."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from policycheck.assessment import assess
from policycheck.errors import InputError
from policycheck.evidence import load_evidence
from policycheck.loading import load
from policycheck.model import Status
from policycheck.outcomes import Assessment, ControlResult
from small_pack import AS_OF, CONTROL, compile_folder, judge, write_pack

P, F, U, N = Status.PASS, Status.FAIL, Status.UNKNOWN, Status.NA
NO_COPIES = {
    **CONTROL,
    "expect": {
        "locked": "locked",
        "copies": "NOT (SELECT any_true(k.copied) FROM keys k WHERE k.box_id = subject.box_id)",
    },
    "otherwise": {"locked": "open", "copies": "{subject} has a copied key"},
}
BOX = {"box_id": "b1", "locked": True}
KEY = {"key_id": "k1", "box_id": "b1", "copied": False}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("pack"), {"BX/BX-1.yaml": NO_COPIES})


def only(assessment: Assessment) -> ControlResult:
    (result,) = assessment.controls
    return result


def outcome(pack: Path, boxes: Any, keys: Any) -> tuple[Status, str]:
    result = only(judge(pack, {"boxes": boxes, "keys": keys}))
    if result.status is U and result.findings:
        return result.status, result.findings[0].reason.code
    return result.status, result.reason.code


@pytest.mark.parametrize(
    ("boxes", "keys", "expected"),
    [
        ([BOX], [KEY], (P, "subjects_pass")),
        ([BOX], [{**KEY, "copied": True}], (F, "subjects_fail")),
        ([BOX], [], (U, "undecided")),
        # the subject's own table
        ("missing", [], (U, "evidence_missing")),
        ("stale", [], (U, "evidence_stale")),
        ({"rows": [BOX], "stale": True}, [KEY], (U, "evidence_stale")),
        ({"rows": [BOX], "complete": False}, [KEY], (U, "evidence_incomplete")),
        ({"rows": [{**BOX, "locked": False}], "complete": False}, [KEY], (F, "subjects_fail")),
        ({"rows": [BOX], "kind": "planned"}, [KEY], (U, "evidence_planned")),
        ({"rows": [{**BOX, "locked": False}], "kind": "planned"}, [KEY], (F, "subjects_fail")),
        ({"rows": [BOX], "kind": "attested"}, [KEY], (P, "subjects_pass")),
        ([], [], (U, "no_subjects")),
        # a joined table
        ([BOX], "missing", (U, "evidence_missing")),
        ([BOX], {"rows": [KEY], "stale": True}, (U, "evidence_stale")),
        ([BOX], {"rows": [KEY], "complete": False}, (U, "evidence_incomplete")),
        ([BOX], {"rows": [{**KEY, "copied": True}], "complete": False}, (U, "evidence_incomplete")),
        ([BOX], {"rows": [KEY], "kind": "planned"}, (U, "evidence_planned")),
        ([BOX], {"rows": [{**KEY, "copied": True}], "kind": "planned"}, (F, "subjects_fail")),
        # an expectation that does not read the joined table still fails
        ([{**BOX, "locked": False}], "missing", (F, "subjects_fail")),
        # rows with faults
        ([{**BOX, "locked": "yes"}], [KEY], (U, "wrong_type")),
        ([BOX, {**BOX, "locked": False}], [KEY], (U, "evidence_conflict")),
        ([BOX], [{**KEY, "copied": 1}], (U, "wrong_type")),
        ([BOX], [KEY, {**KEY, "key_id": "k2", "box_id": "b9"}], (U, "dangling_ref")),
        # a fault in a column that no expectation reads changes nothing
        ([{**BOX, "made_at": "2027-01-01"}], [KEY], (P, "subjects_pass")),
        ([{**BOX, "bits": -1}], [KEY], (P, "subjects_pass")),
    ],
    ids=lambda value: json.dumps(value, default=str)[:60],
)
def test_doubt(pack: Path, boxes: Any, keys: Any, expected: tuple[Status, str]) -> None:
    assert outcome(pack, boxes, keys) == expected


def test_one_faulty_row_leaves_the_others_decided(pack: Path) -> None:
    boxes = [BOX, {"box_id": "b2", "locked": 3}, {"box_id": "b3", "locked": False}]
    keys = [KEY, {**KEY, "key_id": "k2", "box_id": "b2"}, {**KEY, "key_id": "k3", "box_id": "b3"}]
    result = only(judge(pack, {"boxes": boxes, "keys": keys}))
    assert {s: n for s, n in result.counts.items() if n} == {P: 1, U: 1, F: 1}
    assert {f.subject: f.status for f in result.findings} == {"b2": U, "b3": F}


# --- evidence in files ------------------------------------------------------------------------------


def folder(where: Path, data: bytes, table: str = "boxes", **changes: Any) -> Path:
    """An evidence folder with one source of the given bytes and the keys that go with it."""
    (where / "keys.json").write_text(json.dumps([KEY]))
    name = changes.pop("name", f"{table}.json")
    (where / name).write_bytes(data)
    entries = []
    for path, of, rows in ((name, table, 1), ("keys.json", "keys", 1)):
        body = (where / path).read_bytes()
        entries.append({
            "evidence_id": of, "table": of, "path": path, "source_system": "s", "collector": "c",
            "collector_version": "1", "collected_at": "2026-03-02T00:00:00Z", "evidence_kind": "observed",
            "population_complete": True, "row_count": rows,
            "file_sha256": hashlib.sha256(body).hexdigest(),
        })  # fmt: skip
    entries[0].update(changes)
    manifest = {"organisation": "O", "as_of": "2026-03-02T12:00:00Z", "sources": entries}
    (where / "manifest.yaml").write_text(json.dumps(manifest, indent=1))
    return where


def run(pack: Path, evidence_folder: Path) -> tuple[ControlResult, str]:
    compiled, session = compile_folder(pack)
    with session:
        evidence = load_evidence(evidence_folder, compiled.pack.tables, AS_OF)
        assessment = assess(compiled, load(compiled, evidence, session), session)
    state = next(s.state for s in assessment.sources if s.source.table == "boxes")
    return only(assessment), state


GOOD = json.dumps([BOX]).encode()


@pytest.mark.parametrize(
    ("data", "changes", "state"),
    [
        (GOOD, {}, "ok"),
        (GOOD, {"file_sha256": "0" * 64}, "tampered"),
        (GOOD, {"row_count": 2}, "count_mismatch"),
        (GOOD, {"path": "../boxes.json"}, "refused"),
        (GOOD, {"path": "/etc/passwd"}, "refused"),
        (GOOD, {"path": "none.json"}, "missing"),
        (GOOD, {"collected_at": "2026-03-02T13:00:00Z"}, "future"),
        (GOOD, {"collected_at": "2026-02-23T12:00:00Z"}, "ok"),
        (GOOD, {"collected_at": "2026-02-23T11:59:59Z"}, "stale"),
        (b"[{", {}, "unreadable"),
        (b'[{"box_id": "b1", "box_id": "b2", "locked": true}]', {}, "unreadable"),
        (b'[{"box_id": "b1", "locked": true, "bits": NaN}]', {}, "unreadable"),
        (b'[{"box_id": "b1", "locked": true, "bits": Infinity}]', {}, "unreadable"),
        (b"- {box_id: b1, locked: yes}\n", {"name": "boxes.yaml"}, "unreadable"),
        (b"- &a {box_id: b1, locked: true}\n", {"name": "boxes.yaml"}, "unreadable"),
        (b"- !!map {box_id: b1, locked: true}\n", {"name": "boxes.yaml"}, "unreadable"),
        (b"- {box_id: b1, locked: true}\n", {"name": "boxes.yaml"}, "ok"),
        (b"box_id,locked\nb1,true\n", {"name": "boxes.csv"}, "ok"),
        (b"box_id,locked,locked\nb1,true,true\n", {"name": "boxes.csv"}, "unreadable"),
        (b"\xff\xfe", {}, "unreadable"),
        (b"", {}, "unreadable"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_state_of_a_source(
    pack: Path, tmp_path: Path, data: bytes, changes: dict[str, Any], state: str
) -> None:
    result, found = run(pack, folder(tmp_path, data, **changes))
    assert found == state
    assert result.status is (P if state == "ok" else U)


@pytest.mark.parametrize(
    "row",
    [
        {"locked": 1}, {"locked": "true"}, {"locked": None}, {"box_id": ""}, {"box_id": None},
        {"box_id": 1}, {"colour": "red"},
    ],
    ids=str,
)  # fmt: skip
def test_a_faulty_cell_that_is_read_is_no_pass(pack: Path, tmp_path: Path, row: dict[str, Any]) -> None:
    result, _ = run(pack, folder(tmp_path, json.dumps([{**BOX, **row}]).encode()))
    assert result.status is U


@pytest.mark.parametrize(
    ("expression", "column", "bad", "good"),
    [
        ("bits >= 1", "bits", [5000, -1, 1.5, "1", True, 2**70], 256),
        ("place = 'cloud'", "place", ["Cloud", "attic", 1], "cloud"),
        (
            "not_after(made_at, $as_of_day)", "made_at",
            ["2026-02-30", "2026-03-03", "02/03/2026", "2026", "0000-01-01", "99999-01-01", 20260101],
            "2026-03-02",
        ),
    ],
)  # fmt: skip
def test_a_cell_outside_its_type_decides_nothing(
    tmp_path: Path, expression: str, column: str, bad: list[Any], good: Any
) -> None:
    pack = write_pack(tmp_path, {"BX/BX-1.yaml": {**CONTROL, "expect": {"locked": expression}}})
    assert only(judge(pack, {"boxes": [{column: good}]})).status is P
    for value in bad:
        assert only(judge(pack, {"boxes": [{column: value}]})).status is U, value


def test_a_symbolic_link_is_not_evidence(pack: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_bytes(GOOD)
    inside = tmp_path / "evidence"
    inside.mkdir()
    folder(inside, GOOD)
    (inside / "boxes.json").unlink()
    (inside / "boxes.json").symlink_to(outside)
    result, state = run(pack, inside)
    assert (state, result.status) == ("refused", U)


def test_a_manifest_that_cannot_be_read_stops_the_run(pack: Path, tmp_path: Path) -> None:
    folder(tmp_path, GOOD)
    (tmp_path / "manifest.yaml").write_text("sources: [")
    with pytest.raises(InputError) as caught:
        run(pack, tmp_path)
    assert caught.value.faults[0].place.line
