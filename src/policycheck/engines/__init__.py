"""Engines answer compiled expressions over loaded evidence. One meaning, whatever answers.

Goes in: tables, views and expressions that have passed the gate. Comes out: TRUE, FALSE or NULL for
every subject. No engine decides what an answer means for a verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field

from policycheck.errors import EngineError, Fault
from policycheck.model import Column, ColumnType, RowFault, TableData, TableSchema
from policycheck.source import Place

if TYPE_CHECKING:
    from policycheck.sources import SourceError

Answer = bool | None
ALL_COLUMNS = "*"  # among the wanted columns of a view: every column
ASKED = "?"  # and: a control asks the view itself, and not only through others


def failed(message: str, help: str = "") -> EngineError:
    """What an engine does not answer on these rows."""
    return EngineError([Fault("PC901", message, Place("engine"), help)])


def rows_lost(relation: str, base: str, answered: int, kept: int, expected: int) -> EngineError:
    """A subject view that does not keep every row of its base once. All numbers are of rows."""
    return failed(
        f"`{relation}` answers {answered} rows, and keeps {kept} of the {expected} rows of `{base}`",
        "select `<base>.*`, join on unique keys with LEFT JOIN, and filter nothing",
    )


class Row(Struct, frozen=True):
    """One subject: its row and source numbers, key, answers in the order asked, and observed values."""

    row: int
    source: int
    key: tuple[Any, ...]
    answers: tuple[Answer, ...]
    observed: tuple[Any, ...]


class BulkResult(Struct):
    """What loading bulk files found. By source number: `rows` that were read, why one is `broken`.
    `in_key_order`: every row of the table has a greater number and a greater key than the one before it."""

    faults: list[RowFault] = field(default_factory=list)
    rows: dict[int, int] = field(default_factory=dict)
    broken: dict[int, SourceError] = field(default_factory=dict)
    in_key_order: bool = False


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

    def stream(
        self, columns: Sequence[int], wanted: Iterable[tuple[tuple[Answer, ...], int]]
    ) -> Iterator[Row]:
        """All subjects whose (answers, source) is wanted, by key, a few at a time."""
        ...

    def named(self, columns: Sequence[int], rows: set[int], covers: str, values: set[str]) -> list[Row]:
        """Subjects with these row numbers, or with one of these values in the observed column `covers`."""
        ...


class Session(Protocol):
    """One engine with the tables and views of a pack. Load, seal, judge."""

    def define_tables(self, schemas: Iterable[TableSchema]) -> None: ...

    def define_view(self, name: str, sql: str) -> list[tuple[str, ColumnType]]: ...

    def refresh_views(self, views: Mapping[str, str]) -> None:
        """Computes these views (name to query), in this order, from the rows that are there now."""
        ...

    def compute_views(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Computes large views once, in this order, each with those of its columns that are wanted.

        What reads a view that is not wanted fails afterwards.
        """
        ...

    def broken_views(self) -> dict[str, str]:
        """Views that failed on this evidence, with the engine's words."""
        ...

    def insert(self, data: TableData) -> None: ...

    def load_bulk(self, data: TableData, as_of: datetime) -> BulkResult:
        """Reads the bulk files of a table and checks every row."""
        ...

    def dangling(self, data: TableData, column: Column) -> list[RowFault]:
        """References of a column that lead nowhere, where the rows of either table are bulk."""
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
        kept: Sequence[str] = (),
    ) -> Judgement:
        """Answers all expressions over all rows of `relation`, in one pass.

        Raises EngineError when the engine fails, or when a view has lost or doubled rows of its base, or
        holds another key there, or something else in a column of `kept`.
        """
        ...
