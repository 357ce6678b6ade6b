"""The answers of one pass over few rows, held as rows. `stored` holds those of many.

Goes in: fetched rows. Comes out: patterns of answers with counts, and the rows behind them by key. Both
forms answer alike, which a test holds them to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from operator import itemgetter
from typing import Any

from policycheck.engines import Answer, Row


class FetchedJudgement:
    """Answers of a small relation, held as rows."""

    def __init__(self, rows: list[Row], observed: tuple[str, ...]) -> None:
        self._observed = observed
        self._rows = sorted(rows, key=lambda row: _sortable(row.key))
        self.total = len(rows)

    def patterns(self, columns: Sequence[int]) -> list[tuple[tuple[Answer, ...], int, int]]:
        answers_of = _picked(columns)
        counted = Counter([(answers_of(row.answers), row.source) for row in self._rows])
        return [(answers, source, count) for (answers, source), count in counted.items()]

    def rows(
        self, columns: Sequence[int], wanted: Iterable[tuple[tuple[Answer, ...], int]], limit: int | None
    ) -> list[Row]:
        patterns, answers_of = set(wanted), _picked(columns)
        found = []
        for row in self._rows if patterns else ():
            answers = answers_of(row.answers)
            if (answers, row.source) in patterns:
                found.append(Row(row.row, row.source, row.key, answers, row.observed))
                if limit is not None and len(found) >= limit:
                    break
        return found

    def stream(
        self, columns: Sequence[int], wanted: Iterable[tuple[tuple[Answer, ...], int]]
    ) -> Iterator[Row]:
        return iter(self.rows(columns, wanted, None))

    def named(self, columns: Sequence[int], rows: set[int], covers: str, values: set[str]) -> list[Row]:
        at, answers_of = self._observed.index(covers) if covers else -1, _picked(columns)
        return [
            Row(row.row, row.source, row.key, answers_of(row.answers), row.observed)
            for row in self._rows
            if row.row in rows or (covers and row.observed[at] in values)
        ]


def _picked(columns: Sequence[int]) -> Callable[[tuple[Answer, ...]], tuple[Answer, ...]]:
    """The answers of these columns out of all."""
    first, last = (min(columns), max(columns) + 1) if columns else (0, 0)
    if tuple(columns) == tuple(range(first, last)):
        return lambda answers: answers[first:last]
    return itemgetter(*columns)  # of two or more, since one alone is a range


def fetched_rows(fetched: list[tuple[Any, ...]], key_length: int, observed_length: int) -> list[Row]:
    """Rows as a database gives them: row and source numbers, key, observed values, answers."""
    start = 2 + key_length
    end = start + observed_length
    return [Row(r[0], r[1], values_of(r[2:start]), r[end:], values_of(r[start:end])) for r in fetched]


def values_of(cells: tuple[Any, ...]) -> tuple[Any, ...]:
    """Fetched values in the model's form. Most rows hold nothing that is to be changed."""
    if _NESTED.isdisjoint(map(type, cells)):
        return cells
    return tuple(map(_value, cells))


_NESTED = {dict, list}


def _value(value: Any) -> Any:
    """A fetched value in the model's form: structs as (lo, hi), lists as tuples."""
    if isinstance(value, dict):
        return (value["lo"], value["hi"])
    if isinstance(value, list):
        return tuple(value)
    return value


def _sortable(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        (value is None, value if isinstance(value, (int, date, datetime)) else str(value))
        for value in map(_value, key)
    )
