"""NDJSON and CSV files larger than memory: looked at as they are copied, read a batch at a time.

Goes in: the bytes of a file as they pass, later the descriptor of its private copy. Comes out: the
fault of bytes that are no text, then batches of rows in order. What a line or a record means, and what is
wrong with it, is said by the readers of small files, so that the size of a file changes nothing.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from typing import Protocol

from msgspec import Struct

from policycheck.documents import not_utf8
from policycheck.errors import Fault, FaultList
from policycheck.rowfiles import (
    LONE_RETURN,
    BrokenError,
    CsvReader,
    RawRow,
    Records,
    line_row,
    not_plain,
    suffix_of,
)
from policycheck.source import Place


class Progress(Protocol):
    """Is told, again and again, what is done (`copying rows.csv`), how much of it, and how much there is."""

    def __call__(self, what: str, done: int, total: int, unit: str = "MB") -> None:
        """`done` and `total` are bytes, or whatever a million of is a `unit`."""
        ...


BATCH_BYTES = 8 << 20
MAX_LINE_BYTES = 16 << 20


class TextCheck:
    """What a small reader asks of a whole file before it reads a row, asked piece by piece: `feed`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._is_csv = suffix_of(path) == "csv"
        self._pending = b""
        self._at = 0  # the byte after the last that was looked at
        self._line = 1
        self._bytes: Fault | None = None
        self._return: Fault | None = None
        self._nul: Fault | None = None

    def feed(self, data: bytes, final: bool = False) -> None:
        """Looks at the next bytes; `final` says that there are no more."""
        if self._bytes is not None:
            return
        data = self._pending + data
        try:
            _, used = codecs.utf_8_decode(data, "strict", final)
        except UnicodeDecodeError as error:
            line = self._line + data.count(b"\n", 0, error.start)
            self._bytes = not_utf8(self.path, self._at + error.start, line)
            return
        if self._is_csv:
            # Whether a return is alone shows in the byte after it.
            used -= not final and data[:used].endswith(b"\r")
            self._check_csv(data[:used])
        self._at += used
        self._line += data.count(b"\n", 0, used)
        self._pending = data[used:]

    def _check_csv(self, data: bytes) -> None:
        lone = LONE_RETURN.search(data.decode()) if self._return is None and b"\r" in data else None
        if lone is not None:
            self._return = not_plain(self.path, self._line + lone.string.count("\n", 0, lone.start()))
        if self._nul is None and b"\x00" in data:
            self._nul = not_plain(self.path, self._line + data.count(b"\n", 0, data.index(b"\x00")))

    def close(self) -> Fault | None:
        """The fault of the file as a whole, once all of it was fed."""
        self.feed(b"", final=True)
        return self._bytes or self._return or self._nul


class Lines(Struct, frozen=True):
    """Whole lines of an NDJSON file: `text` without its last line end, and the number of its first line."""

    path: str
    text: str
    first: int

    @property
    def lines(self) -> range:
        """The number of each line."""
        return range(self.first, self.first + self.text.count("\n") + 1)

    def rows(self, wanted: set[int]) -> Iterator[RawRow]:
        """The rows of the lines with these numbers. Raises BrokenError for a line that is no row."""
        faults = FaultList()
        for number, line in enumerate(self.text.split("\n"), start=self.first):
            if number in wanted:
                row = line_row(self.path, line, number, faults)
                if row is None:
                    raise BrokenError(faults.faults)
                yield row


def read_lines(path: str, fd: int, progress: Progress | None = None) -> Iterator[Lines]:
    """The lines of an NDJSON file that is known to be UTF-8, some megabytes at a time."""
    for first, text in _texts(path, fd, progress):
        yield Lines(path, text, first)


def read_records(path: str, fd: int, progress: Progress | None = None) -> Iterator[Records]:
    """The records of a CSV file that is known to be UTF-8. Raises BrokenError."""
    texts = _texts(path, fd, progress)
    reader = CsvReader(path, (f"{line}\n" for _, text in texts for line in text.split("\n")))
    while batch := reader.batch(size=BATCH_BYTES):
        yield batch


def _texts(path: str, fd: int, progress: Progress | None) -> Iterator[tuple[int, str]]:
    """Whole lines, without the last line end, and the number of the first of them."""
    offset = len(codecs.BOM_UTF8) if os.pread(fd, 3, 0) == codecs.BOM_UTF8 else 0
    line, rest, total = 1, b"", os.fstat(fd).st_size
    while data := os.pread(fd, BATCH_BYTES, offset):
        if progress is not None:
            progress(f"reading {path}", offset, total)
        offset += len(data)
        whole, end, after = data.rpartition(b"\n")
        if not end:
            rest += data
        else:
            text = (rest + whole).decode()
            yield line, text
            line += text.count("\n") + 1
            rest = after
        if len(rest) > MAX_LINE_BYTES:
            words = f"a line of more than {MAX_LINE_BYTES} bytes"
            raise BrokenError([Fault("PC103", words, Place(path, line), "write one row a line")])
    if rest:
        yield line, rest.decode()
    if progress is not None:
        progress(f"reading {path}", total, total)
