"""NDJSON and CSV at scan speed, with the meaning of the strict readers.

Goes in: a text file held open, known to be UTF-8, and the schema of its table. Comes out: typed rows in
the engine, the faults of single rows, or a SourceError with those of the file.

The engine takes a row only where it is plain: where no reader could take it for something else, and where
it breaks no rule (`bulk_text_sql`). Every other row is read by the strict reader of small files, which
types it or says what is wrong; so the words of a fault, and what is one, are the same for every size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from policycheck.assembly import row_faults
from policycheck.engines.bulk_text_sql import SEPARATOR, lines_insert, records_insert
from policycheck.errors import EngineError
from policycheck.evidence import row_fault_as_fault
from policycheck.model import BulkFile, RowFault, SourceState, TableData, TableSchema
from policycheck.rowfiles import BrokenError, RawRow, Records, suffix_of
from policycheck.rows import Row, compile_row_reader
from policycheck.source import Place
from policycheck.sources import SourceError, unknown_column, unreadable
from policycheck.streams import Lines, read_lines, read_records

FAULT_LIMIT = 1000
"""With more faulty rows than this a source is not evidence with a few errors: it is not usable."""

SHOWN = 10  # of those

KEY = re.compile(r'"(\w+)" ?:')


class Store(Protocol):
    """Where rows go: an engine that takes statements."""

    def fetch(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]: ...

    def put(
        self,
        schema: TableSchema,
        rows: Sequence[int],
        sources: Sequence[int],
        columns: Mapping[str, list[Any]],
    ) -> None:
        """Inserts checked values under these row numbers."""
        ...


def read_text(data: TableData, file: BulkFile, start: int, as_of: datetime, store: Store) -> list[RowFault]:
    """Reads one file behind the row number `start` and counts its rows and lines.

    Raises SourceError for a file that cannot be read, that has columns the table has not, or that is faulty
    in more than FAULT_LIMIT rows.
    """
    if file.fault is not None:
        raise unreadable([file.fault])
    reading = _Reading(data, file, start, as_of, store)
    try:
        if suffix_of(file.path) == "csv":
            for records in read_records(file.path, file.fd):
                reading.take_records(records)
        else:
            for lines in read_lines(file.path, file.fd):
                reading.take_lines(lines)
    except BrokenError as error:
        raise unreadable(error.faults) from None
    if reading.refusal is not None:
        raise reading.refusal
    return reading.faults


class _Reading:
    """One file while it is read."""

    def __init__(self, data: TableData, file: BulkFile, start: int, as_of: datetime, store: Store) -> None:
        self.data, self.file, self.start, self.as_of, self.store = data, file, start, as_of, store
        self.reader = compile_row_reader(data.schema, as_of.replace(tzinfo=None))
        self.faults: list[RowFault] = []
        self.faulty: list[int] = []  # lines
        self._sql = ""
        self.refusal: SourceError | None = None  # what ends the source unless its text is broken further on

    def take_lines(self, batch: Lines) -> None:
        self._sql = self._sql or lines_insert(self.data.schema, self.file.source, self.as_of)
        numbers = batch.lines
        row = self._row(batch.first)
        found = KEY.findall(batch.text.partition("\n")[0])
        keys = [key for key in dict.fromkeys(found) if self.data.schema.column(key) is not None]
        left = self._left(numbers, self._sql, [row, row + len(numbers), batch.text, keys])
        if left:
            self._take_strictly(batch.rows(left), from_text=False)
        self._count(len(numbers), numbers[-1])

    def take_records(self, batch: Records) -> None:
        left = set(batch.lines)
        texts = [SEPARATOR.join(column) for column in zip(*batch.records, strict=True)]
        apart = len(batch.records) - 1
        if self.reader.names.issuperset(batch.header) and all(t.count(SEPARATOR) == apart for t in texts):
            self._sql = self._sql or records_insert(
                self.data.schema, self.file.source, self.as_of, batch.header
            )
            left = self._left(batch.lines, self._sql, [[self._row(line) for line in batch.lines], *texts])
        rows = (batch.row(index) for index, line in enumerate(batch.lines) if line in left)
        self._take_strictly(rows, from_text=True)
        self._count(len(batch.records), batch.lines[-1])

    def _row(self, line: int) -> int:
        return self.start + line - 1

    def _count(self, rows: int, line: int) -> None:
        self.file.rows += rows
        self.file.lines = line

    def _left(self, lines: Sequence[int], sql: str, parameters: list[Any]) -> set[int]:
        """Lets the engine take the plain rows of a batch; the lines of the others."""
        try:
            taken = self.store.fetch(sql, parameters)[0][0]
        except EngineError:  # one line that is no JSON ends the statement
            return set(lines)
        if taken == len(lines):
            return set()
        first, last = self._row(lines[0]), self._row(lines[-1])
        rows = self.store.fetch(
            f'SELECT _row FROM "{self.data.schema.name}" '
            f"WHERE _source = {self.file.source} AND _row BETWEEN {first} AND {last}"
        )
        return set(lines) - {row - self.start + 1 for (row,) in rows}

    def _take_strictly(self, rows: Iterable[RawRow], from_text: bool) -> None:
        typed = list(self._typed(rows, from_text))
        if not typed:
            return
        names = [column.name for column in self.data.schema.columns]
        columns = zip(*(row.values for _, row in typed), strict=True)
        self.store.put(
            self.data.schema,
            [self._row(line) for line, _ in typed],
            [self.file.source] * len(typed),
            {name: list(values) for name, values in zip(names, columns, strict=True)},
        )

    def _typed(self, rows: Iterable[RawRow], from_text: bool) -> Iterator[tuple[int, Row]]:
        for raw in rows:
            unknown = self.reader.unknown(raw.values)
            if unknown and self.refusal is None:
                line = 1 if from_text else raw.line
                self.refusal = unknown_column(self.reader, unknown[0], self.file.path, line)
            if self.refusal is not None:
                continue  # the text is still read to its end: where that is broken, it counts for more
            row = self.reader.read(raw.values, from_text)
            if row.faults:
                self._note(raw.line, row)
            yield raw.line, row

    def _note(self, line: int, row: Row) -> None:
        self.faulty.append(line)
        if len(self.faulty) > FAULT_LIMIT:
            path, first = self.file.path, self.faulty[0]
            words = f"more than {FAULT_LIMIT} rows are faulty, the first on line {first}"
            hint = "mend the rows where they were collected, and collect them again"
            shown = [row_fault_as_fault(fault) for fault in self.faults[:SHOWN]]
            raise SourceError(SourceState.INVALID, "PC409", words, hint, path, shown)
        self.faults += row_faults(self.data.schema, self._row(line), row, Place(self.file.path, line))
