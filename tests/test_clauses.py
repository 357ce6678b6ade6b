"""The clause register and the controls agree, and whatever is wrong in it is said with its place."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import sample_run
from house_rules import control, register, write_boxes, write_house_rules
from policycheck.clauses import controls_by_clause, read_register
from policycheck.cli.commands import cli
from policycheck.documents import Fields, read_yaml
from policycheck.errors import FaultList, InputError
from policycheck.model import ClauseClass, Pack, Severity
from policycheck.pack import load_pack
from small_pack import judge, write_pack

REGISTER = json.dumps(register(), indent=1)
MEMO = {
    "id": "INT-01", "title": "t", "clauses": ["BX-7"], "question": "q", "reading": "r", "approved": True,
    "approved_by": "counsel", "approved_at": "2026-01-02",
}  # fmt: skip
PARAMETER = {"bits": {"value": 1, "clauses": ["BX-7"]}}


def load(folder: Path, files: dict[str, Any] | None = None) -> Pack:
    return load_pack(write_house_rules(folder, files))


def lint(pack: Path, evidence: Path) -> Result:
    arguments = ["--pack", str(pack), "--evidence", str(write_boxes(evidence)), "--as-of", "manifest"]
    return CliRunner().invoke(cli, ["lint", *arguments])


def test_the_register_of_a_sound_pack_has_no_gap(tmp_path: Path) -> None:
    pack = load(tmp_path)
    assert pack.register is not None
    assert pack.gaps == ()
    assert [unit.id for unit in pack.register.units] == [
        "L02.1", "L03.1", "L03.2", "L04.1", "L05.1", "L06.1", "L07.1",
    ]  # fmt: skip
    assert pack.register.clauses["RV-1"].units == ("L06.1", "L07.1")
    assert pack.register.clauses["BX-1"].kind is ClauseClass.NORMATIVE
    assert pack.register.clauses["BX-2"].applies == "the boxes of one firm"


def test_a_pack_without_a_register_stays_possible(tmp_path: Path) -> None:
    """Then its clause ids are not checked."""
    pack = load_pack(write_pack(tmp_path))
    assert pack.register is None
    assert pack.gaps == ()


def test_a_summary_of_several_clauses_checks_none_of_them(tmp_path: Path) -> None:
    """A control that was deleted is missed although a roll-up still names its clause."""
    rolled = {**control("BX"), "all_of": ["BX-1", "BX-2"]}
    path = write_house_rules(tmp_path, {"BX/BX-3.yaml": None, "BX/BX.yaml": rolled})
    (gap,) = load_pack(path).gaps
    assert (
        gap.message == "`BX-3` is normative and no control checks it; `BX` sums it up, which checks nothing"
    )


def test_a_roll_up_checks_the_one_clause_it_names(tmp_path: Path) -> None:
    pack = load(tmp_path, {"BX/BX.yaml": {**control("BX"), "clauses": ["BX-1"]}})
    assert controls_by_clause(pack.controls)["BX-1"] == ("BX", "BX-1")


def test_a_clause_that_needs_no_control_says_why_it_has_none(tmp_path: Path) -> None:
    text = REGISTER.replace(',\n     "without_control": "Nothing to observe."', "")
    (gap,) = load(tmp_path, {"register.yaml": text}).gaps
    assert gap.message == "`PL-2` has no control and no reason to have none"
    assert gap.help == "write a control, or the reason as `without_control`"


def test_a_reason_that_a_control_has_overtaken_is_a_warning(tmp_path: Path) -> None:
    """It harms nothing, and says what is no longer so."""
    made = {**control("BX-1"), "id": "PL-1", "clauses": ["PL-1"]}
    path = write_house_rules(tmp_path / "pack", {"PL/PL-1.yaml": made})
    assert load_pack(path).gaps == ()
    result = lint(path, tmp_path / "evidence")
    assert result.exit_code == 0, result.output
    assert "warning[PC320]: `PL-1` says why no control checks it, and `PL-1` does" in result.stdout


def test_lint_refuses_a_pack_with_a_gap(tmp_path: Path) -> None:
    path = write_house_rules(tmp_path / "pack", {"BX/BX-3.yaml": None})
    result = lint(path, tmp_path / "evidence")
    assert result.exit_code == 2
    assert "`BX-3` is normative and no control checks it" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("1 fault in the pack")


def test_a_gap_keeps_the_gate_closed_and_no_control_from_being_judged(tmp_path: Path) -> None:
    """Nobody asked, so nobody knows; a selection of controls answers for itself alone."""
    rows = {
        "boxes": [{"box_id": "b", "locked": True, "bits": 256}],
        "keys": [{"box_id": "b", "copied": False}],
    }
    whole = judge(write_house_rules(tmp_path / "whole"), rows)
    assert (whole.gate.open, whole.gate.exit_code, whole.faults) == (True, 0, ())
    path = write_house_rules(tmp_path / "gap", {"BX/BX-3.yaml": None})
    gap = judge(path, rows)
    assert (gap.gate.open, gap.gate.exit_code) == (False, 3)
    assert gap.gate.words == "closed: 0 controls unknown, none failing; 1 clause without a control"
    assert [fault.code for fault in gap.faults] == ["PC316"]
    assert judge(path, rows, fail_on=Severity.CRITICAL).gate.exit_code == 3
    assert judge(path, rows, only={"BX-1"}).gate.open


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("interpretations/INT-01.yaml", MEMO, "memo `INT-01` names the clause `BX-7`"),
        ("parameters.yaml", PARAMETER, "parameter `bits` names the clause `BX-7`"),
    ],
)
def test_memos_and_parameters_name_clauses_of_the_register(
    file: str, content: dict[str, Any], words: str, tmp_path: Path
) -> None:
    assert words in fault_of(tmp_path, {file: content})


# --- faults ---------------------------------------------------------------------------------------


def edited(old: str, new: str) -> str:
    assert REGISTER.count(old) == 1, REGISTER.count(old)
    return REGISTER.replace(old, new)


def fault_of(folder: Path, files: dict[str, Any]) -> str:
    """The faults as a person reads them, without the folder."""
    with pytest.raises(InputError) as caught:
        load_pack(write_house_rules(folder, files))
    return str(caught.value).replace(f"{folder}/", "")


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "a control names an unknown clause": (
        {"BX/BX-1.yaml": {**control("BX-1"), "clauses": ["BX-11"]}},
        "BX/BX-1.yaml:4:13: error[PC307]: `BX-1` names the clause `BX-11`, which is not in the register\n"
        "   |\n"
        ' 4 |  "clauses": [\n'
        "   |             ^\n"
        "  help: did you mean `BX-1` or `BX-3` or `BX-2`?",
    ),
    "a clause twice": (
        {"register.yaml": edited('"PL-2": {', '"BX-1": {')},
        "register.yaml:55:5: error[PC304]: clause `BX-1` is given twice; the first is on line 25\n"
        "    |\n"
        ' 55 |     "BX-1": {\n'
        "    |     ^\n"
        "  help: keep one; a later sentence of the same clause says `part_of: [BX-1]`",
    ),
    "no fingerprint": (
        {"register.yaml": edited(json.dumps(register()["units"]["L04.1"]["fingerprint"]), '"0C5D4919"')},
        "register.yaml:43:19: error[PC314]: `0C5D4919` is not a fingerprint\n"
        "    |\n"
        ' 43 |    "fingerprint": "0C5D4919",\n'
        "    |                   ^\n"
        "  help: twelve hexadecimal digits, as `policycheck trace --document FILE` shows them",
    ),
    "no unit id": (
        {"register.yaml": edited('"L02.1"', '"L2.1"')},
        "register.yaml:18:3: error[PC313]: `L2.1` is not a unit id\n"
        "    |\n"
        ' 18 |   "L2.1": {\n'
        "    |   ^\n"
        "  help: line and number of the sentence in it, for instance L34.3",
    ),
    "units out of order": (
        {"register.yaml": edited('"L05.1"', '"L03.3"')},
        "register.yaml:52:3: error[PC313]: `L03.3` stands after `L04.1`\n"
        "    |\n"
        ' 52 |   "L03.3": {\n'
        "    |   ^\n"
        "  help: list the units in the order of the document",
    ),
    "a sentence without a clause": (
        {"register.yaml": edited('"heading": true', '"heading": false')},
        "register.yaml:18:3: error[PC315]: `L02.1` states no clause and is no heading\n"
        "    |\n"
        ' 18 |   "L02.1": {\n'
        "    |   ^\n"
        "  help: write `heading: true` for a heading, or else the clauses the sentence states",
    ),
    "a heading with a clause": (
        {"register.yaml": edited('"part_of": [', '"heading": true, "part_of": [')},
        "register.yaml:72:3: error[PC315]: `L07.1` is a heading and states clauses\n"
        "    |\n"
        ' 72 |   "L07.1": {\n'
        "    |   ^\n"
        "  help: write `heading: true` for a heading, or else the clauses the sentence states",
    ),
    "part of nothing": (
        {"register.yaml": edited('    "RV-1"\n', '    "RV-2"\n')},
        "register.yaml:74:15: error[PC307]: `part_of` names `RV-2`, which no earlier unit states\n"
        "    |\n"
        ' 74 |    "part_of": [\n'
        "    |               ^\n"
        "  help: did you mean `RV-1`?",
    ),
    "a clause of no section": (
        {"register.yaml": edited('"RV": "Revisions"', '"RW": "Revisions"')},
        "register.yaml:9:14: error[PC313]: section `RW` has no clause\n"
        "   |\n"
        ' 9 |  "sections": {\n'
        "   |              ^\n"
        "  help: remove it, or correct the clause ids\n"
        "register.yaml:65:5: error[PC313]: `RV-1` is in no section of the register\n"
        "    |\n"
        ' 65 |     "RV-1": {\n'
        "    |     ^\n"
        "  help: known names: `BX`, `PL`, `RW`",
    ),
    "an obligation excused": (
        {"register.yaml": edited('"class": "informational"', '"class": "normative"')},
        "register.yaml:58:25: error[PC315]: `PL-2` is normative and gives a reason to have no control\n"
        "    |\n"
        ' 58 |      "without_control": "Nothing to observe."\n'
        "    |                         ^\n"
        "  help: write the control, or state the class the clause has",
    ),
    "an unknown class": (
        {"register.yaml": edited('"class": "informational"', '"class": "information"')},
        "register.yaml:57:15: error[PC113]: `class` of a clause is `information`\n"
        "    |\n"
        ' 57 |      "class": "information",\n'
        "    |               ^\n"
        "  help: did you mean `informational` or `normative`?",
    ),
    "a control named in the register": (
        {"register.yaml": edited('"title": "Care",', '"title": "Care", "controls": ["BX-1"],')},
        "register.yaml:56:23: error[PC112]: unknown key `controls` in a clause\n"
        "    |\n"
        ' 56 |      "title": "Care", "controls": ["BX-1"],\n'
        "    |                       ^\n"
        "  help: did you mean `without_control`?",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_register_is_said_with_place_cause_and_help(name: str, tmp_path: Path) -> None:
    files, text = FAULTS[name]
    assert fault_of(tmp_path, files) == text


def test_the_register_that_the_documentation_shows_is_sound() -> None:
    page = (sample_run.ROOT / "docs" / "authoring.md").read_text("utf-8")
    (text,) = (
        block for block in re.findall(r"^```yaml\n(.*?)^```$", page, re.S | re.M) if "\nunits:" in block
    )
    faults = FaultList()
    document = read_yaml("register.yaml", text.encode(), faults)
    assert document is not None, faults.faults
    shown = read_register(Fields(document, (), faults, "the clause register"), faults)
    assert faults.faults == ()
    assert shown.clauses["RC-1.0"].units == ("L69.1", "L70.1")


# --- the shipped register -------------------------------------------------------------------------


def test_the_shipped_register_holds_every_unit_and_clause() -> None:
    shipped = sample_run.shipped_pack().register
    assert shipped is not None
    kinds = Counter(clause.kind.value for clause in shipped.clauses.values())
    assert kinds == {"normative": 107, "guarded": 2, "permission": 3, "definition": 7, "informational": 3}
    assert (len(shipped.units), sum(unit.heading for unit in shipped.units)) == (103, 18)
    assert len({unit.fingerprint for unit in shipped.units}) == 103


def test_every_clause_of_the_shipped_register_is_accounted_for() -> None:
    assert [fault.message for fault in sample_run.shipped_pack().gaps] == []


def test_every_shipped_control_but_those_about_checking_has_a_sentence() -> None:
    pack = sample_run.shipped_pack()
    assert pack.register is not None
    for control_id, made in pack.controls.items():
        if made.section not in pack.register.not_in_document:
            assert any(pack.register.clauses[clause].units for clause in made.clauses), control_id
