"""The type checker of expressions: every node allowed by name, typed, and followed for NULL.

Goes in: the parser's tree of one expression. Comes out: what is known about it (`Typed`) and what it
reads, or faults. What is not named here is refused.
"""

from __future__ import annotations

from typing import Any

from policycheck import calls, nullability, subqueries
from policycheck.checker import SUBJECT, Checker, Frame, RefusedError, Visit, type_words
from policycheck.errors import FaultList
from policycheck.model import ColumnType
from policycheck.nullability import Cause, ColumnName, Typed, combine
from policycheck.scope import Relation, Scope
from policycheck.sqltext import Node, SqlText

__all__ = ["SUBJECT", "Checker", "RefusedError", "new_checker"]

BOOL, DAY, SET, TEXT = ColumnType.BOOL, ColumnType.DAY, ColumnType.SET, ColumnType.TEXT
_COMPARISONS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
}


def check_comparison(checker: Checker, node: Node) -> Typed:
    checker.no_surplus(node, "left", "right")
    sign = _COMPARISONS.get(str(node.get("type")))
    if sign is None:
        raise checker.refuse(
            "PC209",
            "IS TRUE, IS FALSE and IS DISTINCT FROM turn unknown into a decision",
            node,
            "use the condition itself, NOT, `=` or `IS NULL`",
        )
    left, right = checker.operand(node["left"]), checker.operand(node["right"])
    check_comparable(checker, node, sign, [left, right])
    if left.column is not None and left.column == right.column:
        raise checker.refuse("PC210", "a column compared with itself", node, "compare it with something else")
    if not left.constant and shape(node["left"]) == shape(node["right"]):
        raise checker.refuse("PC210", "both sides are the same", node, "compare it with something else")
    return combine(BOOL, [left, right])


def check_comparable(checker: Checker, node: Node, sign: str, sides: list[Typed]) -> None:
    kinds = {side.kind for side in sides}
    if len(kinds) > 1:
        names = " and ".join(type_words(side.kind) for side in sides[:2])
        hint = "write a day as `DATE '2026-01-31'`" if DAY in kinds and TEXT in kinds else ""
        raise checker.refuse("PC206", f"`{sign}` between {names}", node, hint)
    kind = sides[0].kind
    if kind in (ColumnType.DAYS, ColumnType.INSTANT):
        raise checker.refuse(
            "PC206",
            f"`{sign}` on {type_words(kind)}: the order of intervals can be open",
            node,
            "use before, after, not_before, not_after or same_day",
        )
    if kind is SET:
        raise checker.refuse("PC206", f"`{sign}` on sets", node, "use has, has_all, subset_of or is_empty")
    if kind is BOOL and (sign not in ("=", "<>") or any(side.literal is not None for side in sides)):
        raise checker.refuse("PC206", f"`{sign}` on a boolean", node, "write the boolean itself, or NOT")
    if kind is TEXT and sign not in ("=", "<>", "IN"):
        raise checker.refuse("PC206", f"`{sign}` on text compares letters", node, "compare numbers or days")
    if all(side.constant for side in sides):
        raise checker.refuse("PC210", "a comparison of constants", node, "compare a column or a parameter")


def check_conjunction(checker: Checker, node: Node) -> Typed:
    checker.no_surplus(node, "children")
    children: list[Node] = node["children"]
    joined = node.get("type") == "CONJUNCTION_AND"
    # INVARIANT: `x IS NOT NULL AND p(x)` is FALSE, and `x IS NULL OR p(x)` TRUE, where x is NULL.
    guard = "OPERATOR_IS_NOT_NULL" if joined else "OPERATOR_IS_NULL"
    found = {key for child in children if child.get("type") == guard for key in _guarded(checker, child)}
    parts = _with_guards(checker, frozenset(found), children)
    return nullability.conjunction(parts) if joined else nullability.disjunction(parts)


def _with_guards(checker: Checker, guards: frozenset[ColumnName], children: list[Node]) -> list[Typed]:
    before, checker.guards = checker.guards, checker.guards | guards
    try:
        return [checker.boolean(child, "a part of AND or OR") for child in children]
    finally:
        checker.guards = before


def _guarded(checker: Checker, node: Node) -> set[ColumnName]:
    operand = node["children"][0]
    if operand.get("class") != "COLUMN_REF":
        return set()
    column = checker.column(operand).column
    return {column} if column else set()


def check_operator(checker: Checker, node: Node) -> Typed:
    checker.no_surplus(node, "children")
    kind, children = str(node.get("type")), node.get("children", [])
    if kind == "OPERATOR_NOT":
        if children[0].get("subquery_type") == "ANY":
            raise checker.refuse(
                "PC209",
                "NOT IN (SELECT) and ALL (SELECT) turn unknown into a decision",
                node,
                "use `NOT (SELECT any_true(...) ...)`",
            )
        return nullability.negation(checker.boolean(children[0], "NOT's operand"))
    if kind in ("OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"):
        return _null_test(checker, node, children[0], kind)
    if kind == "COMPARE_IN":
        return _membership(checker, node, children)
    if kind == "OPERATOR_COALESCE":
        return _coalesce(checker, node, children)
    raise checker.refuse(
        "PC202", f"`{kind.lower().removeprefix('operator_')}` is not part of the language", node
    )


def _null_test(checker: Checker, node: Node, child: Node, kind: str) -> Typed:
    found = checker.operand(child)
    if found.column is None:
        raise checker.refuse(
            "PC209", "IS NULL on more than a column turns unknown into a decision", node, "ask it of a column"
        )
    return nullability.is_null(found, kind == "OPERATOR_IS_NOT_NULL")


