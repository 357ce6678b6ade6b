"""Engines answer compiled expressions over loaded evidence. One meaning, whatever answers.

Goes in: tables, views and expressions that have passed the gate. Comes out: TRUE, FALSE or NULL for
every subject. No engine decides what an answer means for a verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from policycheck.model import ColumnType, RowFault, TableData, TableSchema

Answer = bool | None


@dataclass(frozen=True, slots=True)
class Row:
    """One subject: its row and source numbers, key, answers in the order asked, and observed values."""

    row: int
    source: int
    key: tuple[Any, ...]
    answers: tuple[Answer, ...]
    observed: tuple[Any, ...]


class Judgement(Protocol):
    """The answers to some expressions over all rows of a relation."""

    total: int

    def patterns(self, columns: Sequence[int]) -> list[tuple[tuple[Answer, ...], int, int]]:
        """(answers of these columns, source, how many subjects), in no particular order."""
        ...

    def rows(
        self, columns: Sequence[int], wanted: Iterable[tuple[tuple[Answer, ...], int]], limit: int | None
    ) -> list[Row]:
        """Subjects whose (answers, source) is wanted, by key; `answers` holds these columns only."""
        ...

    def named(self, columns: Sequence[int], rows: set[int], covers: str, values: set[str]) -> list[Row]:
        """Subjects with these row numbers, or with one of these values in the observed column `covers`."""
        ...


class Session(Protocol):
    """One engine with the tables and views of a pack. Load, seal, judge."""

    def parse(self, select_sql: str) -> str: ...

    def define_tables(self, schemas: Iterable[TableSchema]) -> None: ...

    def define_view(self, name: str, sql: str) -> list[tuple[str, ColumnType]]: ...

    def insert(self, data: TableData) -> None: ...

    def load_bulk(
        self, data: TableData, as_of_day: Any
    ) -> tuple[list[RowFault], dict[int, int], dict[int, str]]:
        """Reads the Parquet files of a table; see `engines.bulk`."""
        ...

    def seal(self) -> None: ...

    def clear(self) -> None: ...

    def false_rows(self, table: str, expressions: Sequence[str]) -> list[tuple[int, int]]:
        """(row, index of the expression) wherever an expression over a table is FALSE."""
        ...

    def rows_with_null(self, relation: str, columns: Sequence[str], ignored: Collection[int]) -> int:
        """How many rows hold NULL in one of `columns`, leaving out ignored rows of the base table."""
        ...

    def judge(
        self,
        relation: str,
        base: str,
        key: Sequence[str],
        expressions: Sequence[str],
        observed: Sequence[str],
    ) -> Judgement: ...
