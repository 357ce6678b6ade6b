"""The gate for views: one SELECT over known tables and views, by an allow-list of everything.

Goes in: a view as written, a scope and the engine's parser. Comes out: a `CheckedView` with its
parameters written in and what each column depends on, or faults PC2xx. Types are the engine's to bind;
names of columns in a view are resolved here only as far as dependencies need.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from policycheck.errors import FaultList, nearest
from policycheck.functions import CLOCKS
from policycheck.model import View
from policycheck.scope import Parser, Scope
from policycheck.sqltext import (
    Node,
    SqlText,
    check_parameters,
    inline_parameters,
    parse_statement,
    read_tokens,
    surplus,
    table_name,
    view_text,
)
from policycheck.viewnodes import children, node_problem

Pairs = frozenset[tuple[str, str]]
Shape = dict[str, Pairs]  # column -> base (table, column) pairs behind it
_NONE: Pairs = frozenset()


class CheckedView(Struct, frozen=True):
    """A view that passed. `sql` has its parameters written in. `column_reads` maps each output column
    to the base (table, column) pairs behind it, those that decide which rows exist included."""

    name: str
    sql: str
    tables: frozenset[str]
    reads: Pairs
    parameters: frozenset[str]
    column_reads: Mapping[str, Pairs]


def check_view(view: View, scope: Scope, parse: Parser, faults: FaultList) -> CheckedView | None:
    """The view with its parameters written in, or None and at least one fault in `faults`."""
    sql = view_text(view.sql, view.place)
    tokens = read_tokens(sql, faults.add)
    root = parse_statement(sql, parse, faults.add) if tokens is not None else None
    if tokens is None or root is None:
        return None
    parameters = check_parameters(sql, tokens, scope.parameters, faults)
    walker = _Walker(sql, scope, faults)
    before = len(faults)
    try:
        columns = walker.query(root, {}, [])
    except RecursionError:
        faults.add("PC201", "nested too deeply", view.place, "take the view apart")
        return None
    if parameters is None or len(faults) > before:
        return None
    reads = frozenset().union(walker.shape_reads, *columns.values())
    whole = {name: pairs | walker.shape_reads for name, pairs in columns.items()}
    written = inline_parameters(sql, tokens, scope.literal)
    return CheckedView(view.name, written, frozenset(walker.tables), reads, parameters, whole)


class _Walker(Struct):
    """Walks one view. `shape_reads` are the pairs that decide which rows exist: joins, WHERE, GROUP BY."""

    sql: SqlText
    scope: Scope
    faults: FaultList
    tables: set[str] = field(default_factory=set)
    shape_reads: Pairs = _NONE
    unknown_table: bool = False

    def refuse(self, code: str, message: str, node: Mapping[str, Any], help: str = "") -> None:
        if code == "PC203":
            self.unknown_table = True
        elif code in ("PC204", "PC206", "PC211") and self.unknown_table:
            return  # what an unknown table would have held is not worth a second fault
        self.faults.add(code, message, self.sql.place_at(node), help)

    # --- queries ---

    def query(self, node: Node, named: dict[str, Shape], outer: list[dict[str, Shape]]) -> Shape:
        """The output columns of a query. `named` are common table expressions, `outer` rows in reach."""
        named = dict(named)
        for entry in (node.get("cte_map") or {}).get("map") or []:
            name, inner = str(entry["key"]), entry["value"].get("query_node") or {}
            if name in self.scope.relations or name in named:
                self.refuse("PC211", f"the name `{name}` is taken", inner, "give the WITH another name")
            if entry["value"].get("aliases") or entry["value"].get("key_targets"):
                self.refuse("PC202", f"column names behind WITH `{name}`", inner, "name columns with AS")
            named[name] = self.query(inner, named, outer)
        if node.get("type") == "SET_OPERATION_NODE":
            return self._union(node, named, outer)
        if node.get("type") != "SELECT_NODE":
            kind = str(node.get("type", "this")).lower().removesuffix("_node").replace("_", " ")
            self.refuse("PC202", f"`{kind}` is not part of a view", node, "write one SELECT")
            return {}
        return self._select(node, named, outer)

    def _union(self, node: Node, named: dict[str, Shape], outer: list[dict[str, Shape]]) -> Shape:
        parts = node.get("children") or [node.get("left") or {}, node.get("right") or {}]
        extra = surplus(node, "cte_map", "setop_type", "setop_all", "children", "left", "right")
        if extra or node.get("setop_type") != "UNION" or not node.get("setop_all"):
            self.refuse(
                "PC202",
                "of the set operations only UNION ALL is part of a view",
                parts[0],
                "write UNION ALL, without ORDER BY or LIMIT",
            )
        shapes = [self.query(part, named, outer) for part in parts]
        first = shapes[0]
        for other in shapes[1:]:
            if len(other) != len(first):
                self.refuse("PC206", "the parts of UNION ALL have different columns", parts[1])
                return first
            first = {
                name: pairs | more for (name, pairs), more in zip(first.items(), other.values(), strict=True)
            }
        return first

    def _select(self, node: Node, named: dict[str, Shape], outer: list[dict[str, Shape]]) -> Shape:
        handled = (
            "cte_map",
            "select_list",
            "from_table",
            "where_clause",
            "group_expressions",
            "group_sets",
            "having",
            "qualify",
        )
        extra = surplus(node, *handled)
        modifiers = node.get("modifiers") or []
        if modifiers and all(
            each.get("type") == "DISTINCT_MODIFIER" and not each.get("distinct_on_targets")
            for each in modifiers
        ):
            extra = surplus(node, *handled, "modifiers")
        if extra or len(node.get("group_sets") or []) > 1:
            what = "grouping sets" if not extra else "ORDER BY, LIMIT" if extra == "modifiers" else extra
            self.refuse(
                "PC202",
                f"{what.replace('_', ' ')} in a view",
                (node.get("select_list") or [{}])[0],
                "a view is a plain SELECT",
            )
        rows: dict[str, Shape] = {}
        self._source(node.get("from_table") or {}, named, rows, outer)
        reach = [rows, *outer]
        for clause in ("where_clause", "having", "qualify"):
            if node.get(clause):
                self.shape_reads |= self.value(node[clause], reach, named)
        for group in node.get("group_expressions") or []:
            # `GROUP BY 1` is a position.
            self.shape_reads |= self.value(group, reach, named)
        return self._output(node, rows, reach, named)

    def _output(
        self, node: Node, rows: dict[str, Shape], reach: list[dict[str, Shape]], named: dict[str, Shape]
    ) -> Shape:
        columns: Shape = {}
        for position, item in enumerate(node.get("select_list") or []):
            if item.get("class") == "STAR":
                columns.update(self._star(item, rows))
                continue
            name = str(item.get("alias") or "")
            if not name and item.get("class") == "COLUMN_REF":
                name = str(item["column_names"][-1])
            columns[name or f"column {position}"] = self.value(item, reach, named)
        return columns

    def _star(self, item: Node, rows: dict[str, Shape]) -> Shape:
        extra = surplus(item, "relation_name")
        if extra:
            self.refuse(
                "PC202", f"`*` with {extra.replace('_', ' ')}", item, "write `alias.*` and name the rest"
            )
        relation = str(item.get("relation_name") or "")
        if relation and relation not in rows:
            self.refuse("PC211", f"`{relation}` is no row in reach", item, nearest(relation, rows))
        found = [rows[relation]] if relation in rows else list(rows.values())
        return {name: pairs for shape in found for name, pairs in shape.items()}

    # --- FROM ---

    def _source(
        self, node: Node, named: dict[str, Shape], rows: dict[str, Shape], outer: list[dict[str, Shape]]
    ) -> None:
        kind = node.get("type")
        if kind == "BASE_TABLE":
            self._table(node, named, rows)
        elif kind == "SUBQUERY":
            if surplus(node, "subquery") or not node.get("alias"):
                self.refuse(
                    "PC202", "a subquery in FROM needs a plain alias", node, "write `(SELECT ...) AS name`"
                )
            self._add(rows, str(node.get("alias")), self.query(node["subquery"]["node"], named, outer), node)
        elif kind == "JOIN":
            self._join(node, named, rows, outer)
        elif kind != "EMPTY":
            self.refuse(
                "PC203",
                "FROM reads something that is no table and no view",
                node,
                "name a table of the pack or a view",
            )

    def _table(self, node: Node, named: dict[str, Shape], rows: dict[str, Shape]) -> None:
        extra = surplus(node, "table_name", "qualified_name", "schema_name", "catalog_name")
        name = table_name(node)
        alias = str(node.get("alias") or name)
        if extra:
            self.refuse("PC202", f"a table with {extra.replace('_', ' ')}", node, "write `table alias`")
        if name in named:
            self._add(rows, alias, named[name], node)
        elif name in self.scope.relations:
            relation = self.scope.relations[name]
            self.tables |= relation.tables
            self._add(rows, alias, {column: relation.pairs(column) for column in relation.columns}, node)
        else:
            self.refuse(
                "PC203", f"unknown table `{name}`", node, nearest(name, [*named, *self.scope.relations])
            )
            self._add(rows, alias, {}, node)

    def _add(self, rows: dict[str, Shape], alias: str, shape: Shape, node: Node) -> None:
        if alias in rows:
            self.refuse("PC211", f"the alias `{alias}` is used twice", node, "choose another")
        rows[alias] = shape

    def _join(
        self, node: Node, named: dict[str, Shape], rows: dict[str, Shape], outer: list[dict[str, Shape]]
    ) -> None:
        handled = (
            "left",
            "right",
            "condition",
            "join_type",
            "ref_type",
            "using_columns",
            "is_implicit",
            "nearest_count",
            "nearest_order_type",
        )
        extra = surplus(node, *handled)
        if (
            extra
            or node.get("ref_type") not in ("REGULAR", "CROSS")
            or node.get("join_type") not in ("INNER", "LEFT", "RIGHT", "OUTER", "SEMI", "ANTI")
        ):
            kind = extra or f"{node.get('ref_type')} {node.get('join_type')}".lower()
            self.refuse("PC202", f"a {kind.replace('_', ' ')} join", node, "write JOIN or LEFT JOIN ... ON")
        self._source(node.get("left") or {}, named, rows, outer)
        self._source(node.get("right") or {}, named, rows, outer)
        if node.get("condition"):
            self.shape_reads |= self.value(node["condition"], [rows, *outer], named)
        for column in node.get("using_columns") or []:
            for shape in rows.values():
                self.shape_reads |= shape.get(str(column), _NONE)

    # --- values ---

    def value(self, node: Node, reach: list[dict[str, Shape]], named: dict[str, Shape]) -> Pairs:
        """The base pairs an expression depends on. Faults for what is not allowed."""
        problem = node_problem(node)
        if problem:
            code, message, hint = problem
            self.refuse(code, message, node, hint)
            return _NONE
        if node["class"] == "COLUMN_REF":
            return self._column(node, reach)
        if node["class"] == "SUBQUERY":
            inner = self.query(node["subquery"]["node"], named, reach)
            return frozenset().union(*inner.values())
        return frozenset().union(*(self.value(child, reach, named) for child in children(node)))

    def _column(self, node: Node, reach: list[dict[str, Shape]]) -> Pairs:
        names = [str(name) for name in node.get("column_names", [])]
        if len(names) > 2:
            self.refuse(
                "PC202", f"`{'.'.join(names)}` reaches into a value or a schema", node, "write `alias.column`"
            )
            return _NONE
        if len(names) == 2:
            return self._qualified(names[0], names[1], node, reach)
        if names[0].lower() in CLOCKS:
            self.refuse("PC208", f"`{names[0]}` looks at the clock", node, "use `$as_of` or `$as_of_day`")
            return _NONE
        for rows in reach:
            found = [shape[names[0]] for shape in rows.values() if names[0] in shape]
            if found:
                return frozenset().union(*found)
        known = {column for rows in reach for shape in rows.values() for column in shape}
        self.refuse("PC204", f"unknown column `{names[0]}`", node, nearest(names[0], known))
        return _NONE

    def _qualified(self, alias: str, column: str, node: Node, reach: list[dict[str, Shape]]) -> Pairs:
        for rows in reach:
            if alias in rows:
                if column not in rows[alias]:
                    self.refuse(
                        "PC204", f"unknown column `{column}` of `{alias}`", node, nearest(column, rows[alias])
                    )
                return rows[alias].get(column, _NONE)
        known = [name for rows in reach for name in rows]
        self.refuse("PC211", f"`{alias}` is no row in reach", node, nearest(alias, known))
        return _NONE
