"""Each policy function on every engine against an independent reading in Python, edges first."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policycheck.engines.direct_functions import IMPLEMENTATIONS, RESULTS
from policycheck.engines.duckdb_functions import macro_statements
from policycheck.engines.duckdb_types import SQL_TYPES
from policycheck.functions import FUNCTIONS, QUANTIFIERS, function_table
from policycheck.model import ColumnType

T = ColumnType
EDGE_DAYS = [
    date(1, 1, 1),
    date(1900, 2, 28),
    date(2000, 2, 29),
    date(2023, 2, 28),
    date(2024, 2, 28),
    date(2024, 2, 29),
    date(2024, 3, 1),
    date(2026, 12, 31),
    date(9999, 12, 31),
]
DAYS = st.sampled_from(EDGE_DAYS) | st.dates()
NEAR = st.dates(date(2023, 12, 1), date(2025, 3, 1))
YEARS = st.sampled_from([0, 1, 3, 4, 6, 50, 100, 9998, 9999, -1, 2**63 - 1, -(2**63)]) | st.integers(0, 120)
SHIFTS = st.sampled_from([0, 1, -1, 30, 2**63 - 1, -(2**63), 3_652_058]) | st.integers(-800, 800)
SETS = st.lists(st.sampled_from(["AES", "TDEA", "é", "", "it's"]), unique=True, max_size=4)
TEXTS = st.text(max_size=6) | st.sampled_from(["", " ", "\t\u200b", "\u00a0x", "AES"])
Interval = tuple[Any, Any]


@st.composite
def partial(draw: st.DrawFn) -> Interval:
    """A year, a month or a day, or any two days in order."""
    first, second = sorted((draw(NEAR | DAYS), draw(NEAR | DAYS)))
    return draw(
        st.sampled_from([(first, second), (first, first), (date(first.year, 1, 1), date(first.year, 12, 31))])
    )


@st.composite
def instant(draw: st.DrawFn) -> Interval:
    """A moment, or a plain date that covers its whole day."""
    day = draw(NEAR)
    start = datetime(day.year, day.month, day.day)
    exact = start + timedelta(microseconds=draw(st.sampled_from([0, 1, 43_200_000_000, 86_399_999_999])))
    return draw(st.sampled_from([(exact, exact), (start, start + timedelta(microseconds=86_399_999_999))]))


def ends(value: Any) -> Interval:
    return value if isinstance(value, tuple) else (value, value)


def days_of(value: Interval) -> list[date]:
    low, high = (end.date() if isinstance(end, datetime) else end for end in ends(value))
    return [low, high]


# --- an independent reading, written from the words of the catalogue ------------------------------


def py_before(a: Any, b: Any) -> bool | None:
    (alo, ahi), (blo, bhi) = ends(a), ends(b)
    answers = {x < y for x in (alo, ahi) for y in (blo, bhi)}
    return answers.pop() if len(answers) == 1 else None


def py_not(value: bool | None) -> bool | None:
    return None if value is None else not value


def py_same_day(a: Any, b: Any) -> bool | None:
    first, second = days_of(a), days_of(b)
    if len({*first, *second}) == 1:
        return True
    return False if first[1] < second[0] or second[1] < first[0] else None


def py_keep_until(day: date, years: int) -> date | None:
    if years < 0 or day.year + years > 9999:
        return None
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def py_due_by(day: date, years: int) -> date | None:
    if years < 0 or day.year + years > 9999:
        return None
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 2, 28)


def py_plus_days(day: date, number: int) -> date | None:
    ordinal = day.toordinal() + number
    return date.fromordinal(ordinal) if 1 <= ordinal <= date.max.toordinal() else None


def py_plus_hours(moment: datetime, number: int) -> datetime | None:
    try:
        return moment + timedelta(hours=number)
    except OverflowError:
        return None


def over_ends(one: Any) -> Any:
    def shifted(value: Any, number: int) -> Any:
        if not isinstance(value, tuple):
            return one(value, number)
        found = (one(value[0], number), one(value[1], number))
        return None if None in found else found

    return shifted


def py_age_at_least(birth: Any, day: date, years: int) -> bool | None:
    low, high = ends(birth)
    youngest, oldest = py_keep_until(high, years), py_keep_until(low, years)
    if youngest is not None and day >= youngest:
        return True
    return False if oldest is not None and day < oldest else None


def py_age_on(birth: Any, day: date) -> int | None:
    def age(born: date) -> int | None:
        # The number of birthdays, each found on the calendar.
        if day < born:
            return None
        years = day.year - born.year
        birthday = py_keep_until(born, years)
        return years if birthday is not None and birthday <= day else years - 1

    low, high = (age(end) for end in ends(birth))
    return low if low == high else None


def py_filled(text: str) -> bool:
    return any(unicodedata.category(char) not in ("Zs", "Zl", "Zp", "Cc", "Cf") for char in text)


EXPECTED: dict[str, Any] = {
    "before": py_before,
    "after": lambda a, b: py_before(b, a),
    "not_before": lambda a, b: py_not(py_before(a, b)),
    "not_after": lambda a, b: py_not(py_before(b, a)),
    "same_day": py_same_day,
    "day_of": lambda a: a[0].date() if a[0].date() == a[1].date() else None,
    "first_day": lambda a: a[0],
    "last_day": lambda a: a[1],
    "keep_until": over_ends(py_keep_until),
    "due_by": over_ends(py_due_by),
    "plus_days": over_ends(py_plus_days),
    "plus_hours": over_ends(py_plus_hours),
    "days_between": lambda a, b: b.toordinal() - a.toordinal(),
    "age_on": py_age_on,
    "age_at_least": py_age_at_least,
    "latest": max,
    "earliest": min,
    "has": lambda a, b: b in a,
    "has_any": lambda a, b: bool(set(a) & set(b)),
    "has_all": lambda a, b: set(b) <= set(a),
    "subset_of": lambda a, b: set(a) <= set(b),
    "is_empty": lambda a: not a,
    "size": len,
    "filled": py_filled,
}
VALUES = {
    T.DAY: DAYS | NEAR,
    T.DAYS: partial(),
    T.INSTANT: instant(),
    T.SET: SETS,
    T.TEXT: TEXTS.filter(lambda text: "\x00" not in text),
}
CALLS = [(name, signature) for name in EXPECTED for signature in FUNCTIONS[name].signatures]
_SETTINGS = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    found = duckdb.connect()
    for statement in macro_statements():
        found.execute(statement)
    yield found
    found.close()


def _direct(value: Any) -> Any:
    """A value as the direct engine holds it: sets are tuples."""
    return tuple(value) if isinstance(value, list) else value


def _cell(value: Any) -> Any:
    return {"lo": value[0], "hi": value[1]} if isinstance(value, tuple) else value


def _call(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    kinds: tuple[ColumnType, ...],
    rows: list[tuple[Any, ...]],
) -> list[Any]:
    """The answers over a table of the very types an engine holds; the columns bear the macros' own names."""
    names = ["b", "a", "n", "x"][: len(kinds)]
    columns = ", ".join(f"{column} {SQL_TYPES[kind]}" for column, kind in zip(names, kinds, strict=True))
    connection.execute(f"CREATE OR REPLACE TABLE cells (position BIGINT, {columns})")
    marks = ", ".join(f"CAST(? AS {SQL_TYPES[kind]})" for kind in kinds)
    for position, row in enumerate(rows):
        connection.execute(f"INSERT INTO cells VALUES ({position}, {marks})", [_cell(value) for value in row])
    answers = connection.execute(f"SELECT {name}({', '.join(names)}) FROM cells ORDER BY position").fetchall()
    return [(found["lo"], found["hi"]) if isinstance(found, dict) else found for (found,) in answers]


