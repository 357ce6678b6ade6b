"""The worked cases of the domain reference stand in the pack as examples, with the outcome it names.

The examples themselves are run by `policycheck test`. Here the list is held against the pack, so that none
is lost or turned: label, control, profile (None is the default), status of the example.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from policycheck.model import Pack
from policycheck.pack import load_pack

ROOT = Path(__file__).resolve().parents[1]
CASES = [
    (1, "OR-6.1", None, "pass"),
    (2, "OR-6.1", None, "fail"),
    (4, "OR-6.1", None, "fail"),
    (5, "OR-6.1", None, "fail"),
    (6, "OR-6.1", None, "unknown"),
    (8, "OR-1.1", "literal", "pass"),
    (10, "OR-1.1", None, "pass"),
    (10, "OR-1.2", None, "pass"),
    (11, "RT-1.2", None, "pass"),
    (12, "RT-1.2", None, "fail"),
    (13, "RT-1.3", None, "pass"),
    (14, "RT-1.2", None, "fail"),
    (17, "RT-1.2", None, "pass"),
    (19, "OR-6.4", None, "pass"),
    (21, "DP-3.14", None, "pass"),
    (22, "DP-3.14", None, "pass"),
    (25, "DP-3.13", None, "fail"),
    (26, "DP-3.1", None, "unknown"),
    (27, "DP-3.6", None, "pass"),
    (27, "DP-3.7", None, "pass"),
    (30, "DP-3.5", None, "pass"),
    (30, "DP-3.5", "nist_current", "fail"),
    (30, "DP-3.7", None, "fail"),
    (31, "DP-3.5", None, "pass"),
    (31, "DP-3.5", "literal", "unknown"),
    (33, "DP-3.3", None, "fail"),
    (36, "DP-3.1", None, "fail"),
    (38, "DP-2.1", None, "unknown"),
    (40, "SE-3.1", None, "unknown"),
    (40, "SE-4.6", None, "unknown"),
]
WITH_A_REMARK = [(10, "OR-1.1"), (19, "OR-6.4"), (30, "DP-3.5")]


@cache
def pack() -> Pack:
    return load_pack(ROOT / "controls")


def examples(label: int, control: str) -> list[tuple[str, str, tuple[str, ...] | None]]:
    """(profile, status, remarks) of each example of the control that names the case."""
    named = re.compile(rf"worked cases? (\d+ and )?{label}\b")
    found = [each for each in pack().controls[control].examples if named.match(each.name)]
    default = pack().default_profile
    return [(each.profile or default, each.expect.value, each.advisories) for each in found]


@pytest.mark.parametrize(("label", "control", "profile", "status"), CASES)
def test_a_worked_case_has_the_outcome_of_the_reference(
    label: int, control: str, profile: str | None, status: str
) -> None:
    wanted = (profile or pack().default_profile, status)
    assert wanted in [(found, outcome) for found, outcome, _ in examples(label, control)]


@pytest.mark.parametrize(("label", "control"), WITH_A_REMARK)
def test_a_worked_case_with_a_remark_shows_it(label: int, control: str) -> None:
    passing = [remarks for _, outcome, remarks in examples(label, control) if outcome == "pass"]
    assert any(passing)
