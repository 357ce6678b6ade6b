"""What a value is to the direct engine, and how that engine says that it has no answer.

Values are those of `model.TableData`, with sets as tuples: None is NULL. A row in reach is a tuple with
the row of each source; `Outer` holds the rows of the queries around it, the nearest first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

from policycheck.errors import EngineError, Fault
from policycheck.model import ColumnType
from policycheck.source import Place

Kind = str
TEXT, INT, BOOL, DAY, DAYS, INSTANT, SET = (
    ColumnType.TEXT,
    ColumnType.INT,
    ColumnType.BOOL,
    ColumnType.DAY,
    ColumnType.DAYS,
    ColumnType.INSTANT,
    ColumnType.SET,
)
# The embedded engine computes in the width its types have, and fails beyond it. So does this one.
INT32, INT128, NULL = "int32", "int128", "null"
WIDTHS: dict[Kind, int] = {INT32: 31, INT: 63, INT128: 127}

Row = tuple[tuple[Any, ...], ...]
Outer = Any
"""(row, further out) of the query around, or None where there is none."""
Value = Callable[[Row, Outer], Any]
Rows = Callable[[Outer], list[Any]]


class RefusedError(EngineError):
    """Not part of what this engine answers. The embedded engine may well answer it."""


def refused(what: str) -> RefusedError:
    return RefusedError([Fault("PC901", f"the direct engine does not answer {what}", Place("engine"))])


def column_kind(kind: Kind) -> ColumnType:
    """The type of a column that holds values of a kind. Raises RefusedError for a column of bare NULLs."""
    if kind in WIDTHS:
        return INT
    if kind == NULL:
        raise refused("a column that is always NULL; give it a type with CAST(NULL AS ...)")
    return ColumnType(kind)


def common_kind(kinds: Iterable[Kind], where: str) -> Kind:
    """The one kind of several values, the widest of whole numbers; raises RefusedError where they differ."""
    found = {kind for kind in kinds if kind != NULL}
    if not found:
        return NULL
    if found <= WIDTHS.keys():
        return max(found, key=WIDTHS.__getitem__)
    if len(found) > 1:
        raise refused(f"{where} over {' and '.join(sorted(found))}")
    return found.pop()


def integer_kind(number: int) -> Kind:
    """The kind of a whole number as it is written. Raises RefusedError beyond 64 bits."""
    for kind in (INT32, INT):
        if -(1 << WIDTHS[kind]) <= number < 1 << WIDTHS[kind]:
            return kind
    raise refused(f"the number {number}")


def parameter(value: Any) -> tuple[Kind, Any]:
    """Kind and value of a parameter (bool, int, str, texts, day, naive UTC instant)."""
    if isinstance(value, bool):
        return BOOL, value
    if isinstance(value, int):
        return integer_kind(value), value
    if isinstance(value, str):
        return TEXT, value
    if isinstance(value, datetime):
        return INSTANT, (value, value)
    if isinstance(value, date):
        return DAY, value
    if isinstance(value, (list, tuple)) and all(isinstance(member, str) for member in value):
        return SET, tuple(value)
    raise refused(f"the parameter value `{value!r}`")


class Memory:
    """Results that hold until the rows of a table change."""

    def __init__(self) -> None:
        self._held: list[dict[Any, Any]] = []

    def table(self) -> dict[Any, Any]:
        """A dictionary that is emptied by `forget`."""
        held: dict[Any, Any] = {}
        self._held.append(held)
        return held

    def once(self, compute: Rows) -> Rows:
        """Rows that depend on no row outside, computed when they are first asked for."""
        held = self.table()

        def rows(outer: Outer) -> list[Any]:
            if None not in held:
                held[None] = compute(outer)
            found: list[Any] = held[None]
            return found

        return rows

    def forget(self) -> None:
        for held in self._held:
            held.clear()
