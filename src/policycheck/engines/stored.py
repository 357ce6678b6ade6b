"""The answers of one pass over many rows, kept in the engine.

Goes in: expressions over a large relation. Comes out: patterns of answers with counts, and the rows behind
them by key. The answers of a row are asked of the row, or of the combination of values it has: `plans`.

An answer takes two bits, and a number holds PER_WORD of them: a pattern is then one value to group by and to
look for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from msgspec import Struct

from policycheck.engines import Answer, Row
from policycheck.engines.judgements import values_of
from policycheck.engines.plans import SAMPLE, Plan, choose
from policycheck.scope import sql_literal

Wanted = Iterable[tuple[tuple[Answer, ...], int]]

PER_WORD = 30  # answers in one BIGINT; the sign stays clear
NARROW = {"UTINYINT": 4, "USMALLINT": 8, "UINTEGER": 16}  # answers in smaller numbers
UNKNOWN = 2
ANSWERS: dict[int, Answer] = {0: False, 1: True, UNKNOWN: None}
CODES = {answer: code for code, answer in ANSWERS.items()}


class Streaming(Protocol):
    """What a judgement needs of the engine that keeps it."""

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]: ...


class Engine(Streaming, Protocol):
    """What making one needs beside that."""

    def run(self, sql: str) -> object: ...

    def fetch(self, sql: str) -> list[tuple[Any, ...]]: ...


def stored_judgement(
    engine: Engine,
    number: int,
    relation: str,
    key: tuple[str, ...],
    expressions: Sequence[str],
    observed: tuple[str, ...],
    total: int,
    in_key_order: bool = False,
) -> tuple[Plan, StoredJudgement]:
    """The answers over all `total` rows of a relation, by the plan that should cost least, in tables with
    this number. `in_key_order`: its rows by number are its rows by key. Raises EngineError when the engine
    fails."""
    columns = [name for name, *_ in engine.fetch(f'DESCRIBE "{relation}"') if not name.startswith("_")]
    every = max(1, total // SAMPLE)
    plan = choose(relation, columns, expressions, total // every, _sampled(engine, relation, every))
    # No name of a pack begins with an underscore.
    rows, combinations = f"_judged_{number}", f"_combinations_{number}"
    if plan.grouped and not _answer_combinations(engine, plan, expressions, combinations):
        plan = Plan(relation, len(expressions))
    layout = Layout(plan)
    items = ["_row", "_source", *layout.of_rows(expressions)]
    if plan.grouped:
        items.append(f"{_combination(plan)} AS _combination")
    engine.run(f'CREATE TABLE {rows} AS SELECT {", ".join(items)} FROM "{relation}" AS subject')
    judgement = StoredJudgement(engine, relation, rows, combinations, layout, key, observed, total)
    judgement.in_key_order = in_key_order
    return plan, judgement


def _sampled(engine: Engine, relation: str, every: int) -> Callable[[Sequence[str]], int]:
    """Counts combinations of columns in about each `every`th row: always the same ones, spread evenly."""
    taken = False

    def count(names: Sequence[str]) -> int:
        nonlocal taken
        listed = ", ".join(f'"{name}"' for name in names)
        if not taken:
            engine.run(
                f'CREATE OR REPLACE TABLE _sample AS SELECT {listed} FROM "{relation}" '
                f"WHERE hash(_row) % {every} = 0"
            )
            taken = True
        return int(engine.fetch(f"SELECT count(*) FROM (SELECT DISTINCT {listed} FROM _sample)")[0][0])

    return count


def _answer_combinations(engine: Engine, plan: Plan, expressions: Sequence[str], name: str) -> bool:
    """Asks the combinations of a plan; False where two of them have the same number."""
    columns = ", ".join(("_source", *(f'"{column}"' for column in plan.columns)))
    engine.run(
        f"CREATE TABLE {name} AS SELECT {_combination(plan)} AS _combination, _source, _n, "
        f"{', '.join(Layout(plan).of_combinations(expressions))} "
        f'FROM (SELECT {columns}, count(*) AS _n FROM "{plan.relation}" GROUP BY {columns}) AS subject'
    )
    # INVARIANT: a number stands for one combination. Two with the same would share an answer.
    total, different = engine.fetch(f"SELECT count(*), count(DISTINCT _combination) FROM {name}")[0]
    return bool(total == different)


def _combination(plan: Plan) -> str:
    """What numbers the combinations of a plan."""
    listed = ", ".join(f'"{name}"' for name in plan.columns)
    return f"hash(_source, {listed})"


class _Slot(Struct, frozen=True):
    """Where an answer stands: the column of its word, and how far up in it."""

    word: str
    shift: int


class Layout:
    """Where the answers of a plan stand: in `_w0`, `_w1` of the row, or `_g0`, `_g1` of its combination."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.grouped = set(plan.grouped)
        self.plain = [i for i in range(plan.asked) if i not in self.grouped]
        self._slots: dict[int, _Slot] = {}
        for letter, numbers in (("w", self.plain), ("g", plan.grouped)):
            for at, number in enumerate(numbers):
                self._slots[number] = _Slot(f"_{letter}{at // PER_WORD}", 2 * (at % PER_WORD))

    def of_rows(self, expressions: Sequence[str]) -> list[str]:
        """SELECT items for the answers of each row."""
        return _packed([expressions[i] for i in self.plain], "w")

    def are_of_combinations(self, columns: Sequence[int]) -> bool:
        """Whether all these answers stand with the combinations."""
        return bool(columns) and all(column in self.grouped for column in columns)

    def of_combinations(self, expressions: Sequence[str]) -> list[str]:
        """SELECT items for the answers of each combination."""
        return _packed([expressions[i] for i in self.plan.grouped], "g")

    def words(self, columns: Sequence[int]) -> dict[str, list[int]]:
        """The columns by the word that holds their answers."""
        words: dict[str, list[int]] = {}
        for column in dict.fromkeys(columns):
            words.setdefault(self._slots[column].word, []).append(column)
        return words

    def masked(self, columns: Sequence[int]) -> list[str]:
        """The words with the answers of these columns only."""
        return [
            f"({word} & {sum(3 << self._slots[c].shift for c in held)})"
            for word, held in self.words(columns).items()
        ]

    def codes(self, columns: Sequence[int], answers: Sequence[Answer]) -> tuple[int, ...]:
        """What `masked` is where the columns hold these answers."""
        codes = {c: CODES[a] << self._slots[c].shift for c, a in zip(columns, answers, strict=True)}
        return tuple(sum(codes[c] for c in held) for held in self.words(columns).values())

    def unpacked(self, columns: Sequence[int]) -> Callable[[tuple[int, ...]], tuple[Answer, ...]]:
        """The answers of these columns out of the masked words. Few patterns stand in many rows."""
        known: dict[tuple[int, ...], tuple[Answer, ...]] = {}
        parts = self.words(columns)

        def answers_of(words: tuple[int, ...]) -> tuple[Answer, ...]:
            if words not in known:
                held = dict(zip(parts, words, strict=True))
                slots = [self._slots[column] for column in columns]
                known[words] = tuple(ANSWERS[held[slot.word] >> slot.shift & 3] for slot in slots)
            return known[words]

        return answers_of


