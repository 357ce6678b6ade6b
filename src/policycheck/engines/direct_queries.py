"""SELECT into rows: groups, windows, DISTINCT, UNION ALL, common table expressions, subqueries.

Goes in: the parser's tree of a query. Comes out: a compiled `Query`. What is not handled here by name is
refused, whatever a later parser may add.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from policycheck.engines.direct_aggregates import VISITS_OF_ROWS, has_aggregate
from policycheck.engines.direct_joins import chosen_rows, conditions_of, declare
from policycheck.engines.direct_scope import (
    Expression,
    Node,
    Query,
    Scope,
    World,
    of_kind,
    only,
    plain_name,
)
from policycheck.engines.direct_values import (
    BOOL,
    Outer,
    Row,
    Rows,
    Value,
    common_kind,
    failed,
    refused,
)

Named = Mapping[str, Query]
_SELECT_CLAUSES = [
    "type",
    "cte_map",
    "modifiers",
    "select_list",
    "from_table",
    "where_clause",
    "group_expressions",
    "group_sets",
    "aggregate_handling",
    "having",
    "qualify",
]
_EMPTY_CTES: dict[str, Any] = {"map": []}


class QueryCompiler:
    """Compiles queries of one world. Its `visits` know subqueries as well."""

    def __init__(
        self, parameter: Callable[[str], Expression], relation: Callable[[str], Query | None]
    ) -> None:
        visits = {**VISITS_OF_ROWS, "SUBQUERY": self._visit_subquery}
        self.world = World(parameter, relation, visits)

    def query(self, node: Node, parent: Scope | None = None, named: Named | None = None) -> Query:
        """A query inside `parent`. Raises RefusedError for what is not part of the language."""
        named = dict(named or {})
        for entry in (node.get("cte_map") or _EMPTY_CTES)["map"]:
            named[str(entry["key"])] = self._named_query(entry, parent, named)
        kind = node.get("type")
        if kind == "SET_OPERATION_NODE":
            found = self._union(node, parent, named)
        elif kind == "SELECT_NODE":
            found = self._select(node, parent, named)
        else:
            raise refused(f"`{kind}`")
        # What depends on nothing further out is computed once, however often it is asked for.
        if not found.references:
            found.rows = self.world.memory.once(found.rows)
        return found

    def _named_query(self, entry: Node, parent: Scope | None, named: Named) -> Query:
        value = entry["value"]
        if any(value.get(key) for key in ("aliases", "key_targets", "payload_aggregates")):
            raise refused(f"WITH `{entry['key']}` and more than a name")
        found = self.query(value["query_node"], parent, named)
        if found.references:
            # It can be named from a query further in, where what is further out is one step further.
            raise refused("WITH about a row further out")
        return found

    def _union(self, node: Node, parent: Scope | None, named: Named) -> Query:
        if node.get("setop_type") != "UNION" or not node.get("setop_all") or node.get("modifiers"):
            raise refused(f"the set operation {node.get('setop_type')}")
        parts = [
            self.query(part, parent, named) for part in node.get("children") or [node["left"], node["right"]]
        ]
        first = parts[0].columns
        if any(len(part.columns) != len(first) for part in parts):
            raise refused("UNION ALL of different columns")
        columns = tuple(
            (name, common_kind((part.columns[i][1] for part in parts), "UNION ALL"))
            for i, (name, _) in enumerate(first)
        )
        readers = [part.rows for part in parts]
        return Query(
            columns,
            lambda outer: [row for rows in readers for row in rows(outer)],
            frozenset().union(*(part.references for part in parts)),
            any(part.fallible for part in parts),
            failing=frozenset().union(*(part.failing for part in parts)),
        )

    # --- one SELECT ---

    def _select(self, node: Node, parent: Scope | None, named: Named) -> Query:
        distinct = _check_select(node)
        items: list[Node] = node["select_list"]
        scope = Scope(self.world, parent, named)
        scope.aliases = frozenset(str(item["alias"]) for item in items if item.get("alias"))
        tree = declare(node["from_table"], scope, self.query)
        rows = chosen_rows(tree, conditions_of(node.get("where_clause"), scope), scope)
        groups: list[Node] = node.get("group_expressions") or []
        grouped = bool(groups) or has_aggregate([items, node.get("having"), node.get("qualify")])
        keys = [self._key(each, items, scope) for each in groups]
        if grouped:
            scope.groups = {shape: (i, key.kind) for i, (_, shape, key) in enumerate(keys)}
            scope.failing_keys = any(key.fallible for _, _, key in keys)
            scope.group_classes = frozenset(kind for kind, _, _ in keys) - {"COLUMN_REF"}
        columns, project, failing = _projection(items, scope, grouped)
        having = self._late_condition(node.get("having"), scope, "HAVING")
        window_rows = rows
        if grouped:
            window_rows = _grouped_rows(rows, [key.value for _, _, key in keys], scope)
        qualify = self._late_condition(node.get("qualify"), scope, "QUALIFY")
        if having is not None and not grouped:
            raise refused("HAVING without a group")
        rows = _windowed(_tested(window_rows, having), scope)
        rows = _projected(_tested(rows, qualify), project, distinct)
        if scope.fallible and scope.references:
            # Another engine may compute it for rows that nothing further out asks about.
            raise refused("what can fail on some rows, in a subquery about another row")
        references = frozenset(scope.references)
        one_row = grouped and not groups
        rows = _begun(rows, scope.begin)
        return Query(columns, rows, references, scope.fallible, one_row, failing=failing)

    def _key(self, node: Node, items: list[Node], scope: Scope) -> tuple[str, Hashable, Expression]:
        """A group's key, by its class and its shape. A whole number is the position of a result."""
        if node.get("class") == "CONSTANT":
            text = str(node["literal"].get("text"))
            if node["literal"].get("kind") != "INTEGER" or not 1 <= int(text) <= len(items):
                raise refused("a constant in GROUP BY")
            node = items[int(text) - 1]
        if node.get("class") in ("STAR", "SUBQUERY", "CONSTANT") or has_aggregate(node):
            raise refused("a group by anything but columns and functions of them")
        return str(node.get("class")), scope.shape(node), scope.clause(node)

    def _late_condition(self, node: Node | None, scope: Scope, where: str) -> Value | None:
        """HAVING or QUALIFY, where a name may also be that of a result."""
        if node is None:
            return None
        scope.aliases_first = True
        found = of_kind(scope.clause(node), BOOL, where)
        scope.aliases_first = False
        if found.fallible:
            raise refused(f"{where} that can fail on some rows")
        return found.value

    # --- subqueries ---

    def _visit_subquery(self, scope: Scope, node: Node) -> Expression:
        """A scalar subquery or EXISTS, answered once for each combination of what it reads further out."""
        kind = node.get("subquery_type")
        if kind not in ("SCALAR", "EXISTS") or node.get("child"):
            raise refused(f"a subquery of the kind {kind}")
        query = self.query(node["subquery"]["node"], scope, scope.named)
        if kind == "SCALAR" and len(query.columns) != 1:
            raise refused("a subquery of several columns as a value")
        answer = _exists if kind == "EXISTS" else _scalar
        value = _remembered(answer, query, scope)
        sources = 0
        for depth, slot, _ in query.references:
            sources |= 1 << slot if depth == 1 else 0
        outer = any(depth > 1 for depth, *_ in query.references)
        fallible = query.fallible or (kind == "SCALAR" and not query.one_row)
        if fallible:
            scope.compute_early(value, bool(query.references))
        fallible |= any(depth == 1 and scope.fails(slot, place) for depth, slot, place in query.references)
        found = BOOL if kind == "EXISTS" else query.columns[0][1]
        return Expression(found, value, sources, outer, fallible)


