"""Aggregates, quantifiers and `row_number`: functions of several rows.

Goes in: a call in the parser's tree, inside a query that groups. Comes out: an `Expression` that reads the
result from the row of the group, which the query fills.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from policycheck.engines import failed
from policycheck.engines.direct_expressions import VISITS, call_function, function_name
from policycheck.engines.direct_scope import Expression, Node, Scope, of_kind, reader
from policycheck.engines.direct_values import (
    BOOL,
    INT,
    INT128,
    NULL,
    WIDTHS,
    Kind,
    Outer,
    Row,
    refused,
)

Aggregate = Callable[[list[Row], Outer], Any]
OverValues = Callable[[list[Any]], Any]

WINDOW_SLOT_OF_GROUPS = 2
"""A row of a query that groups is (keys, aggregates), and then the windows."""


def any_true(values: Iterable[bool | None]) -> bool | None:
    """TRUE with one TRUE, FALSE with nothing but FALSE, NULL otherwise and over no rows."""
    seen: bool | None = None
    unknown = False
    for value in values:
        if value:
            return True
        if value is None:
            unknown = True
        seen = False
    return None if unknown else seen


def all_true(values: Iterable[bool | None]) -> bool | None:
    """FALSE with one FALSE, TRUE with nothing but TRUE, NULL otherwise and over no rows."""
    seen: bool | None = None
    unknown = False
    for value in values:
        if value is None:
            unknown = True
        elif not value:
            return False
        seen = True
    return None if unknown else seen


# Over the values that are not NULL; there is at least one but for `count`.
_OVER_KNOWN: dict[str, OverValues] = {
    "count": len,
    "min": min,
    "max": max,
    "sum": sum,
    "bool_and": all,
    "bool_or": any,
}
_QUANTIFIERS: dict[str, OverValues] = {"any_true": any_true, "all_true": all_true}
AGGREGATES = frozenset({*_OVER_KNOWN, *_QUANTIFIERS, "count_star"})
_WITHOUT = frozenset({"COLUMN_REF", "CONSTANT", "PARAMETER", "SUBQUERY", "STAR", "TYPE"})


def has_aggregate(node: Any) -> bool:
    """Whether an aggregate stands in an expression, not counting the subqueries below it."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict) and each.get("class") not in _WITHOUT:
            if each.get("class") == "FUNCTION" and function_name(each) in AGGREGATES:
                return True
            waiting += [value for value in each.values() if isinstance(value, (dict, list))]
    return False


def visit_function(scope: Scope, node: Node) -> Expression:
    if function_name(node) not in AGGREGATES:
        return call_function(scope, node)
    if scope.groups is None:
        raise refused(f"`{function_name(node)}` outside a group")
    shape = scope.shape(node)
    if shape not in scope.aggregate_places:
        kind, aggregate = _aggregate(scope, node)
        scope.aggregate_places[shape] = (len(scope.aggregates), kind)
        scope.aggregates.append(aggregate)
    position, kind = scope.aggregate_places[shape]
    return Expression(kind, reader(0, 1, position), 2)


def _aggregate(scope: Scope, node: Node) -> tuple[Kind, Aggregate]:
    name = function_name(node)
    arguments = [argument["expression"] for argument in node["arguments"]]
    if (node.get("order_bys") or {}).get("orders") or len(arguments) != (name != "count_star"):
        raise refused(f"ORDER BY or several arguments in `{name}`")
    with scope.over_rows():
        chosen = scope.clause(node["filter"]) if node.get("filter") else None
        argument = _argument(scope, arguments[0], name) if arguments else None
    if chosen is not None:
        of_kind(chosen, BOOL, "FILTER")
    kind, aggregate = _over_rows(name, argument, bool(node.get("distinct")))
    if chosen is None:
        return kind, aggregate
    test = chosen.value
    early = argument.value if argument is not None and argument.fallible else None

    def of_chosen(rows: list[Row], outer: Outer) -> Any:
        if early is not None:
            # Another engine computes the argument before it asks the filter, and fails where that fails.
            for row in rows:
                early(row, outer)
        return aggregate([row for row in rows if test(row, outer) is True], outer)

    return kind, of_chosen