def _rows(name: str, kinds: tuple[ColumnType, ...]) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    numbers = SHIFTS if name in ("plus_days", "plus_hours") else YEARS
    cells = [numbers if kind is T.INT else VALUES[kind] for kind in kinds]
    return st.lists(st.tuples(*cells), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("name", "signature"), CALLS, ids=[f"{name}{signature}" for name, signature in CALLS]
)
def test_a_function_means_the_same_on_every_engine_and_in_words(
    name: str, signature: Any, connection: duckdb.DuckDBPyConnection
) -> None:
    """And what the catalogue calls decided is never NULL for known arguments."""

    @_SETTINGS
    @given(_rows(name, signature.arguments))
    def check(rows: list[tuple[Any, ...]]) -> None:
        answers = _call(connection, name, signature.arguments, rows)
        assert answers == [EXPECTED[name](*row) for row in rows]
        direct = IMPLEMENTATIONS[name][signature.arguments]
        assert answers == [direct(*(_direct(value) for value in row)) for row in rows]
        if signature.decided:
            assert None not in answers

    check()


@pytest.mark.parametrize(
    ("name", "signature"), CALLS, ids=[f"{name}{signature}" for name, signature in CALLS]
)
def test_null_in_any_argument_gives_null(
    name: str, signature: Any, connection: duckdb.DuckDBPyConnection
) -> None:
    samples = {
        T.DAY: date(2024, 2, 29),
        T.DAYS: (date(2024, 1, 1), date(2024, 12, 31)),
        T.INSTANT: (datetime(2024, 1, 1), datetime(2024, 1, 1)),
        T.SET: [],
        T.TEXT: "",
        T.INT: 1,
    }
    for hole in range(len(signature.arguments)):
        row = tuple(None if i == hole else samples[kind] for i, kind in enumerate(signature.arguments))
        assert _call(connection, name, signature.arguments, [row]) == [None]


