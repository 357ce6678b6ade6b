"""What an expression may name: relations with typed columns, and parameters with values.

Goes in: what the compiler knows about tables, views and the chosen profile. Comes out: frozen values
that the expression gate reads. Never parses and never asks an engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Protocol

from msgspec import Struct, field

from policycheck.model import ColumnType


class Parser(Protocol):
    """Turns the text of one select into the engine's own syntax tree, as JSON text.

    Text that cannot be parsed gives `{"error": true, "error_message": ..., "location": ...}`.
    """

    def __call__(self, select_sql: str) -> str: ...


class Relation(Struct, frozen=True):
    """A table or a view. `columns` maps a name to its type and whether it may be NULL. `reads` is
    None for a table (each column reads itself); for a view it maps each column to the pairs
    (base table, column) behind it. `tables` are the base tables below (a table: itself)."""

    name: str
    columns: Mapping[str, tuple[ColumnType, bool]]
    reads: Mapping[str, frozenset[tuple[str, str]]] | None
    tables: frozenset[str]

    def pairs(self, column: str) -> frozenset[tuple[str, str]]:
        """The base (table, column) pairs one column depends on."""
        if self.reads is None:
            return frozenset({(self.name, column)})
        return self.reads.get(column, frozenset())


class Scope(Struct, frozen=True):
    """All relations an expression may read, and parameter values by name (bool, int, str, a tuple of
    str, a day as `date`, an instant as naive UTC `datetime`). `as_of` and `as_of_day` are ordinary
    entries. `literals` are what stands for a parameter in a query, where that is not its value."""

    relations: Mapping[str, Relation]
    parameters: Mapping[str, Any]
    literals: Mapping[str, str] = field(default_factory=dict)

    def literal(self, name: str) -> str:
        """The text that stands for `$name` in a query."""
        return self.literals.get(name) or sql_literal(self.parameters[name])


def value_type(value: Any) -> ColumnType:
    """The type of a parameter's value. Raises TypeError for a value no expression can use."""
    if isinstance(value, bool):
        return ColumnType.BOOL
    if isinstance(value, int):
        return ColumnType.INT
    if isinstance(value, str):
        return ColumnType.TEXT
    if isinstance(value, datetime):
        return ColumnType.INSTANT
    if isinstance(value, date):
        return ColumnType.DAY
    if isinstance(value, (list, tuple)) and all(isinstance(member, str) for member in value):
        return ColumnType.SET
    raise TypeError(f"`{value!r}` is not a boolean, whole number, text, list of text, day or instant")


def sql_literal(value: Any) -> str:
    """The value as SQL text that can stand wherever an operand can.

    Numbers below zero are bracketed: `1 -$n` with n = -5 would otherwise begin a comment.
    """
    kind = value_type(value)
    if kind is ColumnType.BOOL:
        return "true" if value else "false"
    if kind is ColumnType.INT:
        return str(value) if value >= 0 else f"({value})"
    if kind is ColumnType.TEXT:
        return _quoted(value)
    if kind is ColumnType.INSTANT:
        moment = f"TIMESTAMP '{value.isoformat(sep=' ', timespec='microseconds')}'"
        return "{'lo': " + moment + ", 'hi': " + moment + "}"
    if kind is ColumnType.DAY:
        return f"DATE '{value.isoformat()}'"
    members = ", ".join(_quoted(member) for member in value)
    # An empty list has no member type of its own.
    return f"[{members}]" if members else "CAST([] AS VARCHAR[])"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
