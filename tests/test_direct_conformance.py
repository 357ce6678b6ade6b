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
    texts = [writer.text(writer.pick(TYPES), 10) for _ in range(10)]
    bench.ask_expressions([text.replace("subject.", "") if i % 2 else text for i, text in enumerate(texts)])


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
    assert counts["same"] > 0.8 * wanted, counts
    assert counts["silent"] < 0.2 * wanted, counts


# Shapes that chance seldom writes.
SHAPES = """
SELECT t.link AS k, (SELECT count(*) FROM parts p WHERE p.link = t.link) AS n FROM things t GROUP BY
    t.link;
SELECT t.link AS k FROM things t GROUP BY t.link HAVING (SELECT any_true(p.locked) FROM parts p WHERE
    p.link = t.link);
SELECT lower(t.name) AS k, count(*) AS n FROM things t GROUP BY lower(t.name);
SELECT lower(t.name) AS k, lower(t.name) = 'a' AS a FROM things t GROUP BY 1;
SELECT t.locked AND t.sealed AS k, count(*) AS n FROM things t GROUP BY t.locked AND t.sealed;
SELECT name AS k, count(*) AS n FROM things GROUP BY name HAVING count(*) > 0;
SELECT t.name AS kind, count(*) AS n FROM things t GROUP BY t.name;
SELECT count(*) AS n FROM things t WHERE false;
SELECT count(*) AS n, max(t.rank) AS r FROM things t WHERE false GROUP BY t.link;
SELECT count(*) AS n FROM things t WHERE t.locked HAVING count(*) > 100;
SELECT any_true(t.locked) AS a, any_true(t.locked) AS b, NOT all_true(t.locked) AS c FROM things t;
SELECT t.*, p.rank AS part_rank FROM things t LEFT JOIN parts p ON p.link = t.things_id;
SELECT p.rank AS part_rank, t.* FROM things t LEFT JOIN parts p ON p.link = t.things_id;
SELECT * FROM things t;
WITH c AS (SELECT t.* FROM things t WHERE t.locked) SELECT a.* FROM c a JOIN c b ON a.link = b.link;
WITH c AS (SELECT t.link AS k FROM things t), d AS (SELECT c.k AS k FROM c UNION ALL SELECT c.k FROM c)
    SELECT a.k AS k FROM d a JOIN d b ON a.k = b.k;
SELECT link, t.rank AS a, p.rank AS b FROM things t JOIN parts p USING (link);
SELECT link, p.rank AS b FROM things t LEFT JOIN parts p USING (link);
SELECT t.link AS a, p.link AS b FROM things t FULL JOIN parts p USING (link);
SELECT t.rank AS a FROM things t SEMI JOIN parts p USING (link);
SELECT a.rank AS a, c.rank AS c FROM things a SEMI JOIN parts b ON b.link = a.link JOIN parts c ON
    c.rank = a.rank;
SELECT a.rank AS a, b.rank AS b, c.rank AS c FROM things a LEFT JOIN (parts b JOIN things c ON c.link =
    b.link) ON b.rank = a.rank AND c.locked;
SELECT a.rank AS a FROM things a RIGHT JOIN (things b LEFT JOIN parts c ON c.link = b.link) ON c.rank =
    a.rank;
SELECT a.rank AS a, b.rank AS b FROM things a, parts b WHERE a.link = b.link AND a.locked AND NOT
    b.sealed;
SELECT a.rank AS a FROM things a, parts b, things c WHERE a.link = b.link AND b.rank = c.rank AND a.rank
    < c.rank;
SELECT a.rank AS a, b.rank AS b FROM things a LEFT JOIN parts b ON a.locked AND b.locked;
SELECT a.rank AS a, b.rank AS b FROM things a LEFT JOIN parts b ON NULL;
SELECT a.rank AS a, b.rank AS b FROM things a LEFT JOIN parts b ON a.link = b.link WHERE b.rank IS NULL;
SELECT a.rank AS a FROM things a ANTI JOIN parts b ON a.link = b.link;
SELECT a.rank AS a FROM things a WHERE NOT EXISTS (SELECT 1 FROM parts b WHERE b.link = a.link AND
    b.rank > a.rank);
SELECT a.rank AS a FROM things a WHERE EXISTS (SELECT 1 FROM parts b WHERE a.locked);
SELECT (SELECT max((SELECT count(*) FROM parts c WHERE c.link = b.link AND c.rank = a.rank)) FROM parts
    b WHERE b.rank >= a.rank) AS n FROM things a;
SELECT (SELECT any_true(b.locked AND EXISTS (SELECT 1 FROM things c WHERE c.link = a.link AND c.rank =
    b.rank)) FROM parts b WHERE b.link = a.link) AS x FROM things a;
SELECT (SELECT max(d.r) FROM (SELECT b.rank AS r, b.link AS k FROM parts b UNION ALL SELECT 9, 'k1') d
    WHERE d.k = a.link) AS n FROM things a;
SELECT (SELECT count(*) FROM parts b JOIN things c ON c.link = b.link WHERE c.rank = a.rank) AS n FROM
    things a;
SELECT (SELECT sum(b.rank) FROM parts b WHERE b.link = a.link HAVING count(*) > 1) AS n FROM things a;
SELECT (SELECT DISTINCT 1 FROM parts b WHERE b.link = a.link) AS n FROM things a;
SELECT DISTINCT t.tags AS a, t.born AS b, t.seen_at AS c FROM things t;
SELECT min(t.tags) AS a, max(t.born) AS b, min(t.seen_at) AS c, max(t.locked) AS d, min(t.name) AS e
    FROM things t;
SELECT t.tags = t.marks AS a, t.born < t.died AS b, t.seen_at >= t.left_at AS c FROM things t;
SELECT NULL AS a, 1 AS b, NULL AS c UNION ALL SELECT 'x', 3000000000, DATE '2024-01-01';
SELECT t.name IN ('a', NULL) AS a, t.name NOT IN ('a', 'b') AS b, t.name IN (t.kind, 'a', NULL) AS c
    FROM things t;
SELECT t.rank BETWEEN NULL AND 1 AS a, t.rank BETWEEN t.total AND t.share AS b FROM things t;
SELECT CASE t.name WHEN 'a' THEN 1 WHEN t.kind THEN 2 END AS a, CASE WHEN NULL THEN 1 ELSE 2 END AS b
    FROM things t;
SELECT coalesce(NULL, t.name, 'x') AS a, coalesce(t.total, t.share) AS b FROM things t;
SELECT t.link AS k, row_number() OVER (PARTITION BY t.link ORDER BY t.name DESC, t._row) AS n FROM
    things t;
SELECT t.link AS k, row_number() OVER (ORDER BY t.name NULLS FIRST, t._row DESC) AS n FROM things t;
SELECT t.link AS k, count(*) AS c, row_number() OVER (ORDER BY count(*) DESC, t.link) AS n FROM things t
    GROUP BY 1;
SELECT t.link AS k FROM things t GROUP BY t.link QUALIFY row_number() OVER (ORDER BY max(t.rank),
    t.link) = 1;
SELECT t.rank AS a FROM things t QUALIFY row_number() OVER (PARTITION BY t.link ORDER BY t.rank, t._row)
    = 1;
SELECT count(t.total) FILTER (WHERE t.locked) AS a, count(DISTINCT t.name) AS b, count(*) FILTER (WHERE
    NULL) AS c, sum(DISTINCT t.rank) AS d, bool_or(t.locked) FILTER (WHERE t.sealed) AS e FROM things t;
SELECT - 9223372036854775808 AS a, 2147483648 - 1 AS b, - (-5) AS c, 1 - $debt AS d
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_shapes_of_queries_are_answered_alike(seed: int) -> None:
    texts = SHAPES.split(";")
    with Bench(seed) as bench:
        for sql in texts:
            bench.ask(sql)
        assert bench.counts["same"] == len(texts), (bench.counts, bench.direct.unanswered)


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
