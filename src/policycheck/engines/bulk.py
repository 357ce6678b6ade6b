"""Evidence at scan speed: Parquet read whole, then checked by SQL made from the table schema.

Goes in: open descriptors of files whose bytes were hashed, and the schema of their table. Comes out:
rows in the engine, the faults of single rows, and per source the rows read or why it is unusable. Large
text files are read by `bulk_text`; what is so between rows is found here for all.

INVARIANT: nothing a footer says decides anything. Every value is materialised before it is looked at,
with the optimiser that believes footer statistics switched off.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from policycheck.cells import shown
from policycheck.engines import BulkResult
from policycheck.engines.bulk_rules import cell_rules
from policycheck.engines.bulk_text import FAULT_LIMIT, Store, read_text
from policycheck.errors import EngineError
from policycheck.model import BulkFile, Column, ColumnType, RowFault, SourceState, TableData, TableSchema
from policycheck.rowfiles import suffix_of
from policycheck.scope import sql_literal
from policycheck.source import Place
from policycheck.sources import BULK as PARQUET
from policycheck.sources import SourceError, miscounted

INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
DAY_FORM = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
INSTANT_FORM = (
    rf"{DAY_FORM}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{{1,6}})?(Z|[+-][01][0-9]:[0-5][0-9])"
)

Fetch = Callable[[str], list[tuple[Any, ...]]]


class _UnusableError(Exception):
    """The file as a whole cannot be rows of the table."""


def load_bulk(data: TableData, as_of: datetime, store: Store) -> BulkResult:
    """Loads all bulk files of a table behind its other rows. What is wrong with one ends its whole source."""
    result = BulkResult()
    faults: list[RowFault] = []
    start = len(data.origins)
    coded = _coded(data.schema)
    _retype(data.schema, {column.name: _members(column) for column in coded}, store.fetch)
    for source, grouped in groupby(data.bulk, key=lambda file: file.source):
        files = list(grouped)
        try:
            faults += _load_source(data, files, start, as_of, coded, store)
        except SourceError as error:
            result.broken[source] = error
            store.fetch(f'DELETE FROM "{data.schema.name}" WHERE _source = {source}')
        result.rows[source] = sum(max(file.rows, 0) for file in files)
        start += sum(max(file.lines, 0) for file in files)
    result.in_key_order = _in_key_order(data.schema, store.fetch)
    result.faults = faults if result.in_key_order else _twins(data, faults, store.fetch)
    return result


def _load_source(
    data: TableData, files: list[BulkFile], start: int, as_of: datetime, coded: list[Column], store: Store
) -> list[RowFault]:
    """Loads the files of one source, and counts their rows: -1 where a source has none because of a file."""
    faults: list[RowFault] = []
    try:
        for file in files:
            file.rows = file.lines = 0
            if suffix_of(file.path) == PARQUET:
                with store.watched(f"reading {file.path}", os.fstat(file.fd).st_size):
                    faults += _read_parquet(data, file, start, as_of, coded, store.fetch)
            else:
                faults += read_text(data, file, start, as_of, store)
            start += file.lines
    except (SourceError, EngineError, _UnusableError) as error:
        for lost in files:
            lost.rows = lost.lines = -1
        raise _ended(file, error) from None
    total, expected = sum(file.rows for file in files), files[0].expected
    if expected is not None and total != expected:
        raise miscounted(total, expected)
    return faults


def _ended(file: BulkFile, error: SourceError | EngineError | _UnusableError) -> SourceError:
    if isinstance(error, SourceError):
        return error
    words = error.faults[0].message if isinstance(error, EngineError) else str(error)
    hint = "write it anew, or collect it again"
    return SourceError(SourceState.INVALID, "PC408", f"`{file.path}`: {words}", hint)


def _coded(schema: TableSchema) -> list[Column]:
    """Columns whose values are held as numbers of their members: less to copy, compare and keep."""
    return [column for column in schema.columns if column.enum and column.type is ColumnType.TEXT]


def _members(column: Column) -> str:
    # INVARIANT: the members stand in the order of text, which is the order that `<` and `max` then go by.
    return f"ENUM({', '.join(sql_literal(value) for value in sorted(column.enum))})"


def _retype(schema: TableSchema, types: Mapping[str, str], fetch: Fetch) -> None:
    for name, kind in types.items():
        fetch(f'ALTER TABLE "{schema.name}" ALTER "{name}" SET DATA TYPE {kind}')


def _read_parquet(
    data: TableData, file: BulkFile, start: int, as_of: datetime, coded: list[Column], fetch: Fetch
) -> list[RowFault]:
    schema = data.schema
    if schema.children:
        raise _UnusableError("a table with lists of objects is read from YAML, JSON or NDJSON only")
    reader = f"read_parquet('{file.fd_path}')"
    found = {name: kind for name, kind, *_ in fetch(f"DESCRIBE SELECT * FROM {reader}")}
    unknown = sorted(set(found) - {c.name for c in schema.columns})
    missing = sorted(c.name for c in schema.columns if not c.nullable and c.name not in found)
    if unknown:
        raise _UnusableError(f"it has columns the table has not: {', '.join(unknown)}")
    if missing:
        raise _UnusableError(f"it lacks the columns {', '.join(missing)}")
    items = [_item(column, found.get(column.name)) for column in schema.columns]
    numbered = f"read_parquet('{file.fd_path}', file_row_number=true)"
    insert = (
        f'INSERT INTO "{schema.name}" SELECT {start} + file_row_number AS _row, '
        f"{file.source} AS _source, {', '.join(items)} FROM {numbered}"
    )
    try:
        added = fetch(insert)
    except EngineError:
        # Perhaps a value that is no member. As text it can be read, and found out row by row.
        if not coded:
            raise
        _retype(schema, {column.name: "VARCHAR" for column in coded}, fetch)
        coded.clear()
        added = fetch(insert)
    file.rows = file.lines = int(added[0][0])
    return _row_faults(data, file, start, as_of, coded, fetch)


def _item(column: Column, kind: str | None) -> str:
    """The SELECT item that turns a Parquet column into the engine's form of the column."""
    name = f'"{column.name}"'
    if kind is None:
        return f"NULL AS {name}"
    wanted = column.type
    if wanted is ColumnType.TEXT and kind == "VARCHAR":
        return name
    if wanted is ColumnType.INT and kind in INTEGERS:
        return f"CAST({name} AS BIGINT) AS {name}"
    if wanted is ColumnType.BOOL and kind == "BOOLEAN":
        return name
    if wanted is ColumnType.SET and kind == "VARCHAR[]":
        return f"list_sort({name}) AS {name}"
    if wanted in (ColumnType.DAY, ColumnType.DAYS, ColumnType.INSTANT):
        item = _time_item(column, name, kind)
        if item is not None:
            return f"{item} AS {name}"
    raise _UnusableError(f"column `{column.name}` has the type {kind}, which is no {wanted.value}")


