"""What a view may contain, node by node: classes, functions, casts, and nothing that is not named.

Goes in: one node of the parser's tree. Comes out: why it is refused, or None. Looks at no names of
tables or columns.
"""

from __future__ import annotations

from collections.abc import Iterator

from policycheck.errors import nearest
from policycheck.functions import CLOCKS, FUNCTIONS, QUANTIFIERS, VIEW_AGGREGATES, VIEW_WINDOWS
from policycheck.sqltext import NOWHERE, Node, function_name, surplus

Problem = tuple[str, str, str]  # code, message, help

_OPERATORS = frozenset(
    {"OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "COMPARE_IN", "OPERATOR_COALESCE"}
)
_CASTS = frozenset({"BOOLEAN", "BIGINT", "VARCHAR", "DATE"})
_HANDLED = {
    "COMPARISON": ("left", "right"),
    "CONJUNCTION": ("children",),
    "OPERATOR": ("children",),
    "BETWEEN": ("input", "lower", "upper"),
    "CASE": ("case_checks", "else_expr"),
    "CONSTANT": ("literal",),
    "PARAMETER": ("identifier",),
    "COLUMN_REF": ("column_names",),
    "CAST": ("child", "type_expr"),
    "FUNCTION": ("function_name", "arguments", "qualified_name", "is_operator", "filter", "distinct"),
    "WINDOW": ("function_name", "qualified_name", "partitions", "orders", "start", "end", "exclude_clause"),
    "SUBQUERY": ("subquery_type", "subquery", "comparison_type", "child"),
}


def node_problem(node: Node) -> Problem | None:
    """Why an expression node may not stand in a view, whatever stands below it."""
    kind = str(node.get("class"))
    handled = _HANDLED.get(kind)
    if handled is None:
        return "PC202", f"{kind.lower().replace('_', ' ')} is not part of a view", ""
    extra = surplus(node, *handled)
    if extra:
        return "PC202", f"`{extra.replace('_', ' ')}` is not part of a view", ""
    if kind in ("FUNCTION", "WINDOW"):
        return _function_problem(node, kind)
    if kind == "CAST":
        return _cast_problem(node)
    if kind == "OPERATOR" and node.get("type") not in _OPERATORS:
        return "PC202", f"`{str(node.get('type')).lower()}` is not part of a view", ""
    if kind == "COMPARISON" and "DISTINCT" in str(node.get("type")):
        return (
            "PC209",
            "IS TRUE and IS DISTINCT FROM turn unknown into a decision",
            "use the condition itself, or CASE WHEN x IS NULL",
        )
    if kind == "SUBQUERY" and node.get("subquery_type") not in ("SCALAR", "EXISTS"):
        return "PC209", "IN (SELECT) and ANY (SELECT) turn unknown into a decision", "join, or use any_true"
    literal = node.get("literal") or {}
    if kind == "CONSTANT" and literal.get("kind") == "NUMERIC":
        return "PC202", f"`{literal.get('text')}` is not a whole number", "use a smaller unit"
    return None


def _function_problem(node: Node, kind: str) -> Problem | None:
    name = function_name(node)
    if name.lower() in CLOCKS:
        return "PC208", f"`{name}` looks at the clock or at chance", "use `$as_of` or `$as_of_day`"
    aggregates = VIEW_AGGREGATES | QUANTIFIERS.keys()
    if kind == "WINDOW":
        allowed = name in VIEW_WINDOWS
    else:
        allowed = name in FUNCTIONS or name in aggregates or name in ("+", "-", "*", "list_value")
    if not allowed:
        return (
            "PC205",
            f"unknown function `{name}`",
            nearest(name, [*FUNCTIONS, *aggregates, *VIEW_WINDOWS]),
        )
    if (node.get("filter") or node.get("distinct")) and name not in VIEW_AGGREGATES:
        return "PC202", f"FILTER or DISTINCT in `{name}`", "use it with count, sum, min or max only"
    if any(argument.get("name") for argument in node.get("arguments") or []):
        return "PC202", "a named argument", "give arguments in order"
    return None


def _cast_problem(node: Node) -> Problem | None:
    child, target = node.get("child") or {}, str((node.get("type_expr") or {}).get("type_name"))
    literal = (child.get("literal") or {}).get("kind")
    day = target == "DATE" and literal == "STRING" and child.get("query_location") == NOWHERE
    summed = target == "BIGINT" and child.get("class") == "FUNCTION" and function_name(child) == "sum"
    if day or summed or (target in _CASTS and literal == "NULL_LITERAL"):
        return None
    return (
        "PC202",
        f"a cast to {target}",
        "a day is written `DATE '2026-01-31'`; NULL and sum(...) may be cast",
    )


def children(node: Node) -> Iterator[Node]:
    """The expressions directly below a node of an allowed class."""
    for key in ("left", "right", "input", "lower", "upper", "else_expr", "child", "filter"):
        if node.get(key):
            yield node[key]
    for key in ("children", "partitions"):
        yield from node.get(key) or []
    for check in node.get("case_checks") or []:
        yield check["when_expr"]
        yield check["then_expr"]
    for argument in node.get("arguments") or []:
        yield argument["expression"]
    for order in node.get("orders") or []:
        yield order["expression"]
