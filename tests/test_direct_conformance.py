"""Random texts over random rows: the direct engine answers as DuckDB does, or not at all."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

import query_writer
from engine_bench import Bench
from policycheck.engines.direct_functions import filled, lower
from policycheck.engines.direct_patterns import pattern
from policycheck.engines.duckdb import DuckDBSession
from policycheck.errors import EngineError
from query_writer import THINGS, TYPES, Writer

ROUNDS_A_BENCH = 100  # then other rows
Ask = Callable[[Bench, Writer], None]


def ask_plain(bench: Bench, writer: Writer) -> None:
    """Ten expressions without subqueries, of any type, in one select."""
    writer.rows, writer.subqueries = [query_writer.reach(THINGS, "subject")], False
    bench.ask_expressions([writer.text(writer.pick(TYPES), 10) for _ in range(10)])


def ask_nested(bench: Bench, writer: Writer) -> None:
    """Three expressions with subqueries in them."""
    writer.rows = [query_writer.reach(THINGS, "subject")]
    bench.ask_expressions([writer.text(writer.pick(TYPES), 10) for _ in range(3)])


def ask_query(bench: Bench, writer: Writer) -> None:
    """One query: joins, groups, windows, subqueries, common columns and unions."""
    writer.rows = []
    bench.ask(writer.select())


def run(ask: Ask, seed: int, wanted: int) -> Counter[str]:
    """Asks until so many texts got past DuckDB's binder. Raises AssertionError at the first difference."""
    writer = Writer(seed)
    counts: Counter[str] = Counter()
    while counts.total() - counts["unbound"] < wanted:
        with Bench(seed * 1000 + counts.total()) as bench:
            for _ in range(ROUNDS_A_BENCH):
                ask(bench, writer)
                if counts.total() - counts["unbound"] + bench.counts.total() >= wanted:
                    break
            counts += bench.counts
    return counts


SHORT = [(ask_plain, 1, 200), (ask_nested, 2, 40), (ask_query, 3, 40)]
LONG = [(ask_plain, 11, 16_000), (ask_nested, 12, 4_000), (ask_query, 13, 4_000)]


@pytest.mark.parametrize(
    ("ask", "seed", "wanted"),
    [*SHORT, *(pytest.param(*case, marks=pytest.mark.slow) for case in LONG)],
)
def test_random_texts_are_answered_alike(ask: Ask, seed: int, wanted: int) -> None:
    counts = run(ask, seed, wanted)
    assert counts["same"] > 0.85 * wanted, counts
    assert counts["silent"] < 0.08 * wanted, counts


# --- patterns ---------------------------------------------------------------------------------------

PIECES = (
    "a b A 1 - . \\. \\d \\w \\s [ab] [^a] [a-c] [\\d-] [^\\s] []a] [^]a] [-a] [a-] [\\w.] [+--] [!-~] "
    "( ( ) ) | * + ? {2} {0,2} {1,} {0} ^ $ é _ ] \\\\ \\[ [ ^* { } [[:alpha:]] [a-\\d] [a^] \\$ 😀 [é-ü] "
    "?? *? {2,1} [[] [.] [*] [{}] [\\]] [^^] [$] \\é \\b [b-a] {256} (a|b*)* ((a{9}){9}){9} ((a{99}){99}){9}"
)
CHARS = [*"abcA1-._éü][\\$^😀 \n\t\v", ""]


@pytest.mark.parametrize(("seed", "total"), [(1, 400), pytest.param(2, 20_000, marks=pytest.mark.slow)])
def test_patterns_match_alike(seed: int, total: int) -> None:
    """And a pattern that DuckDB refuses is refused."""
    chance = random.Random(seed)
    counts: Counter[str] = Counter()
    with DuckDBSession() as session:
        for _ in range(total):
            written = "".join(chance.choices(PIECES.split(), k=chance.randint(1, 6)))
            texts = ["".join(chance.choices(CHARS, k=chance.randint(0, 5))) for _ in range(30)]
            texts += ["", "a", "ab", "\n", "a" * 729]
            there, here = _embedded_matches(session, written, texts), _direct_matches(written, texts)
            assert here is None or here == there, written
            counts["refused" if there is None else "silent" if here is None else "same"] += 1
    assert counts["same"] > total // 4, counts
    assert counts["silent"] < total // 5, counts


def _embedded_matches(session: DuckDBSession, written: str, texts: list[str]) -> list[bool] | None:
    quoted = written.replace("'", "''")
    sql = f"SELECT full_match(t, '{quoted}') FROM (SELECT unnest($1::VARCHAR[]) AS t)"
    try:
        return [answer for (answer,) in session._execute(sql, [texts]).fetchall()]
    except EngineError:
        return None


def _direct_matches(written: str, texts: list[str]) -> list[bool] | None:
    try:
        test = pattern(written)
    except EngineError:
        return None
    return [test(text) for text in texts]


def test_a_pattern_that_would_take_a_backtracking_engine_for_ever_takes_no_time() -> None:
    test = pattern("(a*)*(a|aa)*(a+)+b")
    assert not test("a" * 20_000)
    assert test("a" * 20_000 + "b")


# --- text -------------------------------------------------------------------------------------------


def test_every_character_is_blank_or_lower_alike() -> None:
    """DuckDB's tables of Unicode are its own, and Python's change with its version."""
    chars = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code <= 0xDFFF]
    codes = "range(1, 1114112) r(i) WHERE i NOT BETWEEN 55296 AND 57343"
    with DuckDBSession() as session:
        session.fetch(f"CREATE TABLE chars AS SELECT chr(i::INTEGER) AS c FROM {codes}")
        blank = {char for (char,) in session.fetch("SELECT c FROM chars WHERE NOT filled(c)")}
        changed = dict(session.fetch("SELECT c, lower(c) FROM chars WHERE lower(c) <> c"))
    assert blank == {char for char in chars if not filled(char)}
    assert changed == {char: lower(char) for char in chars if lower(char) != char}


@pytest.mark.parametrize("text", ["ΣΑΣ", "ΑΣ", "İI", "ẞß", "Ǆ", "A", ""])
def test_words_are_lower_alike(text: str) -> None:
    with DuckDBSession() as session:
        assert session._execute("SELECT lower($1)", [text]).fetchone() == (lower(text),)
