"""The direct engine: small evidence, answered in Python without a database.

Goes in: the parser's trees of compiled texts, and typed evidence. Comes out: the three-valued answers of
every subject, the same as those of the embedded engine. It is written from the meaning of the language and
shares no code with the compiler or the embedded engine, so that each checks the other.

What it cannot answer for certain it does not answer: it raises, and says so in `unanswered`. Whoever owns
the session then asks the embedded engine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from policycheck.engines import BulkResult, Judgement, Row, failed, rows_lost
from policycheck.engines.direct_relations import ROW, SOURCE, Columns, Relations, Trees
from policycheck.engines.direct_values import INT, SET, column_kind, refused
from policycheck.engines.judgements import FetchedJudgement
from policycheck.model import Column, ColumnType, RowFault, TableData, TableSchema


class DirectSession:
    """Tables, views and rows in memory. Define, insert, judge. `unanswered` holds the words of every
    EngineError of this session: where it is not empty, the embedded engine is to be asked instead."""

    def __init__(self, trees: Trees | None = None, parameters: Mapping[str, Any] | None = None) -> None:
        """`parameters` are the values of `$name` in the texts, by name, as in `policycheck.scope.Scope`."""
        self.sealed = False
        self._relations = Relations(trees or _no_trees, parameters or {})

    @property
    def unanswered(self) -> list[str]:
        return self._relations.unanswered

    def close(self) -> None:
        self.clear()

    def __enter__(self) -> DirectSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- before there is data ---

    def define_tables(self, schemas: Iterable[TableSchema]) -> None:
        for schema in schemas:
            self._relations.define(schema)

    def add_view(self, name: str, sql: str) -> None:
        """Takes note of a view that is known to bind. It is compiled and computed when something reads it."""
        self._relations.add_view(name, sql)

    def turn_to(self, trees: Trees, parameters: Mapping[str, Any]) -> None:
        """Texts are those of other parameters from here on. Rows stay, and so does what was made of texts
        that are the same. Views are to be added again."""
        self._relations.turn_to(trees, parameters)

    def define_view(self, name: str, sql: str) -> list[tuple[str, ColumnType]]:
        """Adds a view and answers its columns. Raises EngineError for what this engine does not answer."""
        self.add_view(name, sql)

        def ask() -> list[tuple[str, ColumnType]]:
            columns = self._relations.view_columns(name)
            return [(column, column_kind(kind)) for column, kind in columns if not column.startswith("_")]

        return self._relations.asked(ask)

    def refresh_views(self, views: Mapping[str, str]) -> None:
        """Takes note of these views (name to query). Each is computed when it is asked for."""
        for name, sql in views.items():
            self.add_view(name, sql)
        self._relations.forget_broken()

    def compute_views(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Computes these views, so that one that fails is noted as broken."""
        for name in wanted:
            self._relations.compute(name)

    def broken_views(self) -> dict[str, str]:
        """Views that failed on this evidence, of those that were asked for."""
        return dict(self._relations.broken)

    # --- loading ---

    def insert(self, data: TableData) -> None:
        """Inserts checked values; row `i` of the data gets the row number `i`."""
        if data.origins:
            name = data.schema.name
            self._relations.put_rows(name, [*self._relations.rows(name), *self._typed(data)])

    def replace_rows(self, data: TableData) -> None:
        """Puts these rows in the place of those that the table has."""
        self._relations.put_rows(data.schema.name, self._typed(data))

    def _typed(self, data: TableData) -> list[tuple[Any, ...]]:
        def ask() -> list[list[Any]]:
            return [_cells(column, data.columns[column.name]) for column in data.schema.columns]

        sources = [origin[0] for origin in data.origins]
        return list(zip(range(len(sources)), sources, *self._relations.asked(ask), strict=True))

    def load_bulk(self, data: TableData, as_of: datetime) -> BulkResult:
        self._no_bulk()

    def dangling(self, data: TableData, column: Column) -> list[RowFault]:
        self._no_bulk()

    def _no_bulk(self) -> NoReturn:
        error = refused("bulk evidence")
        self._relations.unanswered.append(error.faults[0].message)
        raise error

    def clear(self) -> None:
        """Empties all tables, for the next example."""
        self._relations.clear_tables()

    def seal(self) -> None:
        """Nothing to end: this engine reaches no file, no network and no configuration."""
        self.sealed = True

    # --- judging ---

    def judge(
        self,
        relation: str,
        base: str,
        key: Sequence[str],
        expressions: Sequence[str],
        observed: Sequence[str],
        kept: Sequence[str] = (),
    ) -> Judgement:
        """See `Session.judge`. Raises EngineError also for an expression that this engine refuses."""
        return self._relations.asked(lambda: self._judge(relation, base, key, expressions, observed, kept))

    def _judge(
        self,
        relation: str,
        base: str,
        key: Sequence[str],
        expressions: Sequence[str],
        observed: Sequence[str],
        kept: Sequence[str],
    ) -> Judgement:
        rows = self.rows_of(relation)
        columns = [self._relations.answers(relation, text) for text in expressions]
        answers = zip(*columns, strict=True) if columns else [()] * len(rows)
        (row_place, source_place), keys, seen = (
            self._places(relation, names) for names in ((ROW, SOURCE), key, observed)
        )
        found = [
            Row(
                row[row_place],
                row[source_place],
                tuple([row[place] for place in keys]),
                answered,
                tuple([row[place] for place in seen]),
            )
            for row, answered in zip(rows, answers, strict=True)
        ]
        if relation != base:
            self._check_rows(relation, base, (ROW, SOURCE, *key, *kept))
        return FetchedJudgement(found, tuple(observed))

    def _check_rows(self, relation: str, base: str, names: Sequence[str]) -> None:
        # INVARIANT: a subject view keeps every row of its base once, or the population is not the population.
        expected, answered = self.rows_of(base), self.rows_of(relation)
        here, there = self._places(relation, names), self._places(base, names)
        found = {tuple([row[place] for place in here]) for row in answered}
        kept = sum(tuple([row[place] for place in there]) in found for row in expected)
        if len(answered) != len(expected) or kept != len(expected):
            raise rows_lost(relation, base, len(answered), kept, len(expected))

    def false_rows(self, table: str, expressions: Sequence[str]) -> list[tuple[int, int]]:
        """(row, index of the expression) wherever an expression over a table is FALSE."""

        def ask() -> list[tuple[int, int]]:
            rows, (place,) = self.rows_of(table), self._places(table, (ROW,))
            return [
                (number, i)
                for i, text in enumerate(expressions)
                for number in sorted(
                    row[place]
                    for row, answer in zip(rows, self._relations.answers(table, text), strict=True)
                    if answer is False
                )
            ]

        return self._relations.asked(ask)

    def rows_with_null(self, relation: str, columns: Sequence[str], ignored: Collection[int]) -> int:
        """How many rows hold NULL in one of `columns`, leaving out ignored rows of the base table."""

        def ask() -> int:
            rows, places = self.rows_of(relation), self._places(relation, columns)
            faulty = [row for row in rows if any(row[place] is None for place in places)]
            if not ignored:
                return len(faulty)
            (place,) = self._places(relation, (ROW,))
            return sum(row[place] is not None and row[place] not in ignored for row in faulty)

        return self._relations.asked(ask)

    # --- relations ---

    def _places(self, relation: str, names: Sequence[str]) -> list[int]:
        places = self._relations.query(relation).places
        missing = [name for name in names if name not in places]
        if missing:
            raise failed(f"`{relation}` has no column {', '.join(missing)}")
        return [places[name][0] for name in names]

    def select(self, text: str) -> tuple[Columns, list[tuple[Any, ...]]]:
        """Columns (name, kind) and rows of any query over the tables and views. Raises EngineError."""
        return self._relations.asked(lambda: self._relations.select(text))

    def columns_of(self, name: str) -> list[str]:
        """The columns of a table or view, hidden ones included."""
        return [column for column, _ in self._relations.query(name).columns]

    def rows_of(self, name: str) -> list[tuple[Any, ...]]:
        """The rows of a table or view, in no particular order."""
        return self._relations.rows(name)


def _no_trees(select: str) -> Mapping[str, Any]:
    return {}


def _cells(column: Column, values: list[Any]) -> list[Any]:
    """The values of a column as this engine holds them. Raises EngineError for a number beyond 64 bits."""
    if column.type == SET:
        return [None if value is None else tuple(value) for value in values]
    if column.type == INT and any(value is not None and not -(2**63) <= value < 2**63 for value in values):
        raise failed(f"a number in `{column.name}` does not fit into 64 bits")
    return values