def _argument(scope: Scope, node: Node, name: str) -> Expression:
    found = scope.clause(node)
    if found.outer and not found.sources:
        # Such an aggregate belongs to the query further out.
        raise refused(f"`{name}` over nothing but columns further out")
    if found.kind == NULL:
        raise refused(f"`{name}` of a bare NULL")
    if name in ("bool_and", "bool_or", *_QUANTIFIERS):
        of_kind(found, BOOL, f"`{name}`")
    if name == "sum" and found.kind not in WIDTHS:
        raise refused(f"`sum` of the type {found.kind}")
    return found


def _over_rows(name: str, argument: Expression | None, distinct: bool) -> tuple[Kind, Aggregate]:
    if argument is None:
        if distinct:
            raise refused("`count(DISTINCT *)`")
        return INT, lambda rows, outer: len(rows)
    value = argument.value
    if name in _QUANTIFIERS:
        if distinct:
            raise refused(f"DISTINCT in `{name}`")
        quantifier = _QUANTIFIERS[name]
        return BOOL, lambda rows, outer: quantifier([value(row, outer) for row in rows])
    over_known = _OVER_KNOWN[name]

    def aggregate(rows: list[Row], outer: Outer) -> Any:
        found = [each for each in [value(row, outer) for row in rows] if each is not None]
        if distinct:
            found = list(dict.fromkeys(found))
        return over_known(found) if found or name == "count" else None

    return {"count": INT, "sum": INT128}.get(name, argument.kind), aggregate


# --- windows --------------------------------------------------------------------------------------------


def visit_window(scope: Scope, node: Node) -> Expression:
    """`row_number`, whose order has to be whole: another engine may break ties otherwise."""
    extra = ("arguments", "filter_expr", "start_expr", "end_expr", "offset_expr", "default_expr")
    named = function_name(node) == "row_number"
    if not named or node.get("distinct") or node.get("ignore_nulls") or any(node.get(key) for key in extra):
        raise refused(f"the window `{function_name(node)}`")
    parts = [scope.clause(each) for each in node.get("partitions") or []]
    orders = [(scope.clause(each["expression"]), *_direction(each)) for each in node.get("orders") or []]
    keys = [part.value for part in parts]
    ordered = [(order.value, falling, nulls_first) for order, falling, nulls_first in orders]
    if any(each.fallible for each in (*parts, *(order for order, *_ in orders))):
        raise refused("a window over what can fail")

    def numbers(rows: list[Row], outer: Outer) -> list[int]:
        found = [0] * len(rows)
        groups: dict[tuple[Any, ...], list[int]] = {}
        for index, row in enumerate(rows):
            groups.setdefault(tuple([key(row, outer) for key in keys]), []).append(index)
        for members in groups.values():
            for place, index in enumerate(_sorted(rows, outer, members, ordered), start=1):
                found[index] = place
        return found

    position = len(scope.windows)
    scope.windows.append(numbers)
    slot = len(scope.sources) if scope.groups is None else WINDOW_SLOT_OF_GROUPS
    return Expression(INT, reader(0, slot, position), 1 << slot)


def _direction(order: Node) -> tuple[bool, bool]:
    kind, nulls = str(order.get("type")), str(order.get("null_order"))
    if kind not in ("ORDER_DEFAULT", "ASCENDING", "DESCENDING"):
        raise refused(f"the order `{kind}`")
    if nulls not in ("ORDER_DEFAULT", "NULLS FIRST", "NULLS LAST", "NULLS_FIRST", "NULLS_LAST"):
        raise refused(f"the order `{nulls}`")
    return kind == "DESCENDING", nulls.endswith("FIRST")


def _sorted(rows: list[Row], outer: Outer, members: list[int], ordered: Sequence[Any]) -> list[int]:
    values = {index: tuple([value(rows[index], outer) for value, *_ in ordered]) for index in members}
    if len(set(values.values())) < len(members):
        raise failed("`row_number` numbers rows whose order is open", "order by a key as well")
    for position, (_, falling, nulls_first) in reversed(list(enumerate(ordered))):
        known = [index for index in members if values[index][position] is not None]
        nulls = [index for index in members if values[index][position] is None]
        known.sort(key=lambda index: values[index][position], reverse=falling)  # used at once
        members = nulls + known if nulls_first else known + nulls
    return members


VISITS_OF_ROWS = {**VISITS, "FUNCTION": visit_function, "WINDOW": visit_window}
