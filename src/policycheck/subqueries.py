"""Subqueries of an expression: four shapes, and what NULL in their WHERE would do.

INVARIANT: a row is never dropped, and never counted as absent, because something about it is unknown.
"""

from __future__ import annotations

import re

from policycheck import nullability
from policycheck.checker import SUBJECT, Checker, Frame
from policycheck.errors import nearest
from policycheck.functions import QUANTIFIERS
from policycheck.model import ColumnType
from policycheck.nullability import Cause, Typed
from policycheck.sqltext import Node, function_name, surplus, table_name

BOOL, INT = ColumnType.BOOL, ColumnType.INT
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_SHAPES = (
    "(SELECT any_true(...) FROM table alias WHERE ...), all_true, EXISTS (SELECT 1 FROM ...) "
    "or (SELECT count(*) FROM ...)"
)
_GUARD = "use columns that are never NULL, or guard: `x IS NOT NULL AND ...`"


def check_subquery(checker: Checker, node: Node) -> Typed:
    """One of the four shapes; each says what NULL means in its WHERE."""
    checker.no_surplus(node, "subquery_type", "subquery", "comparison_type", "child")
    kind = node.get("subquery_type")
    if kind not in ("SCALAR", "EXISTS"):
        raise checker.refuse(
            "PC209",
            "IN (SELECT) and ANY (SELECT) are not part of the language",
            node,
            "use `(SELECT any_true(a.x = ...) FROM table a WHERE ...)`",
        )
    select: Node = node["subquery"]["node"]
    frame = _open_select(checker, select, node)
    checker.frames.append(frame)
    try:
        where = select.get("where_clause")
        condition = checker.boolean(where, "the WHERE") if where else None
        if kind == "EXISTS":
            _one(checker, select["select_list"][0])
            return _counted(checker, select, frame, condition, BOOL)
        return _scalar(checker, select, frame, condition)
    finally:
        checker.frames.pop()


def _open_select(checker: Checker, select: Node, node: Node) -> Frame:
    extra = surplus(select, "select_list", "from_table", "where_clause")
    items = select.get("select_list") or []
    if select.get("type") != "SELECT_NODE" or extra or len(items) != 1 or items[0].get("alias"):
        what = f" with {str(extra).replace('_', ' ')}" if extra else ""
        raise checker.refuse("PC202", f"this is no subquery of the listed shapes{what}", node, _SHAPES)
    source: Node = select.get("from_table") or {}
    if source.get("type") != "BASE_TABLE":
        raise checker.refuse("PC202", "a subquery reads one table or view", node, "put joins into a view")
    extra = surplus(source, "table_name", "qualified_name", "schema_name", "catalog_name")
    name, alias = table_name(source), str(source.get("alias") or "")
    if extra:
        raise checker.refuse("PC202", f"a table with {extra.replace('_', ' ')}", source, _SHAPES)
    if name not in checker.scope.relations:
        raise checker.refuse(
            "PC203", f"unknown table `{name}`", source, nearest(name, checker.scope.relations)
        )
    relation = checker.scope.relations[name]
    taken = {SUBJECT, "ev", *(frame.alias for frame in checker.frames)}
    columns = {column for frame in checker.frames for column in frame.relation.columns} | set(
        relation.columns
    )
    if not alias:
        raise checker.refuse("PC211", f"`{name}` has no alias", source, f"write `{name} {name[:1]}`")
    if not _NAME.fullmatch(alias) or alias in taken or alias in columns:
        raise checker.refuse(
            "PC211",
            f"the alias `{alias}` is taken or no lower-case name",
            source,
            "choose a name that is no column, no other alias and not `subject`",
        )
    if alias != name and alias in checker.scope.relations:
        raise checker.refuse("PC211", f"the alias `{alias}` is the name of another table", source)
    checker.tables |= relation.tables
    return Frame(alias, relation)


def _one(checker: Checker, item: Node) -> None:
    if item.get("literal", {}).get("kind") != "INTEGER" or item["literal"].get("text") != "1":
        raise checker.refuse(
            "PC202", "EXISTS selects something else than 1", item, "write `EXISTS (SELECT 1 ...)`"
        )


def _counted(
    checker: Checker, select: Node, frame: Frame, condition: Typed | None, kind: ColumnType
) -> Typed:
    if condition is not None:
        problem = nullability.existence_problem(condition)
        if problem:
            raise checker.refuse(
                "PC209",
                problem + "; EXISTS and count(*) would not see it",
                select["where_clause"],
                _GUARD,
            )
    return Typed(kind, evidence=True, columns=condition.columns if condition else frozenset())


def _scalar(checker: Checker, select: Node, frame: Frame, condition: Typed | None) -> Typed:
    item: Node = select["select_list"][0]
    name = function_name(item) if item.get("class") == "FUNCTION" else ""
    if name == "count_star" and not surplus(item, "function_name", "qualified_name"):
        return _counted(checker, select, frame, condition, INT)
    arguments = item.get("arguments", [])
    if name not in QUANTIFIERS or len(arguments) != 1:
        raise checker.refuse("PC202", "this is no subquery of the listed shapes", item, _SHAPES)
    checker.no_surplus(item, "function_name", "arguments", "qualified_name")
    if condition is not None:
        problem = nullability.row_condition_problem(condition, frame.alias)
        if problem:
            raise checker.refuse(
                "PC209",
                problem,
                select["where_clause"],
                f"{_GUARD}, or move the condition into {name}(...)",
            )
    value = checker.boolean(checker.arguments(item)[0], f"the operand of {name}")
    if not any(alias == frame.alias for alias, _ in value.columns):
        raise checker.refuse(
            "PC210",
            f"{name} looks at no column of `{frame.relation.name}`",
            item,
            f"write a condition on `{frame.alias}.`",
        )
    columns = value.columns | (condition.columns if condition else frozenset())
    cause = Cause(None, f"`{name}` can be undecided")
    return Typed(BOOL, frozenset({cause}), evidence=True, columns=columns)