@pytest.mark.parametrize(
    ("name", "signature"), CALLS, ids=[f"{name}{signature}" for name, signature in CALLS]
)
def test_a_function_gives_the_type_it_promises(
    name: str, signature: Any, connection: duckdb.DuckDBPyConnection
) -> None:
    _call(connection, name, signature.arguments, [])
    names = ", ".join(["b", "a", "n", "x"][: len(signature.arguments)])
    described = connection.execute(f"DESCRIBE SELECT {name}({names}) AS v FROM cells").fetchall()
    assert described[0][1] == SQL_TYPES[signature.result]


@_SETTINGS
@given(rows=st.lists(st.sampled_from([True, False, None]), max_size=6))
def test_the_quantifiers_are_kleene(rows: list[bool | None], connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE OR REPLACE TABLE answers (id BIGINT, x BOOLEAN)")
    for row in rows:
        connection.execute("INSERT INTO answers VALUES (1, ?)", [row])
    some = True if True in rows else None if None in rows or not rows else False
    every = False if False in rows else None if None in rows or not rows else True
    query = "SELECT any_true(x), all_true(x), NOT any_true(NOT x) FROM answers"
    assert connection.execute(query).fetchone() == (some, every, every)
    correlated = (
        "SELECT (SELECT any_true(x) FROM answers a WHERE a.id = s.i), "
        "(SELECT all_true(x) FROM answers a WHERE a.id = s.i) "
        "FROM (SELECT unnest([1, 2]) AS i) s ORDER BY s.i"
    )
    assert connection.execute(correlated).fetchall() == [(some, every), (None, None)]


@pytest.mark.parametrize("name", ["not_before", "not_after"])
def test_negated_orders_are_negations(name: str, connection: duckdb.DuckDBPyConnection) -> None:
    rows = [((date(2024, 1, 1), date(2024, 6, 1)), (date(2024, 5, d), date(2024, 5, d))) for d in (1, 31)]
    plain = _call(connection, name.removeprefix("not_"), (T.DAYS, T.DAYS), rows)
    assert _call(connection, name, (T.DAYS, T.DAYS), rows) == [py_not(value) for value in plain]


@_SETTINGS
@given(day=DAYS, years=st.integers(0, 120))
def test_a_minimum_period_never_ends_before_a_maximum_period(day: date, years: int) -> None:
    keep, due = py_keep_until(day, years), py_due_by(day, years)
    assert keep is None or due is None or timedelta(0) <= keep - due <= timedelta(1)


def test_the_catalogue_and_the_macros_name_the_same_functions() -> None:
    made = {statement.split()[2].split("(")[0] for statement in macro_statements()}
    assert made == (FUNCTIONS.keys() | QUANTIFIERS.keys()) - {"lower"}


def test_the_catalogue_and_the_direct_engine_have_the_same_forms() -> None:
    assert IMPLEMENTATIONS.keys() == FUNCTIONS.keys() - {"full_match"}
    for name, forms in IMPLEMENTATIONS.items():
        signatures = {each.arguments: each.result for each in FUNCTIONS[name].signatures}
        assert {form: RESULTS.get(name, form[0]) for form in forms} == signatures


def test_every_function_is_in_the_table() -> None:
    table = function_table()
    assert all(f"`{name}`" in table for name in (*FUNCTIONS, *QUANTIFIERS))


def test_the_documentation_has_the_table_as_it_is() -> None:
    page = Path(__file__).parent.parent / "docs" / "expressions.md"
    assert page.read_text(encoding="utf-8").endswith(function_table())
