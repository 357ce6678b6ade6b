"""Strict JSON to plain values, with the line and column of every key and value.

Goes in: text and a `report` function. Comes out: a `Parsed`. Never reads a file.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from decimal import Decimal
from functools import lru_cache
from typing import Any

from policycheck.syntax import (
    DECIMAL,
    INTEGER,
    MAX_DEPTH,
    MAX_NODES,
    UNSEEN,
    WORDS,
    Mark,
    Parsed,
    Path,
    Report,
    Spot,
    UnreadableError,
    bounded,
    claim,
    decimal,
    folded,
    short,
)

_TOKEN = re.compile(
    r'[ \t\r\n]*(?:(?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")'
    r"|(?P<number>-?[0-9][0-9.eE+-]*)|(?P<word>true|false|null)(?![A-Za-z0-9_])|(?P<mark>[\[\]{}:,]))"
)
_BLANK = re.compile(r"[ \t\r\n]*")


class _JsonReader:
    """A JSON parser that notes positions; recursive, with the depth bounded before it descends."""

    def __init__(self, text: str, report: Report, first_line: int) -> None:
        self.text = text
        self.report = report
        self.parsed = Parsed(self.mark)
        self.at = 0
        self.nodes = 0
        self.first_line = first_line
        self.ends: list[int] = []  # of lines; found when somebody asks for a line

    def mark(self, offset: Spot) -> Mark:
        """Line and column of an offset."""
        if not self.ends:
            self.ends = [match.start() for match in re.finditer("\n", self.text)]
        line = bisect_left(self.ends, offset)
        start = self.ends[line - 1] + 1 if line else 0
        return line + self.first_line, offset - start + 1

    def broken(self, words: str, offset: int) -> UnreadableError:
        self.report("PC101", f"broken JSON: {words}", offset, "mend the text at this place")
        return UnreadableError()

    def token(self) -> tuple[str, str, int]:
        """The next token: its kind, its text and its offset."""
        match = _TOKEN.match(self.text, self.at)
        if match is None or match.lastgroup is None:
            blank = _BLANK.match(self.text, self.at)
            offset = blank.end() if blank else self.at
            if offset >= len(self.text):
                raise self.broken("it ends too early", len(self.text))
            raise self.broken(f"`{short(self.text[offset : offset + 20])}` is not a JSON value", offset)
        self.at = match.end()
        kind = match.lastgroup
        return kind, match.group(kind), match.start(kind)

    def value(self, path: Path, token: tuple[str, str, int] | None = None) -> Any:
        kind, text, offset = token or self.token()
        self.parsed.values[path] = offset
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.report("PC103", f"more than {MAX_NODES} values", offset, "split the file")
            raise UnreadableError
        if kind == "string":
            return self.string(text, offset)
        if kind == "word":
            return WORDS[text]
        if kind == "number":
            return self.number(text, offset)
        if text not in "[{":
            raise self.broken(f"`{text}` where a value belongs", offset)
        if len(path) >= MAX_DEPTH:
            self.report("PC103", f"nested deeper than {MAX_DEPTH} levels", offset, "flatten the document")
            raise UnreadableError
        return self.list(path) if text == "[" else self.mapping(path)

    def string(self, text: str, offset: int) -> str:
        if "\\" not in text:
            return text[1:-1]
        try:
            value: str = json.loads(text)
        except ValueError:
            raise self.broken("a backslash that JSON does not know", offset) from None
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise self.broken("half of a surrogate pair", offset)
        return value

    def number(self, text: str, offset: int) -> Any:
        if INTEGER.fullmatch(text):
            return bounded(text, offset, self.report)
        if DECIMAL.fullmatch(text):
            return decimal(text, offset, self.report)
        self.report(
            "PC106", f"`{short(text)}` is not a plain number", offset, "write it as digits, or quote it"
        )
        return 0

    def list(self, path: Path) -> Any:
        items: Any = []
        token = self.token()
        if token[1] == "]" and token[0] == "mark":
            return items
        while True:
            items.append(self.value((*path, len(items)), token))
            if self.closes("]"):
                return items
            token = self.token()

    def mapping(self, path: Path) -> dict[str, Any]:
        items: dict[str, Any] = {}
        seen: dict[str, tuple[str, Spot]] = {}
        token = self.token()
        if token[1] == "}" and token[0] == "mark":
            return items
        while True:
            kind, text, offset = token
            if kind != "string":
                raise self.broken("a key in double quotes belongs here", offset)
            at = offset
            key = self.string(text, offset)
            keep = claim(key, at, seen, self.parsed, self.report)
            kind, text, offset = self.token()
            if text != ":" or kind != "mark":
                raise self.broken("`:` belongs after a key", offset)
            place = (*path, key)
            if keep:
                self.parsed.keys[place] = at
                items[key] = self.value(place)
            else:
                self.value(place)
            if self.closes("}"):
                return items
            token = self.token()

    def closes(self, end: str) -> bool:
        """Reads what follows an element: True for the `end` mark, False for a comma."""
        kind, text, offset = self.token()
        if kind == "mark" and text in (end, ","):
            return text == end
        raise self.broken(f"`,` or `{end}` belongs here", offset)


def parse_json(text: str, report: Report, first_line: int = 1) -> Parsed | None:
    """Parses one JSON text; None when it could not be read (then it was reported).

    `first_line` is the number of the first line, for the lines of an NDJSON file. Faults are reported at
    marks.
    """

    def report_mark(code: str, message: str, spot: Spot, help: str = "") -> None:
        report(code, message, reader.mark(spot), help)

    reader = _JsonReader(text, report_mark, first_line)
    try:
        reader.parsed.value = reader.value(())
        rest = _BLANK.match(text, reader.at)
        end = rest.end() if rest else reader.at
        if end != len(text):
            raise reader.broken("text after the end of the value", end)
    except UnreadableError:
        return None
    return reader.parsed


# --- without positions ----------------------------------------------------------------------------


def plain_json(text: str) -> Any:
    """The value of a JSON text that `parse_json` takes without a report, several times faster.

    Raises ValueError for every other text, and for a few it is not sure about: call `parse_json` then.
    """
    if "\\u" in text or text.count("[") + text.count("{") > MAX_DEPTH:
        raise ValueError("left to parse_json")
    return _DECODER.decode(text)


@lru_cache(maxsize=256)
def _distinct(keys: tuple[str, ...]) -> bool:
    return (
        len({folded(key) for key in keys}) == len(keys)
        and "" not in keys
        and not any(UNSEEN.search(key) for key in keys)
    )


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if not _distinct(tuple([key for key, _ in pairs])):
        raise ValueError("left to parse_json")
    return dict(pairs)


def _plain_int(text: str) -> int:
    if len(text) > 18 or text == "-0":
        raise ValueError("left to parse_json")
    return int(text)


def _plain_decimal(text: str) -> Decimal:
    if len(text) > 40 or not DECIMAL.fullmatch(text):
        raise ValueError("left to parse_json")
    return Decimal(text)


def _refuse(text: str) -> Any:
    raise ValueError(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_plain_int, parse_float=_plain_decimal, parse_constant=_refuse
)
