"""The direct engine: small evidence, answered in Python without a database.

Goes in: the parser's trees of compiled texts, and typed evidence. Comes out: the three-valued answers of
every subject, the same as those of the embedded engine. It is written from the meaning of the language and
shares no code with the compiler or the embedded engine, so that each checks the other.

What it cannot answer for certain it does not answer: it raises, and says so in `unanswered`. Whoever owns
the session then asks the embedded engine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NoReturn, TypeVar

from policycheck.engines import BulkResult, Judgement, Row
from policycheck.engines.direct_queries import QueryCompiler
from policycheck.engines.direct_scope import Expression, Node, Query, Scope, Source, of_kind
from policycheck.engines.direct_values import (
    BOOL,
    INT,
    INT32,
    SET,
    Kind,
    Memory,
    Outer,
    Value,
    column_kind,
    failed,
    refused,
)
from policycheck.engines.judgements import FetchedJudgement
from policycheck.errors import EngineError
from policycheck.model import Column, ColumnType, RowFault, TableData, TableSchema
from policycheck.sqltext import select_of

ROW, SOURCE = "_row", "_source"
SUBJECT = "subject"
Trees = Callable[[str], Mapping[str, Any]]
"""From the text of a select to the parser's answer, decoded."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Compiled(Generic[T]):
    """What was made of a text, the relations it reads, and what it has computed from their rows."""

    made: T
    reads: frozenset[str]
    memory: Memory


@dataclass(slots=True)
class _View:
    """A view, compiled when it is first asked for. `query` is how others read it; `rows` are kept until
    those of what it reads change."""

    text: str
    query: Query | None = None
    compiled: _Compiled[Query] | None = None
    rows: list[Any] | None = None


