"""The gate: one boolean expression, checked before any engine sees it.

Goes in: an expression as written, the subject's relation, a scope and the engine's parser. Comes out:
a `CompiledExpression` with what it reads, or faults PC2xx with their place in the author's file.
Never imports an engine and never runs anything.

Faults: PC201 cannot be read, PC202 not part of the language, PC203 unknown table, PC204 unknown column,
PC205 unknown function, PC206 types, PC207 unknown parameter, PC208 clock or chance, PC209 would turn
unknown into a decision, PC210 says nothing, PC211 a row's name.
"""

from __future__ import annotations

from collections.abc import Iterable

from policycheck.errors import FaultList
from policycheck.model import ColumnType, CompiledExpression, ExpressionText, Reads, View
from policycheck.queries import CheckedView, check_view
from policycheck.scope import Parser, Relation, Scope
from policycheck.source import Place
from policycheck.sqltext import (
    Node,
    SqlText,
    check_parameters,
    expression_text,
    inline_parameters,
    parse_statement,
    read_tokens,
    surplus,
    table_name,
    view_text,
)
from policycheck.typecheck import SUBJECT, Checker, RefusedError, new_checker

__all__ = [
    "CheckedView",
    "Parser",
    "Relation",
    "Scope",
    "check_expression",
    "check_view",
    "parser_texts",
    "select_text",
]


def select_text(text: str) -> str | None:
    """The select a parser is asked about, or None where the text is refused before any parser."""
    sql = expression_text(text, Place(""))
    return sql.select if read_tokens(sql, lambda *_: None) is not None else None


def parser_texts(expressions: Iterable[ExpressionText], views: Iterable[View]) -> list[str]:
    """All that a parser will be asked, for an engine that answers many at once faster than one by one
    (`DuckdbParser.prime`). Holds only what the lexical gate has let through."""
    found = [select_text(expression.text) for expression in expressions]
    for view in views:
        sql = view_text(view.sql, view.place)
        found.append(sql.select if read_tokens(sql, lambda *_: None) is not None else None)
    return [text for text in found if text is not None]


def check_expression(
    name: str,
    expression: ExpressionText,
    subject: Relation,
    scope: Scope,
    parse: Parser,
    faults: FaultList,
) -> CompiledExpression | None:
    """The expression with its parameters written in, or None and at least one fault in `faults`."""
    sql = expression_text(expression.text, expression.place)
    tokens = read_tokens(sql, faults.add)
    root = parse_statement(sql, parse, faults.add) if tokens is not None else None
    if tokens is None or root is None:
        return None
    item = _only_item(root, sql, faults)
    parameters = check_parameters(sql, tokens, scope.parameters, faults)
    if item is None or parameters is None:
        return None
    checker = new_checker(sql, scope, faults, subject)
    try:
        _check_root(checker, item, subject)
    except RefusedError:
        return None
    except RecursionError:
        faults.add("PC201", "nested too deeply", sql.place, "prepare a column in a view")
        return None
    written = inline_parameters(sql, tokens, scope.literal)
    reads = Reads(frozenset(checker.tables), frozenset(checker.reads), parameters)
    return CompiledExpression(name, written, reads, tuple(sorted(checker.observes)), expression.place)


def _only_item(root: Node, sql: SqlText, faults: FaultList) -> Node | None:
    """The one expression of the select. INVARIANT: nothing but it came out of the author's text."""
    items = root.get("select_list") or []
    source = root.get("from_table") or {}
    whole = (
        root.get("type") == "SELECT_NODE"
        and surplus(root, "select_list", "from_table") is None
        and len(items) == 1
        and items[0].get("alias") == "v"
        and source.get("type") == "BASE_TABLE"
        and table_name(source) == "ev"
        and not source.get("alias")
        and surplus(source, "table_name", "qualified_name") is None
    )
    if not whole:
        faults.add("PC201", "this is not one expression", sql.place, "write one boolean expression")
        return None
    return items[0]  # type: ignore[no-any-return]  # a node of the parser's JSON


def _check_root(checker: Checker, item: Node, subject: Relation) -> None:
    if SUBJECT in subject.columns:
        raise checker.refuse("PC211", f"`{subject.name}` has a column named `{SUBJECT}`", item, "rename it")
    found = checker.check(item)
    if found.kind is not ColumnType.BOOL:
        raise checker.refuse("PC206", "the expression is not a boolean", item, "write a condition")
    if not found.evidence:
        raise checker.refuse(
            "PC210", "the expression looks at no evidence", item, "name a column of the subject"
        )