def _check_select(node: Node) -> bool:
    """Whether the SELECT is DISTINCT. Raises RefusedError for clauses that are not handled."""
    only(node, _SELECT_CLAUSES)
    distinct = False
    for modifier in node.get("modifiers") or []:
        if modifier.get("type") != "DISTINCT_MODIFIER" or modifier.get("distinct_on_targets"):
            raise refused("ORDER BY, LIMIT or DISTINCT ON")
        distinct = True
    standard = node.get("aggregate_handling", "STANDARD_HANDLING") == "STANDARD_HANDLING"
    if len(node.get("group_sets") or []) > 1 or not standard:
        raise refused("grouping sets or GROUP BY ALL")
    return distinct


# --- groups and windows ---------------------------------------------------------------------------------


def _grouped_rows(rows: Rows, keys: list[Value], scope: Scope) -> Rows:
    """One row a group: (keys, aggregates). Without keys there is one group, of all rows there are."""
    aggregates = scope.aggregates  # filled by now, since all expressions over groups are compiled

    def groups(outer: Outer) -> list[Row]:
        members = rows(outer)
        if not keys:
            return [((), tuple([aggregate(members, outer) for aggregate in aggregates]))]
        found: dict[tuple[Any, ...], list[Row]] = {}
        for row in members:
            found.setdefault(tuple([key(row, outer) for key in keys]), []).append(row)
        return [
            (key, tuple([aggregate(group, outer) for aggregate in aggregates]))
            for key, group in found.items()
        ]

    return groups


