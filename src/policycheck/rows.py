"""Rows: a mapping of raw values as the typed values of a table, with what is wrong in it.

Goes in: a `TableSchema` and rows as mappings, from YAML, JSON, CSV or a pack's example. Comes out: a
`Row` for each, its cells typed and its faults in words. Never decides what a faulty row means for a
control.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from policycheck.cells import DATED, Cell, CellError, compile_cell, compile_text_cell, is_future, shown
from policycheck.model import Column, ColumnType, TableSchema


class CellFault(Struct, frozen=True):
    """A value that cannot be relied on. Codes: `wrong_type`, `future_date`."""

    column: str
    code: str
    words: str


class Row(Struct):
    """The typed values of one row in the order of the schema's columns, and of its children.

    A faulty cell is None (except a future key, which still names the row). `children` has, for each
    child table in order, the rows of the list, or None where the list is null or faulty.
    """

    values: list[Any]
    faults: list[CellFault] = field(default_factory=list)
    children: list[list[Row] | None] = field(default_factory=list)


NEVER = datetime(9999, 12, 31)  # noqa: DTZ001 naive UTC, as all typed instants

# Name, reader, whether it may be null, and its type where a value after `as_of` is a fault.
_NamedCell = tuple[str, Cell, bool, ColumnType | None]


class RowReader(Struct, frozen=True):
    """Reads rows of one table. Made by `compile_row_reader`."""

    schema: TableSchema
    names: frozenset[str]
    _cells: tuple[_NamedCell, ...]
    _text_cells: tuple[_NamedCell, ...]
    _lists: tuple[tuple[str, bool, RowReader], ...]
    _as_of: datetime

    def unknown(self, raw: Mapping[str, Any]) -> list[str]:
        """The names in a row, or in the rows of its lists, that are no column."""
        if not self._lists and raw.keys() <= self.names:
            return []
        found = [name for name in raw if name not in self.names]
        for name, _, reader in self._lists:
            items = raw.get(name)
            for item in items if isinstance(items, list) else ():
                if isinstance(item, dict):
                    found += [f"{name}.{inner}" for inner in reader.unknown(item)]
        return found

    def read(self, raw: Mapping[str, Any], from_text: bool = False) -> Row:
        """The typed row; `from_text` when the values are the texts of CSV fields."""
        row = Row([])
        missing = "" if from_text else None
        values = row.values
        for name, cell, nullable, dated in self._text_cells if from_text else self._cells:
            value = raw.get(name, missing)
            if value is None and nullable:
                values.append(None)
                continue
            try:
                typed = cell(value)
            except CellError as error:
                row.faults.append(CellFault(name, "wrong_type", str(error)))
                typed = None
            if dated is not None and typed is not None and is_future(dated, typed, self._as_of):
                row.faults.append(CellFault(name, "future_date", f"{shown(value)} is later than this run"))
                typed = typed if name in self.schema.key else None
            values.append(typed)
        for name, nullable, reader in self._lists:
            self._read_list(row, name, nullable, reader, raw.get(name, missing))
        return row

    def _read_list(self, row: Row, name: str, nullable: bool, reader: RowReader, value: Any) -> None:
        items: list[Row] | None = None
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            items = [reader.read(item) for item in value]
        elif value not in (None, ""):
            # A list of objects has no text form, so a CSV file leaves the column empty.
            words = f"{shown(value)} is not a list of mappings"
            row.faults.append(CellFault(f"{name}_count", "wrong_type", words))
        elif not nullable:
            row.faults.append(CellFault(f"{name}_count", "wrong_type", "null where a list is required"))
        row.values.append(None if items is None else len(items))
        row.children.append(items)


def compile_row_reader(schema: TableSchema, as_of: datetime | None = None) -> RowReader:
    """A reader of the rows of `schema`. `as_of` is naive UTC; dates after it are faults when given."""
    counted = {f"{child.parent_column}_count": child for child in schema.children}
    plain = [column for column in schema.columns if column.name not in counted]

    def cells(compile_: Callable[[Column], Cell]) -> tuple[_NamedCell, ...]:
        checked = as_of is not None
        return tuple(
            (
                column.name,
                compile_(column),
                column.nullable,
                column.type if checked and column.type in DATED and not column.may_be_future else None,
            )
            for column in plain
        )

    lists = []
    for count, child in counted.items():
        column = schema.column(count)
        inner = _own_columns(child, schema.key)
        reader = compile_row_reader(inner, as_of)
        lists.append((child.parent_column, column is None or column.nullable, reader))
    names = frozenset(column.name for column in plain) | {name for name, _, _ in lists}
    return RowReader(
        schema, names, cells(compile_cell), cells(compile_text_cell), tuple(lists), as_of or NEVER
    )


def _own_columns(child: TableSchema, keys: Sequence[str]) -> TableSchema:
    """The child table without the key columns of its parent, as its rows stand in a file."""
    return TableSchema(
        child.name, child.title, child.description, child.columns[len(keys) :], (), child.max_age_days
    )


def default_row(schema: TableSchema, given: Mapping[str, Any], ordinal: int = 1) -> dict[str, Any]:
    """The raw row of an example that states only what matters.

    A required column that is not given takes its schema's first example; text key columns, where it is
    the second or a later row (`ordinal` counts from 1), with `-2`, `-3` and so on. What is nullable and
    not given stays away, which is null. Names that are no column are kept, for the reader to refuse.
    """
    row = dict(given)
    counted = {f"{child.parent_column}_count" for child in schema.children}
    for column in schema.columns:
        if column.name in row or column.nullable or column.name in counted:
            continue
        value = column.example
        if ordinal > 1 and column.name in schema.key and column.type is ColumnType.TEXT and not column.enum:
            value = f"{value}-{ordinal}"
        row[column.name] = value
    for child in schema.children:
        items = row.get(child.parent_column)
        inner = _own_columns(child, schema.key)
        if isinstance(items, list):
            row[child.parent_column] = [
                default_row(inner, item) if isinstance(item, dict) else item for item in items
            ]
        elif child.parent_column not in row and not _list_nullable(schema, child):
            row[child.parent_column] = []
    return row


def _list_nullable(schema: TableSchema, child: TableSchema) -> bool:
    column = schema.column(f"{child.parent_column}_count")
    return column is None or column.nullable
