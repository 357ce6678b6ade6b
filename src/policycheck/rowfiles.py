"""The rows of one evidence file, as raw values with their lines.

Goes in: the bytes of a .yaml, .json, .ndjson or .csv file. Comes out: a `RawRow` for each row, or
faults; a file that is broken anywhere gives no rows at all, since nobody knows which ones are lost.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from itertools import accumulate, islice
from typing import Any

from msgspec import Struct

from policycheck.documents import decode, kind_of, read_json, read_yaml
from policycheck.errors import Fault, FaultList
from policycheck.json_syntax import parse_json, plain_json
from policycheck.source import Place
from policycheck.syntax import Mark

MAX_STREAM_BYTES = 256 * 1024 * 1024

LONE_RETURN = re.compile("\r(?!\n)")


class RawRow(Struct, frozen=True):
    """A row as the file holds it. `line` counts from 1."""

    values: dict[str, Any]
    line: int


class RawRows(Struct, frozen=True):
    """All rows of a file. `from_text` when the values are CSV fields."""

    rows: list[RawRow]
    from_text: bool = False


def read_rows(path: str, data: bytes, faults: FaultList, *, single: bool = False) -> RawRows | None:
    """The rows of a file by its suffix, or None with at least one fault.

    `single` lets a YAML or JSON file hold one row as a mapping instead of a list.
    """
    reader = READERS.get(suffix_of(path))
    if reader is None:
        hint = "name it .yaml, .yml, .json, .ndjson, .csv or .parquet"
        faults.add("PC408", "not a kind of file that holds rows", Place(path), hint)
        return None
    return reader(path, data, faults, single)


def suffix_of(path: str) -> str:
    """What stands after the last dot of the file's name, or nothing."""
    return path.rpartition("/")[2].rpartition(".")[2] if "." in path.rpartition("/")[2] else ""


def _document_rows(path: str, data: bytes, faults: FaultList, single: bool) -> RawRows | None:
    read = read_json if suffix_of(path) == "json" else read_yaml
    document = read(path, data, faults)
    if document is None:
        return None
    value = document.value
    if single and isinstance(value, dict):
        return RawRows([RawRow(value, document.mark(())[0])])
    if not isinstance(value, list):
        words = f"a list of rows belongs here, and this is {kind_of(value)}"
        faults.add("PC408", words, document.place(()), "begin each row with `- `")
        return None
    for index, row in enumerate(value):
        if not isinstance(row, dict):
            words = f"a row is a mapping, and this is {kind_of(row)}"
            faults.add("PC408", words, document.place((index,)), "write `column: value`")
            return None
    return RawRows([RawRow(row, document.mark((index,))[0]) for index, row in enumerate(value)])


def _ndjson_rows(path: str, data: bytes, faults: FaultList, single: bool) -> RawRows | None:
    text = decode(path, data, faults, MAX_STREAM_BYTES)
    if text is None:
        return None
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    rows: list[RawRow] = []
    for number, line in enumerate(lines, start=1):
        row = line_row(path, line, number, faults)
        if row is None:
            return None
        rows.append(row)
    return RawRows(rows)


def line_row(path: str, line: str, number: int, faults: FaultList) -> RawRow | None:
    """The row of one line of NDJSON, or None with a fault."""
    try:
        value = plain_json(line)
    except (ValueError, RecursionError):
        value = _reported(path, line, number, faults)
        if value is None:
            return None
    if not isinstance(value, dict):
        words = f"a row is a mapping, and this is {kind_of(value)}"
        faults.add("PC408", words, Place(path, number, 1, line[:4096]), "write one row a line")
        return None
    return RawRow(value, number)


def _reported(path: str, line: str, number: int, faults: FaultList) -> Any:
    """The value of a line that needs a second look, or None with a fault."""
    before = len(faults)

    def report(code: str, message: str, spot: Mark, help: str = "") -> None:
        faults.add(code, message, Place(path, number, spot[1], line[:4096]), help)

    parsed = parse_json(line, report, number)
    return None if parsed is None or len(faults) > before else parsed.value


