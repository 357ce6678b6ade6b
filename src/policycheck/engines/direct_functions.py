"""The policy functions in Python, written from their catalogue (`policycheck.functions`).

Each takes known values only: NULL in any argument gives NULL, which the caller sees to. None of them can
raise for a value of its types; what cannot be answered is None.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from policycheck.engines.direct_values import BOOL, DAY, DAYS, INSTANT, INT, SET, TEXT, Kind

Days = tuple[date, date]
Instant = tuple[datetime, datetime]
Function = Callable[..., Any]

LAST_YEAR = 9999
HOUR = timedelta(hours=1)
# Naive, as every instant of an engine is.
FIRST_MOMENT = datetime(1, 1, 1)  # noqa: DTZ001 - see above
LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001 - see above
LAST_ORDINAL = date.max.toordinal()

# Separators, control and format characters of Unicode 14, as the embedded engine's library has them. Python's
# own tables change with its version, and a verdict may not.
_BLANK = (
    "\x00-\x20\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u1680\u180e\u2000-\u200f"
    "\u2028-\u202f\u205f-\u2064\u2066-\u206f\u3000\ufeff\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
_filled = re.compile(f"[^{_BLANK}]").search


# --- the order of days, partial dates and instants ------------------------------------------------------


def _ends(kind: Kind) -> Callable[[Any], tuple[Any, Any]]:
    return (lambda day: (day, day)) if kind == DAY else (lambda interval: interval)


def _day_ends(kind: Kind) -> Callable[[Any], tuple[date, date]]:
    if kind == INSTANT:
        return lambda instant: (instant[0].date(), instant[1].date())
    return _ends(kind)


def _before(first: Kind, second: Kind) -> Function:
    a_ends, b_ends = _ends(first), _ends(second)

    def before(a: Any, b: Any) -> bool | None:
        (a_low, a_high), (b_low, b_high) = a_ends(a), b_ends(b)
        if a_high < b_low:
            return True
        return False if a_low >= b_high else None

    return before


def _same_day(first: Kind, second: Kind) -> Function:
    a_ends, b_ends = _day_ends(first), _day_ends(second)

    def same_day(a: Any, b: Any) -> bool | None:
        (a_low, a_high), (b_low, b_high) = a_ends(a), b_ends(b)
        if a_high < b_low or b_high < a_low:
            return False
        return True if a_low == a_high == b_low == b_high else None

    return same_day


def _swapped(function: Function) -> Function:
    return lambda a, b: function(b, a)


def _negated(function: Function) -> Function:
    def negated(a: Any, b: Any) -> bool | None:
        answer = function(a, b)
        return None if answer is None else not answer

    return negated


def _orders() -> dict[str, dict[tuple[Kind, ...], Function]]:
    pairs: list[tuple[Kind, ...]] = [(DAY, DAY), (DAY, DAYS), (DAYS, DAY), (DAYS, DAYS), (INSTANT, INSTANT)]
    before = {pair: _before(*pair) for pair in pairs}
    after = {pair: _swapped(before[pair[::-1]]) for pair in pairs}
    return {
        "before": before,
        "after": after,
        "not_before": {pair: _negated(before[pair]) for pair in pairs},
        "not_after": {pair: _negated(after[pair]) for pair in pairs},
        "same_day": {pair: _same_day(*pair) for pair in pairs},
    }


# --- days -----------------------------------------------------------------------------------------------


def keep_until(day: date, years: int) -> date | None:
    """So many years later; 1 March for 29 February in a common year."""
    if not 0 <= years <= LAST_YEAR - day.year:
        return None
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def due_by(day: date, years: int) -> date | None:
    """So many years later; 28 February for 29 February in a common year."""
    if not 0 <= years <= LAST_YEAR - day.year:
        return None
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 2, 28)


def plus_hours(moment: datetime, number: int) -> datetime | None:
    """NULL outside the years 1 to 9999."""
    if -((moment - FIRST_MOMENT) // HOUR) <= number <= (LAST_MOMENT - moment) // HOUR:
        return moment + number * HOUR
    return None


def plus_days(day: date, number: int) -> date | None:
    return day + timedelta(days=number) if 1 <= day.toordinal() + number <= LAST_ORDINAL else None


def _over_both(function: Callable[[Any, int], Any]) -> Function:
    """The function of both ends of an interval; NULL as a whole where one of them is."""

    def shifted(interval: tuple[Any, Any], number: int) -> tuple[Any, Any] | None:
        low, high = function(interval[0], number), function(interval[1], number)
        return None if low is None or high is None else (low, high)

    return shifted


def day_of(instant: Instant) -> date | None:
    low, high = instant[0].date(), instant[1].date()
    return low if low == high else None


def age_on(birth: date, day: date) -> int | None:
    if day < birth:
        return None
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def _partial_age_on(birth: Days, day: date) -> int | None:
    oldest, youngest = age_on(birth[0], day), age_on(birth[1], day)
    return oldest if oldest == youngest else None


def age_at_least(birth: date, day: date, years: int) -> bool | None:
    birthday = keep_until(birth, years)
    return None if birthday is None else day >= birthday


def _partial_age_at_least(birth: Days, day: date, years: int) -> bool | None:
    if age_at_least(birth[1], day, years) is True:
        return True
    return False if age_at_least(birth[0], day, years) is False else None


# --- text and sets --------------------------------------------------------------------------------------


def filled(text: str) -> bool:
    return _filled(text) is not None


def lower(text: str) -> str:
    """Character by character: the small sigma does not depend on where it stands, as in other engines."""
    if text.isascii():
        return text.lower()
    return "".join(["i" if char == "İ" else char.lower() for char in text])


def _has_any(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    return not set(first).isdisjoint(second)


def _has_all(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    return set(first).issuperset(second)


IMPLEMENTATIONS: dict[str, dict[tuple[Kind, ...], Function]] = {
    **_orders(),
    "day_of": {(INSTANT,): day_of},
    "first_day": {(DAYS,): lambda days: days[0]},
    "last_day": {(DAYS,): lambda days: days[1]},
    "keep_until": {(DAY, INT): keep_until, (DAYS, INT): _over_both(keep_until)},
    "due_by": {(DAY, INT): due_by, (DAYS, INT): _over_both(due_by)},
    "plus_hours": {(INSTANT, INT): _over_both(plus_hours)},
    "plus_days": {(DAY, INT): plus_days, (DAYS, INT): _over_both(plus_days)},
    "days_between": {(DAY, DAY): lambda first, second: second.toordinal() - first.toordinal()},
    "age_on": {(DAY, DAY): age_on, (DAYS, DAY): _partial_age_on},
    "age_at_least": {(DAY, DAY, INT): age_at_least, (DAYS, DAY, INT): _partial_age_at_least},
    "latest": {(DAY, DAY): lambda a, b: a if a >= b else b},
    "earliest": {(DAY, DAY): lambda a, b: a if a <= b else b},
    "has": {(SET, TEXT): lambda members, text: text in members},
    "has_any": {(SET, SET): _has_any},
    "has_all": {(SET, SET): _has_all},
    "subset_of": {(SET, SET): _swapped(_has_all)},
    "is_empty": {(SET,): lambda members: not members},
    "size": {(SET,): len},
    "filled": {(TEXT,): filled},
    "lower": {(TEXT,): lower},
}
"""By name and the kinds of the arguments. `full_match` is in `direct_patterns`: its pattern is a literal."""

RESULTS: dict[str, Kind] = {
    **dict.fromkeys(_orders(), BOOL),
    "day_of": DAY,
    "first_day": DAY,
    "last_day": DAY,
    "days_between": INT,
    "age_on": INT,
    "age_at_least": BOOL,
    "latest": DAY,
    "earliest": DAY,
    **dict.fromkeys(("has", "has_any", "has_all", "subset_of", "is_empty", "filled"), BOOL),
    "size": INT,
    "lower": TEXT,
}
"""What a function gives; one that is missing gives the kind of its first argument."""
