"""Constants, parameters and function calls of an expression, typed by the catalogue of functions."""

from __future__ import annotations

import re
from datetime import date

from policycheck.checker import Checker, type_words
from policycheck.errors import nearest
from policycheck.functions import CLOCKS, FUNCTIONS, QUANTIFIERS, Signature
from policycheck.model import ColumnType
from policycheck.nullability import Cause, Typed, combine
from policycheck.scope import value_type
from policycheck.sqltext import NOWHERE, Node, function_name

BOOL, DAY, INT, SET, TEXT = ColumnType.BOOL, ColumnType.DAY, ColumnType.INT, ColumnType.SET, ColumnType.TEXT
_PATTERN_REFUSED = re.compile(r"\(\?|\\[^dws\W]|[*+?}][*+]|\{(?!\d{1,3}(?:,\d{0,3})?\})")
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_SIGNS = {"~~": "LIKE", "!~~": "NOT LIKE", "~~*": "ILIKE", "!~~*": "NOT ILIKE", "||": "||"}


def check_constant(checker: Checker, node: Node) -> Typed:
    checker.no_surplus(node, "literal")
    literal = node.get("literal", {})
    kind, text = literal.get("kind"), str(literal.get("text", ""))
    if kind == "INTEGER" and re.fullmatch(r"-?[0-9]+", text) and abs(int(text)) < 2**63:
        return Typed(INT, literal=int(text))
    if kind == "STRING":
        return Typed(TEXT, literal=text)
    if kind == "BOOLEAN":
        return Typed(BOOL, literal=text == "true")
    if kind == "NULL_LITERAL":
        return Typed(None)
    raise checker.refuse(
        "PC202",
        f"`{text or kind}` is not a whole number, text, a boolean or a day",
        node,
        "numbers are whole; use a smaller unit",
    )


def check_parameter(checker: Checker, node: Node) -> Typed:
    checker.no_surplus(node, "identifier")
    name = str(node.get("identifier"))
    if name not in checker.scope.parameters:
        raise checker.refuse(
            "PC207", f"unknown parameter `${name}`", node, nearest(name, checker.scope.parameters)
        )
    return Typed(value_type(checker.scope.parameters[name]), parameters=True)


def check_cast(checker: Checker, node: Node) -> Typed:
    checker.no_surplus(node, "child", "type_expr")
    child, target = node.get("child", {}), node.get("type_expr", {})
    text = str(child.get("literal", {}).get("text", ""))
    # Only `DATE '...'`: its constant has no place of its own, unlike that of CAST and `::`.
    plain = child.get("query_location", 0) == NOWHERE and child.get("literal", {}).get("kind") == "STRING"
    if not plain or target.get("type_name") != "DATE":
        raise checker.refuse(
            "PC202",
            "casts are not part of the language",
            node,
            "a day is written `DATE '2026-01-31'`; evidence has its types already",
        )
    try:
        valid = re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) and date.fromisoformat(text)
    except ValueError:
        valid = None
    if not valid:
        raise checker.refuse(
            "PC202", f"`{text}` is no day of the calendar", node, "write `DATE '2026-01-31'`"
        )
    return Typed(DAY, literal=text)


def check_function(checker: Checker, node: Node) -> Typed:
    checker.no_surplus(node, "function_name", "arguments", "qualified_name", "is_operator")
    name = function_name(node)
    if node.get("is_operator") or name in ("+", "-", "*"):
        return _arithmetic(checker, node, name)
    if name == "list_value":
        return _set_literal(checker, node)
    if name in QUANTIFIERS or name == "count_star":
        raise checker.refuse(
            "PC202",
            f"`{name}` outside a subquery",
            node,
            f"write `(SELECT {name.replace('count_star', 'count(*)')}... FROM table alias WHERE ...)`",
        )
    if name.lower() in CLOCKS:
        raise checker.refuse(
            "PC208", f"`{name}` looks at the clock or at chance", node, "use `$as_of` or `$as_of_day`"
        )
    known = FUNCTIONS.get(name)
    if known is None:
        hint = (
            "a set parameter is asked with `has($set, x)`" if name == "contains" else nearest(name, FUNCTIONS)
        )
        raise checker.refuse("PC205", f"unknown function `{name}`", node, hint)
    parts = [checker.operand(argument) for argument in checker.arguments(node)]
    signature = known.resolve(tuple(part.kind for part in parts if part.kind is not None))
    if signature is None:
        given = ", ".join(type_words(part.kind) for part in parts)
        forms = "; ".join(str(each) for each in known.signatures)
        raise checker.refuse("PC206", f"`{name}` does not take ({given})", node, f"it takes {forms}")
    if all(part.constant for part in parts):
        raise checker.refuse("PC210", f"`{name}` of constants alone", node, "use a column or a parameter")
    if name == "full_match":
        _check_pattern(checker, node, parts[1])
    return _result(checker, name, signature, parts)


def _result(checker: Checker, name: str, signature: Signature, parts: list[Typed]) -> Typed:
    found = combine(signature.result, parts)
    if signature.decided:
        return found
    open_cause = Cause(None, f"`{name}` can be undecided")
    return combine(signature.result, parts, nulls=found.nulls | {open_cause})


def _arithmetic(checker: Checker, node: Node, name: str) -> Typed:
    if name not in ("+", "-", "*"):
        hint = "use full_match with a pattern" if name in ("~~", "!~~", "~~*", "~") else ""
        raise checker.refuse(
            "PC202", f"the operator `{_SIGNS.get(name, name)}` is not part of the language", node, hint
        )
    parts = [checker.operand(argument) for argument in checker.arguments(node)]
    if any(part.kind is not INT for part in parts):
        given = " and ".join(type_words(part.kind) for part in parts)
        days = any(part.kind in (DAY, ColumnType.DAYS) for part in parts)
        raise checker.refuse(
            "PC206",
            f"`{name}` on {given}",
            node,
            "use plus_days, days_between, keep_until or due_by" if days else "",
        )
    return combine(INT, parts)


def _set_literal(checker: Checker, node: Node) -> Typed:
    parts = [checker.operand(argument) for argument in checker.arguments(node)]
    if not parts or any(part.kind is not TEXT or part.evidence for part in parts):
        raise checker.refuse(
            "PC206", "a set literal lists one or more texts", node, "write `['AES', 'TDEA']`"
        )
    return combine(SET, parts)


def _check_pattern(checker: Checker, node: Node, pattern: Typed) -> None:
    text = pattern.literal
    if not isinstance(text, str):
        raise checker.refuse("PC206", "the pattern is not written as a literal", node, "write it in quotes")
    counts = [int(part) for pair in _COUNT.findall(text) for part in pair if part]
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        counts = [999]
    if _PATTERN_REFUSED.search(text) or any(count > 255 for count in counts) or len(counts) > 8:
        raise checker.refuse(
            "PC206",
            f"the pattern `{text}` is not one that every engine reads alike",
            node,
            "groups, classes, `\\d \\w \\s` and counts up to 255 are; look-around is not",
        )