def _csv_rows(path: str, data: bytes, faults: FaultList, single: bool) -> RawRows | None:
    text = decode(path, data, faults, MAX_STREAM_BYTES)
    if text is None:
        return None
    lone = LONE_RETURN.search(text)
    if lone or "\x00" in text:
        at = lone.start() if lone else text.index("\x00")
        faults.extend([not_plain(path, text.count("\n", 0, at) + 1)])
        return None
    rows: list[RawRow] = []
    try:
        # Only a line feed ends a line here; `splitlines` would also break at other characters.
        reader = CsvReader(path, io.StringIO(text, newline="\n"))
        while batch := reader.batch():
            rows += batch.rows()
    except BrokenError as error:
        faults.extend(error.faults)
        return None
    return RawRows(rows, from_text=True)


def not_plain(path: str, line: int) -> Fault:
    """What is said of a CSV file whose lines somebody may count differently."""
    words = "a lone carriage return or a NUL character"
    return Fault("PC408", words, Place(path, line), "write plain line ends")


class BrokenError(Exception):
    """Nobody knows which rows of the file are lost, so none counts. Carries the faults."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        super().__init__()
        self.faults = tuple(faults)


class Records(Struct, frozen=True):
    """CSV records, as wide as their header, each with the line it begins on."""

    header: list[str]
    records: list[list[str]]
    lines: Sequence[int]

    def rows(self, wanted: Container[int] | None = None) -> Iterator[RawRow]:
        """The records that begin on these lines, or all, as rows of texts."""
        for record, line in zip(self.records, self.lines, strict=True):
            if wanted is None or line in wanted:
                yield RawRow(dict(zip(self.header, record, strict=True)), line)


class CsvReader:
    """Reads the records of CSV lines a batch at a time. Raises BrokenError for what is not strict CSV."""

    def __init__(self, path: str, lines: Iterable[str]) -> None:
        self.path = path
        self._batch: list[str] = []  # the lines of this batch, for an excerpt
        self._size = 0
        self._reader = csv.reader(self._noted(lines), strict=True)
        self._begun = 1  # the line of the last record
        self.header = self._header()

    def _noted(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self._batch.append(line)
            self._size += len(line)
            yield line

    def _header(self) -> list[str]:
        try:
            header = next(self._reader, [])
        except csv.Error as error:
            raise self._broken(error) from None
        if not header:
            raise self._fault(
                "a CSV file without a header", Place(self.path, 1), "name the columns in line 1"
            )
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice or "" in header:
            words = (
                f"the header names `{twice[0]}` twice" if twice and twice[0] else "a column without a name"
            )
            raise self._fault(words, Place(self.path, 1), "name each column once")
        return header

    def batch(self, most: int = 20_000, size: int = 8 << 20) -> Records | None:
        """The next records, about `size` characters of them; None at the end."""
        first = self._reader.line_num + 1
        self._batch, self._size = [], 0
        records: list[list[str]] = []
        broken: csv.Error | None = None
        try:
            for record in islice(self._reader, most):
                records.append(record)
                if self._size > size:
                    break
        except csv.Error as error:
            broken = error
        lines = self._lines(records, first)
        for record, line in zip(records, lines, strict=True):
            if len(record) != len(self.header):
                words = f"{len(record)} fields, and the header has {len(self.header)}"
                place = Place(self.path, line, 1, self._batch[line - first].rstrip("\n")[:4096])
                raise self._fault(words, place, "quote fields that hold a comma or a line end")
        if records:
            self._begun = lines[-1]
        if broken is not None:
            raise self._broken(broken)
        return Records(self.header, records, lines) if records else None

    def _lines(self, records: list[list[str]], first: int) -> Sequence[int]:
        """The line each record begins on: the next one, but for line ends in quoted fields."""
        if self._reader.line_num - first + 1 == len(records):
            return range(first, first + len(records))
        inner = (sum(field.count("\n") for field in record) for record in records)
        return list(accumulate((1 + n for n in inner), initial=first))[: len(records)]

    def _fault(self, words: str, place: Place, help: str) -> BrokenError:
        return BrokenError([Fault("PC408", words, place, help)])

    def _broken(self, error: csv.Error) -> BrokenError:
        hint = "mend the quotes at or after this line"
        return self._fault(f"broken CSV: {error}", Place(self.path, self._begun), hint)


Reader = Callable[[str, bytes, FaultList, bool], RawRows | None]
READERS: dict[str, Reader] = {
    "yaml": _document_rows,
    "yml": _document_rows,
    "json": _document_rows,
    "ndjson": _ndjson_rows,
    "csv": _csv_rows,
}