def _time_item(column: Column, name: str, kind: str) -> str | None:
    # CASE raises on text that is no date: the file then is unusable, as any other broken file.
    if column.type is ColumnType.DAY:
        if kind == "DATE":
            return name
        return _checked(name, DAY_FORM, f"CAST({name} AS DATE)") if kind == "VARCHAR" else None
    if column.type is ColumnType.DAYS:
        if kind == "DATE":
            return _pair(name, name, name)
        return _partial(name) if kind == "VARCHAR" else None
    if kind == "TIMESTAMP WITH TIME ZONE":
        # An infinite instant has no microseconds. It stays infinite, and so out of range.
        exact = f"make_timestamp(epoch_us({name}))"
        moment = f"CASE WHEN isinf({name}) THEN CAST({name} AS TIMESTAMP) ELSE {exact} END"
        return _pair(name, moment, moment)
    if kind == "DATE":
        return _whole_day(name, name)
    return _instant(name) if kind == "VARCHAR" else None


def _pair(name: str, lo: str, hi: str) -> str:
    return f"CASE WHEN {name} IS NOT NULL THEN {{'lo': {lo}, 'hi': {hi}}} END"


def _whole_day(name: str, day: str) -> str:
    lo = f"CAST({day} AS TIMESTAMP)"
    return _pair(name, lo, f"{lo} + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND")


