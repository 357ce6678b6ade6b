"""The tables and views of the direct engine, and what has been computed from them so far.

Goes in: rows of tables; texts of views and expressions, with the parser's trees of them. Comes out: rows of
any relation, answers of any expression. What has been computed holds until the rows it was computed from, or
the values of its parameters, are others. Rows that are computed again and come out the same change nothing
further on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from msgspec import Struct

from policycheck.engines.direct_queries import QueryCompiler
from policycheck.engines.direct_scope import Expression, Node, Query, Scope, Source, of_kind
from policycheck.engines.direct_values import (
    BOOL,
    INT,
    INT32,
    Kind,
    Memory,
    Value,
    column_kind,
    parameter,
    refused,
)
from policycheck.errors import EngineError
from policycheck.model import TableSchema
from policycheck.sqltext import select_of

ROW, SOURCE = "_row", "_source"
SUBJECT = "subject"
Trees = Callable[[str], Mapping[str, Any]]
"""From the text of a select to the parser's answer, decoded."""
Columns = tuple[tuple[str, Kind], ...]
T = TypeVar("T")


class _Compiled(Struct, Generic[T]):
    """What was made of a tree, the relations and parameters it reads, and the result for the versions in
    `stamp`."""

    tree: Mapping[str, Any]
    made: T
    reads: tuple[str, ...]
    memory: Memory
    stamp: tuple[int, ...] | None = None
    result: list[Any] | None = None
    seen: int = -1  # the state of all relations for which the stamp was last compared


class _Table(Struct):
    """`version` is another number after every change of the rows."""

    schema: TableSchema
    rows: list[tuple[Any, ...]]
    version: int = 0


class _Parameter(Struct):
    """`version` is another number after every change of the value."""

    kind: Kind
    value: Any
    version: int = 0


class _View(Struct):
    """A view, compiled and computed when it is first asked for. `query` is how others read it."""

    text: str
    query: Query | None = None
    compiled: _Compiled[Query] | None = None
    rows: list[Any] | None = None
    version: int = 0
    seen: int = -1


