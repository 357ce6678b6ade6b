"""What no example notices is a survivor, with the example that would; a mark says why it need not be."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from policycheck.bench import Bench, open_stack
from policycheck.cli.test_command import test as command
from policycheck.engines import Row
from policycheck.engines.direct import DirectSession
from policycheck.engines.direct_values import refused
from policycheck.engines.judgements import FetchedJudgement
from policycheck.errors import Fault, InputError
from policycheck.falsification import ControlMutants, falsify, falsify_all
from policycheck.model import Status
from policycheck.pack import load_pack
from policycheck.proposals import propose
from policycheck.selftest import run_examples
from policycheck.source import Place
from policycheck.workers import BATCH, available_processes
from small_pack import CONTROL, write_pack

CONTROLS = Path(__file__).parents[1] / "controls"
PLACE = Place("BX/BX-1.yaml", 3, 1)
EXAMPLES = [
    {"name": "long", "given": {"boxes": [{"place": "cloud", "bits": 300}]}, "expect": "pass"},
    {
        "name": "short",
        "given": {"boxes": [{"place": "cloud", "bits": 2}]},
        "expect": "fail",
        "failed": ["bits"],
    },
    {"name": "nobody knows", "given": {"boxes": [{"place": "cloud"}]}, "expect": "unknown"},
    {"name": "a cellar", "given": {"boxes": [{"place": "cellar", "bits": 2}]}, "expect": "unknown"},
]  # fmt: skip
YAML = """id: BX-1
title: Boxes have long keys
clauses: [BX-1]
severity: high
rationale: A short key keeps nothing.
remediation: Take a longer one.
subject: boxes
applies_when: place = 'cloud'
expect:
  bits: bits >= 256
otherwise:
  bits: "{subject} has {bits} bits"