def _checked(name: str, form: str, item: str) -> str:
    return (
        f"CASE WHEN {name} IS NULL THEN NULL WHEN regexp_full_match({name}, '{form}') THEN {item} "
        f"ELSE error('`' || {name} || '` is not a date') END"
    )


def _partial(name: str) -> str:
    year = f"CAST({name} || '-01-01' AS DATE)"
    month = f"CAST({name} || '-01' AS DATE)"
    day = f"CAST({name} AS DATE)"
    ends = {
        "[0-9]{4}": (year, f"CAST({name} || '-12-31' AS DATE)"),
        # Not DuckDB's `last_day`: the policy function of that name takes its place in a session.
        "[0-9]{4}-[0-9]{2}": (month, f"CAST({month} + INTERVAL 1 MONTH - INTERVAL 1 DAY AS DATE)"),
        DAY_FORM: (day, day),
    }
    whens = " ".join(
        f"WHEN regexp_full_match({name}, '{form}') THEN {{'lo': {lo}, 'hi': {hi}}}"
        for form, (lo, hi) in ends.items()
    )
    return f"CASE WHEN {name} IS NULL THEN NULL {whens} ELSE error('`' || {name} || '` is not a date') END"


def _instant(name: str) -> str:
    local = (
        f"CAST(regexp_replace(replace({name}, 'T', ' '), '(Z|[+-][0-9]{{2}}:[0-9]{{2}})$', '') AS TIMESTAMP)"
    )
    sign = f"(CASE WHEN {name} LIKE '%Z' THEN 0 WHEN left(right({name}, 6), 1) = '-' THEN -1 ELSE 1 END)"
    minutes = (
        f"(CASE WHEN {name} LIKE '%Z' THEN 0 ELSE CAST(left(right({name}, 5), 2) AS BIGINT) * 60 "
        f"+ CAST(right({name}, 2) AS BIGINT) END)"
    )
    moment = f"({local} - to_minutes({sign} * {minutes}))"
    day = _whole_day(name, f"CAST({name} AS DATE)")
    return (
        f"CASE WHEN {name} IS NULL THEN NULL "
        f"WHEN regexp_full_match({name}, '{DAY_FORM}') THEN {day} "
        f"WHEN regexp_full_match({name}, '{INSTANT_FORM}') THEN {_pair(name, moment, moment)} "
        f"ELSE error('`' || {name} || '` is not an instant') END"
    )


# --- rows -----------------------------------------------------------------------------------------


def _row_faults(
    data: TableData, file: BulkFile, start: int, as_of: datetime, coded: Collection[Column], fetch: Fetch
) -> list[RowFault]:
    """Every cell that breaks its column's rules, found in one scan; then each is set to NULL."""
    rules = [r for column in data.schema.columns for r in cell_rules(column, as_of, column in coded)]
    if not rules:
        return []
    table = f'"{data.schema.name}"'
    test = " OR ".join(f"({rule[3]})" for rule in rules)
    flags = ", ".join(f"coalesce({rule[3]}, false)" for rule in rules)
    faulty = f"SELECT _row, {flags} FROM {table} WHERE _row >= {start} AND ({test})"
    rows = fetch(f"{faulty} ORDER BY _row LIMIT {FAULT_LIMIT + 1}")
    if len(rows) > FAULT_LIMIT:
        raise _UnusableError(
            f"more than {FAULT_LIMIT} rows are faulty, the first in row {rows[0][0] - start + 1}"
        )
    faults = []
    for row, *broken in rows:
        for (column, code, words, _), hit in zip(rules, broken, strict=True):
            if hit:
                place = Place(file.path, row - start + 1)
                whole = column in data.schema.key
                faults.append(RowFault(data.schema.name, row, "*" if whole else column, code, words, place))
                if not whole:
                    fetch(f'UPDATE {table} SET "{column}" = NULL WHERE _row = {row}')
    return faults