class DirectSession:
    """Tables, views and rows in memory. Define, insert, judge. `unanswered` holds the words of every
    EngineError of this session: where it is not empty, the embedded engine is to be asked instead."""

    def __init__(self, trees: Trees | None = None, parameters: Mapping[str, Any] | None = None) -> None:
        """`parameters` are the values of `$name` in the texts, by name, as in `policycheck.scope.Scope`."""
        self.unanswered: list[str] = []
        self.sealed = False
        self._trees: Trees = trees if trees is not None else {}.__getitem__
        self._compiler = QueryCompiler(parameters or {}, self._relation)
        self._reads: set[str] = set()  # the relations that what is being compiled has asked for
        self._tables: dict[str, TableSchema] = {}
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        self._relations: dict[str, Query] = {}
        self._views: dict[str, _View] = {}
        self._broken: dict[str, str] = {}
        self._expressions: dict[tuple[str, str], _Compiled[Value]] = {}
        self._selects: dict[str, _Compiled[Query]] = {}

    def close(self) -> None:
        self.clear()

    def __enter__(self) -> DirectSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- before there is data ---

    def define_tables(self, schemas: Iterable[TableSchema]) -> None:
        for schema in schemas:
            if self._tables.get(schema.name) != schema:
                self._tables[schema.name] = schema
                self._rows[schema.name] = []
                self._forget_compiled()

    def add_view(self, name: str, sql: str) -> None:
        """Takes note of a view that is known to bind. It is compiled and computed when something reads it."""
        text = sql.strip().rstrip(";")
        known = self._views.get(name)
        if known is None:
            self._views[name] = _View(text)
            self._forget_compiled()
        elif known.text != text:
            known.text, known.compiled = text, None
            self._forget_rows({name})
            # What reads it goes on reading it, unless its columns are others now.
            before, known.query = known.query, None
            if before is not None and self._asked(lambda: self._view_query(name)).columns != before.columns:
                self._forget_compiled()
        self._broken.pop(name, None)

    def _forget_compiled(self) -> None:
        # What has been compiled knows the places of the columns it reads, also through other views.
        if self._relations or self._expressions:
            for view in self._views.values():
                view.query = view.compiled = view.rows = None
            self._relations.clear()
            self._expressions.clear()
            self._selects.clear()

    def _forget_rows(self, changed: set[str]) -> None:
        """Forgets whatever was computed from the rows of these relations, also through views."""
        found = set(changed)
        for name, view in self._views.items():  # each reads only those that were added before it
            reads = view.compiled is not None and not found.isdisjoint(view.compiled.reads)
            if name in found or reads:
                found.add(name)
                view.rows = None
        compiled = (*(view.compiled for view in self._views.values()), *self._expressions.values())
        for each in (*compiled, *self._selects.values()):
            if each is not None and not found.isdisjoint(each.reads):
                each.memory.forget()

    def turn_to(self, trees: Trees, parameters: Mapping[str, Any]) -> None:
        """Texts are those of other parameters from here on. Rows stay, and so does what was made of texts
        that are the same. Views are to be added again."""
        self._trees = trees
        self._compiler.world.parameters = parameters

    def define_view(self, name: str, sql: str) -> list[tuple[str, ColumnType]]:
        """Adds a view and answers its columns. Raises EngineError for what this engine does not answer."""
        self.add_view(name, sql)

        def ask() -> list[tuple[str, ColumnType]]:
            columns = self._view_query(name).columns
            return [(column, column_kind(kind)) for column, kind in columns if not column.startswith("_")]

        return self._asked(ask)

    def refresh_views(self, views: Mapping[str, str]) -> None:
        """Takes note of these views (name to query). Each is computed when it is asked for."""
        for name, sql in views.items():
            self.add_view(name, sql)
        self._forget_rows(set(self._broken))
        self._broken.clear()

    def compute_views(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Computes these views, so that one that fails is noted as broken."""
        for name in wanted:
            self._compute(name)

    def broken_views(self) -> dict[str, str]:
        """Views that failed on this evidence, of those that were asked for."""
        return dict(self._broken)

    # --- loading ---

    def insert(self, data: TableData) -> None:
        """Inserts checked values; row `i` of the data gets the row number `i`."""
        if data.origins:
            self._rows[data.schema.name] += self._typed(data)
            self._forget_rows({data.schema.name})

    def replace_rows(self, data: TableData) -> None:
        """Puts these rows in the place of those that the table has."""
        rows, typed = self._rows[data.schema.name], self._typed(data)
        if rows != typed:
            rows[:] = typed
            self._forget_rows({data.schema.name})

    def _typed(self, data: TableData) -> list[tuple[Any, ...]]:
        columns = self._asked(lambda: [_cells(c, data.columns[c.name]) for c in data.schema.columns])
        sources = [origin[0] for origin in data.origins]
        return list(zip(range(len(sources)), sources, *columns, strict=True))

    def load_bulk(self, data: TableData, as_of: datetime) -> BulkResult:
        self._no_bulk()

    def dangling(self, data: TableData, column: Column) -> list[RowFault]:
        self._no_bulk()

    def _no_bulk(self) -> NoReturn:
        error = refused("bulk evidence")
        self.unanswered.append(error.faults[0].message)
        raise error

    def clear(self) -> None:
        """Empties all tables, for the next example."""
        for rows in self._rows.values():
            rows.clear()
        self._forget_rows(set(self._rows))

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
    ) -> Judgement:
        """Answers all expressions over all rows of `relation`, in one pass.

        Raises EngineError when an expression is refused or fails, or when a view has lost or doubled rows
        of its base.
        """
        return self._asked(lambda: self._judge(relation, base, key, expressions, observed))

    def _judge(
        self,
        relation: str,
        base: str,
        key: Sequence[str],
        expressions: Sequence[str],
        observed: Sequence[str],
    ) -> Judgement:
        rows = self.rows_of(relation)
        tests = [self._expression(relation, text) for text in expressions]
        (row_place, source_place), keys, seen = (
            self._places(relation, names) for names in ((ROW, SOURCE), key, observed)
        )
        found = [
            Row(
                row[row_place],
                row[source_place],
                tuple([row[place] for place in keys]),
                tuple([test((row,), None) for test in tests]),
                tuple([row[place] for place in seen]),
            )
            for row in rows
        ]
        if relation != base:
            self._check_rows(relation, base, (ROW, SOURCE, *key))
        return FetchedJudgement(found, tuple(observed))

    def _check_rows(self, relation: str, base: str, names: Sequence[str]) -> None:
        # INVARIANT: a subject view keeps every row of its base once, or the population is not the population.
        expected, answered = self._rows[base], self.rows_of(relation)
        here, there = self._places(relation, names), self._places(base, names)
        found = {tuple([row[place] for place in here]) for row in answered}
        kept = sum(tuple([row[place] for place in there]) in found for row in expected)
        if len(answered) != len(expected) or kept != len(expected):
            raise failed(
                f"`{relation}` answers {len(answered)} rows, and keeps {kept} of the {len(expected)} rows of "
                f"`{base}`",
                "select `<base>.*`, join on unique keys with LEFT JOIN, and filter nothing",
            )

    def false_rows(self, table: str, expressions: Sequence[str]) -> list[tuple[int, int]]:
        """(row, index of the expression) wherever an expression over a table is FALSE."""

        def ask() -> list[tuple[int, int]]:
            rows, (place,) = self.rows_of(table), self._places(table, (ROW,))
            tests = [self._expression(table, text) for text in expressions]
            return [
                (number, i)
                for i, test in enumerate(tests)
                for number in sorted(row[place] for row in rows if test((row,), None) is False)
            ]

        return self._asked(ask)

    def rows_with_null(self, relation: str, columns: Sequence[str], ignored: Collection[int]) -> int:
        """How many rows hold NULL in one of `columns`, leaving out ignored rows of the base table."""

        def ask() -> int:
            rows, places = self.rows_of(relation), self._places(relation, columns)
            faulty = [row for row in rows if any(row[place] is None for place in places)]
            if not ignored:
                return len(faulty)
            (place,) = self._places(relation, (ROW,))
            return sum(row[place] is not None and row[place] not in ignored for row in faulty)

        return self._asked(ask)

    # --- relations and expressions ---

    def _asked(self, ask: Callable[[], T]) -> T:
        """What `ask` answers. An EngineError is noted, and whatever is nested too deeply becomes one."""
        try:
            return ask()
        except EngineError as error:
            self.unanswered.append(error.faults[0].message)
            raise
        except RecursionError:
            deep = refused("what is nested as deeply as this")
            self.unanswered.append(deep.faults[0].message)
            raise deep from None

    def _places(self, relation: str, names: Sequence[str]) -> list[int]:
        places = self._query(relation).places
        missing = [name for name in names if name not in places]
        if missing:
            raise failed(f"`{relation}` has no column {', '.join(missing)}")
        return [places[name][0] for name in names]

    def _query(self, name: str) -> Query:
        found = self._relation(name)
        if found is None:
            raise refused(f"the name `{name}`, which is no table and no view")
        return found

    def select(self, text: str) -> tuple[tuple[tuple[str, Kind], ...], list[tuple[Any, ...]]]:
        """Columns (name, kind) and rows of any query over the tables and views. Raises EngineError."""

        def ask() -> tuple[tuple[tuple[str, Kind], ...], list[tuple[Any, ...]]]:
            if text not in self._selects:
                self._selects[text] = self._compiled(text, self._compiler.query)
            query = self._selects[text].made
            return query.columns, query.rows(None)

        return self._asked(ask)

    def columns_of(self, name: str) -> list[str]:
        """The columns of a table or view, hidden ones included."""
        return [column for column, _ in self._query(name).columns]

    def rows_of(self, name: str) -> list[tuple[Any, ...]]:
        """The rows of a table or view, in no particular order."""
        return self._query(name).rows(None)

    def _relation(self, name: str) -> Query | None:
        """A table or view as a query over stored rows."""
        self._reads.add(name)
        if name not in self._relations:
            if name in self._views:
                self._view_query(name)
            elif name in self._tables:
                rows = self._rows[name]
                kinds = tuple((c.name, str(c.type)) for c in self._tables[name].columns)
                columns = ((ROW, INT), (SOURCE, INT32), *kinds)
                self._relations[name] = Query(columns, lambda outer: rows, stored=True)
            else:
                return None
        return self._relations[name]

    def _view_query(self, name: str) -> Query:
        view = self._views.get(name)
        if view is None:
            raise refused(f"the name `{name}`, which is no view")
        if view.query is None:
            found = self._compiled(view.text, self._compiler.query)
            columns = tuple(
                (column, str(column_kind(kind)) if kind != INT32 else kind)
                for column, kind in found.made.columns
            )
            query = Query(columns, lambda outer: self._compute(name), stored=True)
            if any(" " in column for column in query.places):
                raise refused(f"view `{name}`, which has a column without a name")
            view.query, view.compiled = query, found
            self._relations[name] = view.query
        return view.query

    def _compute(self, name: str) -> list[Any]:
        """The rows of a view. One that fails on these rows is empty, and noted as broken."""
        view = self._views[name]
        if view.rows is None:
            try:
                view.rows = self._asked(lambda: self._computed(name))
            except EngineError as error:
                self._broken[name] = error.faults[0].message
                view.rows = []
        return view.rows

    def _computed(self, name: str) -> list[Any]:
        self._view_query(name)
        compiled = self._views[name].compiled
        return compiled.made.rows(None) if compiled is not None else []

    def _compiled(self, select: str, make: Callable[[Node], T]) -> _Compiled[T]:
        """What is made of the tree of a select. A tree of an unknown form is refused as well."""
        answer = self._trees(select)
        statements = answer.get("statements") or []
        if answer.get("error") or len(statements) != 1:
            raise refused("what is not one statement")
        world, around = self._compiler.world, (self._reads, self._compiler.world.memory)
        self._reads, world.memory = set(), Memory()
        try:
            return _Compiled(make(statements[0]["node"]), frozenset(self._reads), world.memory)
        except (LookupError, TypeError, AttributeError) as error:
            raise refused(f"a tree of this form ({type(error).__name__}: {error})") from error
        finally:
            self._reads, world.memory = around

    def _expression(self, relation: str, text: str) -> Value:
        """An expression over the rows of a relation, as a function of ((row,), None)."""

        def make(root: Node) -> Value:
            scope = Scope(self._compiler.world, None, {})
            scope.sources.append(Source(SUBJECT, self._query(relation), 0))
            compiled = scope.clause(root["select_list"][0])
            return _after(scope.begin, of_kind(compiled, BOOL, "an expression"))

        found = self._expressions.get((relation, text))
        if found is None:
            found = self._expressions[relation, text] = self._compiled(select_of(text), make)
        return found.made


def _after(begin: list[Value], expression: Expression) -> Value:
    value = expression.value
    if not begin:
        return value

    def answer(row: Any, outer: Outer) -> Any:
        for each in begin:
            each((), None)
        return value(row, outer)

    return answer


def _cells(column: Column, values: list[Any]) -> list[Any]:
    """The values of a column as this engine holds them. Raises EngineError for a number beyond 64 bits."""
    if column.type == SET:
        return [None if value is None else tuple(value) for value in values]
    if column.type == INT and any(value is not None and not -(2**63) <= value < 2**63 for value in values):
        raise failed(f"a number in `{column.name}` does not fit into 64 bits")
    return values
