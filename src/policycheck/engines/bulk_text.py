"""NDJSON and CSV at scan speed, with the meaning of the strict readers.

Goes in: a text file held open, known to be UTF-8, and the schema of its table. Comes out: typed rows in
the engine, the faults of single rows, or a SourceError with those of the file.

The engine takes a row only where it is plain: where no reader could take it for something else, and where
it breaks no rule (`bulk_text_sql`). Every other row is read by the strict reader of small files, which
types it or says what is wrong; so the words of a fault, and what is one, are the same for every size.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from queue import SimpleQueue
from typing import Any, Protocol

from msgspec import Struct, field

from policycheck.assembly import row_faults
from policycheck.engines.bulk_text_sql import SEPARATOR, lines_insert, records_insert
from policycheck.errors import EngineError
from policycheck.evidence import row_fault_as_fault
from policycheck.model import BulkFile, RowFault, SourceState, TableData, TableSchema
from policycheck.rowfiles import BrokenError, RawRow, suffix_of
from policycheck.rows import Row, compile_row_reader
from policycheck.source import Place
from policycheck.sources import SourceError, unknown_column, unreadable
from policycheck.streams import Progress, read_lines, read_records

FAULT_LIMIT = 1000
"""With more faulty rows than this a source is not evidence with a few errors: it is not usable."""

SHOWN = 10  # of those
MAX_WORKERS = 4  # each holds a batch, and the engine some copies of it

Fetch = Callable[[str, list[Any]], list[tuple[Any, ...]]]

KEY = re.compile(r'"(\w+)" ?:')


class Store(Protocol):
    """Where rows go: an engine that takes statements."""

    progress: Progress | None

    def watched(self, what: str, total: int, unit: str = "MB") -> AbstractContextManager[None]:
        """Tells how far the statements of the block are, as shares of `total`."""
        ...

    def fetch(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]: ...

    def fetches(self, count: int) -> AbstractContextManager[list[Fetch]]:
        """Several `fetch`es, each for one thread at a time; their threads have ended when this ends."""
        ...

    def put(
        self,
        schema: TableSchema,
        rows: Sequence[int],
        sources: Sequence[int],
        columns: Mapping[str, list[Any]],
    ) -> None:
        """Inserts checked values under these row numbers."""
        ...


class _Batch(Struct, frozen=True):
    """Some rows of a file: the line each begins on, the statement that takes the plain ones (none where
    no row can be), and the rows of given lines as the strict reader has them."""

    lines: Sequence[int]
    rows: Callable[[set[int]], Iterable[RawRow]]
    sql: str = ""
    parameters: list[Any] = field(default_factory=list)


def read_text(data: TableData, file: BulkFile, start: int, as_of: datetime, store: Store) -> list[RowFault]:
    """Reads one file behind the row number `start` and counts its rows and lines.

    Raises SourceError for a file that cannot be read, that has columns the table has not, or that is faulty
    in more than FAULT_LIMIT rows.
    """
    if file.fault is not None:
        raise unreadable([file.fault])
    reading = _Reading(data, file, start, as_of, store)
    try:
        workers = min(MAX_WORKERS, len(os.sched_getaffinity(0)))
        with store.fetches(workers) as fetches:
            _read_ahead(reading, fetches)
    except BrokenError as error:
        raise unreadable(error.faults) from None
    if reading.refusal is not None:
        raise reading.refusal
    return reading.faults


def _read_ahead(reading: _Reading, fetches: list[Fetch]) -> None:
    """Has the engine take a batch in each thread while the strict reader takes what is left of one before."""
    free: SimpleQueue[Fetch] = SimpleQueue()
    for fetch in fetches:
        free.put(fetch)

    def take_plain(batch: _Batch) -> int:
        fetch = free.get()
        try:
            return reading.take_plain(batch, fetch)
        finally:
            free.put(fetch)

    waiting: deque[tuple[_Batch, Future[int]]] = deque()
    batches = reading.batches()
    pool = ThreadPoolExecutor(len(fetches))
    try:
        while True:
            try:
                batch = next(batches, None)
            except BrokenError:
                # What stands before the broken place is looked at first, as in one thread.
                for earlier in waiting:
                    reading.take_others(*earlier)
                raise
            if batch is not None:
                waiting.append((batch, pool.submit(take_plain, batch)))
            elif not waiting:
                return
            if batch is None or len(waiting) > len(fetches):
                reading.take_others(*waiting.popleft())
    finally:
        # INVARIANT: no statement is under way when the rows of a broken source are taken back.
        pool.shutdown(wait=True, cancel_futures=True)


class _Reading:
    """One file while it is read."""

    def __init__(self, data: TableData, file: BulkFile, start: int, as_of: datetime, store: Store) -> None:
        self.data, self.file, self.start, self.as_of, self.store = data, file, start, as_of, store
        self.reader = compile_row_reader(data.schema, as_of.replace(tzinfo=None))
        self.is_csv = suffix_of(file.path) == "csv"
        self.faults: list[RowFault] = []
        self.faulty: list[int] = []  # lines
        self.refusal: SourceError | None = None  # what ends the source unless its text is broken further on

    def batches(self) -> Iterator[_Batch]:
        """The rows of the file in order. Raises BrokenError."""
        return self._records() if self.is_csv else self._lines()

    def _lines(self) -> Iterator[_Batch]:
        sql = lines_insert(self.data.schema, self.file.source, self.as_of)
        for lines in read_lines(self.file.path, self.file.fd, self.store.progress):
            found = KEY.findall(lines.text.partition("\n")[0])
            keys = [key for key in dict.fromkeys(found) if self.data.schema.column(key) is not None]
            first = self._row(lines.first)
            parameters = [first, first + len(lines.lines), lines.text, keys]
            yield _Batch(lines.lines, lines.rows, sql, parameters)

    def _records(self) -> Iterator[_Batch]:
        sql = ""
        for records in read_records(self.file.path, self.file.fd, self.store.progress):
            texts = [SEPARATOR.join(column) for column in zip(*records.records, strict=True)]
            apart = len(records.records) - 1
            if not self.reader.names.issuperset(records.header) or any(
                text.count(SEPARATOR) != apart for text in texts
            ):
                yield _Batch(records.lines, records.rows)
                continue
            sql = sql or records_insert(self.data.schema, self.file.source, self.as_of, records.header)
            parameters = [[self._row(line) for line in records.lines], *texts]
            yield _Batch(records.lines, records.rows, sql, parameters)

    def take_plain(self, batch: _Batch, fetch: Fetch) -> int:
        """Lets the engine take the plain rows of a batch; how many these are. For any thread."""
        try:
            return int(fetch(batch.sql, batch.parameters)[0][0]) if batch.sql else 0
        except EngineError:  # one line that is no JSON ends the statement, and nothing is taken
            return 0

    def take_others(self, batch: _Batch, plain: Future[int]) -> None:
        """Has the strict reader take what the engine has left."""
        left = set(batch.lines) if plain.result() < len(batch.lines) else set()
        if 0 < plain.result() < len(left):
            first, last = self._row(batch.lines[0]), self._row(batch.lines[-1])
            rows = self.store.fetch(
                f'SELECT _row FROM "{self.data.schema.name}" '
                f"WHERE _source = {self.file.source} AND _row BETWEEN {first} AND {last}"
            )
            left -= {row - self.start + 1 for (row,) in rows}
        if left:
            self._take_strictly(batch.rows(left))
        self.file.rows += len(batch.lines)
        self.file.lines = batch.lines[-1]

    def _row(self, line: int) -> int:
        return self.start + line - 1

    def _take_strictly(self, rows: Iterable[RawRow]) -> None:
        typed = list(self._typed(rows))
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

    def _typed(self, rows: Iterable[RawRow]) -> Iterator[tuple[int, Row]]:
        for raw in rows:
            unknown = self.reader.unknown(raw.values)
            if unknown and self.refusal is None:
                line = 1 if self.is_csv else raw.line
                self.refusal = unknown_column(self.reader, unknown[0], self.file.path, line)
            if self.refusal is not None:
                continue  # the text is still read to its end: where that is broken, it counts for more
            row = self.reader.read(raw.values, self.is_csv)
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
