"""Expressions into functions of a row: three-valued, by the words of docs/expressions.md.

Goes in: nodes of the parser's tree. Comes out: `Expression`. A node, an operator or a mixture of types
that is not named here is refused.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from policycheck.engines.direct_functions import IMPLEMENTATIONS, RESULTS
from policycheck.engines.direct_patterns import pattern
from policycheck.engines.direct_scope import Expression, Node, Scope, combined, constant, of_kind, reader
from policycheck.engines.direct_values import (
    BOOL,
    DAY,
    INSTANT,
    INT,
    INT32,
    INT128,
    NULL,
    SET,
    TEXT,
    WIDTHS,
    Kind,
    Outer,
    Row,
    Value,
    common_kind,
    failed,
    integer_kind,
    refused,
)

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "COMPARE_EQUAL": operator.eq,
    "COMPARE_NOTEQUAL": operator.ne,
    "COMPARE_LESSTHAN": operator.lt,
    "COMPARE_LESSTHANOREQUALTO": operator.le,
    "COMPARE_GREATERTHAN": operator.gt,
    "COMPARE_GREATERTHANOREQUALTO": operator.ge,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
_NUMBER = re.compile(r"-?[0-9]+")
_DAY_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}")
_NULL_CASTS: dict[str, Kind] = {
    "BOOLEAN": BOOL,
    "BIGINT": INT,
    "INTEGER": INT32,
    "VARCHAR": TEXT,
    "DATE": DAY,
}


# --- leaves ---------------------------------------------------------------------------------------------


def visit_constant(scope: Scope, node: Node) -> Expression:
    kind, text = node["literal"]["kind"], str(node["literal"].get("text", ""))
    if kind == "INTEGER" and _NUMBER.fullmatch(text):
        number = int(text)
        return constant(integer_kind(number), number)
    if kind == "STRING":
        return constant(TEXT, text)
    if kind == "BOOLEAN" and text in ("true", "false"):
        return constant(BOOL, text == "true")
    if kind == "NULL_LITERAL":
        return constant(NULL, None)
    raise refused(f"the constant `{text or kind}`")


def visit_parameter(scope: Scope, node: Node) -> Expression:
    return scope.world.parameter(str(node["identifier"]))


def visit_column(scope: Scope, node: Node) -> Expression:
    depth, slot, position, kind = scope.find([str(name) for name in node["column_names"]])
    if depth:
        return Expression(kind, reader(depth, slot, position), outer=True)
    return Expression(kind, reader(0, slot, position), 1 << slot, fallible=scope.fails(slot, position))


def visit_cast(scope: Scope, node: Node) -> Expression:
    child, target = node["child"], node["type_expr"]
    name = str(target.get("type_name"))
    literal = child.get("literal") or {}
    if node.get("try_cast"):
        raise refused("TRY_CAST")
    if literal.get("kind") == "STRING" and name == "DATE" and _DAY_FORM.fullmatch(literal["text"]):
        return constant(DAY, _parsed(date.fromisoformat, literal["text"]))
    if literal.get("kind") == "NULL_LITERAL" and name in _NULL_CASTS:
        return constant(_NULL_CASTS[name], None)
    if child.get("function_name") == "list_value" and not child["arguments"] and name == "list":
        if [each.get("type_name") for each in target["children"]] == ["VARCHAR"]:
            return constant(SET, ())
    elif child.get("function_name") == "sum" and name == "BIGINT":
        return _within(INT, scope.compile(child))
    raise refused(f"a cast to {name}")


def _parsed(parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except ValueError:
        raise refused(f"`{text}`, which is not in the calendar") from None


# --- conditions -----------------------------------------------------------------------------------------


def visit_comparison(scope: Scope, node: Node) -> Expression:
    return compare(str(node["type"]), scope.compile(node["left"]), scope.compile(node["right"]))


def compare(sign: str, left: Expression, right: Expression) -> Expression:
    """NULL where either side is. Days and instants in doubt compare by their ends, as structures do."""
    compared = _COMPARISONS.get(sign)
    if compared is None:
        raise refused(f"`{sign}`")
    common_kind((left.kind, right.kind), "a comparison")
    a, b = left.value, right.value
    if right.constant:
        other = right.literal
        if left.constant:
            known = left.literal is not None and other is not None
            return constant(BOOL, compared(left.literal, other) if known else None)

        def with_constant(row: Row, outer: Outer) -> bool | None:
            found = a(row, outer)
            return None if found is None or other is None else compared(found, other)

        return combined(BOOL, with_constant, (left, right))

    def value(row: Row, outer: Outer) -> bool | None:
        found, other = a(row, outer), b(row, outer)
        return None if found is None or other is None else compared(found, other)

    return combined(BOOL, value, (left, right))


def visit_between(scope: Scope, node: Node) -> Expression:
    """`value >= low AND value <= high`, with each computed once."""
    parts = [scope.compile(node[name]) for name in ("input", "lower", "upper")]
    common_kind((part.kind for part in parts), "BETWEEN")
    inner, lower, upper = (part.value for part in parts)

    def value(row: Row, outer: Outer) -> bool | None:
        found, low, high = inner(row, outer), lower(row, outer), upper(row, outer)
        if found is None:
            return None
        if (low is not None and found < low) or (high is not None and found > high):
            return False
        return True if low is not None and high is not None else None

    return combined(BOOL, value, parts)


def visit_conjunction(scope: Scope, node: Node) -> Expression:
    joined = node["type"] == "CONJUNCTION_AND"
    if not joined and node["type"] != "CONJUNCTION_OR":
        raise refused(f"`{node['type']}`")
    parts = [
        of_kind(scope.compile(each), BOOL, f"a part of {'AND' if joined else 'OR'}")
        for each in node["children"]
    ]
    return both(parts) if joined else _either(parts)


def both(parts: Sequence[Expression]) -> Expression:
    """AND. Where a part can fail all are computed, since another engine may begin with any of them."""
    return _kleene(parts, decides=False)


def _either(parts: Sequence[Expression]) -> Expression:
    return _kleene(parts, decides=True)


def _kleene(parts: Sequence[Expression], decides: bool) -> Expression:
    values = tuple(part.value for part in parts)
    other = not decides

    def value(row: Row, outer: Outer) -> bool | None:
        answer: bool | None = other
        for each in values:
            found = each(row, outer)
            if found is None:
                answer = None
            elif found is decides:
                return found
        return answer

    def of_all(row: Row, outer: Outer) -> bool | None:
        found = [each(row, outer) for each in values]
        return decides if decides in found else None if None in found else other

    return combined(BOOL, of_all if any(part.fallible for part in parts) else value, parts)


def visit_operator(scope: Scope, node: Node) -> Expression:
    kind = str(node["type"])
    parts = [scope.compile(each) for each in node["children"]]
    first = parts[0].value
    if kind == "OPERATOR_NOT":
        of_kind(parts[0], BOOL, "NOT's operand")

        def negated(row: Row, outer: Outer) -> bool | None:
            found = first(row, outer)
            return None if found is None else not found

        return combined(BOOL, negated, parts)
    if kind == "OPERATOR_IS_NULL":
        return combined(BOOL, lambda row, outer: first(row, outer) is None, parts)
    if kind == "OPERATOR_IS_NOT_NULL":
        return combined(BOOL, lambda row, outer: first(row, outer) is not None, parts)
    if kind == "COMPARE_IN":
        return _member(parts)
    if kind == "OPERATOR_COALESCE":
        return _coalesce(parts)
    raise refused(f"`{kind}`")


def _member(parts: list[Expression]) -> Expression:
    """IN: as `=` with each of the list, joined by OR."""
    common_kind((part.kind for part in parts), "IN")
    first, members = parts[0].value, [part.value for part in parts[1:]]
    if all(part.constant for part in parts[1:]):
        listed = [part.literal for part in parts[1:]]
        known = frozenset(each for each in listed if each is not None)
        otherwise = None if None in listed else False

        def among_constants(row: Row, outer: Outer) -> bool | None:
            found = first(row, outer)
            return None if found is None else True if found in known else otherwise

        return combined(BOOL, among_constants, parts)

    def value(row: Row, outer: Outer) -> bool | None:
        found, others = first(row, outer), [member(row, outer) for member in members]
        if found is None:
            return None
        return True if found in others else None if None in others else False

    return combined(BOOL, value, parts)


def _coalesce(parts: list[Expression]) -> Expression:
    kind = common_kind((part.kind for part in parts), "coalesce")
    values = tuple(part.value for part in parts)

    def value(row: Row, outer: Outer) -> Any:
        for each in values:
            found = each(row, outer)
            if found is not None:
                return found
        return None

    return combined(kind, value, parts)


def visit_case(scope: Scope, node: Node) -> Expression:
    """The first branch whose condition is TRUE; FALSE and NULL go on."""
    whens, results = [], []
    for check in node["case_checks"]:
        whens.append(of_kind(scope.compile(check["when_expr"]), BOOL, "a condition of CASE"))
        results.append(scope.compile(check["then_expr"]))
    last = scope.compile(node["else_expr"]) if node.get("else_expr") else constant(NULL, None)
    kind = common_kind((each.kind for each in (*results, last)), "the branches of CASE")
    branches = tuple((when.value, result.value) for when, result in zip(whens, results, strict=True))
    otherwise = last.value

    def value(row: Row, outer: Outer) -> Any:
        for when, result in branches:
            if when(row, outer) is True:
                return result(row, outer)
        return otherwise(row, outer)

    return combined(kind, value, [*whens, *results, last])


# --- functions ------------------------------------------------------------------------------------------


def function_name(node: Node) -> str:
    path = (node.get("qualified_name") or {}).get("path") or [node.get("function_name", "")]
    return ".".join(str(part) for part in path)


def call_function(scope: Scope, node: Node) -> Expression:
    """A policy function, arithmetic or a set literal. Aggregates are not called here."""
    name = function_name(node)
    if name == "struct_pack":
        return _instant(node)
    if node.get("filter") or node.get("distinct") or (node.get("order_bys") or {}).get("orders"):
        raise refused(f"FILTER, DISTINCT or ORDER BY in `{name}`")
    if any(argument.get("name") for argument in node["arguments"]):
        raise refused("a named argument")
    parts = [scope.compile(argument["expression"]) for argument in node["arguments"]]
    if name in _ARITHMETIC:
        return _arithmetic(name, parts)
    if node.get("is_operator"):
        raise refused(f"the operator `{name}`")
    if name == "list_value":
        return _set_literal(parts)
    if name == "full_match":
        return _full_match(parts)
    return _call(name, parts)


def _call(name: str, parts: list[Expression]) -> Expression:
    forms = IMPLEMENTATIONS.get(name)
    if forms is None:
        raise refused(f"the function `{name}`")
    kinds = tuple(INT if part.kind == INT32 else part.kind for part in parts)
    function = forms.get(kinds)
    if function is None:
        raise refused(f"`{name}` of ({', '.join(kinds)})")
    return combined(RESULTS.get(name, kinds[0]), _applied(function, [part.value for part in parts]), parts)


def _applied(function: Callable[..., Any], values: list[Value]) -> Value:
    """The function where all arguments are known, else NULL."""
    if len(values) == 1:
        (only,) = values

        def of_one(row: Row, outer: Outer) -> Any:
            found = only(row, outer)
            return None if found is None else function(found)

        return of_one
    if len(values) == 2:
        first, second = values

        def of_two(row: Row, outer: Outer) -> Any:
            a, b = first(row, outer), second(row, outer)
            return None if a is None or b is None else function(a, b)

        return of_two

    def of_many(row: Row, outer: Outer) -> Any:
        found = [value(row, outer) for value in values]
        return None if None in found else function(*found)

    return of_many


def _full_match(parts: list[Expression]) -> Expression:
    if len(parts) != 2 or parts[0].kind not in (TEXT, NULL) or parts[1].kind != TEXT or not parts[1].constant:
        raise refused("`full_match` with anything but a text and a pattern written as a literal")
    return combined(BOOL, _applied(pattern(parts[1].literal), [parts[0].value]), parts)


def _set_literal(parts: list[Expression]) -> Expression:
    if not parts or any(part.kind != TEXT for part in parts):
        raise refused("a set literal of anything but texts")
    if all(part.constant for part in parts):
        return constant(SET, tuple(part.literal for part in parts))
    values = [part.value for part in parts]

    def value(row: Row, outer: Outer) -> tuple[str, ...]:
        found = tuple(each(row, outer) for each in values)
        if None in found:
            raise failed("a set literal holds NULL, which is no member that could be compared")
        return found

    return combined(SET, value, parts, fallible=True)


def _instant(node: Node) -> Expression:
    """`{'lo': TIMESTAMP '...', 'hi': TIMESTAMP '...'}`: how an instant parameter is written in."""
    ends = []
    for name, argument in zip(("lo", "hi"), node["arguments"], strict=False):
        cast = argument["expression"]
        text = str(((cast.get("child") or {}).get("literal") or {}).get("text"))
        stamp = (cast.get("type_expr") or {}).get("type_name") == "TIMESTAMP"
        if argument.get("name") != name or not stamp or not _INSTANT_FORM.fullmatch(text):
            raise refused("a structure that is no instant")
        ends.append(_parsed(datetime.fromisoformat, text))
    if len(ends) != 2 or len(node["arguments"]) != 2:
        raise refused("a structure that is no instant")
    return constant(INSTANT, tuple(ends))


def _arithmetic(name: str, parts: list[Expression]) -> Expression:
    if any(part.kind not in WIDTHS for part in parts) or not 1 <= len(parts) <= 2:
        raise refused(f"`{name}` on {' and '.join(part.kind for part in parts)}")
    if len(parts) == 1:
        if name == "*":
            raise refused("`*` of one number")
        parts = [constant(INT32, 0), parts[0]]
    kind = common_kind((part.kind for part in parts), f"`{name}`")
    found = _within(kind, combined(kind, _applied(_ARITHMETIC[name], [p.value for p in parts]), parts))
    if all(part.constant for part in parts):
        return constant(kind, found.literal)
    return found


def _within(kind: Kind, number: Expression) -> Expression:
    """The number, which fails where it does not fit the width of its kind."""
    limit, inner = 1 << WIDTHS[kind], number.value

    def value(row: Row, outer: Outer) -> int | None:
        found: int | None = inner(row, outer)
        if found is None or -limit <= found < limit:
            return found
        raise failed(f"a number does not fit into {WIDTHS[kind] + 1} bits")

    return combined(kind, value, [number], fallible=True)


VISITS: dict[str, Callable[[Scope, Node], Expression]] = {
    "CONSTANT": visit_constant,
    "PARAMETER": visit_parameter,
    "COLUMN_REF": visit_column,
    "CAST": visit_cast,
    "COMPARISON": visit_comparison,
    "BETWEEN": visit_between,
    "CONJUNCTION": visit_conjunction,
    "OPERATOR": visit_operator,
    "CASE": visit_case,
}

__all__ = ["INT128", "VISITS", "both", "call_function", "compare", "function_name"]
