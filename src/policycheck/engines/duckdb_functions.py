"""The policy functions as DuckDB macros.

Goes out: `CREATE MACRO` statements for a fresh connection, before it is locked. Each macro is typed by
argument, so that `before` on days, partial dates and instants stay apart. No macro can raise for any
value of its types: what cannot be answered is NULL.
"""

from __future__ import annotations

_DAYS = "STRUCT(lo DATE, hi DATE)"
_INSTANT = "STRUCT(lo TIMESTAMP, hi TIMESTAMP)"


def _overloads(name: str, forms: list[tuple[str, str]]) -> str:
    return f"CREATE MACRO {name}" + ", ".join(f"({arguments}) AS {body}" for arguments, body in forms)


def _order(name: str, true_when: str, false_when: str) -> str:
    """An order test. The templates use {alo} {ahi} {blo} {bhi}, the ends of the two intervals."""
    forms = []
    for a, b in [("DATE", "DATE"), ("DATE", _DAYS), (_DAYS, "DATE"), (_DAYS, _DAYS), (_INSTANT, _INSTANT)]:
        ends = {
            "alo": "a" if a == "DATE" else "a.lo",
            "ahi": "a" if a == "DATE" else "a.hi",
            "blo": "b" if b == "DATE" else "b.lo",
            "bhi": "b" if b == "DATE" else "b.hi",
        }
        body = (
            f"CASE WHEN {true_when.format(**ends)} THEN true WHEN {false_when.format(**ends)} THEN false END"
        )
        forms.append((f"a {a}, b {b}", body))
    return _overloads(name, forms)


def _same_day() -> str:
    forms = []
    for a, b in [("DATE", "DATE"), ("DATE", _DAYS), (_DAYS, "DATE"), (_DAYS, _DAYS), (_INSTANT, _INSTANT)]:
        alo, ahi = ("a", "a") if a == "DATE" else ("CAST(a.lo AS DATE)", "CAST(a.hi AS DATE)")
        blo, bhi = ("b", "b") if b == "DATE" else ("CAST(b.lo AS DATE)", "CAST(b.hi AS DATE)")
        body = (
            f"CASE WHEN {ahi} < {blo} OR {bhi} < {alo} THEN false "
            f"WHEN {alo} = {ahi} AND {blo} = {bhi} AND {alo} = {blo} THEN true END"
        )
        forms.append((f"a {a}, b {b}", body))
    return _overloads("same_day", forms)


def _shifted(day: str) -> str:
    # The first of the month plus the day: 29 February in a common year becomes 1 March by itself.
    return f"make_date(year({day}) + n, month({day}), 1) + CAST(day({day}) - 1 AS INTEGER)"


def _years(day: str) -> str:
    return f"n BETWEEN 0 AND 9999 - year({day})"


def _keep_until(day: str) -> str:
    return f"CASE WHEN {_years(day)} THEN {_shifted(day)} END"


def _due_by(day: str) -> str:
    moved = _shifted(day)
    return (
        f"CASE WHEN {_years(day)} THEN {moved} - "
        f"CASE WHEN month({moved}) <> month({day}) THEN 1 ELSE 0 END END"
    )


def _plus_days(day: str) -> str:
    return (
        f"CASE WHEN n BETWEEN date_diff('day', {day}, DATE '0001-01-01') "
        f"AND date_diff('day', {day}, DATE '9999-12-31') THEN {day} + CAST(n AS INTEGER) END"
    )


def _plus_hours(moment: str) -> str:
    # Whole hours to the first and to the last moment there is, both rounded towards `moment`.
    first, last = "TIMESTAMP '0001-01-01'", "TIMESTAMP '9999-12-31 23:59:59.999999'"
    return (
        f"CASE WHEN n BETWEEN date_sub('hour', {moment}, {first}) AND date_sub('hour', {moment}, {last}) "
        f"THEN {moment} + to_hours(n) END"
    )


def _both(lo: str, hi: str) -> str:
    """An interval, or NULL as a whole where one of its ends is."""
    return f"CASE WHEN {lo} IS NOT NULL AND {hi} IS NOT NULL THEN {{'lo': {lo}, 'hi': {hi}}} END"