"""
BOUNDARY, MORE, LESS = "expect.bits/dc72f508", "expect.bits/8cf4ba6c", "expect.bits/4305e34e"


def folder_of(tmp_path: Path, examples: list[dict[str, Any]] = EXAMPLES, marks: str = "") -> Path:
    text = YAML + marks + "examples:\n" + "".join(f"  - {json.dumps(each)}\n" for each in examples)
    return write_pack(tmp_path, {"BX/BX-1.yaml": text})


def survivors(found: ControlMutants) -> list[tuple[str, str, str]]:
    return [(r.mutant.part, r.mutant.before, r.mutant.after) for r in found.results if r.survived]


def run(folder: Path) -> ControlMutants:
    (found,) = falsify_all(load_pack(folder))
    return found


def test_survivors_are_what_no_example_notices(tmp_path: Path) -> None:
    found = run(folder_of(tmp_path))
    assert survivors(found) == [
        ("expect.bits", "bits >= 256", "bits > 256"),
        ("expect.bits", "256", "257"),
        ("expect.bits", "256", "255"),
    ]
    assert len(found.results) == 6
    noticed = {(r.mutant.before, r.mutant.after): r.noticed_by for r in found.results if r.noticed_by}
    assert noticed["place = 'cloud'", "place <> 'cloud'"] == "long"
    assert noticed["place = 'cloud'", ""] == "a cellar"


def test_examples_at_the_boundary_notice_all(tmp_path: Path) -> None:
    at = [
        {"name": "at", "given": {"boxes": [{"place": "cloud", "bits": 256}]}, "expect": "pass"},
        {"name": "below", "given": {"boxes": [{"place": "cloud", "bits": 255}]}, "expect": "fail"},
    ]
    assert survivors(run(folder_of(tmp_path, [*EXAMPLES, *at]))) == []


def test_an_example_is_held_to_what_it_states(tmp_path: Path) -> None:
    """An example that says only `fail` notices a change of the status, not of what failed."""
    control = {**CONTROL, "expect": {"locked": "locked", "bits": "bits > 1"},
               "otherwise": {"locked": "no", "bits": "no"}}  # fmt: skip
    both = {"name": "both", "given": {"boxes": [{"locked": False, "bits": 0}]}, "expect": "fail"}
    folder = write_pack(tmp_path, {"BX/BX-1.yaml": {**control, "examples": [both]}})
    assert ("expect.locked", "locked", "NOT locked") in survivors(run(folder))
    both["failed"] = ["locked", "bits"]
    write_pack(tmp_path, {"BX/BX-1.yaml": {**control, "examples": [both]}})
    assert ("expect.locked", "locked", "NOT locked") not in survivors(run(folder))


def test_what_a_mutant_reads_decides_what_it_can_rely_on(tmp_path: Path) -> None:
    """Without its second half the expectation no longer rests on the table that is missing."""
    expect = "locked AND (SELECT any_true(k.copied) FROM keys k WHERE k.box_id = subject.box_id)"
    missing = {
        "name": "no keys",
        "given": {"boxes": [{"locked": True}], "keys": "missing"},
        "expect": "unknown",
    }
    control = {**CONTROL, "expect": {"locked": expect}, "examples": [missing]}
    found = run(write_pack(tmp_path, {"BX/BX-1.yaml": control}))
    dropped = next(
        r for r in found.results if r.mutant.before.startswith("(SELECT") and r.mutant.after == "TRUE"
    )
    assert dropped.noticed_by == "no keys"


def test_a_deleted_remark_and_fact_are_noticed_or_not(tmp_path: Path) -> None:
    control = {
        **CONTROL,
        "na_when": "EXISTS (SELECT 1 FROM keys k)",
        "advise": {"cloudy": {"when": "place = 'cloud'", "say": "{subject} is in the cloud"}},
    }
    examples = [{"name": "ok", "given": {"boxes": [{"locked": True, "place": "cloud"}]}, "expect": "pass"}]
    found = run(write_pack(tmp_path, {"BX/BX-1.yaml": {**control, "examples": examples}}))
    assert {r.mutant.id for r in found.results if r.survived and r.mutant.change is None} == {
        "na_when/deleted", "advise.cloudy/deleted",
    }  # fmt: skip
    examples[0]["advisories"] = ["cloudy"]
    examples.append({"name": "none", "given": {}, "expect": "unknown"})
    examples.append(
        {"name": "keys", "given": {"boxes": {"rows": []}, "keys": [{"key_id": "k"}]}, "expect": "na"}
    )
    found = run(write_pack(tmp_path, {"BX/BX-1.yaml": {**control, "examples": examples}}))
    assert {r.mutant.id for r in found.results if r.survived and r.mutant.change is None} == set()


def test_a_fact_may_be_asked_of_the_subject_itself(tmp_path: Path) -> None:
    """Where the subject is the organisation, its own conditions and `na_when` are about the same row."""
    control = {
        **CONTROL,
        "subject": "organisation",
        "expect": {"locked": "(SELECT all_true(b.locked) FROM boxes b)"},
        "na_when": "(SELECT all_true(k.copied) FROM keys k)",
        "examples": [{"name": "ok", "given": {"boxes": [{"locked": True}]}, "expect": "pass"}],
    }
    found = run(write_pack(tmp_path, {"BX/BX-1.yaml": control}))
    noticed = {(r.mutant.part, r.mutant.after): r.noticed_by for r in found.results if r.mutant.change}
    assert noticed["expect.locked", "NOT b.locked"] == "ok"
    assert noticed["na_when", "NOT k.copied"] == ""


def test_a_parameter_is_moved_under_the_setting_of_each_example(tmp_path: Path) -> None:
    control = {
        **CONTROL,
        "parameters": {"least": {"value": 256, "at_least": 128, "description": "Bits."}},
        "expect": {"locked": "bits >= $least"},
    }
    examples = [
        {"name": "at", "parameters": {"least": 512}, "given": {"boxes": [{"bits": 512}]}, "expect": "pass"}
    ]
    found = run(write_pack(tmp_path, {"BX/BX-1.yaml": {**control, "examples": examples}}))
    by_change = {r.mutant.after: r.noticed_by for r in found.results}
    assert by_change["$least + 1"] == "at"
    assert by_change["$least - 1"] == ""
    assert by_change["128"] == ""


def test_what_the_direct_engine_does_not_answer_is_asked_of_the_embedded_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path)
    found = run(folder)

    def silent(*_: object) -> None:
        raise refused("everything")

    monkeypatch.setattr(DirectSession, "_judge", silent)
    assert run(folder) == found
    assert any(result.noticed_by for result in found.results)


def test_an_engine_at_odds_with_an_example_notices_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path)
    found = run(folder)
    wrong = FetchedJudgement([Row(0, 0, ("box-1",), (None,) * 9, (None,) * 9)], ("box_id",))
    monkeypatch.setattr(DirectSession, "_judge", lambda *_: wrong)
    assert run(folder) == found


# --- marks ----------------------------------------------------------------------------------------


def mark(mutant: str, why: str = "No box has so many bits.") -> str:
    return f"equivalent:\n  - {{mutant: {mutant}, why: {why}}}\n"


def test_a_marked_mutant_is_no_survivor(tmp_path: Path) -> None:
    found = run(folder_of(tmp_path, marks=mark(BOUNDARY)))
    assert [r.mutant.after for r in found.results if r.survived] == ["257", "255"]
    assert [r.mark.why for r in found.results if r.mark] == ["No box has so many bits."]
    assert found.faults == ()


@pytest.mark.parametrize(
    ("mutant", "words"),
    [
        ("expect.bits/00000000", "`expect.bits/00000000` is no mutant of control `BX-1`"),
        (
            "applies_when/deleted",
            "`applies_when/deleted` is marked as equivalent, and the example `a cellar` notices it",
        ),
    ],
)  # fmt: skip
def test_a_mark_that_matches_no_survivor_is_a_fault(tmp_path: Path, mutant: str, words: str) -> None:
    (fault,) = run(folder_of(tmp_path, marks=mark(mutant))).faults
    assert (fault.code, fault.message) == ("PC313", words)
    assert fault.place.line == 14


def test_a_mark_needs_a_reason_and_stands_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="why"):
        load_pack(folder_of(tmp_path, marks=f"equivalent:\n  - {{mutant: {BOUNDARY}}}\n"))
    twice = mark(BOUNDARY) + f"  - {{mutant: {BOUNDARY}, why: again}}\n"
    with pytest.raises(InputError, match="marked twice"):
        load_pack(folder_of(tmp_path, marks=twice))


def test_a_roll_up_has_nothing_to_mark(tmp_path: Path) -> None:
    kept = {k: v for k, v in CONTROL.items() if k not in ("subject", "expect", "otherwise")}
    marks = [{"mutant": BOUNDARY, "why": "none"}]
    sum_up = {**kept, "id": "BX-2", "all_of": ["BX-1"], "equivalent": marks}
    with pytest.raises(InputError, match="a roll-up has no expressions"):
        load_pack(write_pack(tmp_path, {"BX/BX-2.yaml": sum_up}))


# --- the missing example --------------------------------------------------------------------------


def test_a_proposal_notices_what_it_says_and_states_what_the_control_answers(tmp_path: Path) -> None:
    pack = load_pack(folder_of(tmp_path))
    control, bench = pack.controls["BX-1"], Bench(pack, open_stack())
    open_ = [r.mutant for r in falsify(bench, [control])[0].results if r.survived]
    proposals = propose(control, open_, bench)
    assert {mutant for p in proposals for mutant in p.mutants} == {m.id for m in open_}
    assert {(p.example.given["boxes"][0]["bits"], p.example.expect) for p in proposals} == {
        (256, Status.PASS), (255, Status.FAIL),
    }  # fmt: skip
    complete = replace(control, examples=(*control.examples, *(p.example for p in proposals)))
    assert not [r for r in falsify(bench, [complete])[0].results if r.survived]


# --- the command ----------------------------------------------------------------------------------

SURVIVORS = f"""1 controls, 4 examples: 4 agree, 0 disagree
FOLDER/BX/BX-1.yaml:10:14: BX-1: no example notices a change of `expect.bits`
  before: bits >= 256
  after:  bits > 256
  mutant: {BOUNDARY}
  help: add an example whose outcome depends on it, or mark it in `equivalent` and say why
