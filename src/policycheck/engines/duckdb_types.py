"""How the types of the model stand in DuckDB, and how rows of them are handed over.

Goes in: table schemas and typed values. Comes out: type names, and SELECT items over parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policycheck.model import Column, ColumnType, TableSchema

SQL_TYPES = {
    ColumnType.TEXT: "VARCHAR",
    ColumnType.INT: "BIGINT",
    ColumnType.BOOL: "BOOLEAN",
    ColumnType.DAY: "DATE",
    ColumnType.DAYS: "STRUCT(lo DATE, hi DATE)",
    ColumnType.INSTANT: "STRUCT(lo TIMESTAMP, hi TIMESTAMP)",
    ColumnType.SET: "VARCHAR[]",
}
COLUMN_TYPES = {sql: kind for kind, sql in SQL_TYPES.items()} | {
    "INTEGER": ColumnType.INT,
    "SMALLINT": ColumnType.INT,
    "TINYINT": ColumnType.INT,
    "HUGEINT": ColumnType.INT,
}


def bind_columns(schema: TableSchema, columns: Mapping[str, list[Any]], parameters: list[Any]) -> list[str]:
    """Adds the columns of a table to the parameters and answers the SELECT items that spread them."""
    return [_bind(column, columns[column.name], parameters) for column in schema.columns]


def _bind(column: Column, values: list[Any], parameters: list[Any]) -> str:
    """Adds the values of one column to the parameters and answers the SELECT item that spreads them."""
    if column.type in (ColumnType.DAYS, ColumnType.INSTANT):
        kind = "DATE" if column.type is ColumnType.DAYS else "TIMESTAMP"
        parameters.append([None if v is None else v[0] for v in values])
        parameters.append([None if v is None else v[1] for v in values])
        lo = f"unnest(${len(parameters) - 1}::{kind}[])"
        hi = f"unnest(${len(parameters)}::{kind}[])"
        return f"CASE WHEN {lo} IS NULL THEN NULL ELSE {{'lo': {lo}, 'hi': {hi}}} END"
    parameters.append(values)
    return f"unnest(${len(parameters)}::{SQL_TYPES[column.type]}[])"