def packed(
    codes: Sequence[str],
    shifted: Callable[[str, int], str],
    letter: str = "w",
    kept: Callable[[str, int], str] = lambda word, answers: word,
) -> list[str]:
    """The SELECT items `_w0`, `_w1` for answers that are given as numbers (CODES), in order. In the SQL of an
    engine, `shifted` is a number so many bits further up, and `kept` a word of so many answers, stored."""
    bits = [shifted(code, 2 * (i % PER_WORD)) for i, code in enumerate(codes)]
    words = [bits[i : i + PER_WORD] for i in range(0, len(bits), PER_WORD)]
    return [f"{kept(_joined(word), len(word))} AS _{letter}{i}" for i, word in enumerate(words)]


def _packed(expressions: Sequence[str], letter: str) -> list[str]:
    codes = [f"coalesce(CAST(({sql}\n) AS UTINYINT), {UNKNOWN}::UTINYINT)::BIGINT" for sql in expressions]
    return packed(codes, lambda code, bits: f"({code} << {bits})", letter, _narrowed)


def _narrowed(word: str, answers: int) -> str:
    """A word in no more bytes than its answers need: a table of few answers is mostly these bytes."""
    kind = next((kind for kind, most in NARROW.items() if answers <= most), "BIGINT")
    return f"CAST({word} AS {kind})"


def _joined(bits: Sequence[str]) -> str:
    """All of them in one number. Halved again and again: a chain would nest as deep as it is long."""
    if len(bits) == 1:
        return bits[0]
    middle = len(bits) // 2
    return f"({_joined(bits[:middle])} | {_joined(bits[middle:])})"


