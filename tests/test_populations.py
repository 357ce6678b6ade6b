"""An independent inventory: what stands in it and not in the evidence, or the other way round, is unknown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from policycheck.errors import InputError
from policycheck.evidence import rows_as_evidence
from policycheck.explanation import explain_control, explain_subject
from policycheck.loading import load
from policycheck.model import Status
from policycheck.outcomes import Assessment, ControlResult, PopulationResult
from policycheck.reporters import REPORTERS
from small_pack import AS_OF, BOXES, CONTROL, compile_folder, judge, write_pack

SHELVES: dict[str, Any] = {
    **BOXES,
    "title": "Shelves",
    "x-key": ["shelf_id"],
    "required": ["shelf_id"],
    "properties": {
        "shelf_id": {"type": "string", "minLength": 1, "description": "Its name.", "examples": ["shelf-1"]},
        "holds": {"type": ["string", "null"], "description": "The box that stands on it."},
        "in_use": {"type": ["boolean", "null"], "description": "Whether it is in use."},
    },
}
POPULATION = {"inventory": "shelves", "key": "box_id", "inventory_key": "holds", "where": "in_use"}


def pack(folder: Path, population: Any = POPULATION, **more: Any) -> Path:
    control = {**CONTROL, "population": population, **more}
    return write_pack(folder, {"tables/shelves.schema.json": SHELVES, "BX/BX-1.yaml": control})


def run(folder: Path, boxes: Any, shelves: Any, **how: Any) -> tuple[ControlResult, Assessment]:
    given: dict[str, Any] = {"boxes": boxes}
    if shelves is not None:
        given["shelves"] = shelves
    assessment = judge(pack(folder), given, **how)
    return assessment.controls[0], assessment


def box(name: str, locked: bool | None = True) -> dict[str, Any]:
    return {"box_id": name, "locked": locked}


def shelf(name: str, holds: str | None, in_use: bool | None = True) -> dict[str, Any]:
    return {"shelf_id": name, "holds": holds, "in_use": in_use}


def test_two_lists_that_agree_pass(tmp_path: Path) -> None:
    result, _ = run(tmp_path, [box("a"), box("b")], [shelf("1", "a"), shelf("2", "b")])
    assert result.status is Status.PASS
    assert result.population == PopulationResult("shelves", 2, 2)


def test_what_only_the_inventory_knows_is_unknown_and_named(tmp_path: Path) -> None:
    result, _ = run(tmp_path, [box("a")], [shelf("1", "a"), shelf("2", "b")])
    assert result.status is Status.UNKNOWN
    assert result.population == PopulationResult("shelves", 2, 1)
    (finding,) = result.findings
    assert (finding.subject, finding.status, finding.reason.code) == ("2", Status.UNKNOWN, "not_in_evidence")
    assert finding.message == "it stands in `shelves`, and no row of `boxes` is about it"
    assert finding.place is not None
    assert result.counts[Status.UNKNOWN] == 1
    assert result.findings_total == 1


def test_what_the_inventory_does_not_know_is_unknown_and_named(tmp_path: Path) -> None:
    result, _ = run(tmp_path, [box("a"), box("b")], [shelf("1", "a")])
    assert result.status is Status.UNKNOWN
    (finding,) = result.findings
    assert (finding.subject, finding.reason.code) == ("b", "not_in_inventory")
    assert finding.message == "it does not stand in `shelves`"


def test_a_fail_stays_a_fail_though_the_inventory_does_not_know_it(tmp_path: Path) -> None:
    result, _ = run(tmp_path, [box("a"), box("b", locked=False)], [shelf("1", "a")])
    assert result.status is Status.FAIL


def test_each_subject_is_explained_as_it_is_judged(tmp_path: Path) -> None:
    """One that both lists know, one that the inventory does not name, and one that it alone names."""
    compiled, session = compile_folder(pack(tmp_path))
    with session:
        given = {"boxes": [box("a"), box("b")], "shelves": [shelf("1", "a"), shelf("2", "c")]}
        evidence = load(compiled, rows_as_evidence(given, compiled.pack.tables, AS_OF), session)
        explained = explain_control(compiled, evidence, session, "BX-1")
        found = {
            name: explain_subject(compiled, evidence, session, explained, name).verdict
            for name in ("a", "b", "2")
        }
        with pytest.raises(InputError, match="no subject `c`"):
            explain_subject(compiled, evidence, session, explained, "c")
    assert {name: (verdict.status, verdict.reason.code) for name, verdict in found.items()} == {
        "a": (Status.PASS, "pass"),
        "b": (Status.UNKNOWN, "not_in_inventory"),
        "2": (Status.UNKNOWN, "not_in_evidence"),
    }


@pytest.mark.parametrize("in_use", [False, None])
def test_a_row_that_may_be_asked_for_is(tmp_path: Path, in_use: bool | None) -> None:
    result, _ = run(tmp_path, [box("a")], [shelf("1", "a"), shelf("2", "b", in_use)])
    assert result.status is (Status.PASS if in_use is False else Status.UNKNOWN)


def test_a_row_without_a_key_stands_in_no_list(tmp_path: Path) -> None:
    result, _ = run(tmp_path, [box("a")], [shelf("1", "a"), shelf("2", None)])
    assert result.population == PopulationResult("shelves", 2, 1)
    assert result.status is Status.UNKNOWN


@pytest.mark.parametrize("how", ["missing", "stale"])
def test_an_inventory_that_cannot_be_relied_on_leaves_all_open(tmp_path: Path, how: str) -> None:
    shelves = {"missing": "missing", "stale": {"rows": [shelf("1", "a")], "stale": True}}[how]
    if how == "stale":
        shelves = "stale"
    result, _ = run(tmp_path, [box("a")], shelves)
    assert result.status is Status.UNKNOWN
    assert result.reason.code.startswith("evidence_") or result.counts[Status.UNKNOWN]


def test_a_faulty_row_of_the_inventory_vouches_for_nobody(tmp_path: Path) -> None:
    faulty = {"shelf_id": "2", "holds": 5, "in_use": False}
    result, _ = run(tmp_path, [box("a")], [shelf("1", "a"), faulty])
    assert result.status is Status.UNKNOWN
    assert result.counts[Status.PASS] == 0


LEADS: dict[str, Any] = {
    **SHELVES,
    "properties": {
        **SHELVES["properties"],
        "moved_to": {
            "type": ["string", "null"],
            "x-references": "boxes.box_id",
            "description": "Where it went.",
        },
        "height": {"type": ["integer", "null"], "description": "How high it hangs."},
    },
}


@pytest.mark.parametrize(
    ("where", "cells", "code"),
    [
        ("moved_to IS NULL", {"moved_to": "nowhere"}, "dangling_ref"),
        ("height IS NOT NULL", {"height": "high"}, "wrong_type"),
    ],
)
def test_a_doubtful_cell_takes_nothing_out_of_the_inventory(
    tmp_path: Path, where: str, cells: dict[str, Any], code: str
) -> None:
    control = {**CONTROL, "population": {**POPULATION, "where": where}}
    folder = write_pack(tmp_path, {"tables/shelves.schema.json": LEADS, "BX/BX-1.yaml": control})
    sound = {**shelf("1", "a"), "height": 3}
    result = judge(folder, {"boxes": [box("a")], "shelves": [sound, {**shelf("2", "b"), **cells}]}).controls[
        0
    ]
    assert (result.status, result.reason.code) == (Status.UNKNOWN, code)
    assert result.population == PopulationResult("shelves", 1, 1)
    assert judge(folder, {"boxes": [box("a")], "shelves": [sound]}).controls[0].status is Status.PASS


def test_a_plan_takes_nothing_out_of_the_inventory(tmp_path: Path) -> None:
    where = "NOT EXISTS (SELECT 1 FROM keys k WHERE k.key_id = subject.shelf_id)"
    folder = pack(tmp_path, {**POPULATION, "where": where})
    given = {"boxes": [box("a")], "shelves": [shelf("1", "a")]}
    observed = judge(folder, {**given, "keys": {"rows": [], "kind": "observed"}})
    assert observed.controls[0].status is Status.PASS
    planned = judge(folder, {**given, "keys": {"rows": [], "kind": "planned"}})
    assert (planned.controls[0].status, planned.controls[0].reason.code) == (
        Status.UNKNOWN,
        "evidence_planned",
    )


def test_an_empty_inventory_does_not_let_subjects_pass(tmp_path: Path) -> None:
    result, _ = run(tmp_path, [box("a")], [])
    assert result.status is Status.UNKNOWN


def test_no_subjects_and_a_full_inventory_is_not_na(tmp_path: Path) -> None:
    folder = pack(tmp_path, none_in_scope="na")
    result = judge(folder, {"boxes": [], "shelves": [shelf("1", "a")]}).controls[0]
    assert result.status is Status.UNKNOWN


def test_every_report_says_how_much_was_seen(tmp_path: Path) -> None:
    _, assessment = run(tmp_path, [box("a")], [shelf("1", "a"), shelf("2", "b")])
    found = json.loads(REPORTERS["json"].render(assessment))["controls"][0]["population"]
    assert found == {"inventory": "shelves", "expected": 2, "found": 1}
    assert "seen: 1 of 2 of `shelves`" in REPORTERS["text"].render(assessment).decode()
    assert "1 of 2 of <code>shelves</code>" in REPORTERS["html"].render(assessment).decode()


def test_the_findings_of_an_inventory_keep_to_the_limit(tmp_path: Path) -> None:
    shelves = [shelf(str(number), f"box-{number}") for number in range(20)]
    result, _ = run(tmp_path, [box("a")], [*shelves, shelf("a", "a")], finding_limit=5)
    assert len(result.findings) == 5
    assert result.findings_total == 20


@pytest.mark.parametrize(
    ("population", "fault"),
    [
        ({**POPULATION, "inventory": "shelfs"}, "the inventory `shelfs` is no table"),
        ({**POPULATION, "key": "boxid"}, "`population` names `boxid`, which `boxes` has not"),
        ({**POPULATION, "inventory_key": "hold"}, "`population` names `hold`, which `shelves` has not"),
        ({**POPULATION, "where": "holds"}, "the expression is not a boolean"),
        ({**POPULATION, "when": "in_use"}, "unknown key `when`"),
        ({"inventory": "shelves"}, "`key`"),
    ],
)
def test_a_population_that_names_nothing_is_a_fault(tmp_path: Path, population: Any, fault: str) -> None:
    with pytest.raises(InputError) as caught:
        compile_folder(pack(tmp_path, population))
    assert fault in str(caught.value)


def test_a_roll_up_has_no_population(tmp_path: Path) -> None:
    rolled = {k: v for k, v in CONTROL.items() if k not in ("subject", "expect", "otherwise")}
    control = {**rolled, "id": "BX-2", "all_of": ["BX-1"], "population": POPULATION}
    with pytest.raises(InputError, match="a roll-up has no `population`"):
        compile_folder(write_pack(pack(tmp_path), {"BX/BX-1.yaml": CONTROL, "BX/BX-2.yaml": control}))
