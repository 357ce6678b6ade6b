"""What a name means inside a query: the rows in reach, of this query and of those around it.

Goes in: names as the parser gives them. Comes out: where the value stands in a row. A name that could
mean two things is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from policycheck.engines.direct_values import (
    NULL,
    WIDTHS,
    Kind,
    Memory,
    Outer,
    RefusedError,
    Row,
    Rows,
    Value,
    refused,
)

Node = Mapping[str, Any]
Place = tuple[int, int, Kind]  # source, column, kind
Reference = tuple[int, int, int]  # how many queries further out, source, column


class Expression(Struct):
    """A compiled expression. `sources` are the bits of the sources of its own query it reads; `outer`
    tells whether it reads a row further out; `fallible` whether it can fail on some rows."""

    kind: Kind
    value: Value
    sources: int = 0
    outer: bool = False
    fallible: bool = False
    constant: bool = False

    @property
    def literal(self) -> Any:
        """The value of a constant."""
        return self.value((), None)


def constant(kind: Kind, value: Any) -> Expression:
    return Expression(kind, lambda row, outer: value, constant=True)


def combined(kind: Kind, value: Value, parts: Sequence[Expression], fallible: bool = False) -> Expression:
    """An expression over the values of its parts."""
    sources, outer = 0, False
    for part in parts:
        sources |= part.sources
        outer = outer or part.outer
        fallible = fallible or part.fallible
    return Expression(kind, value, sources, outer, fallible)


class Query:
    """A compiled query, or a table or view as one. `rows` are tuples in the order of `columns`.
    `references` are what it reads further out; depth 1 is the query directly around it. `fallible` tells
    whether it can fail on some rows, `failing` in the making of which columns. `one_row` holds where it
    cannot give more rows than one; `stored` for a table or a view, whose rows are there before anything is
    asked."""

    __slots__ = ("_places", "columns", "failing", "fallible", "one_row", "references", "rows", "stored")

    def __init__(
        self,
        columns: tuple[tuple[str, Kind], ...],
        rows: Rows,
        references: frozenset[Reference] = frozenset(),
        fallible: bool = False,
        one_row: bool = False,
        stored: bool = False,
        failing: frozenset[int] = frozenset(),
    ) -> None:
        self.columns = columns
        self.rows = rows
        self.references = references
        self.fallible = fallible
        self.one_row = one_row
        self.stored = stored
        self.failing = failing
        self._places: dict[str, tuple[int, Kind]] | None = None

    @property
    def places(self) -> dict[str, tuple[int, Kind]]:
        """Place and kind of each column by name. Raises RefusedError where a name is there twice."""
        if self._places is None:
            found = {name: (position, kind) for position, (name, kind) in enumerate(self.columns)}
            if len(found) < len(self.columns):
                raise refused("a query with two columns of one name")
            for name in found:
                plain_name(name)
            self._places = found
        return self._places


class Source:
    """One table, view or subquery in FROM. Its row is number `slot` of the row in reach."""

    __slots__ = ("alias", "columns", "query", "slot")

    def __init__(self, alias: str, query: Query, slot: int) -> None:
        self.alias = plain_name(alias)
        self.slot = slot
        self.query = query
        self.columns = query.places


_PLACES = ("query_location", "query_location_length", "alias")


def only(node: Node, known: Iterable[str]) -> None:
    """Raises RefusedError where a node says something that is not among what is known."""
    extra = [key for key, value in node.items() if value and key not in known and key not in _PLACES]
    if extra:
        raise refused(f"`{extra[0]}`")


def plain_name(name: str) -> str:
    """The name. Engines may take capitals for small letters, so that there are none."""
    if name != name.lower():
        raise refused(f"the name `{name}`, which has capitals")
    return name


class World(Struct):
    """What all queries of a session share. `relation` answers a table or view by name, `parameter` the value
    of `$name`."""

    parameter: Callable[[str], Expression]
    relation: Callable[[str], Query | None]
    visits: Mapping[str, Callable[[Scope, Any], Expression]]
    memory: Memory = field(default_factory=Memory)


class Scope:
    """The names of one SELECT. `groups` is set while expressions over groups are compiled: a row then is
    (keys, aggregates), and a name means a key."""

    def __init__(self, world: World, parent: Scope | None, named: Mapping[str, Query]) -> None:
        self.world = world
        self.parent = parent
        self.named = named
        self.sources: list[Source] = []
        self.merged: dict[str, tuple[Place, frozenset[int]]] = {}  # USING columns, and the sources that share
        self.aliases: frozenset[str] = frozenset()
        self.aliases_first = False
        self.groups: dict[Hashable, tuple[int, Kind]] | None = None
        self.failing_keys = False
        self.group_classes: frozenset[str] = frozenset()  # of the keys that are no plain column
        self.aggregates: list[Callable[[list[Row], Outer], Any]] = []
        self.aggregate_places: dict[Hashable, tuple[int, Kind]] = {}
        self.windows: list[Callable[[list[Row], Outer], list[int]]] = []
        self.references: set[Reference] = set()
        self.fallible = False
        self._eager: list[Value] = []
        self.begin: list[Value] = []

    # --- names ---

    def find(self, names: Sequence[str]) -> tuple[int, int, int, Kind]:
        """How many queries further out, the source, the column and the kind of a column's name."""
        place = self.own(names)
        if place is not None:
            return 0, *self._grouped(place)
        if self.parent is None:
            raise refused(f"the name `{'.'.join(names)}`, which is no column in reach")
        if len(names) == 1 and names[0] in self.aliases:
            raise refused(f"the name `{names[0]}`, which is a column further out and a result here")
        depth, slot, position, kind = self.parent.find(names)
        self.references.add((depth + 1, slot, position))
        return depth + 1, slot, position, kind

    def own(self, names: Sequence[str]) -> Place | None:
        """The place of a column of this query's own sources."""
        if len(names) == 2:
            source = next((each for each in self.sources if each.alias == names[0]), None)
            if source is None:
                return None
            if names[1] not in source.columns:
                raise refused(f"the name `{'.'.join(names)}`")
            return (source.slot, *source.columns[names[1]])
        if len(names) != 1:
            raise refused(f"the name `{'.'.join(names)}`")
        return self._plain(names[0])

    def _plain(self, name: str) -> Place | None:
        owners = [source for source in self.sources if name in source.columns]
        if not owners:
            return None
        if self.aliases_first and name in self.aliases:
            raise refused(f"the name `{name}`, which is a column and a result")
        if len(owners) == 1:
            return (owners[0].slot, *owners[0].columns[name])
        place, sharing = self.merged.get(name, (None, frozenset()))
        if place is None or not sharing.issuperset(source.slot for source in owners):
            raise refused(f"the name `{name}`, which is a column of several sources")
        return place

    def _grouped(self, place: Place) -> Place:
        if self.groups is None:
            return place
        found = self.groups.get(("column", place[0], place[1]))
        if found is None:
            raise refused("a column that is neither a group's key nor in an aggregate")
        return (0, *found)

    def fails(self, slot: int, position: int) -> bool:
        """Whether making the value of a column can fail. An aggregate has been made for all groups alike."""
        if self.groups is not None:
            return slot == 0 and self.failing_keys
        return slot < len(self.sources) and position in self.sources[slot].query.failing

    def shape(self, node: Any) -> Hashable:
        """An expression without its places, with columns by where they stand: equal for equal ones."""
        if isinstance(node, dict):
            if node.get("class") == "COLUMN_REF":
                names = [str(name) for name in node["column_names"]]
                place = self.own(names)
                return ("column", *place[:2]) if place is not None else ("outer", *names)
            return tuple([(key, self.shape(each)) for key, each in node.items() if key not in _PLACES])
        if isinstance(node, list):
            return tuple([self.shape(each) for each in node])
        found: Hashable = node
        return found

    def grouped(self, node: Node) -> Expression | None:
        """The key of a group that this expression is, where it is one. A column finds its key by itself."""
        if self.groups is None or node.get("class") not in self.group_classes:
            return None
        found = self.groups.get(self.shape(node))
        return (
            None
            if found is None
            else Expression(found[1], reader(0, 0, found[0]), 1, fallible=self.failing_keys)
        )

    @contextmanager
    def over_rows(self) -> Iterator[None]:
        """Compiles over rows again inside what is compiled over groups: the arguments of an aggregate."""
        groups, self.groups = self.groups, None
        try:
            yield
        finally:
            self.groups = groups

    # --- expressions ---

    def compile(self, node: Node) -> Expression:
        """Any expression. Raises RefusedError for what is not part of the language."""
        if self.group_classes:
            key = self.grouped(node)
            if key is not None:
                return key
        visit = self.world.visits.get(str(node.get("class")))
        if visit is None:
            raise refused(f"`{node.get('class')}`")
        return visit(self, node)

    def clause(self, node: Node) -> Expression:
        """An expression that stands by itself. What an engine may compute before a CASE or an AND has been
        decided is computed before it here as well, so that it fails where that engine fails."""
        before, self._eager = self._eager, []
        try:
            found = self.compile(node)
            eager = self._eager
        finally:
            self._eager = before
        self.fallible = self.fallible or found.fallible
        if not eager:
            return found
        value = found.value

        def after_all(row: Row, outer: Outer) -> Any:
            for each in eager:
                each(row, outer)
            return value(row, outer)

        return replace(found, value=after_all)

    def compute_early(self, value: Value, reads_row: bool) -> None:
        """Marks a part that fails even where nothing asks for its value."""
        (self._eager if reads_row else self.begin).append(value)


def reader(depth: int, slot: int, position: int) -> Value:
    """Reads a column of the row in reach, or of one further out."""
    if depth == 0:
        return lambda row, outer: row[slot][position]
    if depth == 1:
        return lambda row, outer: outer[0][slot][position]
    if depth == 2:
        return lambda row, outer: outer[1][0][slot][position]

    def read(row: Row, outer: Outer) -> Any:
        for _ in range(depth - 1):
            outer = outer[1]
        return outer[0][slot][position]

    return read


def of_kind(expression: Expression, kind: Kind, where: str) -> Expression:
    """The expression, if it is of this kind or a bare NULL; raises RefusedError otherwise."""
    if expression.kind in (kind, NULL) or (kind in WIDTHS and expression.kind in WIDTHS):
        return expression
    raise refused(f"{where} of the type {expression.kind}")


__all__ = [
    "Expression",
    "Node",
    "Place",
    "Query",
    "Reference",
    "RefusedError",
    "Scope",
    "Source",
    "World",
    "combined",
    "constant",
    "of_kind",
    "only",
    "plain_name",
    "reader",
]
