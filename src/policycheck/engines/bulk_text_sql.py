"""SQL that takes the plain rows of a text, and only those.

Goes in: a table schema, the columns of a file. Comes out: an INSERT whose parameters are the row numbers
and the texts of a batch. It inserts a row where each cell has the one form that no reader could take for
something else and breaks no rule of its column. It may leave out a row that is sound, never take one that
the strict readers would not, or with another value (tests/test_bulk_text.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from policycheck.engines.bulk_rules import cell_rules
from policycheck.model import Column, ColumnType, TableSchema

SEPARATOR = "\x1f"
"""Stands between the fields of one column of a batch; a field that holds it is left to the strict reader."""

# The engine's JSON reader takes more than JSON: a comma before a closing bracket; NaN and infinities, which
# no form below takes; -0 for 0. Escapes are left out because they hide what a text holds.
ODD_JSON = r"\\|\t|\r.|, *[\]}]|[:\[, ]-0"
INTEGER = "0|-?[1-9][0-9]{0,17}"
DAY = "(19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}"
DAYS = "(19|2[0-9])[0-9]{2}(-[0-9]{2}){0,2}"
INSTANT = f"{DAY}(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{{1,6}})?(Z|[+-][01][0-9]:[0-5][0-9]))?"
JSON_SET = r'\[\]|\["[^"]*"(,"[^"]*")*\]'
CSV_MEMBER = "[!-:<-~]([^;]*[!-:<-~])?"  # no blanks around it
CSV_SET = f"{CSV_MEMBER}(;{CSV_MEMBER})*"

_Cell = Callable[[Column, str], tuple[str, str]]


def lines_insert(schema: TableSchema, source: int, as_of: datetime) -> str:
    """For NDJSON. Parameters: the first row number, the one after the last, the lines as one text, and the
    keys of one line (columns, each once), since most lines have the same."""
    names = [column.name for column in schema.columns]
    form = ", ".join(f'"{name}": "JSON"' for name in names)
    listed = ", ".join(f"'{name}'" for name in names)
    odd = f"NOT starts_with(line, '{{') OR regexp_matches(line, '{ODD_JSON}')"
    cells = ", ".join(f'CAST(object."{name}" AS VARCHAR) AS "{name}"' for name in names)
    read = f"""
        lines AS MATERIALIZED (
            SELECT unnest(range($1::BIGINT, $2::BIGINT)) AS _row,
                   unnest(string_split($3::VARCHAR, chr(10))) AS line),
        objects AS MATERIALIZED (
            SELECT _row, json_keys(plain) AS keys, from_json(plain, '{{{form}}}') AS object
            FROM (SELECT _row, CASE WHEN {odd} THEN NULL ELSE line END AS plain FROM lines)),
        cells AS (
            SELECT _row, CASE WHEN keys = $4::VARCHAR[] THEN true
                ELSE list_has_all([{listed}], keys) AND list_unique(keys) = len(keys) END AS _known, {cells}
            FROM objects)"""
    return _insert(schema, source, as_of, read, _json_cell)


def records_insert(schema: TableSchema, source: int, as_of: datetime, header: Sequence[str]) -> str:
    """For CSV. Parameters: the row numbers, then for each column of the header its fields as one text."""
    fields = ", ".join(
        f'unnest(string_split(${number}::VARCHAR, chr({ord(SEPARATOR)}))) AS "{name}"'
        for number, name in enumerate(header, start=2)
    )
    cells = ", ".join(
        f'nullif("{c.name}", \'\') AS "{c.name}"'
        if c.name in header
        else f'CAST(NULL AS VARCHAR) AS "{c.name}"'
        for c in schema.columns
    )
    read = f"""
        fields AS MATERIALIZED (SELECT unnest($1::BIGINT[]) AS _row, {fields}),
        cells AS (SELECT _row, true AS _known, {cells} FROM fields)"""
    return _insert(schema, source, as_of, read, _csv_cell)


def _insert(schema: TableSchema, source: int, as_of: datetime, read: str, cell: _Cell) -> str:
    # A filter that the engine moves down takes the expressions of a column with it: hence MATERIALIZED.
    items, tests = [], ["_known"]
    for column in schema.columns:
        name = f'"{column.name}"'
        value, plain = cell(column, f"cells.{name}")
        items.append(f"{value} AS {name}")
        tests.append(f"(cells.{name} IS NULL OR {plain})")
    names = ", ".join(f'"{column.name}"' for column in schema.columns)
    broken = " OR ".join(f"({rule[3]})" for c in schema.columns for rule in cell_rules(c, as_of)) or "false"
    return f"""
        INSERT INTO "{schema.name}" WITH {read},
        typed AS MATERIALIZED (SELECT _row, {", ".join(items)}, {" AND ".join(tests)} AS _plain FROM cells)
        SELECT _row, {source} AS _source, {names} FROM typed
        WHERE _plain AND NOT coalesce({broken}, false)"""


# --- cells: the SQL of the typed value, and of whether it is plain where it is not null ----------------


def _json_cell(column: Column, cell: str) -> tuple[str, str]:
    if column.type is ColumnType.INT:
        return f"TRY_CAST({cell} AS BIGINT)", f"regexp_full_match({cell}, '{INTEGER}')"
    if column.type is ColumnType.BOOL:
        return f"({cell} = 'true')", f"{cell} IN ('true', 'false')"
    if column.type is ColumnType.SET:
        members = f"string_split(substr({cell}, 3, length({cell}) - 4), '\",\"')"
        return _set(column, cell, "'[]'", members, JSON_SET)
    # No text here holds an escape, so it is what stands between the quotes.
    value, plain = _text(column, f"substr({cell}, 2, length({cell}) - 2)")
    return value, f"(starts_with({cell}, '\"') AND {plain})"


def _csv_cell(column: Column, cell: str) -> tuple[str, str]:
    if column.type is ColumnType.INT:
        return f"TRY_CAST({cell} AS BIGINT)", f"regexp_full_match({cell}, '{INTEGER}')"
    if column.type is ColumnType.BOOL:
        return f"({cell} = 'true')", f"{cell} IN ('true', 'false')"
    if column.type is ColumnType.SET:
        value, plain = _set(column, cell, "''", f"string_split({cell}, ';')", CSV_SET)
        return (value if column.nullable else f"coalesce({value}, [])"), plain
    return _text(column, cell)


def _set(column: Column, cell: str, empty: str, members: str, form: str) -> tuple[str, str]:
    none = f"{cell} = {empty}"
    value = f"CASE WHEN {none} THEN [] WHEN {cell} IS NOT NULL THEN list_sort({members}) END"
    if column.pattern or column.min_length > 1:
        return value, none
    return value, f"regexp_full_match({cell}, '{form}')"


def _text(column: Column, text: str) -> tuple[str, str]:
    """A text, or what is written as one."""
    day = f"TRY_CAST({text} AS DATE)"
    if column.type is ColumnType.DAY:
        return day, f"(regexp_full_match({text}, '{DAY}') AND {day} IS NOT NULL)"
    if column.type is ColumnType.DAYS:
        first = f"TRY_CAST(rpad({text}, 10, '-01-01') AS DATE)"
        months = f"CASE length({text}) WHEN 4 THEN 12 WHEN 7 THEN 1 END"
        last = f"coalesce(CAST({first} + to_months({months}) - INTERVAL 1 DAY AS DATE), {first})"
        return _pair(first, last), f"(regexp_full_match({text}, '{DAYS}') AND {first} IS NOT NULL)"
    if column.type is ColumnType.INSTANT:
        # A day has no offset, and the time zone of the machine is none of its business.
        first = f"CAST(TRY_CAST({text} AS DATE) AS TIMESTAMP)"
        precise = f"make_timestamp(epoch_us(TRY_CAST({text} AS TIMESTAMPTZ)))"
        moment = f"CASE WHEN length({text}) = 10 THEN {first} ELSE {precise} END"
        day_end = f"{moment} + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND"
        end = f"CASE WHEN length({text}) = 10 THEN {day_end} ELSE {moment} END"
        return _pair(moment, end), f"(regexp_full_match({text}, '{INSTANT}') AND {moment} IS NOT NULL)"
    # Patterns mean the same to both engines where every character is printed and plain.
    return text, f"regexp_full_match({text}, '[ -~]*')" if column.pattern else "true"


def _pair(lo: str, hi: str) -> str:
    return f"CASE WHEN {lo} IS NOT NULL THEN {{'lo': {lo}, 'hi': {hi}}} END"
