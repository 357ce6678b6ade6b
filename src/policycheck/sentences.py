"""Splits a policy document into units: its headings, sentences and table rows, each with a fingerprint.

Goes in: the bytes of a text file. Comes out: its units in order. What is no text, or holds none, is refused.
Which unit states which clause is not known here, and nothing is stored.

The rule. Text is UTF-8 in composed form (NFC); lines end with LF, CRLF or CR. In a line, runs of white
space are one space, and a bullet in front is dropped. A line that begins with `|` is one unit, a table row.
In any other line a unit ends at `.`, `!` or `?`, with closing quotes and brackets, where a space and a letter
that is not lower case follow (an opening quote or bracket may come first), unless the word before is an
abbreviation, an initial (`J.`, `U.S.`) or the number of a list item at the start of the line.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection

from msgspec import Struct

from policycheck.documents import decode
from policycheck.errors import FaultList
from policycheck.source import Place

FINGERPRINT_DIGITS = 12
MAX_BYTES = 1024 * 1024

_LINE_END = re.compile(r"\r\n|\r|\n")
_BULLET = re.compile(r"[·•‣▪◦●○∙*–—-] ")
_OPENING = "\"'“‘«([¿¡"
_LETTER = re.compile(f"[{re.escape(_OPENING)}]*([^\\W\\d_])")
_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’»)\]]* ")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+")
_ITEM = re.compile(r"[0-9]+\.")
# A tab, a form feed and the like are white space. Any other control character is a sign of another format,
# the replacement character one of a conversion that lost what stood there.
_FOREIGN = {
    "a control character": re.compile("[\x00-\x08\x0e-\x1b\x7f]"),
    "a character lost in a conversion": re.compile("\N{REPLACEMENT CHARACTER}"),
}
_MAGIC = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a zip archive, as word processors write them",
    b"\xd0\xcf\x11\xe0": "a file of a word processor",
    b"{\\rtf": "a rich text file",
    b"\xff\xfe": "in UTF-16",
    b"\xfe\xff": "in UTF-16",
}
_EXPORT = "save the policy as plain text in UTF-8"


class Sentence(Struct, frozen=True):
    """One unit of a document: `id` is its line and its number there, `text` what the fingerprint is of."""

    id: str
    line: int
    text: str
    fingerprint: str


def read_sentences(path: str, data: bytes, abbreviations: Collection[str]) -> tuple[Sentence, ...]:
    """The units of a document. Raises InputError: PC610 not text, PC611 no text in it."""
    faults = FaultList()
    for magic, what in _MAGIC.items():
        if data.startswith(magic):
            faults.add("PC610", f"the document is {what}, not text", Place(path), _EXPORT)
    faults.raise_if_any()
    text = decode(path, data, faults, MAX_BYTES)
    faults.raise_if_any()
    assert text is not None
    for what, pattern in _FOREIGN.items():
        if found := pattern.search(text):
            line = len(_LINE_END.findall(text, 0, found.start())) + 1
            words = f"the document holds {what}, U+{ord(found.group()):04X}"
            faults.add("PC610", words, Place(path, line), _EXPORT)
    faults.raise_if_any()
    sentences = split_sentences(text, abbreviations)
    if not sentences:
        faults.add("PC611", "the document holds no text", Place(path), "name the file with the policy's text")
        faults.raise_if_any()
    return sentences


def split_sentences(text: str, abbreviations: Collection[str]) -> tuple[Sentence, ...]:
    """The units of a text, in order; its lines are counted from 1, blank ones too."""
    found = []
    for number, line in enumerate(_LINE_END.split(unicodedata.normalize("NFC", text)), 1):
        parts = _split_line(" ".join(line.split()), abbreviations)
        found += [
            Sentence(f"L{number:02d}.{place}", number, part, fingerprint(part))
            for place, part in enumerate(parts, 1)
        ]
    return tuple(found)


def fingerprint(text: str) -> str:
    """The first digits of the SHA-256 of a unit's text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_DIGITS]


def _split_line(line: str, abbreviations: Collection[str]) -> list[str]:
    """The units of one line, whose white space is in order."""
    if line.startswith("|"):
        return [line]
    bullet = _BULLET.match(line)
    parts, start = [], bullet.end() if bullet else 0
    for end in _END.finditer(line, start):
        if _begins_sentence(line, end.end()) and not _is_short_form(
            line, start, end.end() - 1, abbreviations
        ):
            parts.append(line[start : end.end() - 1])
            start = end.end()
    return [part for part in (*parts, line[start:]) if part]


def _begins_sentence(line: str, at: int) -> bool:
    """Whether the first letter at `at`, past quotes and brackets, can be the first of a sentence."""
    first = _LETTER.match(line, at)
    return first is not None and not first[1].islower()


def _is_short_form(line: str, start: int, stop: int, abbreviations: Collection[str]) -> bool:
    """Whether the last word of `line[start:stop]` keeps its full stop in the middle of a sentence."""
    begin = max(start, line.rfind(" ", start, stop) + 1)
    word = line[begin:stop].lstrip(_OPENING)
    if word in abbreviations or _INITIALS.fullmatch(word):
        return True
    return begin == start and _ITEM.fullmatch(word) is not None