def _twins(data: TableData, known: list[RowFault], fetch: Fetch) -> list[RowFault]:
    """The faults, with those of rows that share a key, over all files: one keeps the key and loses the
    rest, and what was wrong in them. Never last-wins."""
    table = f'"{data.schema.name}"'
    keys = ", ".join(f'"{name}"' for name in data.schema.key)
    others = [f'"{c.name}"' for c in data.schema.columns if c.name not in data.schema.key]
    if not keys:
        return known
    named = " AND ".join(f'"{name}" IS NOT NULL' for name in data.schema.key)
    # Equal keys have equal hashes, and these are grouped faster than the keys.
    hashes = f"SELECT count(*) AS n FROM {table} WHERE {named} GROUP BY hash({keys})"
    total, found = fetch(f"SELECT coalesce(sum(n), 0), count(*) FROM ({hashes})")[0]
    if total == found:
        return known
    groups = fetch(
        f"SELECT list(_row ORDER BY _row) AS rows FROM {table} WHERE {named} GROUP BY {keys} "
        "HAVING count(*) > 1 ORDER BY rows[1]"
    )
    cells: dict[int, list[tuple[str, str, str]]] = {}
    for fault in known:
        cells.setdefault(fault.row, []).append((fault.column, fault.code, fault.words))
    faults, merged = [], set()
    for (rows,) in groups:
        merged |= set(rows)
        contents = f"count(DISTINCT row({', '.join(others)}))" if others else "1"
        listed = ", ".join(str(row) for row in rows)
        different = fetch(f"SELECT {contents} FROM {table} WHERE _row IN ({listed})")[0][0] > 1
        different = different or any(cells.get(row) != cells.get(rows[0]) for row in rows)
        if others:
            emptied = ", ".join(f"{name} = NULL" for name in others)
            fetch(f"UPDATE {table} SET {emptied} WHERE _row = {rows[0]}")
        fetch(f"DELETE FROM {table} WHERE _row IN ({', '.join(str(row) for row in rows[1:])})")
        words = f"{len(rows)} rows have this key" + (", and they differ" if different else "")
        code = "evidence_conflict" if different else "duplicate_key"
        faults.append(RowFault(data.schema.name, rows[0], "*", code, words, data.place(rows[0])))
    return [fault for fault in known if fault.row not in merged] + faults


def _in_key_order(schema: TableSchema, fetch: Fetch) -> bool:
    """Whether each key is greater than the one before it, so that none is there twice. A few rows tell first
    whether to look: the order of a file costs a third of grouping it, and is mostly there or not at all."""
    if len(schema.key) != 1:
        return False
    # INVARIANT: rows come as they lie in the table, which need not be the order of their numbers.
    rises = " AND ".join(f'"{name}" > lag("{name}") OVER ()' for name in (schema.key[0], "_row"))
    for limit in (f"LIMIT {FAULT_LIMIT}", ""):
        # Of the first row this is NULL; of a row without a key as well, and of the one after it.
        rising = f'SELECT {rises} AS rises FROM "{schema.name}" {limit}'
        if fetch(f"SELECT count(*) - count(rises), bool_and(rises) FROM ({rising})")[0] != (1, True):
            return False
    return True


def dangling(data: TableData, column: Column, fetch: Fetch) -> list[RowFault]:
    """References of one column that lead to no row of their (complete) target table."""
    target, key = column.references or ("", "")
    rows = fetch(
        f'SELECT s._row, s."{column.name}" FROM "{data.schema.name}" s ANTI JOIN "{target}" t '
        f'ON s."{column.name}" = t."{key}" WHERE s."{column.name}" IS NOT NULL ORDER BY 1 LIMIT {FAULT_LIMIT}'
    )
    return [
        RowFault(data.schema.name, row, column.name, "dangling_ref",
                 f"{shown(value)} is not in `{target}.{key}`", data.place(row))
        for row, value in rows
    ]  # fmt: skip
