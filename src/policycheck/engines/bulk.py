"""Parquet evidence at scan speed: read whole, then checked by SQL made from the table schema.

Goes in: open descriptors of files whose bytes were hashed, and the schema of their table. Comes out:
rows in the engine, the faults of single rows, and per source the rows read or why it is unusable.

INVARIANT: nothing a footer says decides anything. Every value is materialised before it is looked at,
with the optimiser that believes footer statistics switched off.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from policycheck.errors import EngineError
from policycheck.model import BulkFile, Column, ColumnType, RowFault, TableData, TableSchema
from policycheck.source import Place

FAULT_LIMIT = 1000
"""With more faulty rows than this a source is not evidence with a few errors: it is not usable."""

INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
FIRST_DAY, LAST_DAY = "DATE '1900-01-01'", "DATE '2999-12-31'"
INSTANT_FORM = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
DAY_FORM = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

Fetch = Callable[[str], list[tuple[Any, ...]]]


class BulkResult(Struct):
    """`rows` and `broken` are by source number: rows read, and why a source cannot be used."""

    faults: list[RowFault] = field(default_factory=list)
    rows: dict[int, int] = field(default_factory=dict)
    broken: dict[int, str] = field(default_factory=dict)


class _UnusableError(Exception):
    """The file as a whole cannot be rows of the table."""


def load_bulk(data: TableData, as_of: datetime, fetch: Fetch) -> BulkResult:
    """Loads all bulk files of a table behind its other rows, and closes their descriptors."""
    result = BulkResult()
    schema = data.schema
    start = len(data.origins)
    coded = _coded(schema)
    _retype(schema, {column.name: _members(column) for column in coded}, fetch)
    for file in data.bulk:
        file.rows = 0
        try:
            try:
                file.rows = _read(data, file, start, fetch)
            except EngineError:
                # Perhaps a value that is no member. As text it can be read, and found out row by row.
                if not coded:
                    raise
                _retype(schema, {column.name: "VARCHAR" for column in coded}, fetch)
                coded = []
                file.rows = _read(data, file, start, fetch)
            result.rows[file.source] = result.rows.get(file.source, 0) + file.rows
            result.faults += _row_faults(data, file, start, as_of, coded, fetch)
        except (_UnusableError, EngineError) as error:
            words = error.faults[0].message if isinstance(error, EngineError) else str(error)
            result.broken[file.source] = f"`{file.path}`: {words}"
            result.rows.setdefault(file.source, 0)
            fetch(f'DELETE FROM "{schema.name}" WHERE _row >= {start}')
            file.rows = 0
        start += file.rows
    for source in result.broken:
        fetch(f'DELETE FROM "{schema.name}" WHERE _source = {source}')
    result.faults += _twins(data, fetch)
    return result


def _coded(schema: TableSchema) -> list[Column]:
    """Columns whose values are held as numbers of their members: less to copy, compare and keep."""
    return [column for column in schema.columns if column.enum and column.type is ColumnType.TEXT]


def _members(column: Column) -> str:
    # INVARIANT: the members stand in the order of text, which is the order that `<` and `max` then go by.
    return f"ENUM({', '.join(_literal(value) for value in sorted(column.enum))})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _retype(schema: TableSchema, types: Mapping[str, str], fetch: Fetch) -> None:
    for name, kind in types.items():
        fetch(f'ALTER TABLE "{schema.name}" ALTER "{name}" SET DATA TYPE {kind}')


def _read(data: TableData, file: BulkFile, start: int, fetch: Fetch) -> int:
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
    fetch(
        f'INSERT INTO "{schema.name}" SELECT {start} + file_row_number AS _row, '
        f"{file.source} AS _source, {', '.join(items)} FROM {numbered}"
    )
    return int(fetch(f'SELECT count(*) FROM "{schema.name}" WHERE _row >= {start}')[0][0])


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
        moment = f"make_timestamp(epoch_us({name}))"
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
    rules = [rule for column in data.schema.columns for rule in _rules(column, as_of, column in coded)]
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


def _rules(column: Column, as_of: datetime, is_coded: bool) -> list[tuple[str, str, str, str]]:
    """(column, code, words, SQL that is TRUE where the rule is broken). What is coded is a member."""
    name, found = f'"{column.name}"', []

    def rule(words: str, test: str, code: str = "wrong_type") -> None:
        found.append((column.name, code, f"`{column.name}` {words}", test))

    if not column.nullable:
        rule("has no value", f"{name} IS NULL")
    if column.enum and not is_coded:
        listed = ", ".join(map(_literal, column.enum))
        if column.type is ColumnType.SET:
            # Most sets have one member, and a list function costs ten times a comparison.
            one, many = f"{name}[1] NOT IN ({listed})", f"NOT list_has_all([{listed}], {name})"
            rule("has an unknown member", f"CASE WHEN len({name}) = 1 THEN {one} ELSE {many} END")
        else:
            rule("has an unknown value", f"{name} NOT IN ({listed})")
    if column.type is ColumnType.TEXT:
        if column.min_length:
            rule("is too short", f"length({name}) < {column.min_length}")
        if column.pattern:
            rule(
                "has not its form",
                f"NOT regexp_full_match({name}, '{column.pattern.replace(chr(39), chr(39) * 2)}')",
            )
        if not column.enum:
            rule("holds a NUL character", f"contains({name}, chr(0))")
    if column.type is ColumnType.SET:
        rule(
            "has a member twice or an empty one",
            # The list is sorted: an empty member stands first. NULL is no member, and not counted as one.
            f"CASE WHEN len({name}) = 1 THEN coalesce({name}[1], '') = '' "
            f"WHEN len({name}) > 1 THEN {name}[1] = '' OR len({name}) <> list_unique({name}) END",
        )
    if column.minimum is not None:
        rule(f"is below {column.minimum}", f"{name} < {column.minimum}")
    if column.maximum is not None:
        rule(f"is above {column.maximum}", f"{name} > {column.maximum}")
    if column.type in (ColumnType.DAY, ColumnType.DAYS, ColumnType.INSTANT):
        lo, hi = (name, name) if column.type is ColumnType.DAY else (f"{name}.lo", f"{name}.hi")
        rule("is out of range", f"CAST({lo} AS DATE) < {FIRST_DAY} OR CAST({hi} AS DATE) > {LAST_DAY}")
        if not column.may_be_future:
            naive = as_of.replace(tzinfo=None)
            end = (
                f"TIMESTAMP '{naive.isoformat(sep=' ')}'"
                if column.type is ColumnType.INSTANT
                else f"DATE '{naive.date()}'"
            )
            rule("lies after the instant of this run", f"{lo} > {end}", "future_date")
    return found


def _twins(data: TableData, fetch: Fetch) -> list[RowFault]:
    """Rows that share a key, over all files: one keeps the key and loses the rest. Never last-wins."""
    table = f'"{data.schema.name}"'
    keys = ", ".join(f'"{name}"' for name in data.schema.key)
    others = [f'"{c.name}"' for c in data.schema.columns if c.name not in data.schema.key]
    if not keys:
        return []
    if _ascending(data.schema, table, fetch):
        return []
    # Equal keys have equal hashes, and these are grouped faster than the keys.
    hashes = f"SELECT 1 FROM {table} GROUP BY hash({keys})"
    total, found = fetch(f"SELECT (SELECT count(*) FROM {table}), count(*) FROM ({hashes})")[0]
    if total == found:
        return []
    groups = fetch(
        f"SELECT list(_row ORDER BY _row) AS rows FROM {table} GROUP BY {keys} HAVING count(*) > 1 "
        "ORDER BY rows[1]"
    )
    faults = []
    for (rows,) in groups:
        contents = f"count(DISTINCT row({', '.join(others)}))" if others else "1"
        listed = ", ".join(str(row) for row in rows)
        different = fetch(f"SELECT {contents} FROM {table} WHERE _row IN ({listed})")[0][0]
        if others:
            emptied = ", ".join(f"{name} = NULL" for name in others)
            fetch(f"UPDATE {table} SET {emptied} WHERE _row = {rows[0]}")
        fetch(f"DELETE FROM {table} WHERE _row IN ({', '.join(str(row) for row in rows[1:])})")
        words = f"{len(rows)} rows have this key" + ("" if different == 1 else ", and they differ")
        code = "duplicate_key" if different == 1 else "evidence_conflict"
        faults.append(RowFault(data.schema.name, rows[0], "*", code, words, data.place(rows[0])))
    return faults


def _ascending(schema: TableSchema, table: str, fetch: Fetch) -> bool:
    """Whether each key is greater than the one before it, so that none is there twice. A few rows tell first
    whether to look: the order of a file costs a third of grouping it, and is mostly there or not at all."""
    if len(schema.key) != 1:
        return False
    rising = f'SELECT "{schema.key[0]}" > lag("{schema.key[0]}") OVER () AS rises FROM {table}'
    for limit in (f"LIMIT {FAULT_LIMIT}", ""):
        # Of the first row this is NULL; of a row without a key as well, and of the one after it.
        sql = f"SELECT count(*) - count(rises), bool_and(rises) FROM ({rising} {limit})"
        if fetch(sql)[0] != (1, True):
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
                 f"`{value}` is not in `{target}.{key}`", data.place(row))
        for row, value in rows
    ]  # fmt: skip
