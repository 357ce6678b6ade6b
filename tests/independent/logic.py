"""Three-valued logic and dates with a precision, as the reference defines them.

A truth is True, False or None. A span is the pair of the first and the last instant a cell can mean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Any

Truth = bool | None
Row = dict[str, Any]
Tables = dict[str, list[Row]]
Verdicts = dict[str, str]
Span = tuple[datetime, datetime]

AS_OF = datetime(2026, 3, 2, 12)
TODAY = AS_OF.date()


# --- truth ------------------------------------------------------------------------------------------


def every(*parts: Truth) -> Truth:
    """Kleene AND: one False decides, then one None leaves it open."""
    if any(part is False for part in parts):
        return False
    return None if any(part is None for part in parts) else True


def some(*parts: Truth) -> Truth:
    """Kleene OR; False over nothing."""
    if any(part is True for part in parts):
        return True
    return None if any(part is None for part in parts) else False


def negate(part: Truth) -> Truth:
    return None if part is None else not part


def choose(condition: Truth, then: Truth, other: Truth) -> Truth:
    """What both branches say where the condition is open."""
    if condition is None:
        return then if then is other else None
    return then if condition else other


def verdict(applies: Truth, holds: Truth) -> str:
    """not_applicable, pass, fail or unknown."""
    if applies is False:
        return "na"
    if applies is None:
        return "unknown"
    return {True: "pass", False: "fail", None: "unknown"}[holds]


# --- values -----------------------------------------------------------------------------------------

OPEN = ("unknown", "UNKNOWN")


def known(value: Any) -> Any:
    """A value, with the words for not knowing as None."""
    return None if value in OPEN else value


def one_of(value: Any, members: Collection[Any]) -> Truth:
    value = known(value)
    return None if value is None else value in members


def at_least(value: int | None, floor: int) -> Truth:
    return None if value is None else value >= floor


def at_most(value: int | None, ceiling: int) -> Truth:
    return None if value is None else value <= ceiling


def stated(text: str | None) -> Truth:
    """Whether a reference or citation stands there: null is not known, blanks are nothing."""
    return None if text is None else bool(text.strip())


# --- time -------------------------------------------------------------------------------------------


def span(text: str | None) -> Span | None:
    """The first and last instant of `2026-03-02T12:00:00Z` or of the whole day `2026-03-02`."""
    if text is None:
        return None
    if len(text) == 10:
        start = datetime.fromisoformat(text)
        return start, start + timedelta(days=1, microseconds=-1)
    moment = datetime.fromisoformat(text.removesuffix("Z"))
    return moment, moment


def day(text: str | None) -> date | None:
    """The calendar day of an instant or of a date, in UTC."""
    return None if text is None else date.fromisoformat(text[:10])


def days(text: str | None) -> tuple[date, date] | None:
    """The first and last day of `2020`, `2020-02` or `2020-02-29`."""
    if text is None:
        return None
    parts = [int(part) for part in text.split("-")]
    if len(parts) == 1:
        return date(parts[0], 1, 1), date(parts[0], 12, 31)
    if len(parts) == 2:
        year, month = parts
        after = date(year + month // 12, month % 12 + 1, 1)
        return date(year, month, 1), after - timedelta(days=1)
    exact = date.fromisoformat(text)
    return exact, exact


def earlier(a: Span | None, b: Span | None) -> Truth:
    """Strictly before; open where the two overlap."""
    if a is None or b is None:
        return None
    if a[1] < b[0]:
        return True
    return False if a[0] >= b[1] else None


def not_later(a: Span | None, b: Span | None) -> Truth:
    return negate(earlier(b, a))


def on_or_before(a: date | None, b: date | None) -> Truth:
    return None if a is None or b is None else a <= b


def ceil_years(start: date, years: int) -> date:
    """The end of a minimum: 29 February goes to 1 March in a common year."""
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return date(start.year + years, 3, 1)


def floor_years(start: date, years: int) -> date:
    """The end of a maximum: 29 February goes to 28 February in a common year."""
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return date(start.year + years, 2, 28)


def within_days(moment: date | None, limit: int) -> Truth:
    """Whether a day lies no more than so many days back from today."""
    return None if moment is None else (TODAY - moment).days <= limit


def of_age(birth: str | None, when: date | None, years: int) -> Truth:
    """Whether a person had an age on a day; open where a partial date of birth leaves it open."""
    born = days(birth)
    if born is None or when is None:
        return None
    first, last = (ceil_years(each, years) <= when for each in born)
    return first if first is last else None


# --- rows -------------------------------------------------------------------------------------------


def by_key(rows: Iterable[Row], key: str) -> dict[str, Row]:
    return {row[key]: row for row in rows}


def grouped(rows: Iterable[Row], key: str) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(row.get(key), []).append(row)
    return found


def in_effect(document: Row | None) -> Truth:
    """Whether a version of a document is in effect today. That it is must be said; its dates may only deny
    it."""
    if document is None:
        return False
    start, end = day(document.get("effective_from")), day(document.get("effective_to"))
    return every(document.get("is_in_effect"), start is None or start <= TODAY, end is None or end >= TODAY)


def held_role(
    appointments: Iterable[Row], person: str | None, roles: Collection[str], when: date | None
) -> Truth:
    """Whether a person held one of the roles on a day; the last day still counts."""
    if person is None or when is None:
        return None
    return any(
        a["person_id"] == person
        and a["role"] in roles
        and day(a["effective_from"]) <= when
        and (a["effective_to"] is None or when <= day(a["effective_to"]))
        for a in appointments
    )
