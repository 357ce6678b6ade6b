"""Many small evidences in one database, each question asked once for all of them.

Goes in: the rows of a pack's examples, each through a `Slot` that is a `Session` of its own. Comes out:
for each slot the answers it would get alone. To bind a query costs the engine a thousand times what a
few rows cost, so every view and every expression is bound once and computed for all slots by a lateral
join, in which the names of tables and views stand for the rows of one slot.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from policycheck.engines import BulkResult, Judgement, rows_lost
from policycheck.engines.duckdb import DuckDBSession
from policycheck.engines.duckdb_parser import DuckdbParser
from policycheck.engines.duckdb_types import bind_columns
from policycheck.engines.judgements import FetchedJudgement, fetched_rows
from policycheck.errors import EngineError
from policycheck.model import Column, ColumnType, RowFault, TableData, TableSchema
from policycheck.sqltext import without_comments, words_in

_FROM = re.compile(  # the table and alias of a subquery; text literals are passed over
    r"'(?:[^']|'')*'|\bFROM\s+([a-z_][a-z0-9_]*)\s+(?:AS\s+)?([a-z_][a-z0-9_]*)", re.IGNORECASE
)
_SUBQUERY = re.compile(r"\bselect\b", re.IGNORECASE)
NESTED_AT_ONCE = 5
"""To plan a query takes the engine far more than twice the time for twice the subqueries: 90 of them take
two minutes together, one second in batches."""

_Answers = dict[int, Any]  # the answer to one expression by row number


class Stack:
    """The slots over one `DuckDBSession`. A `Catalogue` too: a view is bound once and keeps its columns
    when it is defined again, since nothing but parameter values differs between settings."""

    def __init__(self, session: DuckDBSession) -> None:
        self._session = session
        self.parse: DuckdbParser = session.parse
        self._tables: dict[str, TableSchema] = {}
        self._shapes: dict[str, list[tuple[str, ColumnType]]] = {}
        self._views: dict[str, str] = {}
        self.clear()
        session.fetch("CREATE SCHEMA stack")

    # --- before there is data ---

    def define_tables(self, schemas: Iterable[TableSchema]) -> None:
        fresh = [schema for schema in schemas if self._tables.get(schema.name) != schema]
        self._session.define_tables(fresh)
        for schema in fresh:
            self._tables[schema.name] = schema
            self._session.fetch(
                f'CREATE OR REPLACE TABLE stack."{schema.name}" AS SELECT 0 AS _slot, * FROM "{schema.name}"'
            )

    def define_view(self, name: str, sql: str) -> list[tuple[str, ColumnType]]:
        if name not in self._shapes:
            self._shapes[name] = self._session.define_view(name, sql)
        self._views[name] = sql.strip().rstrip(";")
        return self._shapes[name]

    # --- slots ---

    def clear(self) -> None:
        """Forgets all slots and their rows; tables, columns of views and parsed texts stay."""
        self.slots: list[Slot] = []
        self._waiting: dict[str, list[tuple[int, TableData]]] = {}
        self._filled: set[str] = getattr(self, "_filled", set())
        self._computed: set[str] = set()
        self.broken: dict[int, dict[str, str]] = {}
        self._rows: dict[str, dict[int, list[tuple[Any, ...]]]] = {}
        self._names: dict[str, list[str]] = {}
        self._kept: dict[tuple[str, tuple[str, ...]], dict[int, tuple[int, int]]] = {}
        self._answers: dict[tuple[str, str], dict[int, _Answers | EngineError]] = {}
        for name in sorted(self._filled):
            self._session.fetch(f'DELETE FROM stack."{name}"')
        self._filled.clear()

    def slot(self, group: str) -> Slot:
        """A new slot. Slots of one group follow each other and are asked the same questions."""
        slot = Slot(self, len(self.slots), group)
        self.slots.append(slot)
        return slot

    def insert(self, number: int, data: TableData) -> None:
        if data.origins:
            self._waiting.setdefault(data.schema.name, []).append((number, data))

    def compute(self, names: Iterable[str]) -> None:
        """Computes these views for all slots, in this order, from the rows that are there."""
        self._flush()
        for name in names:
            if name not in self._computed:
                self._computed.add(name)
                self._compute(name)

    def _flush(self) -> None:
        for name, waiting in self._waiting.items():
            schema = self._tables[name]
            rows = [(slot, i, d.origins[i][0]) for slot, d in waiting for i in range(len(d.origins))]
            parameters: list[Any] = [[row[k] for row in rows] for k in range(3)]
            selects = ["unnest($1::INTEGER[])", "unnest($2::BIGINT[])", "unnest($3::INTEGER[])"]
            columns = {c.name: [v for _, d in waiting for v in d.columns[c.name]] for c in schema.columns}
            selects += bind_columns(schema, columns, parameters)
            self._session.run(f'INSERT INTO stack."{name}" SELECT {", ".join(selects)}', parameters)
            self._filled.add(name)
        self._waiting.clear()

    def _compute(self, name: str) -> None:
        sql = self._views[name]
        self._session.fetch(f'DROP TABLE IF EXISTS stack."{name}"')
        create = f'CREATE TABLE stack."{name}" AS '
        try:
            self._session.fetch(create + self._lateral(sql, 0, len(self.slots) - 1))
        except EngineError:
            # What fails on the rows of one slot is empty and broken there, and nowhere else.
            self._session.fetch(create + f"SELECT 0 AS _slot, * FROM ({sql}) WITH NO DATA")
            for number in range(len(self.slots)):
                try:
                    self._session.fetch(f'INSERT INTO stack."{name}" ' + self._lateral(sql, number, number))
                except EngineError as error:
                    self.broken.setdefault(number, {})[name] = error.faults[0].message

    def _lateral(self, sql: str, first: int, last: int) -> str:
        """The rows of a query for each slot of a span, with the slot's number in front."""
        if first == last:
            return f"SELECT {first} AS _slot, q_.* FROM ({self._over_slot(sql, str(first))}) q_"
        return (
            f"SELECT CAST(e_.n AS INTEGER) AS _slot, q_.* FROM range({first}, {last + 1}) e_(n), "
            f"LATERAL ({self._over_slot(sql, 'e_.n')}) q_"
        )

    def _over_slot(self, sql: str, slot: str) -> str:
        """A query in which the names of tables and views mean the rows of one slot."""
        bare = without_comments(sql).strip()
        used = set(words_in(bare))
        steps = [
            f'"{name}" AS (SELECT * EXCLUDE (_slot) FROM stack."{name}" s_ WHERE s_._slot = {slot})'
            for name in (*self._tables, *self._views)
            if name in used
        ]
        if bare[:4].upper() == "WITH":
            steps.append(bare[4:].strip())
            return f"WITH {', '.join(steps)}\n"
        return f"WITH {', '.join(steps)} {bare}\n" if steps else f"{bare}\n"

    def seal(self) -> None:
        self._session.seal()

    # --- questions ---

    def judge(
        self,
        slot: Slot,
        relation: str,
        base: str,
        key: Sequence[str],
        asked: Sequence[str],
        seen: Sequence[str],
        kept: Sequence[str],
    ) -> Judgement:
        self._flush()
        rows = self._relation(relation).get(slot.number, [])
        known = self._answered(slot, relation, asked)
        self._check_rows(slot, relation, base, (*key, *kept))
        at = {name: i for i, name in enumerate(self._names[relation])}
        wanted = [at["_row"], at["_source"], *(at[name] for name in (*key, *seen))]
        fetched = [
            (*(row[i] for i in wanted), *(answers[row[at["_row"]]] for answers in known)) for row in rows
        ]
        return FetchedJudgement(fetched_rows(fetched, len(key), len(seen)), tuple(seen))

    def _relation(self, name: str) -> dict[int, list[tuple[Any, ...]]]:
        """All rows of a table or view by slot."""
        if name not in self._rows:
            cursor = self._session.run(f'SELECT * FROM stack."{name}"')
            self._names[name] = [column[0] for column in cursor.description][1:]
            found: dict[int, list[tuple[Any, ...]]] = {}
            for row in cursor.fetchall():
                found.setdefault(row[0], []).append(row[1:])
            self._rows[name] = found
        return self._rows[name]

    def _answered(self, slot: Slot, relation: str, asked: Sequence[str]) -> list[_Answers]:
        unknown = [sql for sql in dict.fromkeys(asked) if slot.number not in self._about(relation, sql)]
        numbers = [each.number for each in self.slots if each.group == slot.group]
        for batch in _batches(unknown):
            self._ask(relation, batch, numbers[0], numbers[-1])
        found = []
        for sql in asked:
            answer = self._about(relation, sql)[slot.number]
            if isinstance(answer, EngineError):
                raise answer
            found.append(answer)
        return found

    def _about(self, relation: str, sql: str) -> dict[int, _Answers | EngineError]:
        return self._answers.setdefault((relation, sql), {})

    def _ask(self, relation: str, asked: Sequence[str], first: int, last: int) -> None:
        """Answers expressions for a span of slots; where that fails one by one, then slot by slot."""
        columns = ", ".join(f"({_within_slot(sql)}\n) AS x{i}" for i, sql in enumerate(asked))
        try:
            found = self._session.fetch(
                f'SELECT _slot, _row, {columns} FROM stack."{relation}" AS subject '
                f"WHERE _slot BETWEEN {first} AND {last}"
            )
        except EngineError as error:
            if len(asked) > 1:
                for sql in asked:
                    self._ask(relation, [sql], first, last)
            elif first < last:
                for number in range(first, last + 1):
                    self._ask(relation, asked, number, number)
            else:
                self._about(relation, asked[0])[first] = error
            return
        for i, sql in enumerate(asked):
            by_slot: dict[int, _Answers | EngineError] = {n: {} for n in range(first, last + 1)}
            for row in found:
                by_slot[row[0]][row[1]] = row[2 + i]  # type: ignore[index]  # answers, since nothing failed
            self._about(relation, sql).update(by_slot)

    def _check_rows(self, slot: Slot, relation: str, base: str, key: Sequence[str]) -> None:
        # INVARIANT: a subject view keeps every row of its base once, or the population is not the population.
        if relation == base:
            return
        asked = (relation, tuple(key))
        if asked not in self._kept:
            same = "".join(f' AND v."{n}" IS NOT DISTINCT FROM b."{n}"' for n in ("_source", *key))
            found = self._session.fetch(
                f'SELECT b._slot, count(*) FROM stack."{base}" b SEMI JOIN stack."{relation}" v '
                f"ON v._slot = b._slot AND v._row = b._row{same} GROUP BY b._slot"
            )
            totals = {number: len(rows) for number, rows in self._relation(relation).items()}
            self._kept[asked] = {
                each.number: (totals.get(each.number, 0), dict(found).get(each.number, 0))
                for each in self.slots
            }
        expected = slot.row_totals.get(base, 0)
        total, kept = self._kept[asked][slot.number]
        if total != expected or kept != expected:
            raise rows_lost(relation, base, total, kept, expected)

    def false_rows(self, slot: Slot, table: str, asked: Sequence[str]) -> list[tuple[int, int]]:
        self._flush()
        found = []
        for i, answers in enumerate(self._answered(slot, table, asked)):
            found += [(row, i) for row in sorted(answers) if answers[row] is False]
        return found

    def rows_with_null(
        self, slot: Slot, relation: str, columns: Sequence[str], ignored: Collection[int]
    ) -> int:
        rows = self._relation(relation).get(slot.number, [])
        at = {name: i for i, name in enumerate(self._names[relation])}
        places = [at[name] for name in columns]
        own = at["_row"] if ignored else 0  # a view without a base has no row numbers, and ignores none
        return sum(
            any(row[i] is None for i in places) and not (ignored and row[own] in ignored) for row in rows
        )


