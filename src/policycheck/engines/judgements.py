"""The answers of one pass: held as rows when few, kept in the engine when many.

Goes in: fetched rows, or the name of a table of packed answers. Comes out: patterns of answers with counts,
and the rows behind them by key. Both forms answer alike, which a test holds them to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from operator import itemgetter
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


def packed(expressions: Sequence[str]) -> list[str]:
    """The SELECT items that hold these answers as numbers `w0`, `w1`: two bits for each, PER_WORD in one.

    One number instead of many booleans: a pattern is then one value to group by and to look for.
    """
    bits = [
        f"(coalesce(CAST(({sql}\n) AS UTINYINT), {UNKNOWN}::UTINYINT)::BIGINT << {2 * (i % PER_WORD)})"
        for i, sql in enumerate(expressions)
    ]
    words = [bits[i : i + PER_WORD] for i in range(0, len(bits), PER_WORD)]
    return [f"{_joined(word)} AS w{i}" for i, word in enumerate(words)]


def _joined(bits: Sequence[str]) -> str:
    """All of them in one number. Halved again and again: a chain would nest as deep as it is long."""
    if len(bits) == 1:
        return bits[0]
    middle = len(bits) // 2
    return f"({_joined(bits[:middle])} | {_joined(bits[middle:])})"


PER_WORD = 30  # answers in one BIGINT; the sign stays clear
UNKNOWN = 2
ANSWERS: dict[int, Answer] = {0: False, 1: True, UNKNOWN: None}
CODES = {answer: code for code, answer in ANSWERS.items()}


def fetched_rows(fetched: list[tuple[Any, ...]], key_length: int, observed_length: int) -> list[Row]:
    """Rows as a database gives them: row and source numbers, key, observed values, answers."""
    start = 2 + key_length
    end = start + observed_length
    return [Row(r[0], r[1], _values(r[2:start]), r[end:], _values(r[start:end])) for r in fetched]


class StoredJudgement:
    """Answers of a large relation, held in the engine as a table of row, source, key and packed answers."""

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
        words = "".join(f"{word}, " for word in _masked(columns))
        fetched = self._stream(f"SELECT {words}_source, count(*) FROM {self._name} GROUP BY ALL")
        answers_of = _unpacked(columns)
        return [(answers_of(row[:-2]), row[-2], row[-1]) for row in fetched]

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
        """SQL that is TRUE for the rows of these patterns; empty for no pattern."""
        by_source: dict[int, list[tuple[int, ...]]] = {}
        for answers, source in wanted:
            by_source.setdefault(source, []).append(_words(columns, answers))
        words = _masked(columns)
        tests = []
        for source, patterns in by_source.items():
            if len(words) == 1:
                same = f"{words[0]} IN ({', '.join(str(pattern[0]) for pattern in patterns)})"
            else:
                pairs = [[f"{w} = {n}" for w, n in zip(words, p, strict=True)] for p in patterns]
                same = " OR ".join(f"({' AND '.join(pair) or 'true'})" for pair in pairs)
            tests.append(f"(_source = {source} AND ({same}))")
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
        """The rows by key. The limit comes before the join: of most rows nothing but the answers is read."""
        keys = [f'"{name}"' for name in self._key]
        words = "".join(f", {word} AS m{i}" for i, word in enumerate(_masked(columns)))
        found = f"SELECT _row, _source, {', '.join(keys)}{words} FROM {self._name} WHERE {test}"
        if limit is not None:
            found += f" ORDER BY {', '.join((*keys, '_row'))} LIMIT {limit}"
        shown = "".join(f', r."{name}"' for name in self._observed)
        joined = f'JOIN "{self._relation}" r ON r._row = j._row' if shown else ""
        order = ", ".join(f"j.{name}" for name in (*keys, "_row"))
        sql = f"SELECT j.*{shown} FROM ({found}) j {joined} ORDER BY {order}"
        start = 2 + len(self._key)
        end = start + len(_masked(columns))
        answers_of = _unpacked(columns)
        for r in self._stream(sql):
            yield Row(r[0], r[1], r[2:start], answers_of(r[start:end]), _values(r[end:]))


def _parts(columns: Sequence[int]) -> dict[int, list[int]]:
    """The columns by the number of the word that holds their answers."""
    parts: dict[int, list[int]] = {}
    for column in dict.fromkeys(columns):
        parts.setdefault(column // PER_WORD, []).append(column)
    return parts


def _masked(columns: Sequence[int]) -> list[str]:
    """The words of a row with the answers of these columns only."""
    masks = {word: sum(3 << 2 * (c % PER_WORD) for c in held) for word, held in _parts(columns).items()}
    return [f"(w{word} & {mask})" for word, mask in masks.items()]


def _words(columns: Sequence[int], answers: Sequence[Answer]) -> tuple[int, ...]:
    codes = {c: CODES[answer] << 2 * (c % PER_WORD) for c, answer in zip(columns, answers, strict=True)}
    return tuple(sum(codes[c] for c in held) for held in _parts(columns).values())


def _unpacked(columns: Sequence[int]) -> Callable[[tuple[int, ...]], tuple[Answer, ...]]:
    """The answers of these columns out of the masked words of a row. Few patterns stand in many rows."""
    known: dict[tuple[int, ...], tuple[Answer, ...]] = {}
    parts = _parts(columns)

    def answers_of(words: tuple[int, ...]) -> tuple[Answer, ...]:
        if words not in known:
            held = dict(zip(parts, words, strict=True))
            known[words] = tuple(ANSWERS[held[c // PER_WORD] >> 2 * (c % PER_WORD) & 3] for c in columns)
        return known[words]

    return answers_of


def _values(cells: tuple[Any, ...]) -> tuple[Any, ...]:
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