class Relations:
    """Define, fill, ask. Every EngineError is noted in `unanswered` by its words. A view that fails on the
    rows there are is `broken`, and answers no rows."""

    def __init__(self, trees: Trees, parameters: Mapping[str, Any]) -> None:
        self.unanswered: list[str] = []
        self.broken: dict[str, str] = {}
        self._trees = trees
        self._values = parameters
        self._parameters: dict[str, _Parameter] = {}  # those that something reads, by `$name`
        self._compiler = QueryCompiler(self._parameter, self._relation)
        self._tables: dict[str, _Table] = {}
        self._views: dict[str, _View] = {}
        self._queries: dict[str, Query] = {}
        self._expressions: dict[tuple[str, int], _Compiled[Value]] = {}  # by relation and tree
        self._selects: dict[int, _Compiled[Query]] = {}
        self._reads: dict[str, None] = {}  # the relations that what is being compiled has asked for
        self._state = 0  # another number after any change of rows, texts or columns

    # --- tables and views ---

    def define(self, schema: TableSchema) -> None:
        """A table without rows, unless it is there already."""
        known = self._tables.get(schema.name)
        if known is None or known.schema != schema:
            self._tables[schema.name] = _Table(schema, [])
            self._forget_compiled()

    def put_rows(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Rows of a table: number, source, and the columns of its schema."""
        known = self._tables[table]
        if known.rows != rows:
            known.rows = rows
            known.version += 1
            self._state += 1

    def clear_tables(self) -> None:
        for name in self._tables:
            self.put_rows(name, [])

    def add_view(self, name: str, sql: str) -> None:
        """Takes note of a view that is known to bind."""
        text = sql.strip().rstrip(";")
        known = self._views.get(name)
        if known is None:
            self._views[name] = _View(text)
            self._forget_compiled()
            return
        compiled, before_text = known.compiled, known.text
        known.text = text
        # What was made of a tree holds for the tree: of two texts that are equal under one profile, each may
        # read a parameter of its own, and of two that are not, both the same one.
        same = before_text == text if compiled is None else self._trees(text) is compiled.tree
        if not same:
            self._state += 1
            known.compiled = None
            before, known.query = known.query, None
            # What reads it goes on reading it, unless its columns are others now.
            if before is not None and self.asked(lambda: self._view_query(name)).columns != before.columns:
                self._forget_compiled()

    def turn_to(self, trees: Trees, parameters: Mapping[str, Any]) -> None:
        """Texts are those of other parameters from here on; views are to be added again."""
        self._trees = trees
        self._values = parameters
        for mark, known in self._parameters.items():
            try:
                kind, value = self._typed(mark)
            except EngineError:  # which is for whoever asks for it
                kind, value = "", None
            if kind != known.kind:
                self._forget_compiled()
                return
            if value != known.value:
                known.value = value
                known.version += 1
                self._state += 1

    def forget_broken(self) -> None:
        """Views that failed are tried again when they are asked for."""
        if self.broken:
            self.broken.clear()
            self._state += 1

    def _forget_compiled(self) -> None:
        # What has been compiled knows the places of the columns it reads, also through other views.
        self._state += 1
        if self._queries or self._expressions or self._parameters:
            for view in self._views.values():
                view.query = view.compiled = None
            self._queries.clear()
            self._expressions.clear()
            self._selects.clear()
            self._parameters.clear()

    # --- asking ---

    def asked(self, ask: Callable[[], T]) -> T:
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

    def query(self, name: str) -> Query:
        """A table or view as a query over stored rows. Raises RefusedError for another name."""
        found = self._relation(name)
        if found is None:
            raise refused(f"the name `{name}`, which is no table and no view")
        return found

    def view_columns(self, name: str) -> Columns:
        """Names and kinds of a view's columns. Raises EngineError where this engine does not answer it."""
        return self._view_query(name).columns

    def rows(self, name: str) -> list[tuple[Any, ...]]:
        """The rows of a table or view, in no particular order."""
        return self.query(name).rows(None)

    def answers(self, relation: str, text: str) -> list[Any]:
        """What an expression answers for each of the rows of a relation, in their order."""

        def make(root: Node) -> Value:
            scope = Scope(self._compiler.world, None, {})
            scope.sources.append(Source(SUBJECT, self.query(relation), 0))
            compiled = scope.clause(root["select_list"][0])
            return _after(scope.begin, of_kind(compiled, BOOL, "an expression").value)

        tree = self._trees(select_of(text))
        found = self._expressions.get((relation, id(tree)))
        if found is None:
            found = self._expressions[relation, id(tree)] = self._compiled(tree, make)
        return self._held(found, lambda test: [test((row,), None) for row in self.rows(relation)])

    def select(self, text: str) -> tuple[Columns, list[tuple[Any, ...]]]:
        """Columns and rows of any query over the tables and views."""
        tree = self._trees(text)
        if id(tree) not in self._selects:
            self._selects[id(tree)] = self._compiled(tree, self._compiler.query)
        found = self._selects[id(tree)]
        return found.made.columns, self._held(found, _rows_of)

    # --- compiling ---

    def _relation(self, name: str) -> Query | None:
        self._reads[name] = None
        if name not in self._queries:
            if name in self._views:
                return self._view_query(name)
            if name not in self._tables:
                return None
            table = self._tables[name]
            kinds = tuple((column.name, str(column.type)) for column in table.schema.columns)
            columns = ((ROW, INT), (SOURCE, INT32), *kinds)
            self._queries[name] = Query(columns, lambda outer: table.rows, stored=True)
        return self._queries[name]

    def _view_query(self, name: str) -> Query:
        view = self._views.get(name)
        if view is None:
            raise refused(f"the name `{name}`, which is no view")
        if view.query is None:
            found = self._compiled(self._trees(view.text), self._compiler.query)
            columns = tuple(
                (column, str(column_kind(kind)) if kind != INT32 else kind)
                for column, kind in found.made.columns
            )
            query = Query(columns, lambda outer: self.compute(name), stored=True)
            if any(" " in column for column in query.places):
                raise refused(f"view `{name}`, which has a column without a name")
            view.query, view.compiled = query, found
            self._queries[name] = query
        return view.query

    def _parameter(self, name: str) -> Expression:
        """The value of a parameter, which is looked up each time: what is compiled outlasts it."""
        mark = f"${name}"
        self._reads[mark] = None
        if mark not in self._parameters:
            self._parameters[mark] = _Parameter(*self._typed(mark))
        known = self._parameters[mark]
        return Expression(known.kind, lambda row, outer: known.value)

    def _typed(self, mark: str) -> tuple[Kind, Any]:
        if mark[1:] not in self._values:
            raise refused(f"the parameter `{mark}`, which has no value")
        return parameter(self._values[mark[1:]])

    def _compiled(self, tree: Mapping[str, Any], make: Callable[[Node], T]) -> _Compiled[T]:
        """What is made of the tree of a select. A tree of an unknown form is refused as well."""
        statements = tree.get("statements") or []
        if tree.get("error") or len(statements) != 1:
            raise refused("what is not one statement")
        world = self._compiler.world
        around = self._reads, world.memory
        self._reads, world.memory = {}, Memory()
        try:
            return _Compiled(tree, make(statements[0]["node"]), tuple(self._reads), world.memory)
        except (LookupError, TypeError, AttributeError) as error:
            raise refused(f"a tree of this form ({type(error).__name__}: {error})") from error
        finally:
            self._reads, world.memory = around

    # --- computing ---

    def compute(self, name: str) -> list[Any]:
        """The rows of a view. One that fails on the rows there are is empty, and noted as broken."""
        view = self._views[name]
        if view.rows is None or view.seen != self._state:
            try:
                rows = self.asked(lambda: self._computed(name))
            except EngineError as error:
                self.broken[name] = error.faults[0].message
                rows = []
            if rows != view.rows:
                view.version += 1
            view.rows, view.seen = rows, self._state
        return view.rows

    def _computed(self, name: str) -> list[Any]:
        self._view_query(name)
        compiled = self._views[name].compiled
        return self._held(compiled, _rows_of) if compiled is not None else []

    def _held(self, compiled: _Compiled[T], compute: Callable[[T], list[Any]]) -> list[Any]:
        """What `compute` answers, kept until a relation that it reads has other rows."""
        if compiled.seen != self._state:
            stamp = tuple([self._version(name) for name in compiled.reads])
            if stamp != compiled.stamp:
                compiled.memory.forget()
                compiled.stamp, compiled.result = stamp, None
            compiled.seen = self._state
        if compiled.result is None:
            compiled.result = compute(compiled.made)
        return compiled.result

    def _version(self, name: str) -> int:
        if name in self._views:
            self.compute(name)
            return self._views[name].version
        if name in self._parameters:
            return self._parameters[name].version
        table = self._tables.get(name)
        return table.version if table is not None else 0


def _rows_of(query: Query) -> list[Any]:
    return query.rows(None)


def _after(begin: list[Value], value: Value) -> Value:
    if not begin:
        return value

    def answer(row: Any, outer: Any) -> Any:
        for each in begin:
            each((), None)
        return value(row, outer)

    return answer