def _age(birth: str) -> str:
    """Full years at day `b`. The birthday of 29 February is 1 March in a common year."""
    return (
        f"CASE WHEN {birth} <= b THEN CAST(year(b) - year({birth}) - CASE WHEN month(b) < month({birth}) "
        f"OR (month(b) = month({birth}) AND day(b) < day({birth})) THEN 1 ELSE 0 END AS BIGINT) END"
    )


def macro_statements() -> tuple[str, ...]:
    """The statements that define every policy function but `lower`, which DuckDB has."""
    before = ("{ahi} < {blo}", "{alo} >= {bhi}")
    after = ("{alo} > {bhi}", "{ahi} <= {blo}")
    of_lo, of_hi = _age("a.lo"), _age("a.hi")
    return (
        "CREATE MACRO any_true(x) AS CASE WHEN bool_or(x) THEN true "
        "WHEN count(*) > 0 AND count(*) = count(x) THEN false END",
        "CREATE MACRO all_true(x) AS CASE WHEN NOT bool_and(x) THEN false "
        "WHEN count(*) > 0 AND count(*) = count(x) THEN true END",
        _order("before", *before),
        _order("after", *after),
        _order("not_before", before[1], before[0]),
        _order("not_after", after[1], after[0]),
        _same_day(),
        f"CREATE MACRO day_of(a {_INSTANT}) AS "
        "CASE WHEN CAST(a.lo AS DATE) = CAST(a.hi AS DATE) THEN CAST(a.lo AS DATE) END",
        f"CREATE MACRO first_day(a {_DAYS}) AS a.lo",
        f"CREATE MACRO last_day(a {_DAYS}) AS a.hi",
        *(
            _overloads(
                name,
                [
                    ("a DATE, n BIGINT", form("a")),
                    (f"a {_DAYS}, n BIGINT", _both(form("a.lo"), form("a.hi"))),
                ],
            )
            for name, form in (("keep_until", _keep_until), ("due_by", _due_by), ("plus_days", _plus_days))
        ),
        f"CREATE MACRO plus_hours(a {_INSTANT}, n BIGINT) AS "
        + _both(_plus_hours("a.lo"), _plus_hours("a.hi")),
        "CREATE MACRO days_between(a DATE, b DATE) AS date_diff('day', a, b)",
        _overloads(
            "age_on",
            [
                ("a DATE, b DATE", _age("a")),
                (f"a {_DAYS}, b DATE", f"CASE WHEN {of_lo} = {of_hi} THEN {of_lo} END"),
            ],
        ),
        _overloads(
            "age_at_least",
            [
                ("a DATE, b DATE, n BIGINT", f"b >= {_keep_until('a')}"),
                (
                    f"a {_DAYS}, b DATE, n BIGINT",
                    f"CASE WHEN b >= {_keep_until('a.hi')} THEN true "
                    f"WHEN b < {_keep_until('a.lo')} THEN false END",
                ),
            ],
        ),
        *_plain_macros(),
    )


def _plain_macros() -> tuple[str, ...]:
    """The macros with one form each: two days, sets, text."""
    return (
        "CREATE MACRO latest(a DATE, b DATE) AS CASE WHEN a >= b THEN a WHEN a < b THEN b END",
        "CREATE MACRO earliest(a DATE, b DATE) AS CASE WHEN a <= b THEN a WHEN a > b THEN b END",
        "CREATE MACRO has(a VARCHAR[], b VARCHAR) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL "
        "THEN list_contains(a, b) END",
        "CREATE MACRO has_any(a VARCHAR[], b VARCHAR[]) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL "
        "THEN list_has_any(a, b) END",
        "CREATE MACRO has_all(a VARCHAR[], b VARCHAR[]) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL "
        "THEN list_has_all(a, b) END",
        "CREATE MACRO subset_of(a VARCHAR[], b VARCHAR[]) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL "
        "THEN list_has_all(b, a) END",
        "CREATE MACRO is_empty(a VARCHAR[]) AS len(a) = 0",
        "CREATE MACRO size(a VARCHAR[]) AS len(a)",
        # Separators, control and zero-width characters do not count as text.
        r"CREATE MACRO filled(a VARCHAR) AS regexp_matches(a, '[^\p{Z}\p{Cc}\p{Cf}]')",
        "CREATE MACRO full_match(a VARCHAR, b VARCHAR) AS regexp_full_match(a, b)",
    )