def _batches(asked: Sequence[str]) -> Iterator[list[str]]:
    """Expressions that are asked in one query: plain ones all, those with subqueries a few at a time."""
    plain = [sql for sql in asked if not _SUBQUERY.search(sql)]
    nested = [sql for sql in asked if _SUBQUERY.search(sql)]
    if plain:
        yield plain
    for i in range(0, len(nested), NESTED_AT_ONCE):
        yield nested[i : i + NESTED_AT_ONCE]


def _within_slot(sql: str) -> str:
    """An expression whose subqueries read the rows of the subject's own slot."""
    return _FROM.sub(
        lambda m: (
            f'FROM (SELECT * FROM stack."{m[1]}" s_ WHERE s_._slot = subject._slot) {m[2]}' if m[1] else m[0]
        ),
        sql,
    )


class Slot:
    """One small evidence: a `Session` that keeps its rows in the stack and asks it."""

    def __init__(self, stack: Stack, number: int, group: str) -> None:
        self.stack = stack
        self.number = number
        self.group = group
        self.row_totals: dict[str, int] = {}

    def parse(self, select_sql: str) -> str:
        return self.stack.parse(select_sql)

    def define_tables(self, schemas: Iterable[TableSchema]) -> None:
        self.stack.define_tables(schemas)

    def define_view(self, name: str, sql: str) -> list[tuple[str, ColumnType]]:
        return self.stack.define_view(name, sql)

    def refresh_views(self, views: Mapping[str, str]) -> None:
        self.stack.compute(views)

    def compute_views(self, wanted: Mapping[str, Collection[str]]) -> None:
        self.stack.compute(wanted)

    def broken_views(self) -> dict[str, str]:
        return dict(self.stack.broken.get(self.number, {}))

    def insert(self, data: TableData) -> None:
        name = data.schema.name
        self.row_totals[name] = self.row_totals.get(name, 0) + len(data.origins)
        self.stack.insert(self.number, data)

    def load_bulk(self, data: TableData, as_of: datetime) -> BulkResult:
        raise NotImplementedError("an example has no bulk files")

    def dangling(self, data: TableData, column: Column) -> list[RowFault]:
        return []  # references of small rows are followed where they are read

    def seal(self) -> None:
        self.stack.seal()

    def clear(self) -> None:
        raise NotImplementedError("a slot is filled once")

    def false_rows(self, table: str, expressions: Sequence[str]) -> list[tuple[int, int]]:
        return self.stack.false_rows(self, table, expressions)

    def rows_with_null(self, relation: str, columns: Sequence[str], ignored: Collection[int]) -> int:
        return self.stack.rows_with_null(self, relation, columns, ignored)

    def judge(
        self,
        relation: str,
        base: str,
        key: Sequence[str],
        expressions: Sequence[str],
        observed: Sequence[str],
        kept: Sequence[str] = (),
    ) -> Judgement:
        return self.stack.judge(self, relation, base, key, expressions, observed, kept)
