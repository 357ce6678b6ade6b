"""The state of one type check: the rows in reach, what is guarded, and what has been read.

Goes in: nodes of the parser's tree. Comes out: `Typed` for each, through a table of visits that
`typecheck.py` fills. What has no visit is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from policycheck.errors import FaultList, nearest
from policycheck.functions import CLOCKS
from policycheck.model import ColumnType
from policycheck.nullability import Cause, ColumnName, Typed
from policycheck.scope import Relation, Scope
from policycheck.sqltext import Node, SqlText, surplus

SUBJECT = "subject"


class RefusedError(Exception):
    """The expression was refused; the fault is already in the list."""


class Frame(Struct):
    """One row in reach: the subject, or the row of a subquery."""

    alias: str
    relation: Relation


Visit = Callable[["Checker", Node], Typed]


class Checker(Struct):
    """Walks one tree. `reads` gathers (table, column) pairs, `observes` columns of the subject."""

    sql: SqlText
    scope: Scope
    faults: FaultList
    frames: list[Frame]
    visits: Mapping[str, Visit]
    guards: frozenset[ColumnName] = frozenset()
    tables: set[str] = field(default_factory=set)
    reads: set[tuple[str, str]] = field(default_factory=set)
    observes: set[str] = field(default_factory=set)

    def refuse(self, code: str, message: str, node: Mapping[str, Any], help: str = "") -> RefusedError:
        self.faults.add(code, message, self.sql.place_at(node), help)
        return RefusedError()

    def check(self, node: Node) -> Typed:
        """The type of any node. Raises RefusedError after reporting a fault."""
        kind = str(node.get("class"))
        visit = self.visits.get(kind)
        if visit is None:
            raise self.refuse(
                "PC202", _REFUSED.get(kind, f"{kind.lower()} is not part of the language"), node
            )
        return visit(self, node)

    def boolean(self, node: Node, where: str) -> Typed:
        """A condition: boolean, and not a constant that settles the matter by itself."""
        found = self.check(node)
        if found.kind is not ColumnType.BOOL:
            raise self.refuse(
                "PC206",
                f"{where} is {type_words(found.kind)}, not a boolean",
                node,
                "compare it, or write `... IS NOT NULL`",
            )
        if found.literal is not None:
            raise self.refuse("PC210", f"a constant as {where}", node, "write the condition that is meant")
        return found

    def operand(self, node: Node) -> Typed:
        found = self.check(node)
        if found.kind is None:
            raise self.refuse(
                "PC209",
                "NULL as a value: the answer would be NULL",
                node,
                "ask with `IS NULL` or `IS NOT NULL`",
            )
        return found

    def column(self, node: Node) -> Typed:
        names = [str(name) for name in node.get("column_names", [])]
        self.no_surplus(node, "column_names")
        if len(names) > 2:
            raise self.refuse(
                "PC202", f"`{'.'.join(names)}` reaches into a value or a schema", node, "write `alias.column`"
            )
        frame = self._frame(names, node)
        name = names[-1]
        if name not in frame.relation.columns:
            raise self.refuse(
                "PC204",
                f"unknown column `{name}` of `{frame.relation.name}`",
                node,
                nearest(name, frame.relation.columns),
            )
        kind, nullable = frame.relation.columns[name]
        found = frame.relation.pairs(name)
        self.reads |= found
        # A view depends on all its tables: one that is only counted shows in no column.
        self.tables |= {table for table, _ in found} | frame.relation.tables
        if frame.alias == SUBJECT:
            self.observes.add(name)
        key = (frame.alias, name)
        causes = frozenset({Cause(key, f"`{'.'.join(names)}` is nullable")})
        nulls = causes if nullable and key not in self.guards else frozenset()
        own = frozenset({key})
        return Typed(kind, nulls, own, own, frozenset(), own, evidence=True, column=key)

    def _frame(self, names: list[str], node: Node) -> Frame:
        if len(names) == 2:
            frame = next((each for each in self.frames if each.alias == names[0]), None)
            if frame is None:
                raise self.refuse(
                    "PC211",
                    f"`{names[0]}` is no row in reach",
                    node,
                    nearest(names[0], [each.alias for each in self.frames]),
                )
            return frame
        if names[0].lower() in CLOCKS:
            raise self.refuse(
                "PC208", f"`{names[0]}` looks at the clock", node, "use `$as_of` or `$as_of_day`"
            )
        if len(self.frames) > 1:
            owners = [each.alias for each in reversed(self.frames) if names[0] in each.relation.columns]
            hint = f"write `{owners[0]}.{names[0]}`" if owners else "write `alias.column`"
            raise self.refuse("PC211", f"`{names[0]}` inside a subquery does not say whose it is", node, hint)
        return self.frames[0]

    def arguments(self, node: Node) -> list[Node]:
        arguments = node.get("arguments", [])
        for argument in arguments:
            if argument.get("name") or argument["expression"].get("alias"):
                raise self.refuse(
                    "PC202", "a named argument", argument["expression"], "give arguments in order"
                )
        return [argument["expression"] for argument in arguments]

    def no_surplus(self, node: Node, *handled: str) -> None:
        extra = surplus(node, *handled)
        if extra:
            raise self.refuse("PC202", f"`{extra.replace('_', ' ')}` is not part of the language", node)


_REFUSED = {
    "STAR": "`*` and COLUMNS() are not part of the language",
    "LAMBDA": "lambdas and `->` are not part of the language",
    "WINDOW": "window functions are not part of an expression",
    "COLLATE": "collations are not part of the language",
    "POSITIONAL_REFERENCE": "`#1` is not part of the language",
}


def type_words(kind: ColumnType | None) -> str:
    """A type as a reader calls it."""
    return {
        None: "NULL",
        ColumnType.BOOL: "a boolean",
        ColumnType.INT: "a whole number",
        ColumnType.TEXT: "text",
        ColumnType.SET: "a set",
        ColumnType.DAY: "a day",
        ColumnType.DAYS: "a partial date",
        ColumnType.INSTANT: "an instant",
    }[kind]
