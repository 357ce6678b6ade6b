"""A pack's examples: the shipped pack's all agree and prove enough."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from policycheck.cli.test_command import test as command
from policycheck.errors import InputError
from policycheck.model import Pack, Status
from policycheck.pack import load_pack
from policycheck.selftest import choose, example_faults, run_examples

CONTROLS = Path(__file__).parents[1] / "controls"
SMALL = "DP-3.14"

# Worked cases of the domain analysis by label: the control that shows each, and its status there.
WORKED = {
    "1": ("OR-6.1", "pass"), "2": ("OR-6.1", "fail"), "4": ("OR-6.1", "fail"), "5": ("OR-6.1", "fail"),
    "6": ("OR-6.1", "unknown"), "8": ("OR-1.1", "pass"), "10": ("OR-1.1", "pass"), "11": ("RT-1.2", "pass"),
    "12": ("RT-1.2", "fail"), "13": ("RT-1.3", "pass"), "14": ("RT-1.2", "fail"), "17": ("RT-1.2", "pass"),
    "19": ("OR-6.4", "pass"),
    "21": ("DP-3.14", "pass"), "22": ("DP-3.14", "pass"), "25": ("DP-3.13", "fail"),
    "26": ("DP-3.1", "unknown"),
    "27": ("DP-3.7", "pass"), "30": ("DP-3.5", "pass"), "31": ("DP-3.5", "pass"), "33": ("DP-3.3", "fail"),
    "36": ("DP-3.1", "fail"),
}  # fmt: skip


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack(CONTROLS)


def only(pack: Pack, control_id: str, **changes: object) -> Pack:
    """The pack with one control changed."""
    changed = replace(pack.controls[control_id], **changes)  # type: ignore[arg-type]
    return replace(pack, controls={**pack.controls, control_id: changed})


@pytest.mark.slow
def test_every_example_agrees(pack: Pack) -> None:
    results = run_examples(pack)
    wrong = [f"{r.control}: {r.example.name}: {r.status} {r.reason.words}" for r in results if not r.agrees]
    assert not wrong
    assert len(results) == sum(len(control.examples) for control in pack.controls.values())


def test_examples_of_some_controls_agree(pack: Pack) -> None:
    results = run_examples(pack, {"DP-3.7", SMALL, "META-3", "META-2"})
    assert results
    assert all(result.agrees for result in results)


def test_examples_prove_enough(pack: Pack) -> None:
    assert example_faults(pack) == ()


def test_wrong_expectation_disagrees(pack: Pack) -> None:
    example = next(e for e in pack.controls[SMALL].examples if e.expect is Status.PASS)
    changed = only(pack, SMALL, examples=(replace(example, expect=Status.FAIL),))
    (result,) = run_examples(changed, {SMALL})
    assert not result.agrees
    assert result.status is Status.PASS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"given": {"no_such_table": []}}, "no_such_table"),
        ({"given": {"exceptions": [{"no_such_column": 1}]}}, "no_such_column"),
        ({"as_of": "yesterday"}, "as_of"),
        ({"profile": "no_such_profile"}, "no_such_profile"),
        ({"parameters": {"no_such_parameter": 1}}, "no_such_parameter"),
        ({"given": {"evidence_manifest": [{"no_such_column": 1}]}}, "no_such_column"),
        ({"given": {"parameter_choices": "missing"}}, "parameter_choices"),
    ],
)
def test_a_wrong_example_is_a_fault_and_never_undecided(
    pack: Pack, changes: dict[str, object], words: str
) -> None:
    example = replace(pack.controls[SMALL].examples[0], expect=Status.UNKNOWN, **changes)  # type: ignore[arg-type]
    (result,) = run_examples(only(pack, SMALL, examples=(example,)), {SMALL})
    assert not result.agrees
    assert result.status is None
    assert any(words in fault.message for fault in result.faults)


def test_missing_proofs_are_faults(pack: Pack) -> None:
    passing = next(e for e in pack.controls[SMALL].examples if e.expect is Status.PASS)
    changed = only(pack, SMALL, examples=(passing, passing))
    messages = " | ".join(fault.message for fault in example_faults(changed, {SMALL}))
    assert "expects fail" in messages
    assert "expects unknown" in messages
    assert "have the name" in messages
    assert "nothing else" in messages
    assert {fault.code for fault in example_faults(changed, {SMALL})} == {"PC312"}


def test_cannot_contradicts_an_example(pack: Pack) -> None:
    changed = only(pack, SMALL, cannot=(Status.PASS,))
    assert any("cannot be pass" in fault.message for fault in example_faults(changed, {SMALL}))


def test_choose(pack: Pack) -> None:
    assert choose(pack, []) == list(pack.controls)
    assert set(choose(pack, ["META", SMALL])) == {c for c in pack.controls if c.startswith("META")} | {SMALL}
    with pytest.raises(InputError, match=r"DP-3\.77"):
        choose(pack, ["DP-3.77"])


@pytest.mark.parametrize("label", WORKED)
def test_worked_case_is_an_example(pack: Pack, label: str) -> None:
    control_id, status = WORKED[label]
    named = re.compile(rf"worked case {label}\b")
    statuses = {e.expect.value for e in pack.controls[control_id].examples if named.match(e.name)}
    assert status in statuses


# --- the command ----------------------------------------------------------------------------------


def test_command_passes() -> None:
    result = CliRunner().invoke(command, ["--pack", str(CONTROLS), SMALL])
    assert result.exit_code == 0
    assert re.search(r"1 controls, \d+ examples: \d+ agree, 0 disagree", result.output)


def test_command_fails_on_a_changed_expectation(tmp_path: Path) -> None:
    folder = shutil.copytree(CONTROLS, tmp_path / "pack")
    file = folder / "DP" / f"{SMALL}.yaml"
    head, mark, examples = file.read_text("utf-8").partition("\nexamples:")
    # One pass turned into `na` leaves every proof in place and one example wrong.
    file.write_text(head + mark + examples.replace("expect: pass", "expect: na", 1), "utf-8")
    result = CliRunner().invoke(command, ["--pack", str(folder), SMALL])
    assert result.exit_code == 1
    assert "expected: na" in result.output
    assert "got:      pass" in result.output


def test_command_refuses_unknown_names_and_packs(tmp_path: Path) -> None:
    assert CliRunner().invoke(command, ["--pack", str(CONTROLS), "NO-1"]).exit_code == 2
    assert CliRunner().invoke(command, ["--pack", str(tmp_path)]).exit_code == 2
