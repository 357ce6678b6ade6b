"""What YAML and JSON have in common here: keys, numbers and unquoted words, read strictly.

Goes in: the text of one scalar or key. Comes out: a str, int, bool, `Decimal` or None, or a report of
what two readers could take differently. One module for both languages, so that a document means the
same in either.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Protocol

from msgspec import Struct, field

MAX_DEPTH = 32
MAX_NODES = 1_000_000
MAX_FAULTS = 20  # a document that is wrong throughout says so often enough with these
INT_MIN, INT_MAX = -(2**63), 2**63 - 1

Path = tuple[str | int, ...]
Mark = tuple[int, int]  # line and column, from 1
Spot = Any  # a place as its parser notes it: cheap to keep, and a Mark only when somebody asks


class Report(Protocol):
    """Takes a fault: code, words, where, help."""

    def __call__(self, code: str, message: str, spot: Spot, help: str = "") -> None: ...


class UnreadableError(Exception):
    """Ends the parsing of one document; its fault has been reported."""


class Parsed(Struct):
    """A value, and where each value and each mapping key of it stands, by path. `locate` turns a spot
    into a line and a column."""

    locate: Callable[[Spot], Mark]
    value: Any = None
    values: dict[Path, Spot] = field(default_factory=dict)
    keys: dict[Path, Spot] = field(default_factory=dict)


# --- scalars and keys -----------------------------------------------------------------------------

INTEGER = re.compile(r"0|-?[1-9][0-9]*")
DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
# What some YAML reader would take for a number, a truth value, a null or a merge.
_TRAP = re.compile(
    r"""(?ix)
    yes|no|on|off|y|n|true|false|null|~|=|<<
    | [-+]?\.(?:inf|nan)
    | [-+]?0[xob][0-9a-f_]+
    | [-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?
    | [-+]?\.[0-9][0-9_]*(?:e[-+]?[0-9]+)?
    | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?
    """
)
_TRAP_STARTS = frozenset("yYnNoOtTfF~=<-+.0123456789")
# Control characters, and those that change the direction or the look of text without being seen.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
WORDS = {"true": True, "false": False, "null": None}


def plain_scalar(text: str, spot: Spot, report: Report) -> Any:
    """The value of an unquoted scalar; reports what another reader would take for something else."""
    if not text:
        report("PC106", "there is no value here", spot, "write `null`, or a value")
        return None
    if text[0] not in _TRAP_STARTS:
        return text
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return bounded(text, spot, report)
    if DECIMAL.fullmatch(text):
        return decimal(text, spot, report)
    if _TRAP.fullmatch(text):
        report(
            "PC106",
            f"`{short(text)}` without quotes is read differently by different YAML readers",
            spot,
            f'quote it for text: "{short(text)}"; or write `true`, `false`, `null` or a plain number',
        )
    return text


def bounded(text: str, spot: Spot, report: Report) -> int:
    # Python refuses to convert very long digit strings, so the length is looked at first.
    number = int(text) if len(text) <= 20 else INT_MAX + 1
    if not INT_MIN <= number <= INT_MAX:
        report("PC107", f"the number `{short(text)}` does not fit in 64 bits", spot, "quote it if it is text")
        return 0
    return number


def decimal(text: str, spot: Spot, report: Report) -> Decimal:
    if len(text) > 40:
        report("PC107", f"the number `{short(text)}` is too long", spot, "quote it if it is text")
        return Decimal(0)
    return Decimal(text)


def short(text: str) -> str:
    clean = UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)
    return clean if len(clean) <= 60 else clean[:57] + "..."


def folded(key: str) -> str:
    """The key as a reader sees it: two keys with one folded form are taken for each other."""
    return key.casefold() if key.isascii() else unicodedata.normalize("NFKC", key).casefold()


@lru_cache(maxsize=4096)
def checked_key(key: str) -> str:
    """The folded form of a key, or nothing for a key that nobody can read."""
    return "" if UNSEEN.search(key) else folded(key)


def claim(key: str, spot: Spot, seen: dict[str, tuple[str, Spot]], parsed: Parsed, report: Report) -> bool:
    """Notes `key` in `seen`; reports and answers False for a second one or an unreadable one."""
    fold = checked_key(key)
    if not fold:
        what = f"the key `{short(key)}` has characters that cannot be seen" if key else "an empty key"
        report("PC108", what, spot, "name the key in plain letters")
        return False
    if fold not in seen:
        seen[fold] = (key, spot)
        return True
    first, where = seen[fold]
    line, _ = parsed.locate(where)
    if first == key:
        words = f"the key `{short(key)}` is given twice; the first is on line {line}"
        report("PC105", words, spot, "keep one")
        return False
    words = f"the keys `{short(first)}` (line {line}) and `{short(key)}` differ only in how they are written"
    report("PC105", words, spot, "rename one, or keep one")
    return False
