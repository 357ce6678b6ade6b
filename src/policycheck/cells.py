"""One cell: from what a file holds to a typed value, or words that say why not.

Goes in: a column and a raw value (from YAML or JSON), or the text of a CSV field. Comes out: the Python
value that `model.TableData` promises. Never guesses: a number is not a text, a date that does not exist
is no date, and a time without an offset is no instant.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from policycheck.model import Column, ColumnType
from policycheck.syntax import INT_MAX, INT_MIN, INTEGER, short

FIRST_YEAR, LAST_YEAR = 1900, 2999
LAST_TIME = time(23, 59, 59, 999999)
MICROSECOND = timedelta(microseconds=1)
DATED = (ColumnType.DAY, ColumnType.DAYS, ColumnType.INSTANT)
SEPARATOR = ";"  # between the members of a set in a CSV field

Cell = Callable[[Any], Any]

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PARTIAL = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T([0-9]{2}):[0-9]{2}:([0-9]{2}))(?:\.([0-9]{1,9}))?"
    r"(?:Z|([+-])([01][0-9]):([0-5][0-9]))"
)


class CellError(ValueError):
    """The value does not fit the column; the message says why in words."""


def shown(value: Any) -> str:
    """A raw value for a message: what it is, and its text."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | Decimal):
        return f"the number `{value}`"
    if isinstance(value, str):
        return f"`{short(value)}`"
    return "a list" if isinstance(value, list) else "a mapping"


# --- kinds of value -------------------------------------------------------------------------------


def parse_day(text: str) -> date:
    """A calendar day `YYYY-MM-DD` that exists; raises CellError."""
    if not _DAY.fullmatch(text):
        raise CellError(f"`{short(text)}` is not a date such as 2026-03-02")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise CellError(f"`{text}` is not in the calendar") from None
    _check_year(day.year, text)
    return day


def _check_year(year: int, text: str) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        # Placeholders such as 0001-01-01 and 9999-12-31 are no facts; what is not known is null.
        words = f"the year of `{short(text)}` is outside {FIRST_YEAR} to {LAST_YEAR}"
        raise CellError(f"{words}; what is not known is null")


