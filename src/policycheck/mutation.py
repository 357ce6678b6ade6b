"""The small wrong versions of one expression: a boundary shifted, an operand dropped, a predicate settled.

Goes in: an expression as written. Comes out: `Change`s that say something else than the expression and than
each other, each with a name that lasts. Whether the gate lets a change through, and whether an example
notices it, is for others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from policycheck.changer import CHANGED, Change, Changer
from policycheck.model import ExpressionText, Parameter
from policycheck.scope import Parser
from policycheck.source import Place
from policycheck.spans import Spans
from policycheck.sqltext import Node, expression_text, parse_statement, read_tokens

__all__ = ["CHANGED", "Change", "changes", "stable_id", "written_changes"]

_OPPOSITE = {"COMPARE_EQUAL": "COMPARE_NOTEQUAL", "COMPARE_LESSTHAN": "COMPARE_GREATERTHANOREQUALTO",
             "COMPARE_GREATERTHAN": "COMPARE_LESSTHANOREQUALTO"}  # fmt: skip
_OPPOSITE |= {other: one for one, other in _OPPOSITE.items()}


def changes(text: ExpressionText, parameters: Mapping[str, Parameter], parse: Parser) -> list[Change]:
    """Every change of an expression that has passed the gate, in the order of places.

    Changes that say the same as the expression or as an earlier change are left out.
    """
    item = _tree(text, parse)
    seen = {_meaning(item, None)}
    kept = []
    for change in written_changes(text, parameters, parse):
        tree = _tree(ExpressionText(change.text, text.place), parse)
        meaning = _meaning(tree, change)
        if tree is not None and meaning not in seen:
            seen.add(meaning)
            kept.append(change)
    return kept


def written_changes(text: ExpressionText, parameters: Mapping[str, Parameter], parse: Parser) -> list[Change]:
    """Every change as it is written, also those that say the same."""
    sql = expression_text(text.text, text.place)
    tokens = read_tokens(sql, _silent)
    item = _tree(text, parse)
    if tokens is None or item is None:
        return []
    return Changer(Spans(sql, tokens), parameters).all(item)


def _tree(text: ExpressionText, parse: Parser) -> Node | None:
    root = parse_statement(expression_text(text.text, text.place), parse, _silent)
    return root["select_list"][0] if root is not None else None


def stable_id(part: str, text: str, change: Change) -> str:
    """A name for a change that depends on no line, file or layout: what stands before and after.

    It lapses with any other change of the expression, since a claim about it has to be made anew.
    """
    words = [part, *_words(text), "->", *_words(change.text), change.parameter, change.after]
    return f"{part}/{hashlib.sha256(chr(0).join(words).encode()).hexdigest()[:8]}"


def _words(text: str) -> list[str]:
    tokens = read_tokens(expression_text(text, Place("")), _silent)
    return [token.text for token in tokens or ()]


def _silent(*_: object) -> None:
    """Takes a fault that nobody needs: what cannot be read gives no changes."""


def _meaning(node: Any, change: Change | None) -> str:
    told = repr(_plain(node))
    if change is not None and change.parameter:
        told += f"{change.parameter}:{change.value!r}:{change.moved}"
    return told


def _plain(node: Any) -> Any:
    """A tree without places, in which NOT has been moved into comparisons."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "OPERATOR_NOT":
        inner = _plain(node["children"][0])
        if inner.get("type") == "OPERATOR_NOT":
            return inner["children"][0]
        if inner.get("type") in _OPPOSITE:
            return {**inner, "type": _OPPOSITE[inner["type"]]}
        return {"class": "OPERATOR", "type": "OPERATOR_NOT", "children": [inner]}
    return {key: _plain(value) for key, value in node.items() if not key.startswith("query_location")}