def _tested(rows: Rows, test: Value | None) -> Rows:
    if test is None:
        return rows
    return lambda outer: [row for row in rows(outer) if test(row, outer) is True]


def _windowed(rows: Rows, scope: Scope) -> Rows:
    """The rows with one more source: the numbers of the windows."""
    windows = scope.windows
    if not windows:
        return rows

    def numbered(outer: Outer) -> list[Row]:
        found = rows(outer)
        numbers = zip(*(window(found, outer) for window in windows), strict=True)
        return [(*row, each) for row, each in zip(found, numbers, strict=True)]

    return numbered


# --- results --------------------------------------------------------------------------------------------


def _projection(
    items: list[Node], scope: Scope, grouped: bool
) -> tuple[tuple[tuple[str, str], ...], list[int | Value], frozenset[int]]:
    """The columns of a SELECT; how its rows are made: whole sources, by number, and single values; and the
    places of the columns whose making can fail."""
    columns: list[tuple[str, str]] = []
    parts: list[int | Value] = []
    failing: list[int] = []
    for position, item in enumerate(items):
        if item.get("class") == "STAR":
            for source in _star(item, scope, grouped):
                failing += [len(columns) + place for place in source.query.failing]
                columns += source.query.columns
                parts.append(source.slot)
            continue
        name = str(item.get("alias") or "")
        if not name and item.get("class") == "COLUMN_REF":
            name = str(item["column_names"][-1])
        found = scope.clause(item)
        failing += [len(columns)] if found.fallible else []
        columns.append((plain_name(name or f"column {position}"), found.kind))
        parts.append(found.value)
    return tuple(columns), parts, frozenset(failing)


def _star(item: Node, scope: Scope, grouped: bool) -> list[Any]:
    only(item, ("class", "type", "relation_name"))
    if grouped:
        raise refused("`*` in a group")
    name = str(item.get("relation_name") or "")
    if not name and scope.merged:
        raise refused("`*` over a join with USING")
    found = [source for source in scope.sources if not name or source.alias == name]
    if not found:
        raise refused(f"`{name}.*`")
    return found


def _projected(rows: Rows, parts: list[int | Value], distinct: bool) -> Rows:
    values = [part for part in parts if not isinstance(part, int)]
    if isinstance(parts[0], int) and len(values) == len(parts) - 1:
        slot = parts[0]

        def made(outer: Outer) -> list[Any]:
            return [row[slot] + tuple([value(row, outer) for value in values]) for row in rows(outer)]

    elif len(values) == len(parts):

        def made(outer: Outer) -> list[Any]:
            return [tuple([value(row, outer) for value in values]) for row in rows(outer)]

    else:

        def made(outer: Outer) -> list[Any]:
            return [_assembled(row, outer, parts) for row in rows(outer)]

    return (lambda outer: list(dict.fromkeys(made(outer)))) if distinct else made


def _assembled(row: Row, outer: Outer, parts: list[int | Value]) -> tuple[Any, ...]:
    found: list[Any] = []
    for part in parts:
        if isinstance(part, int):
            found += row[part]
        else:
            found.append(part(row, outer))
    return tuple(found)


def _begun(rows: Rows, begin: list[Value]) -> Rows:
    """The rows, after what fails whether or not a row asks for it."""
    if not begin:
        return rows

    def found(outer: Outer) -> list[Any]:
        for value in begin:
            value((), outer)
        return rows(outer)

    return found


# --- answers of subqueries ------------------------------------------------------------------------------


def _exists(rows: list[Any]) -> bool:
    return bool(rows)


def _scalar(rows: list[Any]) -> Any:
    if len(rows) > 1:
        raise failed("a subquery used as a value gives more than one row")
    return rows[0][0] if rows else None


def _remembered(answer: Callable[[list[Any]], Any], query: Query, scope: Scope) -> Value:
    held, rows = scope.world.memory.table(), query.rows
    references = sorted(query.references)

    def value(row: Row, outer: Outer) -> Any:
        around = (row, outer)
        key = tuple([_read(around, *reference) for reference in references])
        if key not in held:
            held[key] = answer(rows(around))
        return held[key]

    return value


def _read(around: Outer, depth: int, slot: int, position: int) -> Any:
    for _ in range(depth - 1):
        around = around[1]
    return around[0][slot][position]