FOLDER/BX/BX-1.yaml:10:17: BX-1: no example notices a change of `expect.bits`
  before: 256
  after:  257
  mutant: {MORE}
  help: add an example whose outcome depends on it, or mark it in `equivalent` and say why
FOLDER/BX/BX-1.yaml:10:17: BX-1: no example notices a change of `expect.bits`
  before: 256
  after:  255
  mutant: {LESS}
  help: add an example whose outcome depends on it, or mark it in `equivalent` and say why
BX-1: this example notices 2 of them; is what it expects right?
  - name: notices {MORE}
    given:
      boxes:
        - {{place: cloud, bits: 256}}
    expect: pass
BX-1: this example notices 1 of them; is what it expects right?
  - name: notices {LESS}
    given:
      boxes:
        - {{place: cloud, bits: 255}}
    expect: fail
    failed: [bits]
6 mutants: 3 noticed, 0 marked as equivalent, 3 not noticed
"""


def test_the_command_names_survivors_and_proposes_examples(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--pack", str(folder_of(tmp_path)), "--mutants"])
    assert result.output.replace(str(tmp_path), "FOLDER") == SURVIVORS
    assert result.exit_code == 1


def test_the_command_writes_json(tmp_path: Path) -> None:
    arguments = ["--pack", str(folder_of(tmp_path)), "--mutants", "--format", "json", "BX-1"]
    result = CliRunner().invoke(command, arguments)
    document = json.loads(result.output)
    assert result.exit_code == 1
    assert document["examples"] == {"total": 4, "agree": 4, "disagree": []}
    assert {key: document["mutants"][key] for key in ("total", "noticed", "marked")} == {
        "total": 6, "noticed": 3, "marked": 0,
    }  # fmt: skip
    assert document["mutants"]["survivors"][0] == {
        "control": "BX-1", "mutant": BOUNDARY, "place": f"{tmp_path}/BX/BX-1.yaml:10:14",
        "part": "expect.bits", "before": "bits >= 256", "after": "bits > 256",
    }  # fmt: skip


def test_a_mark_that_does_not_fit_makes_the_pack_wrong(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, marks=mark("applies_when/deleted"))
    result = CliRunner().invoke(command, ["--pack", str(folder), "--mutants"])
    assert result.exit_code == 2
    assert "error[PC313]" in result.output


def test_no_mutant_goes_unnoticed_in_two_controls() -> None:
    found = falsify_all(load_pack(CONTROLS), {"META-1", "RT-1.4b"})
    assert [survivors(each) for each in found] == [[], []]
    assert all(each.results and not each.faults for each in found)


@pytest.mark.slow
def test_no_mutant_of_the_shipped_pack_goes_unnoticed() -> None:
    found = falsify_all(load_pack(CONTROLS), processes=available_processes())
    assert {each.control: survivors(each) for each in found if survivors(each)} == {}
    assert [fault for each in found for fault in each.faults] == []


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing() -> None:
    pack = load_pack(CONTROLS)
    only = {control_id for control_id in pack.controls if control_id.startswith(("META", "LB", "DP"))}
    assert len(only) > BATCH
    assert falsify_all(pack, only, processes=1) == falsify_all(pack, only, processes=2)
    assert run_examples(pack, only, processes=1) == run_examples(pack, only, processes=2)


def test_an_error_comes_out_of_a_process_whole() -> None:
    error = InputError([Fault("PC101", "broken", PLACE, "mend it")])
    assert pickle.loads(pickle.dumps(error)).faults == error.faults