def _membership(checker: Checker, node: Node, children: list[Node]) -> Typed:
    parts = [checker.operand(child) for child in children]
    for child, part in zip(children[1:], parts[1:], strict=True):
        if part.evidence:
            raise checker.refuse("PC202", "a column in an IN list", child, "write `=` and OR")
    if parts[0].kind is BOOL:
        raise checker.refuse("PC206", "IN on a boolean", node, "write the boolean itself, or NOT")
    for part in parts[1:]:
        check_comparable(checker, node, "IN", [parts[0], part])
    return combine(BOOL, parts)


def _coalesce(checker: Checker, node: Node, children: list[Node]) -> Typed:
    parts = [checker.operand(child) for child in children]
    kinds = {part.kind for part in parts}
    if len(kinds) > 1:
        raise checker.refuse("PC206", "coalesce over different types", node)
    if BOOL in kinds:
        raise checker.refuse(
            "PC209",
            "coalesce on a boolean turns unknown into a decision",
            node,
            "leave it NULL: the verdict is then unknown",
        )
    if any(not part.evidence for part in parts):
        raise checker.refuse(
            "PC209",
            "coalesce with a fixed value turns unknown into a decision",
            node,
            "where a default is really meant: `CASE WHEN x IS NULL THEN ... ELSE x END`",
        )
    settled = any(not part.nulls for part in parts)
    common = nullability.meet(part.strict for part in parts)
    return combine(parts[0].kind, parts, strict=common, nulls=frozenset() if settled else None)


def check_between(checker: Checker, node: Node) -> Typed:
    checker.no_surplus(node, "input", "lower", "upper")
    value, low, high = (checker.operand(node[name]) for name in ("input", "lower", "upper"))
    check_comparable(checker, node, "BETWEEN", [value, low])
    check_comparable(checker, node, "BETWEEN", [value, high])
    return nullability.between(value, low, high)


def check_case(checker: Checker, node: Node) -> Typed:
    """CASE takes the next branch where a condition is NULL, so its conditions may not be."""
    checker.no_surplus(node, "case_checks", "else_expr")
    branches, otherwise = node.get("case_checks", []), node.get("else_expr")
    if otherwise is not None and _is_true(otherwise):
        raise checker.refuse(
            "PC209",
            "ELSE true passes what no branch has looked at",
            otherwise,
            "name the condition, or leave ELSE out: the rest is then unknown",
        )
    before = checker.guards
    results: list[tuple[Node, Typed]] = []
    conditions: list[Typed] = []
    try:
        for number, branch in enumerate(branches):
            condition = checker.boolean(branch["when_expr"], "WHEN's condition")
            later = [each["then_expr"] for each in branches[number + 1 :]] + (
                [otherwise] if otherwise else []
            )
            if condition.nulls and not all(_is_null(each) for each in later):
                words = min(cause.words for cause in condition.nulls)
                raise checker.refuse(
                    "PC209",
                    f"this WHEN can be NULL, and CASE would go on: {words}",
                    branch["when_expr"],
                    "put `WHEN <column> IS NULL THEN NULL` before it",
                )
            conditions.append(condition)
            known, checker.guards = checker.guards, checker.guards | condition.rejects
            results.append((branch["then_expr"], checker.check(branch["then_expr"])))
            checker.guards = known | (condition.nonnull_if_false if not condition.nulls else frozenset())
        if otherwise:
            results.append((otherwise, checker.check(otherwise)))
    finally:
        checker.guards = before
    return _case_result(checker, node, conditions, results, not otherwise)


def _case_result(
    checker: Checker, node: Node, conditions: list[Typed], results: list[tuple[Node, Typed]], open_end: bool
) -> Typed:
    kinds = {typed.kind for _, typed in results if typed.kind is not None}
    if len(kinds) != 1:
        words = " and ".join(sorted(type_words(kind) for kind in kinds)) or "nothing but NULL"
        raise checker.refuse("PC206", f"the branches of CASE give {words}", node, "give one type")
    nulls = frozenset().union(*(typed.nulls for _, typed in results))
    if open_end or any(typed.kind is None for _, typed in results) or any(c.nulls for c in conditions):
        nulls |= {Cause(None, "a CASE can end without an answer")}
    parts = conditions + [typed for _, typed in results]
    return combine(kinds.pop(), parts, strict=frozenset(), nulls=nulls)


_VISITS: dict[str, Visit] = {
    "COLUMN_REF": Checker.column,
    "CONSTANT": calls.check_constant,
    "PARAMETER": calls.check_parameter,
    "CAST": calls.check_cast,
    "COMPARISON": check_comparison,
    "CONJUNCTION": check_conjunction,
    "OPERATOR": check_operator,
    "BETWEEN": check_between,
    "CASE": check_case,
    "FUNCTION": calls.check_function,
    "SUBQUERY": subqueries.check_subquery,
}


def new_checker(sql: SqlText, scope: Scope, faults: FaultList, subject: Relation) -> Checker:
    """A checker whose only row in reach is the subject's."""
    return Checker(sql, scope, faults, [Frame(SUBJECT, subject)], _VISITS)


def _is_true(node: Node) -> bool:
    literal = node.get("literal", {})
    return bool(literal.get("kind") == "BOOLEAN" and literal.get("text") == "true")


def _is_null(node: Node) -> bool:
    return bool(node.get("literal", {}).get("kind") == "NULL_LITERAL")


def shape(node: Any) -> Any:
    """A tree without places, to see whether two are the same."""
    if isinstance(node, dict):
        return {key: shape(value) for key, value in node.items() if not key.startswith("query_location")}
    if isinstance(node, list):
        return [shape(each) for each in node]
    return node