class StoredJudgement:
    """Answers of a large relation. `rows` is a table of row, source, the words of the row, and where the plan
    has any, `_combination`: which one it has. `combinations` is a table of these, with their source, how
    many rows have them, and their words."""

    def __init__(
        self,
        engine: Streaming,
        relation: str,
        rows: str,
        combinations: str,
        layout: Layout,
        key: tuple[str, ...],
        observed: tuple[str, ...],
        total: int,
    ) -> None:
        self._stream = engine.stream
        self._relation = relation
        self._rows = rows
        self._combinations = combinations
        self._layout = layout
        self._key = key
        self._observed = observed
        self.total = total
        self.in_key_order = False

    def patterns(self, columns: Sequence[int]) -> list[tuple[tuple[Answer, ...], int, int]]:
        layout = self._layout
        words = "".join(f"{word}, " for word in layout.masked(columns))
        if layout.are_of_combinations(columns):
            sql = f"SELECT {words}_source, CAST(sum(_n) AS BIGINT) FROM {self._combinations} GROUP BY ALL"
        else:
            sql = f"SELECT {words}_source, count(*) FROM {self._from(columns)} GROUP BY ALL"
        answers_of = layout.unpacked(columns)
        return [(answers_of(row[:-2]), row[-2], row[-1]) for row in self._stream(sql)]

    def rows(self, columns: Sequence[int], wanted: Wanted, limit: int | None) -> list[Row]:
        test = self._test(columns, wanted)
        return list(self._fetch(columns, test, limit)) if test else []

    def stream(self, columns: Sequence[int], wanted: Wanted) -> Iterator[Row]:
        test = self._test(columns, wanted)
        return self._fetch(columns, test, None) if test else iter(())

    def named(self, columns: Sequence[int], rows: set[int], covers: str, values: set[str]) -> list[Row]:
        tests = []
        if rows:
            tests.append(f"_row IN ({', '.join(str(row) for row in sorted(rows))})")
        if covers and values:
            listed = ", ".join(map(sql_literal, sorted(values)))
            tests.append(f'_row IN (SELECT _row FROM "{self._relation}" WHERE "{covers}" IN ({listed}))')
        return list(self._fetch(columns, " OR ".join(tests), None)) if tests else []

    def _from(self, columns: Sequence[int]) -> str:
        """The tables that hold the answers of these columns."""
        if not self._layout.grouped.intersection(columns):
            return self._rows
        answers = f"SELECT * EXCLUDE (_source, _n) FROM {self._combinations}"
        return f"{self._rows} JOIN ({answers}) USING (_combination)"

    def _test(self, columns: Sequence[int], wanted: Wanted) -> str:
        """SQL that is TRUE for the rows of these patterns; empty for no pattern."""
        by_source: dict[int, list[tuple[int, ...]]] = {}
        for answers, source in wanted:
            by_source.setdefault(source, []).append(self._layout.codes(columns, answers))
        words = self._layout.masked(columns)
        tests = []
        for source, patterns in by_source.items():
            if len(words) == 1:
                same = f"{words[0]} IN ({', '.join(str(pattern[0]) for pattern in patterns)})"
            else:
                pairs = [[f"{w} = {n}" for w, n in zip(words, p, strict=True)] for p in patterns]
                same = " OR ".join(f"({' AND '.join(pair) or 'true'})" for pair in pairs)
            tests.append(f"(_source = {source} AND ({same}))")
        return " OR ".join(tests)

    def _fetch(self, columns: Sequence[int], test: str, limit: int | None) -> Iterator[Row]:
        """The rows by key. Where there is a limit, what is shown is read of no more rows than that."""
        keys = [f'r."{name}"' for name in self._key]
        shown = [f'r."{name}"' for name in self._observed]
        masked = self._layout.masked(columns)
        words = [f"{word} AS m{i}" for i, word in enumerate(masked)]
        found = f"SELECT {', '.join(('_row', '_source', *words))} FROM {self._from(columns)} WHERE {test}"
        joined = f'JOIN "{self._relation}" r ON r._row = j._row'
        # Rows by number cost a twelfth of rows by key, which are looked up first.
        order = "ORDER BY j._row" if self.in_key_order else f"ORDER BY {', '.join((*keys, 'j._row'))}"
        if limit is not None:
            found = f"SELECT j.* FROM ({found}) j {'' if self.in_key_order else joined} {order} LIMIT {limit}"
        answers = [f"j.m{i}" for i in range(len(masked))]
        items = ", ".join(("j._row", "j._source", *keys, *answers, *shown))
        sql = f"SELECT {items} FROM ({found}) j {joined} {order}"
        start = 2 + len(self._key)
        end = start + len(masked)
        answers_of = self._layout.unpacked(columns)
        for r in self._stream(sql):
            yield Row(r[0], r[1], r[2:start], answers_of(r[start:end]), values_of(r[end:]))
