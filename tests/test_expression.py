"""The expression gate: what it accepts, what it refuses and with which code, and where it points."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

import duckdb
import pytest

from policycheck.engines.duckdb_functions import macro_statements
from policycheck.engines.duckdb_parser import DuckdbParser
from policycheck.engines.duckdb_types import SQL_TYPES
from policycheck.errors import FaultList
from policycheck.expression import Relation, Scope, check_expression, check_view, parser_texts, select_text
from policycheck.model import ColumnType, CompiledExpression, ExpressionText, View
from policycheck.scope import sql_literal
from policycheck.source import Place

T = ColumnType


def _table(name: str, **columns: tuple[ColumnType, bool]) -> Relation:
    return Relation(name, columns, None, frozenset({name}))


STORES = _table(
    "stores",
    store_id=(T.TEXT, False),
    doc_id=(T.TEXT, True),
    hosting=(T.TEXT, False),
    kind=(T.TEXT, True),
    bits=(T.INT, True),
    count_of_keys=(T.INT, False),
    legacy=(T.BOOL, True),
    active=(T.BOOL, False),
    day=(T.DAY, False),
    ends=(T.DAY, True),
    death=(T.DAYS, True),
    born=(T.DAYS, False),
    seen_at=(T.INSTANT, False),
    gone_at=(T.INSTANT, True),
    tags=(T.SET, False),
    uses=(T.SET, True),
)
DOCUMENTS = _table(
    "documents",
    doc_id=(T.TEXT, False),
    store_id=(T.TEXT, True),
    kind=(T.TEXT, False),
    copy_present=(T.BOOL, True),
    signed=(T.BOOL, False),
    pages=(T.INT, True),
    issued=(T.DAY, False),
    made_at=(T.INSTANT, False),
)
WIDE = Relation(
    "wide",
    {"store_id": (T.TEXT, False), "owner": (T.TEXT, True)},
    {"store_id": frozenset({("stores", "store_id")}), "owner": frozenset({("owners", "name")})},
    frozenset({"stores", "owners"}),
)
SCOPE = Scope(
    {"stores": STORES, "documents": DOCUMENTS, "wide": WIDE},
    {
        "min_bits": 256,
        "below": -5,
        "reading": "lit'eral",
        "strict": True,
        "allowed": ("AES", "it's"),
        "none_allowed": (),
        "as_of": datetime(2026, 3, 2, 12),
        "as_of_day": date(2026, 3, 2),
    },
)
PLACE = Place("controls/XX/XX-1.yaml", 14, 15, "")


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    found = duckdb.connect()
    for statement in macro_statements():
        found.execute(statement)
    for relation in (STORES, DOCUMENTS, WIDE):
        columns = ", ".join(f"{name} {SQL_TYPES[kind]}" for name, (kind, _) in relation.columns.items())
        found.execute(f"CREATE TABLE {relation.name} ({columns})")
    yield found
    found.close()


@pytest.fixture(scope="module")
def parser(connection: duckdb.DuckDBPyConnection) -> DuckdbParser:
    return DuckdbParser(connection)


def compile_text(
    text: str, parser: DuckdbParser, subject: Relation = STORES
) -> CompiledExpression | list[str]:
    """The compiled expression, or the codes of its faults."""
    faults = FaultList()
    found = check_expression("rule", ExpressionText(text, PLACE), subject, SCOPE, parser, faults)
    if found is None:
        assert len(faults) > 0, "refused without a word"
        return [fault.code for fault in faults.faults]
    assert len(faults) == 0
    return found


ACCEPTED = [
    "active",
    "NOT legacy",
    "subject.active AND subject.legacy",
    "bits >= $min_bits",
    "bits - $below > 0 AND bits -$below > 0",
    "bits + count_of_keys * 2 - 1 = 7",
    "-bits < -1",
    "bits BETWEEN 128 AND $min_bits",
    "bits NOT BETWEEN 1 AND 2",
    "hosting IN ('cloud', 'third_party', $reading)",
    "kind NOT IN ('a', 'b')",
    "bits IN (1, 2, $min_bits)",
    "hosting <> 'on_prem' OR kind IS NULL",
    "hosting != 'x' AND hosting == 'y'",
    "kind IS NOT NULL",
    "legacy IS NULL OR NOT legacy",
    "legacy = active",
    "active = $strict",
    "$strict OR active",
    "$reading = 'literal' OR bits >= 128",
    "day < DATE '2025-01-01'",
    "day <= $as_of_day AND before(seen_at, $as_of)",
    "before(death, day) AND after(day, death) AND not_before(death, born) AND not_after(ends, day)",
    "same_day(seen_at, gone_at) OR same_day(day, death)",
    "day_of(seen_at) = day",
    "first_day(death) < last_day(born)",
    "keep_until(ends, 6) < due_by(day, 3)",
    "before(keep_until(death, 50), $as_of_day)",
    "plus_days(day, -30) > ends",
    "days_between(day, ends) <= 365",
    "age_on(born, day) >= 13",
    "age_at_least(born, day, 13)",
    "age_at_least(ends, day, $min_bits)",
    "latest(day, ends) > earliest(day, ends)",
    "has(tags, 'AES') AND has($allowed, kind) AND has(['AES', 'TDEA'], kind)",
    "has_any(tags, uses) OR has_all(uses, ['a']) OR subset_of(tags, $allowed)",
    "subset_of(tags, $none_allowed)",
    "NOT is_empty(uses) AND size(tags) > 1",
    "filled(kind) AND lower(kind) = 'x'",
    "full_match(hosting, '[a-z]{2,4}\\d+')",
    "coalesce(ends, day) > DATE '2025-01-01'",
    "CASE WHEN hosting = 'cloud' THEN bits >= 256 WHEN active THEN bits >= 128 ELSE false END",
    "CASE WHEN kind IS NULL THEN NULL WHEN kind = 'a' THEN active ELSE legacy END",
    "CASE WHEN kind = 'a' THEN active END",
    "CASE kind WHEN 'a' THEN active END",
    "CASE WHEN active THEN 128 ELSE 256 END <= bits",
    "CASE WHEN kind IS NOT NULL AND kind = 'a' THEN true ELSE active END",
    "(SELECT any_true(d.copy_present) FROM documents d WHERE d.doc_id = subject.doc_id)",
    "(SELECT all_true(d.copy_present AND subject.legacy) FROM documents d WHERE d.kind = 'x')",
    "NOT (SELECT any_true(NOT d.copy_present) FROM documents d)",
    "(SELECT any_true(d.store_id = subject.store_id AND d.signed) FROM documents d)",
    "(SELECT any_true(d.signed) FROM documents d"
    " WHERE d.store_id IS NOT NULL AND d.store_id = subject.store_id)",
    "EXISTS (SELECT 1 FROM documents d WHERE d.kind = subject.hosting)",
    "EXISTS (SELECT 1 FROM documents AS d WHERE d.signed AND d.kind IN ('a', 'b'))",
    "NOT EXISTS (SELECT 1 FROM documents d WHERE d.pages IS NOT NULL AND d.pages > 3)",
    "NOT EXISTS (SELECT 1 FROM documents d)",
    "doc_id IS NOT NULL AND EXISTS (SELECT 1 FROM documents d WHERE d.doc_id = subject.doc_id)",
    "doc_id IS NULL OR EXISTS (SELECT 1 FROM documents d WHERE d.doc_id = subject.doc_id)",
    "EXISTS (SELECT 1 FROM documents d WHERE d.pages IS NULL OR d.pages > 3)",
    "(SELECT count(*) FROM documents d WHERE d.kind = subject.hosting) >= 2",
    "(SELECT any_true((SELECT all_true(s.active) FROM stores s WHERE s.hosting = d.kind)) FROM documents d)",
    "(SELECT any_true(w.owner = 'x') FROM wide w WHERE w.store_id = subject.store_id)",
    "hosting = 'Größe'",
    "hosting\n  = 'cloud'\n  AND active",
]

REFUSED = [
    # not one expression
    ("", "PC201"),
    ("   ", "PC201"),
    ("active; DROP TABLE stores", "PC201"),
    ("true) FROM stores; DROP TABLE stores; --", "PC201"),
    ("active) AS v, (legacy", "PC201"),
    ("active) FROM ev WHERE (legacy", "PC201"),
    ("active) UNION SELECT (legacy", "PC201"),
    ("active -- and the rest", "PC201"),
    ("active /* hidden */", "PC201"),
    ("active AND", "PC201"),
    ("active legacy", "PC201"),
    ('"active"', "PC201"),
    ("$$x$$ = hosting", "PC201"),
    ("E'x' = hosting", "PC201"),
    ("hosting = 'a\x07b'", "PC201"),
    ("hosting = 'a\u202eb'", "PC201"),
    ("hosting = 'open", "PC201"),
    ("actіve", "PC201"),  # a Cyrillic letter
    ("bits = ?", "PC201"),
    ("(" * 40 + "active" + ")" * 40, "PC201"),
    ("NOT " * 20 + "active", "PC201"),
    ("active" + " AND active" * 500, "PC201"),
    ("bits::TEXT = 'a'", "PC201"),
    ("{'a': 1} = bits", "PC201"),
    ("bits / 2 = 1", "PC201"),
    ("bits = 1.5", "PC201"),
    ("bits = 1e3", "PC201"),
    ("bits = 1_000", "PC201"),
    ("bits = 0x10", "PC201"),
    ("hosting || 'x' = 'y'", "PC201"),
    ("bits = 1 = 2", "PC201"),
    # not part of the language
    ("active, legacy", "PC205"),
    ("*", "PC202"),
    ("COLUMNS(*)", "PC202"),
    ("CAST(bits AS BOOLEAN)", "PC202"),
    ("TRY_CAST(kind AS INT) = 1", "PC202"),
    ("day < CAST('2025-01-01' AS DATE)", "PC202"),
    ("day < DATE '2025-02-30'", "PC202"),
    ("day < TIMESTAMP '2025-01-01'", "PC202"),
    ("hosting LIKE 'a%'", "PC202"),
    ("hosting NOT LIKE 'a%'", "PC202"),
    ("hosting SIMILAR TO 'a'", "PC205"),
    ("hosting COLLATE NOCASE = 'a'", "PC202"),
    ("tags[1] = 'a'", "PC202"),
    ("subject.born.lo < day", "PC202"),
    ("main.stores.active", "PC202"),
    ("row_number() OVER () = 1", "PC202"),
    ("sum(bits) OVER () = 1", "PC202"),
    ("try(bits) = 1", "PC202"),
    ("bits = bits IN (1)", "PC206"),
    ("bits IN (1, count_of_keys)", "PC202"),
    ("count(*) > 1", "PC202"),
    ("any_true(active)", "PC202"),
    ("(SELECT d.signed FROM documents d)", "PC202"),
    ("(SELECT any_true(d.signed) FROM documents d LIMIT 1)", "PC202"),
    ("(SELECT any_true(d.signed) FROM documents d GROUP BY d.kind)", "PC202"),
    ("(SELECT any_true(DISTINCT d.signed) FROM documents d)", "PC202"),
    ("(SELECT any_true(d.signed) FILTER (WHERE d.signed) FROM documents d)", "PC202"),
    ("(SELECT any_true(d.signed) AS x FROM documents d)", "PC202"),
    ("(SELECT any_true(d.signed) FROM documents d, stores s)", "PC202"),
    ("(SELECT any_true(d.signed) FROM documents d JOIN stores s ON true)", "PC202"),
    ("(SELECT any_true(d.signed) FROM documents d UNION ALL SELECT true)", "PC202"),
    ("(WITH z AS (SELECT 1) SELECT any_true(d.signed) FROM documents d)", "PC202"),
    ("(SELECT any_true(d.signed) FROM (SELECT * FROM documents) d)", "PC202"),
    ("(SELECT any_true(d.signed) FROM documents AS d(x))", "PC202"),
    ("EXISTS (SELECT 1 FROM read_text('/etc/passwd') d)", "PC202"),
    ("EXISTS (SELECT d.doc_id FROM documents d)", "PC202"),
    ("EXISTS (FROM documents)", "PC211"),
    ("(SELECT max(d.pages) FROM documents d) > 1", "PC202"),
    ("(SELECT bool_or(d.signed) FROM documents d)", "PC202"),
    ("(VALUES (true))", "PC202"),
    ("main.lower(hosting) = 'a'", "PC202"),
    ("before(day := ends, day)", "PC201"),
    # names
    ("EXISTS (SELECT 1 FROM document d)", "PC203"),
    ("EXISTS (SELECT 1 FROM 'x.csv' d)", "PC203"),
    ("EXISTS (SELECT 1 FROM main.documents d)", "PC203"),
    ("EXISTS (SELECT 1 FROM duckdb_settings d)", "PC203"),
    ("key_bits >= 256", "PC204"),
    ("_row = 1", "PC204"),
    ("Active", "PC204"),
    ("(SELECT any_true(d.nothing) FROM documents d)", "PC204"),
    ("bool_or(active)", "PC205"),
    ("ev.active", "PC211"),
    ("stores.active", "PC211"),
    ("(SELECT any_true(signed) FROM documents d)", "PC211"),
    ("(SELECT any_true(d.signed AND active) FROM documents d)", "PC211"),
    ("EXISTS (SELECT 1 FROM documents)", "PC211"),
    ("EXISTS (SELECT 1 FROM documents subject)", "PC211"),
    ("EXISTS (SELECT 1 FROM documents kind)", "PC211"),
    ("EXISTS (SELECT 1 FROM documents D)", "PC211"),
    ("EXISTS (SELECT 1 FROM documents stores)", "PC211"),
    ("(SELECT any_true((SELECT any_true(d.active) FROM stores d)) FROM documents d)", "PC211"),
    # functions, parameters, clock
    ("repeat(hosting, 9) = 'a'", "PC205"),
    ("regexp_matches(hosting, 'a')", "PC205"),
    ("nullif(bits, 1) = 1", "PC205"),
    ("extract(year FROM day) = 2025", "PC205"),
    ("kind IN $allowed", "PC205"),
    ("bits = $unknown", "PC207"),
    ("day = current_date", "PC208"),
    ("now() > day", "PC208"),
    ("random() > 0", "PC208"),
    ("day < today()", "PC208"),
    # types
    ("bits", "PC206"),
    ("bits = '128'", "PC206"),
    ("day < '2025-01-01'", "PC206"),
    ("seen_at < gone_at", "PC206"),
    ("death = born", "PC206"),
    ("seen_at BETWEEN $as_of AND $as_of", "PC206"),
    ("tags = ['a']", "PC206"),
    ("kind < 'b'", "PC206"),
    ("active = true", "PC206"),
    ("active IN (true)", "PC206"),
    ("bits AND active", "PC206"),
    ("NOT bits", "PC206"),
    ("day + 1 > ends", "PC206"),
    ("before(day, seen_at)", "PC206"),
    ("before(day)", "PC206"),
    ("keep_until(seen_at, 6) > day", "PC206"),
    ("has(kind, 'a')", "PC206"),
    ("full_match(kind, hosting)", "PC206"),
    ("full_match(kind, '(?=a)b')", "PC206"),
    ("full_match(kind, '(a)\\1')", "PC206"),
    ("full_match(kind, 'a{1,1000}')", "PC206"),
    ("full_match(kind, '[a')", "PC206"),
    ("CASE WHEN active THEN 1 ELSE 'a' END = 1", "PC206"),
    ("CASE WHEN active THEN NULL END", "PC206"),
    ("CASE WHEN bits THEN active END", "PC206"),
    ("coalesce(kind, bits) = 'a'", "PC206"),
    ("(SELECT count(*) FROM documents d)", "PC206"),
    ("(SELECT any_true(d.pages) FROM documents d)", "PC206"),
    ("(SELECT any_true(d.signed) FROM documents d WHERE d.pages)", "PC206"),
    # unknown would turn into a decision
    ("active IS TRUE", "PC209"),
    ("legacy IS NOT FALSE", "PC209"),
    ("(bits > 1) IS NULL", "PC209"),
    ("bits > 1 IS UNKNOWN", "PC209"),
    ("(CASE WHEN legacy THEN 1 END) IS NULL", "PC209"),
    ("bits IS DISTINCT FROM 1", "PC209"),
    ("bits = NULL", "PC209"),
    ("kind IN ('a', NULL)", "PC209"),
    ("coalesce(legacy, active)", "PC209"),
    ("coalesce(legacy, true)", "PC209"),
    ("ifnull(legacy, true)", "PC209"),
    ("coalesce(bits, 256) >= 256", "PC209"),
    ("coalesce(bits, $min_bits) >= 256", "PC209"),
    ("kind NOT IN (SELECT d.kind FROM documents d)", "PC209"),
    ("kind IN (SELECT d.kind FROM documents d)", "PC209"),
    ("kind = ANY (SELECT d.kind FROM documents d)", "PC209"),
    ("bits > ALL (SELECT d.pages FROM documents d)", "PC209"),
    ("CASE WHEN legacy THEN active ELSE true END", "PC209"),
    ("CASE WHEN hosting = 'a' THEN active ELSE true END", "PC209"),
    ("CASE WHEN kind = 'a' THEN active ELSE legacy END", "PC209"),
    ("CASE WHEN kind = 'a' THEN active ELSE false END", "PC209"),
    ("CASE WHEN legacy THEN 128 ELSE 256 END <= bits", "PC209"),
    ("CASE kind WHEN 'a' THEN active ELSE legacy END", "PC209"),
    ("CASE WHEN before(death, day) THEN active ELSE legacy END", "PC209"),
    ("EXISTS (SELECT 1 FROM documents d WHERE d.doc_id = subject.doc_id)", "PC209"),
    ("NOT EXISTS (SELECT 1 FROM documents d WHERE d.store_id = subject.store_id)", "PC209"),
    ("NOT EXISTS (SELECT 1 FROM documents d WHERE d.copy_present)", "PC209"),
    ("NOT EXISTS (SELECT 1 FROM documents d WHERE before(d.made_at, subject.seen_at))", "PC209"),
    ("NOT EXISTS (SELECT 1 FROM documents d WHERE keep_until(d.issued, 6) < subject.day)", "PC209"),
    ("(SELECT count(*) FROM documents d WHERE d.pages > 1) = 0", "PC209"),
    ("(SELECT count(*) FROM documents d WHERE d.kind = subject.kind) = 0", "PC209"),
    ("(SELECT any_true(d.signed) FROM documents d WHERE d.store_id = subject.store_id)", "PC209"),
    ("(SELECT all_true(d.signed) FROM documents d WHERE d.copy_present)", "PC209"),
    ("(SELECT all_true(d.signed) FROM documents d WHERE d.kind = 'a' OR subject.legacy)", "PC209"),
    ("(SELECT all_true(d.signed) FROM documents d WHERE NOT (d.kind = 'a' AND subject.legacy))", "PC209"),
    (
        "(SELECT any_true(d.signed) FROM documents d"
        " WHERE (SELECT any_true(s.active) FROM stores s WHERE s.hosting = d.kind))",
        "PC209",
    ),
    # says nothing
    ("true", "PC210"),
    ("1 = 1", "PC210"),
    ("'x' = 'x' AND active", "PC210"),
    ("active OR true", "PC210"),
    ("bits = bits", "PC210"),
    ("subject.bits <> bits", "PC210"),
    ("lower(kind) = lower(kind)", "PC210"),
    ("$strict", "PC210"),
    ("$reading = 'literal'", "PC210"),
    ("(SELECT any_true(true) FROM documents d)", "PC210"),
    ("(SELECT any_true(subject.active) FROM documents d)", "PC210"),
    ("EXISTS (SELECT 1 FROM documents d WHERE true)", "PC210"),
    ("filled('x') AND active", "PC210"),
    ("NOT true OR active", "PC210"),
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_an_accepted_expression_runs_and_is_boolean(
    text: str, parser: DuckdbParser, connection: duckdb.DuckDBPyConnection
) -> None:
    found = compile_text(text, parser)
    assert isinstance(found, CompiledExpression), found
    assert "$" not in found.sql
    query = f"DESCRIBE SELECT (\n{found.sql}\n) AS v FROM stores AS subject"
    assert [row[1] for row in connection.execute(query).fetchall()] == ["BOOLEAN"]


@pytest.mark.parametrize(("text", "code"), REFUSED, ids=[text[:60] or "nothing" for text, _ in REFUSED])
def test_a_refused_expression_has_its_code(text: str, code: str, parser: DuckdbParser) -> None:
    assert compile_text(text, parser) == [code]


def test_what_the_lexer_refuses_never_reaches_the_parser() -> None:
    for text, code in REFUSED:
        if select_text(text) is None:
            assert code == "PC201"
            assert compile_text(text, None) == ["PC201"]  # type: ignore[arg-type]


def test_reads_are_followed_through_views_and_subqueries(parser: DuckdbParser) -> None:
    text = (
        "bits >= $min_bits AND (SELECT any_true(w.owner = subject.kind) FROM wide w"
        " WHERE w.store_id = subject.store_id)"
    )
    found = compile_text(text, parser)
    assert isinstance(found, CompiledExpression)
    assert found.observes == ("bits", "kind", "store_id")
    assert found.reads.tables == {"stores", "owners"}
    assert found.reads.columns == {
        ("stores", "bits"),
        ("stores", "kind"),
        ("stores", "store_id"),
        ("owners", "name"),
    }
    assert found.reads.parameters == {"min_bits"}


def test_parameters_are_written_in_as_literals(
    parser: DuckdbParser, connection: duckdb.DuckDBPyConnection
) -> None:
    found = compile_text("kind = 'ü $min_bits' OR kind = $reading OR bits -$below = 1", parser)
    assert isinstance(found, CompiledExpression)
    assert found.sql == "kind = 'ü $min_bits' OR kind = 'lit''eral' OR bits -(-5) = 1"
    connection.execute(f"SELECT {found.sql} FROM stores AS subject")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true"),
        (0, "0"),
        (-1, "(-1)"),
        ("it's", "'it''s'"),
        (("a", "b'"), "['a', 'b''']"),
        ((), "CAST([] AS VARCHAR[])"),
        (date(2026, 3, 2), "DATE '2026-03-02'"),
        (
            datetime(2026, 3, 2, 12),
            "{'lo': TIMESTAMP '2026-03-02 12:00:00.000000', 'hi': TIMESTAMP '2026-03-02 12:00:00.000000'}",
        ),
    ],
)
def test_a_value_becomes_a_literal(value: object, expected: str) -> None:
    assert sql_literal(value) == expected


def test_a_fault_points_into_the_yaml_line(parser: DuckdbParser) -> None:
    line = "  key_length: hosting = 'é' AND key_bits >= 256"
    place = Place("controls/DP/DP-3.7.yaml", 9, 15, line)
    faults = FaultList()
    check_expression("key_length", ExpressionText(line[14:], place), STORES, SCOPE, parser, faults)
    assert str(faults.faults[0]) == (
        "controls/DP/DP-3.7.yaml:9:33: error[PC204]: unknown column `key_bits` of `stores`\n"
        "   |\n"
        " 9 |   key_length: hosting = 'é' AND key_bits >= 256\n"
        "   |                                 ^\n"
        "  help: did you mean `bits`?"
    )


@pytest.mark.parametrize(
    ("line", "text", "where"),
    [
        ('k: "active AND key_bits = 1"', "active AND key_bits = 1", (9, 16)),
        ("k: 'hosting = ''a'' AND key_bits = 1'", "hosting = 'a' AND key_bits = 1", (9, 25)),
        ("k: |", "active\n  AND key_bits = 1\n", (11, 7)),
        ("k: >-", "active AND key_bits = 1", (9, 4)),
    ],
)
def test_a_fault_in_a_quoted_or_block_text_points_to_its_line(
    line: str, text: str, where: tuple[int, int], parser: DuckdbParser
) -> None:
    faults = FaultList()
    place = Place("c.yaml", 9, 4, line)
    check_expression("k", ExpressionText(text, place), STORES, SCOPE, parser, faults)
    found = faults.faults[0].place
    assert (found.line, found.column) == where


# --- views ----------------------------------------------------------------------------------------


def view_of(sql: str, parser: DuckdbParser) -> tuple[object, list[str]]:
    faults = FaultList()
    found = check_view(View("v", sql, None, (), Place("views/v.sql", 1)), SCOPE, parser, faults)
    return found, [fault.code for fault in faults.faults]


def test_a_view_knows_what_each_column_depends_on(parser: DuckdbParser) -> None:
    sql = (
        "-- base: stores\n"
        "WITH d AS (SELECT x.doc_id AS doc_id, x.pages AS pages FROM documents x WHERE x.signed)\n"
        "SELECT s.*, d.pages AS pages, $min_bits AS least FROM stores s LEFT JOIN d ON d.doc_id = s.doc_id\n"
    )
    found, codes = view_of(sql, parser)
    assert codes == []
    joins = {("documents", "signed"), ("documents", "doc_id"), ("stores", "doc_id")}
    assert found.tables == {"stores", "documents"}  # type: ignore[attr-defined]
    assert found.parameters == {"min_bits"}  # type: ignore[attr-defined]
    assert "256 AS least" in found.sql  # type: ignore[attr-defined]
    reads = found.column_reads  # type: ignore[attr-defined]
    assert reads["pages"] == joins | {("documents", "pages")}
    assert reads["bits"] == joins | {("stores", "bits")}
    assert reads["least"] == joins
    assert set(reads) == {*STORES.columns, "pages", "least"}


VIEWS_REFUSED = [
    ("SELECT 1 AS a; SELECT 2", "PC201"),
    ("SELECT s.bits -- why\nFROM stores s", "PC201"),
    ("COPY stores TO 'x'", "PC201"),
    ("DROP TABLE stores", "PC201"),
    ("SELECT * FROM 'x.csv'", "PC203"),
    ("SELECT * FROM read_csv('x')", "PC203"),
    ("SELECT * FROM main.stores", "PC203"),
    ("SELECT * FROM store s", "PC203"),
    ("SELECT s.nothing FROM stores s", "PC204"),
    ("SELECT nothing FROM stores s", "PC204"),
    ("SELECT repeat(s.kind, 9) AS x FROM stores s", "PC205"),
    ("SELECT getenv('HOME') AS x FROM stores s", "PC205"),
    ("SELECT now() AS x FROM stores s", "PC208"),
    ("SELECT current_date AS x FROM stores s", "PC208"),
    ("SELECT random() AS x FROM stores s", "PC208"),
    ("SELECT $nothing AS x FROM stores s", "PC207"),
    ("SELECT s.kind FROM stores s LIMIT 1", "PC202"),
    ("SELECT s.kind FROM stores s ORDER BY s.kind", "PC202"),
    ("SELECT s.kind FROM stores s TABLESAMPLE 10", "PC202"),
    ("SELECT s.kind FROM stores s EXCEPT SELECT d.kind FROM documents d", "PC202"),
    ("SELECT s.kind FROM stores s UNION SELECT d.kind FROM documents d", "PC202"),
    ("WITH RECURSIVE z AS (SELECT 1 AS o UNION ALL SELECT z.o + 1 FROM z) SELECT z.o FROM z", "PC202"),
    ("SELECT CAST(s.kind AS INT) AS x FROM stores s", "PC202"),
    ("SELECT COLUMNS('a') FROM stores s", "PC202"),
    ("SELECT * REPLACE (1 AS bits) FROM stores s", "PC202"),
    ("SELECT s.bits IS DISTINCT FROM 1 AS x FROM stores s", "PC209"),
    ("SELECT s.kind IN (SELECT d.kind FROM documents d) AS x FROM stores s", "PC209"),
    ("SELECT rank() OVER (ORDER BY s.kind) AS x FROM stores s", "PC205"),
    ("SELECT s.kind FROM stores s NATURAL JOIN documents d", "PC202"),
    ("SELECT s.kind FROM stores s POSITIONAL JOIN documents d", "PC202"),
    ("SELECT x.kind FROM stores s", "PC211"),
    ("SELECT v.a FROM (VALUES ('x'), ('y')) AS v(a)", "PC203"),
    ("SELECT s.kind FROM stores s JOIN documents s ON true", "PC211"),
    ("WITH documents AS (SELECT s.kind FROM stores s) SELECT d.kind FROM documents d", "PC211"),
]


@pytest.mark.parametrize(("sql", "code"), VIEWS_REFUSED, ids=[sql[:60] for sql, _ in VIEWS_REFUSED])
def test_a_refused_view_has_its_code(sql: str, code: str, parser: DuckdbParser) -> None:
    found, codes = view_of(sql, parser)
    assert found is None
    assert code in codes


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT d.store_id AS store_id, count(*) AS n, any_true(d.signed) AS any_signed, "
        "CAST(sum(d.pages) AS BIGINT) AS pages FROM documents d GROUP BY d.store_id HAVING count(*) > 1",
        "SELECT d.* FROM documents d "
        "QUALIFY row_number() OVER (PARTITION BY d.kind ORDER BY d.issued DESC) = 1",
        "SELECT 'a' AS kind, 1 AS n UNION ALL SELECT 'b', NULL",
        "SELECT s.store_id FROM stores s CROSS JOIN (SELECT count(*) AS n FROM documents d) c WHERE c.n > 0",
        "SELECT DISTINCT s.kind FROM stores s WHERE EXISTS (SELECT 1 FROM documents d WHERE d.kind = s.kind)",
    ],
)
def test_an_accepted_view_can_be_defined(
    sql: str, parser: DuckdbParser, connection: duckdb.DuckDBPyConnection
) -> None:
    found, codes = view_of(sql, parser)
    assert codes == []
    described = connection.execute(f"DESCRIBE {found.sql}").fetchall()  # type: ignore[attr-defined]
    assert [row[0] for row in described] == list(found.column_reads)  # type: ignore[attr-defined]


def test_priming_asks_the_same_texts_as_the_gate(connection: duckdb.DuckDBPyConnection) -> None:
    fresh = DuckdbParser(connection)
    view = View("v", "SELECT s.* FROM stores s", None, (), PLACE)
    texts = parser_texts(
        [ExpressionText(text, PLACE) for text in (*ACCEPTED, "active; DROP TABLE x")], [view]
    )
    assert len(texts) == len(ACCEPTED) + 1
    fresh.prime(texts)
    asked = dict(fresh._trees)
    for text in ACCEPTED:
        compile_text(text, fresh)
    check_view(view, SCOPE, fresh, FaultList())
    assert fresh._trees == asked
