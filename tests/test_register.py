"""The exceptions register: an exception counts only where nothing speaks against it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from policycheck.model import Control, ExceptionPath, ExpressionText, Reason, Severity, Status
from policycheck.register import Entry, Register, judge_register
from policycheck.source import Place

TODAY = date(2026, 3, 2)
DAY = timedelta(days=1)
ENTRY = Entry(
    id="EX-1", clauses=("DP-3.5",), subjects=("scanner",), requested_by="it", authorized_by="ciso",
    valid_from=date(2026, 1, 1), valid_to=date(2026, 12, 31), status="approved", place=None,
)  # fmt: skip


def control(id_: str, **more: Any) -> Control:
    text = ExpressionText("true_column", Place(""))
    return Control(id_, id_, (id_,), Severity.HIGH, "why", "mend", Place(""), subject="t", expect={"x": text},
                   **more)  # fmt: skip


ALLOWS = ExceptionPath(True, ("RULE-1",), "resource_id")
CONTROLS = {
    c.id: c
    for c in (
        control("DP-3.5", exceptions=ALLOWS),
        control("DP-3.11", exceptions=ALLOWS),
        control("RT-1.2"),
        control("RULE-1"),
    )
}
PASSES = {"RULE-1": {f"EX-{i}": (Status.PASS, "") for i in range(1, 5)}}
Verdicts = Mapping[str, Mapping[str, tuple[Status, str]]]


def judge(*entries: Entry, verdicts: Verdicts = PASSES, today: date = TODAY) -> Register:
    return judge_register(entries, CONTROLS, verdicts, today)


def outcome(entry: Entry, verdicts: Verdicts = PASSES, today: date = TODAY) -> tuple[str, str]:
    register = judge(entry, verdicts=verdicts, today=today)
    state, reason = register.states[entry.id]
    assert bool(register.covered_by("DP-3.5")) is (state == "in_force")
    return state, reason.code


def test_a_sound_exception_covers_what_it_names_and_nothing_else() -> None:
    register = judge(ENTRY)
    assert register.covered_by("DP-3.5") == {"scanner": "EX-1"}
    assert register.covered_by("DP-3.11") == {}
    assert register.covered_by("RT-1.2") == {}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"status": "requested"}, ("invalid", "not_approved")),
        ({"status": None}, ("invalid", "not_approved")),
        ({"authorized_by": None}, ("invalid", "not_authorised")),
        ({"authorized_by": ""}, ("invalid", "not_authorised")),
        ({"requested_by": None}, ("invalid", "no_requester")),
        ({"authorized_by": "it"}, ("invalid", "self_approved")),
        ({"subjects": ()}, ("invalid", "over_broad")),
        ({"subjects": ("scanner", "*")}, ("invalid", "over_broad")),
        ({"subjects": ("All ",)}, ("invalid", "over_broad")),
        ({"subjects": ("db-%",)}, ("invalid", "over_broad")),
        ({"subjects": ("  ",)}, ("invalid", "over_broad")),
        ({"clauses": ()}, ("invalid", "no_clause")),
        ({"valid_to": None}, ("invalid", "no_end")),
        ({"valid_from": None}, ("invalid", "bad_dates")),
        ({"valid_from": date(2027, 1, 1)}, ("invalid", "bad_dates")),
        ({"valid_to": TODAY - DAY}, ("expired", "expired")),
        ({"valid_to": TODAY}, ("in_force", "in_force")),
        ({"valid_from": TODAY}, ("in_force", "in_force")),
        ({"valid_from": TODAY + DAY}, ("not_yet_valid", "not_yet_valid")),
        ({"clauses": ("RT-1.2",)}, ("not_allowed", "not_allowed")),
        ({"clauses": ("DP-3.5", "RT-1.2")}, ("not_allowed", "not_allowed")),
        ({"clauses": ("ZZ-9",)}, ("not_allowed", "no_such_clause")),
        ({"doubt": Reason("wrong_type", "x")}, ("unverifiable", "wrong_type")),
    ],
    ids=str,
)  # fmt: skip
def test_each_state_of_an_exception(change: dict[str, Any], expected: tuple[str, str]) -> None:
    assert outcome(replace(ENTRY, **change)) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"EX-1": (Status.FAIL, "no review")}, ("invalid", "rule_fail")),
        ({"EX-1": (Status.UNKNOWN, "?")}, ("unverifiable", "rule_unknown")),
        ({}, ("unverifiable", "rule_unknown")),
        ({"EX-1": (Status.NA, "")}, ("unverifiable", "no_rule")),
        ({"EX-1": (Status.PASS, "")}, ("in_force", "in_force")),
    ],
)
def test_the_rules_of_the_pack_decide(rule: dict[str, tuple[Status, str]], expected: tuple[str, str]) -> None:
    assert outcome(ENTRY, {"RULE-1": rule}) == expected


def test_two_decisions_on_one_subject_cancel_each_other() -> None:
    register = judge(ENTRY, replace(ENTRY, id="EX-2", subjects=("scanner", "nas")))
    assert {state for state, _ in register.states.values()} == {"overlapping"}
    assert register.covered_by("DP-3.5") == {}


def test_an_exception_that_does_not_count_spoils_no_other() -> None:
    register = judge(ENTRY, replace(ENTRY, id="EX-2", valid_to=TODAY - DAY))
    assert register.covered_by("DP-3.5") == {"scanner": "EX-1"}


def test_an_exception_nobody_needs_is_reported() -> None:
    register = judge(ENTRY, replace(ENTRY, id="EX-2", clauses=("DP-3.11",), subjects=("a", "b")))
    register.use("EX-2", "DP-3.11", "prot-a", "a")
    unused, used = register.results()
    assert (unused.state, unused.days_left) == ("unused", 304)
    assert (used.state, used.used_for) == ("in_force", (("DP-3.11", "prot-a"),))
    assert used.warnings == ("names 1 that do not need it: b",)


@pytest.mark.parametrize(("days", "warned"), [(0, True), (30, True), (31, False)])
def test_an_end_that_comes_near_is_announced(days: int, warned: bool) -> None:
    register = judge(replace(ENTRY, valid_to=TODAY + days * DAY))
    register.use("EX-1", "DP-3.5", "p", "scanner")
    assert (register.results()[0].warnings == (f"ends in {days} days",)) is warned
