"""How one value is shown: as JSON data, and as text that cannot steer a terminal, a log or a page.

Goes in: typed evidence values (days, intervals, instants, sets) and any text. Comes out: values that JSON
can hold, and text whose control and direction characters are spelled out. Never drops a character.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

# Control characters, line and paragraph separators, lone surrogates, and every format character: bidi
# overrides, zero-width marks, soft hyphens, tags. A test holds this list against the Unicode database.
_HAZARDS = (
    "\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001345f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_HAZARD = re.compile(f"[{_HAZARDS}]")
_JSON_HAZARD = re.compile(f"[{_HAZARDS}]".replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))  # but the line feed
_PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_MICROSECOND_OF_DAY_END = time(23, 59, 59, 999999)


def visible(text: str) -> str:
    """The text with every hazard spelled as `[U+202E]`, so that what is read is what is there."""
    return _HAZARD.sub(lambda match: f"[U+{ord(match.group()):04X}]", text)


def escape_json_hazards(json_text: str) -> str:
    """JSON text with hazards as `\\uXXXX`. Lossless: outside strings, JSON written with `\\n` and spaces
    holds none of them but the newline, which stays."""
    if json_text.isascii() and "\x7f" not in json_text:
        return json_text  # whoever wrote the JSON has escaped the others
    return _JSON_HAZARD.sub(_json_escape, json_text)


def _json_escape(match: re.Match[str]) -> str:
    point = ord(match.group())
    if point > 0xFFFF:
        point -= 0x10000
        return f"\\u{0xD800 + (point >> 10):04x}\\u{0xDC00 + (point & 0x3FF):04x}"
    return f"\\u{point:04x}"


def clip(text: str, limit: int) -> str:
    """At most `limit` characters and, where some are left out, how many."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit} more characters)"


def counted(number: int, noun: str) -> str:
    """`1 subject`, `2 subjects`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def one_line(text: str) -> str:
    """Prose of the pack, wrapped there for its author, as one line."""
    return " ".join(text.split())


def instant_text(moment: datetime) -> str:
    """RFC 3339 in UTC with `Z`; a naive value is UTC already."""
    utc = moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat() + "Z"


_AS_THEY_ARE = frozenset({str, int, bool})  # most values of a report; looked at first


def json_value(value: Any) -> Any:
    """The value as JSON data: days `2026-03-02`, partial dates `2026-03`, instants with `Z`, other intervals
    `lo/hi`, sets as sorted lists. What JSON cannot hold (NaN, a foreign type) becomes its text."""
    if value is None or type(value) in _AS_THEY_ARE or isinstance(value, int):
        return value
    if isinstance(value, str):
        return str(value)  # a StrEnum becomes plain text
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        if set(value) == {"lo", "hi"}:
            return json_value((value["lo"], value["hi"]))
        return {str(name): json_value(value[name]) for name in sorted(value, key=str)}
    if isinstance(value, frozenset | set):
        return sorted((json_value(item) for item in value), key=str)
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(end, date) for end in value):
        return _interval_text(value[0], value[1])
    if isinstance(value, tuple | list):
        return [json_value(item) for item in value]
    return str(value)


def _interval_text(low: date, high: date) -> str:
    """The shortest spelling an interval of days or of instants had in the evidence."""
    if isinstance(low, datetime) and isinstance(high, datetime):
        if low == high:
            return instant_text(low)
        whole_days = low.time() == time() and high.time() == _MICROSECOND_OF_DAY_END
        if not whole_days:
            return f"{instant_text(low)}/{instant_text(high)}"
        low, high = low.date(), high.date()
    if low == high:
        return low.isoformat()
    if low.day == 1 and (low.year, low.month) == (high.year, high.month):
        from calendar import monthrange  # few runs show a whole month

        if high.day == monthrange(high.year, high.month)[1]:
            return f"{low.year:04d}-{low.month:02d}"
    elif (low.month, low.day, high.month, high.day) == (1, 1, 12, 31) and low.year == high.year:
        return f"{low.year:04d}"
    return f"{low.isoformat()}/{high.isoformat()}"


def value_text(value: Any) -> str:
    """One JSON value for a reader: `null`, `true`, numbers and text bare, lists with commas.
    Hazards are not yet spelled out: pass the result through `visible`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(value_text(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {value_text(item)}" for name, item in value.items()) + "}"
    return str(value)


def location_text(location: Mapping[str, Any] | None) -> str:
    """`path:line`, or the path alone for a file as a whole."""
    if location is None:
        return ""
    path, line = str(location["path"]), location["line"]
    return f"{path}:{line}" if line else path


def filled_message(message: str, values: Mapping[str, Any]) -> str:
    """The message with `{name}` replaced; nothing else of Python's format language is honoured."""
    return _PLACEHOLDER.sub(lambda m: str(values.get(m.group(1), m.group(0))), message)


def placeholders(message: str) -> list[str]:
    """The names a message has in braces."""
    try:
        return [name for _, name, _, _ in string.Formatter().parse(message) if name is not None]
    except ValueError:
        return ["{"]