def parse_days(text: str) -> tuple[date, date]:
    """First and last day of `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; raises CellError."""
    match = _PARTIAL.fullmatch(text)
    if match is None:
        if not _DAY.fullmatch(text):
            raise CellError(f"`{short(text)}` is not a date such as 2026, 2026-03 or 2026-03-02")
        day = parse_day(text)
        return day, day
    year = int(match[1])
    _check_year(year, text)
    if match[2] is None:
        return date(year, 1, 1), date(year, 12, 31)
    month = int(match[2])
    if not 1 <= month <= 12:
        raise CellError(f"`{text}` is not in the calendar")
    after = date(year + month // 12, month % 12 + 1, 1)
    return date(year, month, 1), after - timedelta(days=1)


def parse_instant(text: str) -> tuple[datetime, datetime]:
    """Earliest and latest instant, naive UTC, both included; raises CellError.

    A plain date is its whole day. Digits after the microsecond make an interval of one microsecond,
    since the order of two instants within it is not known.
    """
    if len(text) == 10 and _DAY.fullmatch(text):
        day = parse_day(text)
        return datetime.combine(day, time()), datetime.combine(day, LAST_TIME)
    match = _INSTANT.fullmatch(text)
    if match is None:
        words = f"`{short(text)}` is not an instant such as 2026-03-02T12:00:00Z, nor a date"
        raise CellError(f"{words}; the offset from UTC is needed")
    stem, hour, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    if hour == "24" or second == "60":
        raise CellError(f"`{text}` has an hour 24 or a leap second, which are not read")
    try:
        low = datetime.fromisoformat(stem)
    except ValueError:
        raise CellError(f"`{text}` is not in the calendar") from None
    if sign and FIRST_YEAR - 1 <= low.year <= LAST_YEAR + 1:
        offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
        low = low - offset if sign == "+" else low + offset
    _check_year(low.year, text)  # in UTC, as of every other instant
    if not fraction:
        return low, low
    low = low.replace(microsecond=int(fraction[:6].ljust(6, "0")))
    exact = not fraction[6:].strip("0")
    return low, low if exact else low + MICROSECOND


def parse_utc(text: str) -> datetime:
    """One exact instant as aware UTC, for a manifest or an argument; raises CellError."""
    low, high = parse_instant(text)
    if low != high:
        raise CellError(f"`{short(text)}` is not one instant; write a time of day with at most microseconds")
    return low.replace(tzinfo=UTC)


def _as_text(column: Column) -> Cell:
    smallest, allowed = column.min_length, frozenset(column.enum)
    # The classes of characters are those of the engine that checks large files.
    pattern = re.compile(column.pattern, re.ASCII) if column.pattern else None

    def text(value: Any) -> str:
        if type(value) is not str:
            hint = "; quote it" if isinstance(value, int | Decimal) else ""
            raise CellError(f"{shown(value)} is not text{hint}")
        if allowed and value not in allowed:
            raise CellError(f"{shown(value)} is not one of {_listed(column.enum)}")
        if "\x00" in value:
            raise CellError("a text with a NUL character")
        if len(value) < smallest:
            raise CellError("an empty text; what is not known is null")
        if pattern and not pattern.fullmatch(value):
            raise CellError(f"{shown(value)} does not have the form `{column.pattern}`")
        return value

    return text


def _listed(words: tuple[str, ...]) -> str:
    more = f" and {len(words) - 12} more" if len(words) > 12 else ""
    return ", ".join(f"`{word}`" for word in words[:12]) + more


def _as_int(column: Column) -> Cell:
    smallest = INT_MIN if column.minimum is None else column.minimum
    largest = INT_MAX if column.maximum is None else column.maximum
    unit = f" {column.unit}" if column.unit else ""

    def integer(value: Any) -> int:
        if type(value) is not int:
            raise CellError(f"{shown(value)} is not a whole number")
        if not smallest <= value <= largest:
            raise CellError(f"`{value}` is outside {smallest} to {largest}{unit}")
        return value

    return integer


def _as_bool(column: Column) -> Cell:
    def boolean(value: Any) -> bool:
        if type(value) is not bool:
            raise CellError(f"{shown(value)} is not true or false")
        return value

    return boolean


def _as_set(column: Column) -> Cell:
    member = _as_text(column)

    def members(value: Any) -> list[str]:
        if type(value) is not list:
            raise CellError(f"{shown(value)} is not a list")
        found = [member(item) for item in value]
        if "" in found:
            raise CellError("a set with an empty member")
        if len(set(found)) != len(found):
            raise CellError("a set with the same member twice")
        return sorted(found)

    return members


def _dated(parse: Callable[[str], Any]) -> Callable[[Column], Cell]:
    def build(column: Column) -> Cell:
        def dated(value: Any) -> Any:
            if type(value) is not str:
                hint = "; quote it" if isinstance(value, int | Decimal) else ""
                raise CellError(f"{shown(value)} is not a date as text{hint}")
            return parse(value)

        return dated

    return build


_BUILDERS: dict[ColumnType, Callable[[Column], Cell]] = {
    ColumnType.TEXT: _as_text,
    ColumnType.INT: _as_int,
    ColumnType.BOOL: _as_bool,
    ColumnType.DAY: _dated(parse_day),
    ColumnType.DAYS: _dated(parse_days),
    ColumnType.INSTANT: _dated(parse_instant),
    ColumnType.SET: _as_set,
}


# --- cells of a column ----------------------------------------------------------------------------


def compile_cell(column: Column) -> Cell:
    """A function from a YAML or JSON value to the typed value; it raises CellError."""
    inner = _BUILDERS[column.type](column)
    nullable = column.nullable

    def cell(value: Any) -> Any:
        if value is None:
            if nullable:
                return None
            raise CellError("null where a value is required")
        return inner(value)

    return cell


def compile_text_cell(column: Column) -> Cell:
    """A function from the text of a CSV field to the typed value; it raises CellError.

    An empty field is null, and the empty set in a set column that cannot be null.
    """
    cell = compile_cell(column)
    if column.type is ColumnType.SET:
        empty: list[str] | None = None if column.nullable else []
        return lambda text: cell(_split(text) if text else empty)
    if column.type is ColumnType.INT:
        return lambda text: cell(_int_of(text) if text else None)
    if column.type is ColumnType.BOOL:
        return lambda text: cell({"true": True, "false": False}.get(text, text) if text else None)
    return lambda text: cell(text or None)


def _split(text: str) -> list[str]:
    members = text.split(SEPARATOR)
    for member in members:
        if not member or member != member.strip():
            raise CellError(f"{shown(text)} has a member that is empty or has blanks around it")
    return members


def _int_of(text: str) -> Any:
    if INTEGER.fullmatch(text) and len(text) <= 20:
        return int(text)
    return text


def is_future(type_: ColumnType, value: Any, as_of: datetime) -> bool:
    """Whether a day, partial date or instant begins after `as_of` (naive UTC)."""
    if type_ is ColumnType.DAY:
        return bool(value > as_of.date())
    if type_ is ColumnType.DAYS:
        return bool(value[0] > as_of.date())
    return bool(value[0] > as_of)
