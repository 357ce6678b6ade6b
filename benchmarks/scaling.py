"""How time grows: with records, with controls, with exemptions. One table each, and the points of a curve."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import many_controls, one_rule, peers
from benchmarks.evidence import GATE, check, counts
from benchmarks.measure import Side, Table, compare

OURS, HAND = "policycheck", "hand-written DuckDB"
CONTROLS = (10, 40, 80, 183)
EXEMPTIONS = (0, 100, 1000, 10_000)
FIXED = 100_000
"""Records where something else grows."""


def measure(most: int, rounds: int) -> Iterator[Table]:
    """Three tables. `most` is the largest number of records; below 100,000 everything shrinks with it."""
    sizes = [n for n in (10_000, 100_000, 1_000_000, 10_000_000) if n <= most] or [most]
    fixed = min(FIXED, most)
    yield _curve("records", sizes, "one rule", lambda n: _one_rule(n, one_rule.EXEMPT), rounds)
    title = f"controls over one table of {fixed:,} records"
    yield _curve("controls", CONTROLS, title, lambda n: _many_controls(fixed, n), rounds)
    title = f"one rule over {fixed:,} records"
    exempt = [n for n in EXEMPTIONS if n <= fixed]
    yield _curve("exemptions", exempt, title, lambda n: _one_rule(fixed, n), rounds)


def _curve(
    what: str, xs: Sequence[int], title: str, sides: Callable[[int], tuple[Side, Side]], rounds: int
) -> Table:
    """A table with two rows for each x, whose answers must agree."""
    every = [side for x in xs for side in sides(x)]
    named = [
        _named(side, f"{x:,} {what}") for side, x in zip(every, [x for x in xs for _ in (0, 1)], strict=True)
    ]
    table = compare(f"{title}, by number of {what}", named, named[0].name, rounds)
    points: dict[str, Any] = {"label": what, "x": list(xs), "series": [OURS, HAND]}
    return table | {"curve": points}


def _named(side: Side, words: str) -> Side:
    """The side under another name, compared with its neighbour."""
    return Side(f"{side.name}, {words}", side.command, side.answer, side.expected, words)


def _one_rule(records: int, exempt: int) -> tuple[Side, Side]:
    folder = one_rule.folder_of(records, exempt)
    evidence: Path = folder / "evidence"
    by_hand = peers.ours(str(one_rule.SIDES / "duckdb_one_rule.py"), str(evidence))
    return (
        Side(OURS, check(folder / "pack", evidence), one_rule.answer_of, GATE),
        Side(HAND, by_hand, one_rule.first_names),
    )


def _many_controls(records: int, number: int) -> tuple[Side, Side]:
    folder = many_controls.folder_of(records, number)
    by_hand = peers.ours(str(many_controls.SIDE), str(folder), "fused")
    return Side(OURS, check(folder / "pack", folder / "evidence"), counts, GATE), Side(HAND, by_hand)
