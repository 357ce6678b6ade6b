"""Tables put together from the rows of all sources, with what is wrong between the rows.

Goes in: typed rows with their origins. Comes out: `TableData` in an order that depends on the rows
alone, and the faults of rows: wrong cells, keys given twice, references that lead nowhere. Never drops
a faulty row without leaving a faulty one in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from policycheck.cells import shown
from policycheck.model import BulkFile, ColumnType, RowFault, TableData, TableSchema
from policycheck.rows import CellFault, Row
from policycheck.source import Place

Origin = tuple[int, str, int]  # index of the source, path of the file, line

WHOLE = "*"


class PlacedRow(Struct):
    """A row and where it stands. `whole` is set when nothing in it can be relied on."""

    row: Row
    origin: Origin
    whole: CellFault | None = None


def assemble(
    schemas: Mapping[str, TableSchema],
    rows: Mapping[str, list[PlacedRow]],
    complete: Callable[[str], bool],
    bulk: Mapping[str, list[BulkFile]],
) -> tuple[dict[str, TableData], list[RowFault]]:
    """All tables, also those without rows, and the faults of their rows in table and row order.

    `complete(table)` says whether the table has a usable source with its whole population; only then
    does a reference that is not found there lead nowhere.
    """
    tables: dict[str, TableData] = {}
    faults: list[RowFault] = []
    for name, schema in sorted(schemas.items()):
        if schema.parent is not None and schema.parent in schemas:
            continue
        placed = _merge_twins(schema, rows.get(name, []))
        _fill(schema, placed, tables, faults)
        for index, child in enumerate(schema.children):
            _fill(child, _children(schema, placed, index), tables, faults)
    for name, files in bulk.items():
        tables[name].bulk = files
    for data in tables.values():
        faults.extend(_dangling(data, tables, complete))
    faults.sort(key=lambda fault: (fault.table, fault.row, fault.column, fault.code))
    return dict(sorted(tables.items())), faults


def _ordered(value: Any) -> Any:
    """A value as one that can be compared with any other of its column, null first."""
    return (value is not None, value)


def _merge_twins(schema: TableSchema, placed: list[PlacedRow]) -> list[PlacedRow]:
    """The rows in order of their keys; those that share a key become one row that says nothing."""
    positions = [_position(schema, name) for name in schema.key]
    groups: dict[tuple[Any, ...], list[PlacedRow]] = {}
    nameless: list[PlacedRow] = []
    for entry in placed:
        key = tuple(entry.row.values[position] for position in positions)
        entry.whole = _broken_key(schema, entry.row)
        if None in key:
            nameless.append(entry)
        else:
            groups.setdefault(key, []).append(entry)
    merged = [_merged(schema, key, group) for key, group in groups.items()]
    return sorted(merged + nameless, key=lambda entry: _rank(entry, positions))


def _broken_key(schema: TableSchema, row: Row) -> CellFault | None:
    """What is wrong with a row as a whole where its key cannot be relied on."""
    broken = next((fault for fault in row.faults if fault.column in schema.key), None)
    if broken is None:
        return None
    return CellFault(WHOLE, broken.code, f"the key `{broken.column}`: {broken.words}")


def row_faults(schema: TableSchema, number: int, row: Row, place: Place) -> list[RowFault]:
    """The faults of one row, by itself, that gets this number in its table."""
    whole = _broken_key(schema, row)
    return _placed_faults(schema, number, ([whole] if whole else []) + row.faults, place)


def _placed_faults(
    schema: TableSchema, number: int, faults: Iterable[CellFault], place: Place
) -> list[RowFault]:
    return [RowFault(schema.name, number, f.column, f.code, f.words, place) for f in faults]


def _rank(entry: PlacedRow, positions: list[int]) -> tuple[Any, ...]:
    key = tuple(_ordered(entry.row.values[position]) for position in positions)
    if all(known for known, _ in key):
        return (key,)
    # Without a key the whole row decides, then its origin.
    return (key, tuple(_ordered(value) for value in entry.row.values), entry.origin[1:])


def _merged(schema: TableSchema, key: tuple[Any, ...], group: list[PlacedRow]) -> PlacedRow:
    if len(group) == 1:
        return group[0]
    group.sort(key=lambda entry: entry.origin)
    first = group[0]
    same = all(_content(entry.row) == _content(first.row) for entry in group)
    code = "duplicate_key" if same else "evidence_conflict"
    words = f"{len(group)} rows have this key" + ("" if same else ", and they differ")
    values = [None] * len(schema.columns)
    # The rows of their lists stay, and so do lists that could not be read, so that "there is none" is
    # not concluded from their absence.
    counts = {f"{child.parent_column}_count" for child in schema.children}
    row = Row(values, [fault for entry in group for fault in entry.row.faults if fault.column in counts])
    for name, value in zip(schema.key, key, strict=True):
        values[_position(schema, name)] = value
    row.children = [
        [item for entry in group for item in (entry.row.children[index] or [])]
        for index in range(len(schema.children))
    ]
    return PlacedRow(row, first.origin, CellFault(WHOLE, code, words))


def _content(row: Row) -> Any:
    children = [None if items is None else [_content(item) for item in items] for items in row.children]
    return row.values, row.faults, children


def _position(schema: TableSchema, name: str) -> int:
    return next(index for index, column in enumerate(schema.columns) if column.name == name)


def _children(schema: TableSchema, placed: list[PlacedRow], index: int) -> list[PlacedRow]:
    """The rows of a list column as rows of its own table, the parent's key in front."""
    child = schema.children[index]
    count = f"{child.parent_column}_count"
    positions = [_position(schema, name) for name in schema.key]
    found: list[PlacedRow] = []
    for entry in placed:
        key = [entry.row.values[position] for position in positions]
        items = entry.row.children[index]
        unread = next((fault for fault in entry.row.faults if fault.column == count), None)
        broken = entry.whole or unread
        if unread is not None and not items:
            # A list that could not be read leaves one faulty row, so that it is not taken for an empty one.
            items = [Row([None] * (len(child.columns) - len(key)))]
        own = [
            PlacedRow(
                Row(key + item.values, item.faults),
                entry.origin,
                CellFault(WHOLE, broken.code, broken.words) if broken else None,
            )
            for item in items or []
        ]
        found += sorted(own, key=lambda row: tuple(_ordered(value) for value in row.row.values))
    return found


