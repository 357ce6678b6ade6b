"""The benchmarks compare equal work: evidence is the same each time, and all sides give the same answers.

Times are not looked at. A measurement with no rounds runs each side once, without those that are slow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks import consent, curve, gate, many_controls, measure, one_rule, report, retention
from benchmarks.measure import Side, compare, differences

ROWS = 1000
WRITERS: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
    (gate.write, (gate.FEW,)),
    (one_rule.write, (ROWS, 10, True)),
    (consent.write, (ROWS,)),
    (retention.write, (ROWS,)),
    (many_controls.write, (ROWS, 10)),
]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shipped pack is kept, once it has been compiled."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, compiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICYCHECK_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(compiled))


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.mark.parametrize(("write", "arguments"), WRITERS, ids=lambda each: getattr(each, "__module__", ""))
def test_evidence_is_the_same_each_time(
    write: Callable[..., None], arguments: tuple[Any, ...], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, *arguments)
    assert _digests(tmp_path / "one") == _digests(tmp_path / "two") != {}


@pytest.mark.parametrize("module", [one_rule, consent, retention], ids=lambda module: module.__name__)
def test_all_sides_give_the_same_answer(module: Any) -> None:
    table = module.measure(ROWS, 0)
    assert differences(table) == []
    answers = [row["answer"] for row in table["rows"] if row["group"] is not None and row["answer"]]
    assert len(answers) >= 3


def test_the_plans_for_many_controls_give_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_controls, "CONTROLS", 10)
    table = many_controls.measure(ROWS, 0)
    assert differences(table) == []
    assert all(len(row["answer"]) == 10 for row in table["rows"])


def test_the_gate_gives_the_answers_of_a_loop(tmp_path: Path) -> None:
    """The peers need not be installed here: a loop in Python stands in for them."""
    tables, rules = gate.generate(gate.MORE)
    gate.write(tmp_path, gate.MORE)
    side = next(s for s in gate.sides(tmp_path, gate.MORE) if s.name == gate.OURS)
    loop = {rule.name: _counted(rule, tables[rule.table]) for rule in rules}
    table = compare("gate", [side], side.name, 0)
    assert table["rows"][0]["answer"] == loop


def _counted(rule: gate.Rule, rows: list[gate.Row]) -> list[int]:
    found = [0, 0, 0]
    for row in rows:
        cells = [(question, row[question.column]) for question in rule.questions]
        untrue = [cell is not None and eval(q.untrue.format(repr(cell))) for q, cell in cells]
        if row["row_id"] in rule.exempt:
            found[0] += 1
        elif any(untrue):
            found[1] += 1
        else:
            found[2 if any(cell is None for _, cell in cells) else 0] += 1
    return found


def _said(text: str) -> list[str]:
    return [measure.sys.executable, "-c", f"print('{text}')"]


def test_what_is_not_installed_is_a_row_and_another_answer_is_shown() -> None:
    sides = [Side("one", _said("1")), Side("two", _said("2")), Side("three", None)]
    table = compare("numbers", sides, "one", 1, warm=False)
    assert differences(table) == ["numbers: two: answers 2, where one answers 1"]
    shown = measure.shown(table)
    assert "not installed" in shown
    assert "DIFFERS" in shown


def test_an_answer_beside_which_there_is_no_other_is_not_called_the_same() -> None:
    alone = [Side("one", _said("1")), Side("two", None)]
    assert "same" not in measure.shown(compare("numbers", alone, "one", 1, warm=False))
    both = [Side("one", _said("1")), Side("two", _said("1"))]
    assert measure.shown(compare("numbers", both, "one", 1, warm=False)).count("same") == 2


def test_an_answer_that_cannot_be_read_is_a_crash_of_its_side() -> None:
    table = compare("numbers", [Side("one", _said("no number"))], "one", 1, warm=False)
    assert ["no answer can be read" in line for line in differences(table)] == [True]


def test_a_side_that_takes_too_long_is_stopped() -> None:
    slow = Side("slow", [measure.sys.executable, "-c", "while True: pass"], patience=0.5)
    aims = [measure.Aim("slow is slow", "slow", "quick", 1.5, at_least=True)]
    table = compare("patience", [Side("quick", _said("1")), slow], "quick", 1, warm=False, aims=aims)
    assert table["rows"][1]["state"] == "over 0 s"
    assert table["aims"][0]["measured"] > 1.5
    assert "met" in report.aims_as_text(table)


def test_a_curve_is_drawn_with_the_same_bytes_each_time() -> None:
    drawn = [curve.svg("time", "records", [0, 10, 100], {"a": [0.1, 0.2, 1.5]}) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert drawn[0].count("<circle") == 3


def test_a_side_that_crashes_is_a_row_and_the_others_go_on() -> None:
    broken = Side("broken", [measure.sys.executable, "-c", "raise SystemExit('no memory')"])
    table = compare("crash", [broken, Side("well", _said("1"))], "well", 1, warm=False)
    assert "crashed" in measure.shown(table)
    assert "no memory" in differences(table)[0]
    assert table["rows"][1]["runs"]
