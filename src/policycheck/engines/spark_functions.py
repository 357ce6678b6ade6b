"""The policy functions as Spark SQL, written out where they are called.

Goes in: the name of a function, the types of its arguments and, from the engine that reads the rows, how it
lowers and what it calls blank. Comes out: a template of Spark SQL with `{0}`, `{1}`, `{2}` for the arguments.
No template can raise for any value of its types: what cannot be answered is NULL. Nothing here is Python that
runs on the cluster, so that Spark plans and compiles all of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from policycheck.model import ColumnType

DAY, DAYS, INSTANT = ColumnType.DAY, ColumnType.DAYS, ColumnType.INSTANT

AGGREGATES = {
    "any_true": "CASE WHEN bool_or({0}) THEN true WHEN count(*) > 0 AND count(*) = count({0}) THEN false END",
    "all_true": "CASE WHEN NOT bool_and({0}) THEN false "
    "WHEN count(*) > 0 AND count(*) = count({0}) THEN true END",
}
"""Over the rows of a group. NULL over no rows."""

_MEMBERS = {
    "has": "coalesce(array_contains({0}, {1}), false)",
    "has_any": "coalesce(arrays_overlap({0}, {1}), false)",
    "has_all": "size(array_except(array_compact({1}), {0})) = 0",
    "subset_of": "size(array_except(array_compact({0}), {1})) = 0",
}
_PLAIN = {
    "first_day": "{0}.lo",
    "last_day": "{0}.hi",
    "day_of": "CASE WHEN CAST({0}.lo AS DATE) = CAST({0}.hi AS DATE) THEN CAST({0}.lo AS DATE) END",
    "days_between": "CAST(datediff({1}, {0}) AS BIGINT)",
    "latest": "CASE WHEN {0} >= {1} THEN {0} WHEN {0} < {1} THEN {1} END",
    "earliest": "CASE WHEN {0} <= {1} THEN {0} WHEN {0} > {1} THEN {1} END",
    "is_empty": "(array_size({0}) = 0)",
    "size": "CAST(array_size({0}) AS BIGINT)",
}


class Characters(Struct, frozen=True):
    """What the engine that reads the rows makes of characters, since every Unicode table is of its own year.

    `upper` and `lower` are strings of the same length: each character of the first becomes the one in its
    place in the second. `longer` are those that become several. `blank` are the ranges, first and last code,
    of what is no visible character.
    """

    upper: str
    lower: str
    longer: tuple[tuple[str, str], ...]
    blank: tuple[tuple[int, int], ...]

    @classmethod
    def known(cls, lowered: Iterable[tuple[str, str]], blank: Iterable[int]) -> Characters:
        """From (character, its lower case) where they differ, and the codes of blank characters."""
        pairs = sorted(lowered)
        single = [(a, b) for a, b in pairs if len(b) == 1]
        ranges: list[list[int]] = []
        for code in sorted(blank):
            if ranges and code == ranges[-1][1] + 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
        return cls(
            "".join(a for a, _ in single),
            "".join(b for _, b in single),
            tuple((a, b) for a, b in pairs if len(b) != 1),
            tuple((first, last) for first, last in ranges),
        )


def template(name: str, kinds: tuple[ColumnType | None, ...], characters: Characters) -> str | None:
    """The template of a function for arguments of these types; None where there is none."""
    if name in _MEMBERS:
        return f"CASE WHEN {{0}} IS NOT NULL AND {{1}} IS NOT NULL THEN {_MEMBERS[name]} END"
    if name in _PLAIN:
        return _PLAIN[name]
    if name in _ORDERS:
        return _order(name, kinds)
    if name in _SHIFTS:
        shift = _SHIFTS[name]
        return shift("{0}") if kinds[0] is DAY else _both(shift("{0}.lo"), shift("{0}.hi"))
    if name == "plus_hours":
        return _both(_plus_hours("{0}.lo"), _plus_hours("{0}.hi"))
    if name == "age_on":
        lo, hi = _age("{0}.lo"), _age("{0}.hi")
        return _age("{0}") if kinds[0] is DAY else f"CASE WHEN {lo} = {hi} THEN {lo} END"
    if name == "age_at_least":
        return _age_at_least(kinds)
    if name == "lower":
        return _lower(characters)
    if name == "filled":
        return _filled(characters)
    return None


def quoted(text: str) -> str:
    """A text as a Spark literal: every character that is not plain is spelled out."""
    plain = "".join(
        c if c.isascii() and (c.isalnum() or c in " _-.,:;/()[]<>=+*#@!?&|^$") else _spelled(c) for c in text
    )
    return f"'{plain}'"


def _spelled(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


# --- days and instants ------------------------------------------------------------------------------

_TRUE_AND_FALSE = {
    "before": ("{ahi} < {blo}", "{alo} >= {bhi}"),
    "after": ("{alo} > {bhi}", "{ahi} <= {blo}"),
    "not_before": ("{alo} >= {bhi}", "{ahi} < {blo}"),
    "not_after": ("{ahi} <= {blo}", "{alo} > {bhi}"),
}
_ORDERS = {*_TRUE_AND_FALSE, "same_day"}


def _order(name: str, kinds: tuple[ColumnType | None, ...]) -> str:
    ends = {}
    for letter, place, kind in zip("ab", ("{0}", "{1}"), kinds, strict=True):
        for end in ("lo", "hi"):
            ends[letter + end] = place if kind is DAY else f"{place}.{end}"
            if name == "same_day" and kind is INSTANT:
                ends[letter + end] = f"CAST({place}.{end} AS DATE)"
    if name == "same_day":
        yes, no = "{alo} = {ahi} AND {blo} = {bhi} AND {alo} = {blo}", "{ahi} < {blo} OR {bhi} < {alo}"
        return f"CASE WHEN {no.format(**ends)} THEN false WHEN {yes.format(**ends)} THEN true END"
    yes, no = _TRUE_AND_FALSE[name]
    return f"CASE WHEN {yes.format(**ends)} THEN true WHEN {no.format(**ends)} THEN false END"


def _both(lo: str, hi: str) -> str:
    """An interval, or NULL as a whole where one of its ends is."""
    return f"CASE WHEN {lo} IS NOT NULL AND {hi} IS NOT NULL THEN named_struct('lo', {lo}, 'hi', {hi}) END"


def _moved(day: str, years: str = "{1}") -> str:
    """`add_months` goes from 29 February to 28 February in a common year, and changes no other day."""
    return f"add_months({day}, CAST({years} AS INT) * 12)"


def _in_years(day: str, item: str, years: str = "{1}") -> str:
    return f"CASE WHEN {years} BETWEEN 0 AND 9999 - year({day}) THEN {item} END"


def _due_by(day: str) -> str:
    return _in_years(day, _moved(day))


def _keep_until(day: str, years: str = "{1}") -> str:
    moved = _moved(day, years)
    # Where the 29th of February became the 28th, the period ends on the day after.
    late = f"CASE WHEN day({moved}) <> day({day}) THEN 1 ELSE 0 END"
    return _in_years(day, f"date_add({moved}, {late})", years)


def _plus_days(day: str) -> str:
    return (
        f"CASE WHEN {{1}} BETWEEN datediff(DATE '0001-01-01', {day}) AND datediff(DATE '9999-12-31', {day}) "
        f"THEN date_add({day}, CAST({{1}} AS INT)) END"
    )


_SHIFTS = {"keep_until": _keep_until, "due_by": _due_by, "plus_days": _plus_days}


def _plus_hours(moment: str) -> str:
    # Whole hours to the first and to the last moment there is, both rounded towards `moment`.
    first, last = "TIMESTAMP_NTZ '0001-01-01 00:00:00'", "TIMESTAMP_NTZ '9999-12-31 23:59:59.999999'"
    return (
        f"CASE WHEN {{1}} BETWEEN timestampdiff(HOUR, {moment}, {first}) "
        f"AND timestampdiff(HOUR, {moment}, {last}) "
        f"THEN {moment} + make_dt_interval(0, CAST({{1}} AS INT)) END"
    )


def _age(birth: str) -> str:
    """Full years at a day. The birthday of 29 February is 1 March in a common year."""
    return (
        f"CASE WHEN {birth} <= {{1}} THEN CAST(year({{1}}) - year({birth}) - "
        f"CASE WHEN month({{1}}) < month({birth}) "
        f"OR (month({{1}}) = month({birth}) AND day({{1}}) < day({birth})) THEN 1 ELSE 0 END AS BIGINT) END"
    )


def _age_at_least(kinds: tuple[ColumnType | None, ...]) -> str:
    if kinds[0] is DAY:
        return f"({{1}} >= {_keep_until('{0}', '{2}')})"
    return (
        f"CASE WHEN {{1}} >= {_keep_until('{0}.hi', '{2}')} THEN true "
        f"WHEN {{1}} < {_keep_until('{0}.lo', '{2}')} THEN false END"
    )


# --- text -------------------------------------------------------------------------------------------


def _lower(characters: Characters) -> str:
    """Character by character. Java's own `lower` looks at neighbours, and at the Unicode of its own year."""
    text = "{0}"
    for char, becomes in characters.longer:
        text = f"replace({text}, {quoted(char)}, {quoted(becomes)})"
    whole = f"translate({text}, {quoted(characters.upper)}, {quoted(characters.lower)})"
    return f"CASE WHEN octet_length({{0}}) = char_length({{0}}) THEN lower({{0}}) ELSE {whole} END"


def _filled(characters: Characters) -> str:
    ranges = "".join(f"\\x{{{first:X}}}-\\x{{{last:X}}}" for first, last in characters.blank)
    # A brace would be a place for an argument.
    return "({0} RLIKE " + quoted(f"[^{ranges}]").replace("{", "{{").replace("}", "}}") + ")"
