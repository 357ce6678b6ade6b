"""From answers to statuses: every branch of the decider, of a control's status and of the gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policycheck.errors import FaultList
from policycheck.graph import control_order, first_causes
from policycheck.model import (
    CompiledControl,
    CompiledExpression,
    Control,
    ExceptionPath,
    ExpressionText,
    Pack,
    Reads,
    Reason,
    Severity,
    Status,
    worst,
)
from policycheck.outcomes import ControlResult
from policycheck.results import control_status, decide_gate, roll_up
from policycheck.source import Place
from policycheck.trust import Doubt
from policycheck.verdicts import Columns, Decider, Verdict, except_verdict, undecided_words

PLACE = Place("x.yaml", 1, 1)
DOUBTFUL = Reason("evidence_stale", "too old")
ANSWERS = st.sampled_from([True, False, None])


def control(id_: str = "DP-1", **more: Any) -> Control:
    more = {"subject": "t", "expect": {"x": ExpressionText("x", PLACE)}, **more}
    if more.get("all_of"):
        more.update(subject=None, expect={})
    return Control(id_, id_, (id_,), more.pop("severity", Severity.HIGH), "why", "mend", PLACE, **more)


def expression(name: str, observes: tuple[str, ...] = ()) -> CompiledExpression:
    return CompiledExpression(name, name, Reads(), observes, PLACE)


def decider(doubt: Doubt | None = None, *, scoped: bool = True) -> Decider:
    """A decider of two expectations and one advice; answers come as (applies, a, b, advice)."""
    compiled = CompiledControl(
        control(), "t", "t", ("id",), expression("applies_when", ("p",)) if scoped else None,
        (expression("a", ("q",)), expression("b", ("r",))), (expression("hint"),), None, {}, (), Reads(), "",
    )  # fmt: skip
    columns = Columns(0, (1, 2), (3,)) if scoped else Columns(None, (0, 1), (2,))
    return Decider(compiled, columns, doubt or Doubt())


# --- one subject ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "status", "code"),
    [
        ((True, True, True, False), Status.PASS, "pass"),
        ((True, True, False, True), Status.FAIL, "expectation_failed"),
        ((True, None, False, True), Status.FAIL, "expectation_failed"),
        ((True, True, None, True), Status.UNKNOWN, "undecided"),
        ((None, True, True, True), Status.UNKNOWN, "scope_undecided"),
        ((None, False, False, True), Status.UNKNOWN, "scope_undecided"),
        ((False, False, None, True), Status.NA, "out_of_scope"),
    ],
)
def test_three_valued_answers(answers: tuple[bool | None, ...], status: Status, code: str) -> None:
    verdict = decider().decide(answers, 0)
    assert (verdict.status, verdict.reason.code) == (status, code)


def test_a_fail_names_what_failed_and_what_is_open() -> None:
    verdict = decider().decide((True, False, None, None), 0)
    assert (verdict.failed, verdict.undecided) == (("a",), ("b",))


def test_a_remark_stands_beside_a_pass_only() -> None:
    assert decider().decide((True, True, True, True), 0).advised == ("hint",)
    assert decider().decide((True, True, True, None), 0).advised == ()
    assert decider().decide((True, False, True, True), 0).advised == ()


@given(st.tuples(ANSWERS, ANSWERS, ANSWERS, ANSWERS))
def test_a_doubtful_source_or_row_decides_nothing(answers: tuple[bool | None, ...]) -> None:
    by_source = decider(Doubt(sources={3: DOUBTFUL}))
    assert by_source.decide(answers, 3).reason == DOUBTFUL
    assert by_source.decide(answers, 3).status is Status.UNKNOWN
    assert by_source.decide(answers, 2) == decider().decide(answers, 2)
    by_row = decider(Doubt(rows={7: DOUBTFUL}))
    assert by_row.decide(answers, 0, 7).status is Status.UNKNOWN
    assert by_row.decide(answers, 0, 8) == decider().decide(answers, 0)


@given(
    st.tuples(ANSWERS, ANSWERS, ANSWERS, ANSWERS),
    st.sets(st.sampled_from(["applies_when", "a", "b", "hint"])),
    st.sets(st.sampled_from(["applies_when", "a", "b"])),
    st.booleans(),
)
def test_doubt_never_makes_a_better_verdict(
    answers: tuple[bool | None, ...], doubted: set[str], planned: set[str], source: bool
) -> None:
    doubt = Doubt(dict.fromkeys(doubted, DOUBTFUL), frozenset(planned), {}, frozenset({0} if source else ()))
    before, after = decider().decide(answers, 0).status, decider(doubt).decide(answers, 0).status
    if after in (Status.PASS, Status.NA):
        assert after is before


def test_a_plan_may_fail_but_not_pass() -> None:
    for doubt in (Doubt(planned=frozenset({"a"})), Doubt(planned_sources=frozenset({0}))):
        planned = decider(doubt)
        assert planned.decide((True, True, True, None), 0).reason.code == "evidence_planned"
        assert planned.decide((True, False, True, None), 0).status is Status.FAIL


def test_doubt_about_scope_is_no_scope() -> None:
    doubt = Doubt({"applies_when": DOUBTFUL})
    assert decider(doubt).decide((False, True, True, None), 0).status is Status.UNKNOWN


def test_a_control_without_scope_concerns_every_subject() -> None:
    assert decider(scoped=False).decide((True, True, False), 0).status is Status.PASS
    assert decider(scoped=False).decide((None, True, False), 0).status is Status.UNKNOWN


def test_an_exception_changes_a_fail_only() -> None:
    for status in Status:
        verdict = Verdict(status, Reason("x", "x"), ("a",))
        after = except_verdict(verdict, "EX-1")
        assert after.status is (Status.EXCEPTED if status is Status.FAIL else status)
        assert after.failed == ("a",)


def test_an_open_verdict_names_the_cells_that_hold_nothing() -> None:
    one = decider()
    verdict = one.decide((True, None, None, None), 0)
    words = undecided_words(one.control, verdict, {"q": None, "r": 3})
    assert words == "not decided by the evidence: a, b (nothing is known of q)"


# --- a control ------------------------------------------------------------------------------------


def status(
    counts: Mapping[Status, int], doubts: tuple[Reason, ...] = (), fact: bool | None = None, **more: Any
) -> tuple[Status, str]:
    found, reason = control_status(control(**more), counts, doubts, fact)
    return found, reason.code


P, F, U, E, N = Status.PASS, Status.FAIL, Status.UNKNOWN, Status.EXCEPTED, Status.NA
FACT = {"na_when": ExpressionText("x", PLACE)}


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (({P: 3},), (P, "subjects_pass")),
        (({P: 3, N: 2},), (P, "subjects_pass")),
        (({P: 3, U: 1},), (U, "subjects_unknown")),
        (({P: 3, U: 1, F: 1},), (F, "subjects_fail")),
        (({P: 3, E: 1},), (E, "subjects_excepted")),
        (({E: 1, U: 1},), (U, "subjects_unknown")),
        (({P: 3}, (DOUBTFUL,)), (U, "evidence_stale")),
        (({P: 3, U: 1}, (DOUBTFUL,)), (U, "subjects_unknown")),
        (({F: 1}, (DOUBTFUL,)), (F, "subjects_fail")),
        (({E: 1}, (DOUBTFUL,)), (U, "evidence_stale")),
        (({},), (U, "no_subjects")),
        (({N: 4},), (U, "no_subjects")),
        (({N: 4, P: 0},), (U, "no_subjects")),
        (({}, (DOUBTFUL,)), (U, "evidence_stale")),
        # An attested fact outweighs the subjects only where there are none.
        (({P: 1}, (), True), (P, "subjects_pass")),
    ],
    ids=str,
)
def test_status_of_a_control(given_: tuple[Any, ...], expected: tuple[Status, str]) -> None:
    assert status(*given_) == expected


def test_no_subjects_is_na_only_where_the_evidence_says_so() -> None:
    assert status({N: 4}, none_in_scope=N) == (N, "no_subjects")
    assert status({}, none_in_scope=N) == (N, "no_subjects")
    assert status({}, (DOUBTFUL,), none_in_scope=N) == (U, "evidence_stale")
    assert status({}, fact=True, **FACT) == (N, "inapplicable")
    assert status({}, fact=False, **FACT) == (U, "no_subjects")
    assert status({}, fact=None, **FACT) == (U, "no_subjects")
    assert status({}, fact=None, none_in_scope=N, **FACT) == (U, "no_subjects")
    assert status({}, (DOUBTFUL,), True, **FACT) == (U, "evidence_stale")


def test_status_is_never_tested_for_truth() -> None:
    with pytest.raises(TypeError):
        bool(Status.PASS)
    with pytest.raises(ValueError, match="empty set"):
        worst([])


# --- roll-ups, gate, graph --------------------------------------------------------------------------


def result(id_: str, status_: Status, severity: Severity = Severity.HIGH) -> ControlResult:
    return ControlResult(control(id_, severity=severity), status_, Reason("x", "x"), {}, (), {}, "", (), 0)


@given(st.lists(st.sampled_from(list(Status)), min_size=1, max_size=6))
def test_a_roll_up_is_as_bad_as_its_worst_member(statuses: list[Status]) -> None:
    results = {f"DP-1.{i}": result(f"DP-1.{i}", s) for i, s in enumerate(statuses)}
    rolled = roll_up(control(all_of=tuple(results)), results)
    assert rolled.status is worst(statuses)
    assert sum(rolled.counts.values()) == len(statuses)
    if rolled.status is Status.PASS:
        assert set(statuses) <= {Status.PASS, Status.NA}


@pytest.mark.parametrize(
    ("found", "fail_on", "code"),
    [
        ([], "low", 2),
        ([(P, "low")], "low", 0),
        ([(N, "low"), (E, "critical")], "low", 0),
        ([(F, "low")], "low", 1),
        ([(F, "medium")], "high", 0),
        ([(F, "high")], "high", 1),
        ([(U, "high")], "high", 3),
        ([(U, "medium")], "high", 0),
        ([(U, "critical"), (F, "high")], "high", 1),
        ([(U, "critical"), (F, "high")], "critical", 3),
    ],
    ids=str,
)
def test_the_gate(found: list[tuple[Status, str]], fail_on: str, code: int) -> None:
    results = [result(f"DP-{i}", s, Severity(severity)) for i, (s, severity) in enumerate(found)]
    gate = decide_gate(results, Severity(fail_on))
    assert (gate.exit_code, gate.open) == (code, code == 0)


def pack_of(*controls: Control) -> Pack:
    found = {c.id: c for c in controls}
    return Pack("p", "1", "", "", "", "", (), {}, {}, found, {}, {}, {})


def test_order_puts_members_and_rules_first() -> None:
    path = ExceptionPath(True, ("DP-4",), "id")
    pack = pack_of(control("DP-1", all_of=("DP-2", "DP-3")), control("DP-2", requires=("DP-3",)),
                   control("DP-3", exceptions=path), control("DP-4"))  # fmt: skip
    faults = FaultList()
    assert control_order(pack, faults) == ("DP-4", "DP-3", "DP-2", "DP-1")
    assert not len(faults)


def test_a_circle_is_named() -> None:
    pack = pack_of(control("DP-1", requires=("DP-2",)), control("DP-2", all_of=("DP-3",)),
                   control("DP-3", exceptions=ExceptionPath(True, ("DP-1",), "id")))  # fmt: skip
    faults = FaultList()
    assert control_order(pack, faults) == ()
    assert [(f.code, f.message) for f in faults.faults] == [
        ("PC311", "controls depend on each other in a circle: DP-1 > DP-2 > DP-3 > DP-1")
    ]
    assert faults.faults[0].place == PLACE


def test_the_first_cause_is_the_deepest_failing_prerequisite() -> None:
    pack = pack_of(control("DP-1", requires=("DP-2",)), control("DP-2", requires=("DP-3",)), control("DP-3"))
    assert first_causes(pack, "DP-1", {"DP-2", "DP-3"}) == ("DP-3",)
    assert first_causes(pack, "DP-1", {"DP-2"}) == ("DP-2",)
    assert first_causes(pack, "DP-1", {"DP-3"}) == ("DP-3",)
    assert first_causes(pack, "DP-1", set()) == ()