def _fill(
    schema: TableSchema,
    placed: list[PlacedRow],
    tables: dict[str, TableData],
    faults: list[RowFault],
) -> None:
    """Turns rows into columns and notes their faults."""
    columns: dict[str, list[Any]] = {
        column.name: [entry.row.values[index] for entry in placed]
        for index, column in enumerate(schema.columns)
    }
    tables[schema.name] = TableData(schema, columns, [entry.origin for entry in placed])
    for number, entry in enumerate(placed):
        if entry.whole is None and not entry.row.faults:
            continue
        place = Place(entry.origin[1], entry.origin[2])
        faults += _placed_faults(
            schema, number, ([entry.whole] if entry.whole else []) + entry.row.faults, place
        )


def _dangling(
    data: TableData, tables: Mapping[str, TableData], complete: Callable[[str], bool]
) -> Iterable[RowFault]:
    """The references of a table that lead to no row of a complete table."""
    schema = data.schema
    for column in schema.columns:
        if column.references is None or column.type is ColumnType.SET:
            continue
        table, key = column.references
        target = tables.get(table)
        # Rows of a bulk file are not known here; the engine that loads them checks these references.
        if target is None or key not in target.columns or target.bulk or not complete(table):
            continue
        known = set(target.columns[key])
        for number, value in enumerate(data.columns[column.name]):
            if value is None or value in known:
                continue
            _, path, line = data.origins[number]
            words = f"{shown(value)} is not in `{table}.{key}`"
            yield RowFault(schema.name, number, column.name, "dangling_ref", words, Place(path, line))
