"""The shipped pack against a second reading of the policy: `independent/`, plain Python written from the
reference, without the pack's expressions and without an engine.

Rows are generated with a seed, crowded at the limits, and judged once through the public pipeline. Every
subject has to get the same verdict from both. Where the pack asks for more than the reference on purpose, the
second reading lists it by name in `STRICTER`, with the comment it rests on: such a name makes no pass, and
has to make a difference. Where a reading of the reference was open, a comment says which one was taken.

| area | controls | subjects |
|---|---|---|
| stores | DP-3.1, DP-3.3 to DP-3.11 | stores and protections |
| waivers | DP-3.2, DP-3.12 to DP-3.14 | exceptions |
| disclosure | DP-2.1 | disclosures |
| retention | RT-1.2 to RT-1.3, OR-6.1, OR-6.2, OR-6.3, OR-6.3a, OR-6.4 | records, contracts, disclosures |
| disposal | RT-1.1, RT-1.4 to RT-1.4b, OR-6.1a, OR-6a, LB-1.2a | disposals, records, stores, datasets, ... |
| lawfulness | LB-1.2, LB-1.3, LB-1.4, LB-2.1 to LB-2.7 | activities and records |
| training | SE-4.6 | persons |
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from independent import disclosure, disposal, lawfulness, logic, retention, stores, training, waivers
from independent.comparing import GOOD, Disagreement, disagreements, judged, parameters, write_evidence
from independent.draw import Draw
from independent.logic import Tables, Verdicts
from policycheck.model import Status
from policycheck.outcomes import Assessment

AREAS: dict[str, ModuleType] = {
    module.__name__.rpartition(".")[2]: module
    for module in (stores, waivers, disclosure, retention, disposal, lawfulness, training)
}
PROFILES = ("interpreted", "literal", "nist_current")
# What an area is asked for, so that it gives ten thousand rows and a few more in all its tables.
SIZES = {
    "stores": 5_000, "waivers": 10_000, "disclosure": 5_000, "retention": 7_500, "disposal": 8_500,
    "lawfulness": 6_500, "training": 4_000,
}  # fmt: skip
SMALL = 1_000
SEEDS = (20260302, 7, 29)
# The literal profile reads these no other way.
SAME_IN_ALL = ("disclosure",)


@cache
def generated(area: str, size: int, seed: int) -> Tables:
    return AREAS[area].generate(Draw(seed), size)


@cache
def read_again(area: str, size: int, seed: int, profile: str) -> dict[str, Verdicts]:
    return AREAS[area].expected(generated(area, size, seed), parameters(profile))


@pytest.fixture(scope="module")
def assessed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Assessment]:
    """The assessment of generated rows, each judged once for all tests of the module."""

    @cache
    def assess(area: str, size: int, seed: int, profile: str) -> Assessment:
        tables = generated(area, size, seed)
        folder = write_evidence(tables, tmp_path_factory.mktemp(area) / "evidence")
        return judged(folder, profile, read_again(area, size, seed, profile))

    return assess


def differing(
    assess: Callable[..., Assessment], area: str, profile: str, size: int, **how: Any
) -> list[Disagreement]:
    """The disagreements with the second reading as it is now, or without some named difference."""
    expected = AREAS[area].expected(generated(area, size, SEEDS[0]), parameters(profile), **how)
    return disagreements(assess(area, size, SEEDS[0], profile), expected)


def _runs() -> list[Any]:
    """Every area: at full size as the memos read it, smaller under the other profiles; all sizes and more
    seeds in the long form."""
    runs = []
    for area in AREAS:
        for profile in PROFILES:
            if profile != "interpreted" and (
                area in SAME_IN_ALL or (profile == "nist_current" and area != "stores")
            ):
                continue
            short = SIZES[area] if profile == "interpreted" else SMALL
            runs.append(pytest.param(area, short, SEEDS[0], profile, id=f"{area}-{profile}"))
            runs += [
                pytest.param(
                    area,
                    SIZES[area] * 2,
                    seed,
                    profile,
                    id=f"{area}-{profile}-{seed}",
                    marks=pytest.mark.slow,
                )
                for seed in SEEDS[1:]
            ]
    return runs


@pytest.mark.parametrize(("area", "size", "seed", "profile"), _runs())
def test_the_pack_and_the_second_reading_agree(
    assessed: Callable[..., Assessment], area: str, size: int, seed: int, profile: str
) -> None:
    found = disagreements(assessed(area, size, seed, profile), read_again(area, size, seed, profile))
    assert found == [], f"{len(found)} disagree\n" + "\n".join(map(str, found[:40]))


@pytest.mark.parametrize("area", AREAS)
def test_every_control_passes_some_and_fails_some(assessed: Callable[..., Assessment], area: str) -> None:
    """Rows that only ever fail would agree with anything."""
    expected = read_again(area, SIZES[area], SEEDS[0], "interpreted")
    for result in assessed(area, SIZES[area], SEEDS[0], "interpreted").controls:
        if result.control.id in expected:
            reached = {status for status, number in result.counts.items() if number >= 10}
            assert {Status.PASS, Status.FAIL} <= reached, (result.control.id, result.counts)


def test_a_named_difference_makes_no_pass(assessed: Callable[..., Assessment]) -> None:
    for area, module in AREAS.items():
        for name in module.STRICTER:
            others = module.STRICTER.keys() - {name}
            runs = (("interpreted", SIZES[area]), ("literal", SMALL))
            found = [
                d for profile, size in runs for d in differing(assessed, area, profile, size, stricter=others)
            ]
            assert found, f"{area}: without `{name}` nothing changes"
            assert [str(d) for d in found if d.got == GOOD] == [], name


# --- the test can fail --------------------------------------------------------------------------------

FLIPS: dict[str, tuple[ModuleType, str, Callable[..., Any]]] = {
    "a key of exactly the length": (stores, "at_least", lambda a, b: None if a is None else a > b),
    "unknown is no": (stores, "known", lambda value: "none" if value in logic.OPEN else value),
    "the anniversary of a review": (
        waivers, "floor_years", lambda d, n: logic.floor_years(d, n) - timedelta(1),
    ),
    "the last day of a role": (
        waivers, "held_role", lambda a, p, r, d: logic.held_role(a, p, r, d and d + timedelta(1)),
    ),
    "the instant of consent": (disclosure, "earlier", logic.not_later),
    "a leap day": (retention, "ceil_years", logic.floor_years),
    "the day after a check": (retention, "within_days", lambda d, n: logic.within_days(d, n + 1)),
    "any version is in effect": (disposal, "in_effect", lambda document: True),
    "the instant of the start": (lawfulness, "earlier", logic.not_later),
    "any citation": (lawfulness, "stated", lambda text: True),
    "the last day of a training": (training, "within_days", lambda d, n: logic.within_days(d, n - 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", FLIPS)
def test_a_flipped_comparison_is_noticed(
    name: str, assessed: Callable[..., Assessment], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, function, wrong = FLIPS[name]
    monkeypatch.setattr(module, function, wrong)
    area = module.__name__.rpartition(".")[2]
    assert differing(assessed, area, "interpreted", SIZES[area])


def test_a_perturbed_answer_is_noticed(assessed: Callable[..., Assessment]) -> None:
    tables = generated("training", SIZES["training"], SEEDS[0])
    expected = training.expected(tables, parameters("interpreted"))
    for old, new in (
        ("pass", "na"),
        ("na", "pass"),
        ("fail", "unknown"),
        ("unknown", "fail"),
        ("fail", "pass"),
    ):
        subject = next(s for s, answer in expected["SE-4.6"].items() if answer == old)
        changed = {"SE-4.6": {**expected["SE-4.6"], subject: new}}
        found = disagreements(assessed("training", SIZES["training"], SEEDS[0], "interpreted"), changed)
        assert found, (old, new)


# --- cells that are no values of their column ----------------------------------------------------------

# Table, column, what is put there, and a control that asks for it: an orphan, a member that no enum has, a
# day of no calendar, a text for a number, nothing where something is required.
FAULTS: dict[str, list[tuple[str, str, Any, str]]] = {
    "stores": [
        ("storage_protections", "algorithm", "ROT13", "DP-3.5"),
        ("storage_protections", "key_bits_effective", "256", "DP-3.6"),
        ("storage_protections", "key_id", "nobody's", "DP-3.4"),
    ],
    "waivers": [
        ("exceptions", "valid_to", "2026-02-30", "DP-3.2"),
        ("exceptions", "document_version_id", "lost", "DP-3.2"),
    ],
    "disclosure": [("disclosures", "recipient_party_id", "nobody", "DP-2.1")],
    "retention": [
        ("records", "received_at", "2026-02-29", "RT-1.2"),
        ("records", "record_class", "heirloom", "OR-6.1"),
        ("contracts", "retention_max_days", -1, "RT-1.3"),
    ],
    "disposal": [("disposals", "method", "eaten", "RT-1.4"), ("disposals", "medium", None, "RT-1.4")],
    "lawfulness": [
        ("processing_activities", "basis_identified_at", "early", "LB-1.2"),
        ("processing_activities", "legal_bases", ["habit"], "LB-1.4"),
    ],
    "training": [
        ("persons", "start_date", "2020-13-01", "SE-4.6"),
        ("persons", "status", "retired", "SE-4.6"),
    ],
}


@pytest.mark.parametrize("area", AREAS)
def test_a_cell_that_is_no_value_is_unknown(area: str, tmp_path: Path) -> None:
    tables = {name: [dict(row) for row in rows] for name, rows in generated(area, 300, SEEDS[0]).items()}
    broken: set[tuple[str, str]] = set()
    for number, (table, column, value, control) in enumerate(FAULTS[area]):
        for row in tables[table][number::7]:
            broken.add((control, next(iter(row.values()))))
            row[column] = value

    assessment = judged(write_evidence(tables, tmp_path / "evidence"), "interpreted", {c for c, _ in broken})

    unknown = {
        (r.control.id, f.subject)
        for r in assessment.controls
        for f in r.findings
        if f.status is Status.UNKNOWN
    }
    assert broken <= unknown
