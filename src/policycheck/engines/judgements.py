"""The answers of one pass: held as rows when few, kept in the engine when many.

Goes in: fetched rows, or the name of a table of booleans. Comes out: patterns of answers with counts,
and the rows behind them by key. Both forms answer alike, which a test holds them to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from policycheck.engines import Answer, Row

Stream = Callable[[str], Iterator[tuple[Any, ...]]]


class FetchedJudgement:
    """Answers of a small relation, held as rows."""

    def __init__(self, rows: list[Row], observed: tuple[str, ...]) -> None:
        self._observed = observed
        self._rows = sorted(rows, key=lambda row: _sortable(row.key))
        self.total = len(rows)

    def patterns(self, columns: Sequence[int]) -> list[tuple[tuple[Answer, ...], int, int]]:
        counted = Counter((tuple(row.answers[c] for c in columns), row.source) for row in self._rows)
        return [(answers, source, count) for (answers, source), count in counted.items()]

    def rows(
        self, columns: Sequence[int], wanted: Iterable[tuple[tuple[Answer, ...], int]], limit: int | None
    ) -> list[Row]:
        patterns = set(wanted)
        found = []
        for row in self._rows:
            answers = tuple(row.answers[c] for c in columns)
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
        at = self._observed.index(covers) if covers else -1
        return [
            Row(row.row, row.source, row.key, tuple(row.answers[c] for c in columns), row.observed)
            for row in self._rows
            if row.row in rows or (covers and row.observed[at] in values)
        ]


def fetched_rows(fetched: list[tuple[Any, ...]], key_length: int, observed_length: int) -> list[Row]:
    """Rows as a database gives them: row and source numbers, key, observed values, answers."""
    start = 2 + key_length
    end = start + observed_length
    return [Row(r[0], r[1], r[2:start], r[end:], tuple(_value(v) for v in r[start:end])) for r in fetched]


class StoredJudgement:
    """Answers of a large relation, held in the engine as a table of booleans."""

    def __init__(
        self,
        stream: Stream,
        name: str,
        relation: str,
        key: tuple[str, ...],
        observed: tuple[str, ...],
        total: int,
    ) -> None:
        self._stream = stream
        self._name = name
        self._relation = relation
        self._key = key
        self._observed = observed
        self.total = total

    def patterns(self, columns: Sequence[int]) -> list[tuple[tuple[Answer, ...], int, int]]:
        names = ", ".join(f"x{c}" for c in columns)
        fetched = self._stream(f"SELECT {names}, _source, count(*) FROM {self._name} GROUP BY ALL")
        return [(row[:-2], row[-2], row[-1]) for row in fetched]

    def rows(
        self, columns: Sequence[int], wanted: Iterable[tuple[tuple[Answer, ...], int]], limit: int | None
    ) -> list[Row]:
        test = self._test(columns, wanted)
        return list(self._fetch(columns, test, limit)) if test else []

    def stream(
        self, columns: Sequence[int], wanted: Iterable[tuple[tuple[Answer, ...], int]]
    ) -> Iterator[Row]:
        test = self._test(columns, wanted)
        return self._fetch(columns, test, None) if test else iter(())

    def _test(self, columns: Sequence[int], wanted: Iterable[tuple[tuple[Answer, ...], int]]) -> str:
        tests = []
        for answers, source in wanted:
            parts = [f"_source = {source}"]
            for column, answer in zip(columns, answers, strict=True):
                parts.append(f"x{column} IS NOT DISTINCT FROM {_literal(answer)}")
            tests.append(f"({' AND '.join(parts)})")
        return " OR ".join(tests)

    def named(self, columns: Sequence[int], rows: set[int], covers: str, values: set[str]) -> list[Row]:
        tests = []
        if rows:
            tests.append(f"_row IN ({', '.join(str(row) for row in sorted(rows))})")
        if covers and values:
            listed = ", ".join("'" + value.replace("'", "''") + "'" for value in sorted(values))
            tests.append(f'_row IN (SELECT _row FROM "{self._relation}" WHERE "{covers}" IN ({listed}))')
        return list(self._fetch(columns, " OR ".join(tests), None)) if tests else []

    def _fetch(self, columns: Sequence[int], test: str, limit: int | None) -> Iterator[Row]:
        shown = ", ".join(f'r."{name}"' for name in (*self._key, *self._observed))
        answers = "".join(f", j.x{c}" for c in columns)
        keys = ", ".join(f'r."{name}"' for name in self._key)
        sql = (
            f"SELECT j._row, j._source, {shown}{answers} FROM (SELECT * FROM {self._name} WHERE {test}) j "
            f'JOIN "{self._relation}" r ON r._row = j._row ORDER BY {keys}'
        )
        start = 2 + len(self._key)
        end = start + len(self._observed)
        for r in self._stream(sql if limit is None else f"{sql} LIMIT {limit}"):
            yield Row(r[0], r[1], r[2:start], r[end:], tuple(_value(v) for v in r[start:end]))


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


def _literal(answer: Answer) -> str:
    return "NULL" if answer is None else ("true" if answer else "false")
