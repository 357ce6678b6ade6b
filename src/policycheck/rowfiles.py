"""The rows of one evidence file, as raw values with their lines.

Goes in: the bytes of a .yaml, .json, .ndjson or .csv file. Comes out: a `RawRow` for each row, or
faults; a file that is broken anywhere gives no rows at all, since nobody knows which ones are lost.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from policycheck.documents import decode, kind_of, read_json, read_yaml
from policycheck.errors import FaultList
from policycheck.json_syntax import parse_json, plain_json
from policycheck.source import Place, place_in
from policycheck.syntax import Mark

MAX_STREAM_BYTES = 256 * 1024 * 1024

_LONE_RETURN = re.compile("\r(?!\n)")


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
        rows.append(RawRow(value, number))
    return RawRows(rows)


def _reported(path: str, line: str, number: int, faults: FaultList) -> Any:
    """The value of a line that needs a second look, or None with a fault."""
    before = len(faults)

    def report(code: str, message: str, spot: Mark, help: str = "") -> None:
        faults.add(code, message, Place(path, number, spot[1], line[:4096]), help)

    parsed = parse_json(line, report)
    return None if parsed is None or len(faults) > before else parsed.value


def _csv_rows(path: str, data: bytes, faults: FaultList, single: bool) -> RawRows | None:
    text = decode(path, data, faults, MAX_STREAM_BYTES)
    if text is None:
        return None
    lone = _LONE_RETURN.search(text)
    if lone or "\x00" in text:
        at = lone.start() if lone else text.index("\x00")
        place = Place(path, text.count("\n", 0, at) + 1)
        faults.add("PC408", "a lone carriage return or a NUL character", place, "write plain line ends")
        return None
    records = _records(text)
    line = 1
    try:
        header, line = next(records, ([], 1))
        if not _check_header(path, header, faults):
            return None
        rows = []
        for record, line in records:
            if len(record) != len(header):
                words = f"{len(record)} fields, and the header has {len(header)}"
                place = place_in(path, text, line)
                faults.add("PC408", words, place, "quote fields that hold a comma or a line end")
                return None
            rows.append(RawRow(dict(zip(header, record, strict=True)), line))
    except csv.Error as error:
        faults.add(
            "PC408", f"broken CSV: {error}", Place(path, line), "mend the quotes at or after this line"
        )
        return None
    return RawRows(rows, from_text=True)


def _records(text: str) -> Iterator[tuple[list[str], int]]:
    """The records of a CSV text, each with the line it begins on."""
    # Only a line feed ends a line here; `splitlines` would also break at other characters.
    reader = csv.reader(io.StringIO(text, newline="\n"), strict=True)
    line = 1
    for record in reader:
        yield record, line
        line = reader.line_num + 1


def _check_header(path: str, header: list[str], faults: FaultList) -> bool:
    if not header:
        faults.add("PC408", "a CSV file without a header", Place(path, 1), "name the columns in line 1")
        return False
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice or "" in header:
        words = f"the header names `{twice[0]}` twice" if twice and twice[0] else "a column without a name"
        faults.add("PC408", words, Place(path, 1), "name each column once")
        return False
    return True


Reader = Callable[[str, bytes, FaultList, bool], RawRows | None]
READERS: dict[str, Reader] = {
    "yaml": _document_rows,
    "yml": _document_rows,
    "json": _document_rows,
    "ndjson": _ndjson_rows,
    "csv": _csv_rows,
}
