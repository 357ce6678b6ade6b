"""The direct engine gives the answers of the embedded one, row for row, or none.

Its texts and rows are those of the pack: the sample evidence, and every example of every control.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import query_writer
import sample_run
import two_engines
from engine_bench import inlined
from policycheck.assessment import assess
from policycheck.bench import Bench, open_stack
from policycheck.builtin_tables import BUILTIN_TABLES
from policycheck.engines.direct import DirectSession
from policycheck.engines.duckdb import DuckDBSession
from policycheck.errors import EngineError
from policycheck.evidence import load_evidence
from policycheck.loading import load
from policycheck.model import ColumnType, TableData
from policycheck.pack import load_pack
from query_writer import PARTS, THINGS
from test_stacked import alone

IDS = sorted(control.id for control in sample_run.shipped_pack().controls.values())
SHORT = IDS[::20]


# --- the pack ---------------------------------------------------------------------------------------


def test_the_sample_evidence_is_answered_alike_row_for_row() -> None:
    compiled, embedded = sample_run.compiled_pack()
    direct = two_engines.direct_session(compiled, two_engines.trees_of(embedded))
    embedded.clear()
    evidence = load_evidence(sample_run.SAMPLE, compiled.pack.tables, sample_run.AS_OF)
    loaded = load(compiled, evidence, embedded)

    assert load(compiled, evidence, direct) == loaded
    assert two_engines.differences(compiled, list(compiled.controls.values()), direct, embedded) == []
    assert assess(compiled, loaded, direct) == assess(compiled, loaded, embedded)
    assert direct.unanswered == []


@pytest.mark.parametrize(
    "only", [pytest.param(SHORT, id="some"), pytest.param(IDS, id="all", marks=pytest.mark.slow)]
)
def test_the_examples_are_answered_alike_row_for_row(only: list[str]) -> None:
    """Every view, row rule, expectation and remark, on the rows that were made to tell them apart."""
    pack = load_pack(sample_run.ROOT / "controls")
    wanted = [pack.controls[name] for name in only if not pack.controls[name].all_of]
    pairs = [(control, example) for control in wanted for example in control.examples]
    judged = 0
    with two_engines.TwinSession() as twins:
        for found in Bench(pack, open_stack()).cases(pairs):
            for case in found:
                if not BUILTIN_TABLES.keys() & case.example.given.keys():
                    assert alone(pack, case, twins)[0] is case.example.expect  # type: ignore[arg-type]  # asks both
                    judged += 1
        assert judged
        assert twins.asked > judged
        assert twins.differences == []
        assert twins.direct.unanswered == []


# --- a session --------------------------------------------------------------------------------------


def rows(schema: Any, *given: dict[str, Any]) -> TableData:
    """Rows of a table of `query_writer`; what is not given is NULL, the key k0, k1, ... and the rank 0."""
    filled = [{f"{schema.name}_id": f"k{i}", "rank": 0, **row} for i, row in enumerate(given)]
    columns = {column.name: [row.get(column.name) for row in filled] for column in schema.columns}
    return TableData(schema, columns, [(0, "here", i + 1) for i in range(len(filled))])


@pytest.fixture(scope="module")
def parser() -> Any:
    with DuckDBSession() as session:
        yield two_engines.trees_of(session)


def opened(parser: two_engines.Trees, *data: TableData) -> DirectSession:
    session = DirectSession(parser, query_writer.PARAMETERS)
    session.define_tables([THINGS, PARTS])
    for each in data:
        session.insert(each)
    return session


def answers(session: DirectSession, *expressions: str) -> list[Any]:
    judgement = session.judge("things", "things", ["things_id"], expressions, [])
    return [row.answers for row in two_engines.all_rows(judgement, len(expressions))]


def test_an_answer_is_true_false_or_null(parser: two_engines.Trees) -> None:
    session = opened(parser, rows(THINGS, {"total": 1}, {"total": 0}, {}))
    assert answers(session, "total >= $least", "total IS NULL") == [
        (True, False),
        (False, False),
        (None, True),
    ]


def test_views_follow_the_rows_that_are_there(parser: two_engines.Trees) -> None:
    session = opened(parser, rows(THINGS, {"total": 1}))
    session.add_view("large", "SELECT t.things_id AS id FROM things t WHERE t.total > 0")
    session.add_view("largest", "SELECT count(*) AS n FROM large l")
    assert session.rows_of("largest") == [(1,)]
    session.insert(rows(THINGS, {"total": 5}, {"total": 0}))
    assert session.rows_of("largest") == [(2,)]
    session.clear()
    assert session.rows_of("largest") == [(0,)]
    session.add_view("large", "SELECT t.things_id AS id FROM things t WHERE t.total > 4")
    session.insert(rows(THINGS, {"total": 5}, {"total": 1}))
    session.refresh_views({})
    assert session.rows_of("largest") == [(1,)]


def test_a_view_that_changes_its_columns_changes_what_reads_it(parser: two_engines.Trees) -> None:
    session = opened(parser, rows(THINGS, {"total": 1, "share": 2}))
    session.add_view("inner_view", "SELECT t.total AS a, t.share AS b FROM things t")
    session.add_view("outer_view", "SELECT i.b AS b FROM inner_view i")
    assert session.rows_of("outer_view") == [(2,)]
    session.add_view("inner_view", "SELECT t.share AS b, t.total AS a FROM things t")
    session.add_view("outer_view", "SELECT i.b AS b FROM inner_view i")
    assert session.rows_of("outer_view") == [(2,)]


def test_a_view_that_fails_is_broken_and_said_to_be(parser: two_engines.Trees) -> None:
    session = opened(parser, rows(THINGS, {"total": 2**63 - 1}))
    columns = session.define_view("more", "SELECT t.total + 1 AS n FROM things t")
    assert columns == [("n", ColumnType.INT)]
    assert session.broken_views() == {}
    session.compute_views({"more": ["n"]})
    assert list(session.broken_views()) == ["more"]
    assert session.unanswered
    session.clear()
    session.refresh_views({"more": "SELECT t.total + 1 AS n FROM things t"})
    assert session.broken_views() == {}


def test_a_view_without_the_row_number_is_no_subject(parser: two_engines.Trees) -> None:
    session = opened(parser, rows(THINGS, {}))
    session.add_view("shown", "SELECT t.things_id AS things_id, t.locked AS locked FROM things t")
    with pytest.raises(EngineError, match="_row"):
        session.judge("shown", "things", ["things_id"], ["locked"], [])


@pytest.mark.parametrize(
    "text",
    [
        "SELECT t.* FROM things t WHERE t.locked",
        "SELECT t.* FROM things t JOIN parts p ON p.link = t.things_id",
        "SELECT t.* FROM things t LEFT JOIN parts p ON p.link = t.things_id",
        "SELECT t.* FROM things t UNION ALL SELECT t.* FROM things t",
        "SELECT t.* FROM things t JOIN parts p ON p.link = t.things_id WHERE t.things_id <> 'k1'",
    ],
)
def test_a_view_that_loses_or_doubles_a_subject_is_refused_by_both(text: str) -> None:
    with two_engines.TwinSession() as twins:
        twins.define_tables([THINGS, PARTS])
        twins.insert(rows(THINGS, {"locked": True}, {"locked": False}))
        twins.insert(rows(PARTS, {"link": "k0"}, {"link": "k0"}))
        twins.define_view("shown", text)
        with pytest.raises(EngineError, match="answers"):
            twins.judge("shown", "things", ["things_id"], ["locked"], [])
        assert twins.differences == []


def test_a_row_rule_finds_what_is_false_and_not_what_is_unknown() -> None:
    with two_engines.TwinSession() as twins:
        twins.define_tables([THINGS])
        twins.insert(rows(THINGS, {"total": 1}, {"total": 0}, {}, {"total": 0}))
        assert twins.false_rows("things", ["total > 0", "total < 1"]) == [(1, 0), (3, 0), (0, 1)]
        assert twins.rows_with_null("things", ["total", "rank"], set()) == 1
        assert twins.rows_with_null("things", ["total", "rank"], {2}) == 0
        assert twins.differences == []


def test_nothing_is_answered_about_bulk_evidence(parser: two_engines.Trees) -> None:
    session = opened(parser)
    with pytest.raises(EngineError, match="bulk"):
        session.load_bulk(rows(THINGS), query_writer.AS_OF)
    with pytest.raises(EngineError, match="bulk"):
        session.dangling(rows(THINGS), THINGS.columns[0])


def test_a_number_beyond_64_bits_is_not_inserted(parser: two_engines.Trees) -> None:
    session = opened(parser)
    with pytest.raises(EngineError, match="64 bits"):
        session.insert(rows(THINGS, {"total": 2**63}))


# --- what fails, and what is refused -----------------------------------------------------------------

BIG = {"total": 2**63 - 1, "share": 2}
FAILING = [
    "SELECT t.total + 1 AS x FROM things t",
    "SELECT t.total * t.share AS x FROM things t",
    "SELECT - (0 - t.total - 1) AS x FROM things t",
    "SELECT 2147483647 + 1 AS x FROM things t",
    "SELECT CASE WHEN t.total > 0 THEN 2147483647 ELSE 1 END + 1 AS x FROM things t",
    "SELECT CAST(sum(p.total) AS BIGINT) AS x FROM parts p",
    "SELECT t.total < 0 AND t.total * 2 > t.share AS x FROM things t",
    "SELECT t.total > 0 OR t.total * 2 > t.share AS x FROM things t",
    "SELECT (SELECT p.total FROM parts p) AS x FROM things t",
    "SELECT (SELECT p.total FROM parts p WHERE p.locked = t.locked) AS x FROM things t",
    "SELECT CASE WHEN t.total < 0 THEN (SELECT p.total FROM parts p) ELSE 1 END AS x FROM things t",
    "SELECT CASE WHEN t.total < 0 THEN (SELECT max(p.total + 1) FROM parts p) ELSE 1 END AS x FROM things t",
    "SELECT (SELECT max(p.total + 1) FROM parts p WHERE p.link = t.things_id) AS x FROM things t",
    "WITH c AS (SELECT t.total + 1 AS n FROM things t) SELECT c.n AS x FROM c",
]
FAILING += [
    "SELECT a.link AS x FROM (SELECT t.link AS link FROM things t WHERE NOT t.locked) a "
    "JOIN (SELECT p.link AS link, p.total + 1 AS n FROM parts p) b ON a.link = b.link WHERE b.n > 0",
]
# DuckDB may test these conditions on rows that its plan of today leaves out.
DOUBLED = "SELECT p.total * 2 AS n, p.share AS s FROM parts p JOIN things t ON p.link = t.name"
OPEN = [
    f"SELECT b.n AS x FROM ({DOUBLED}) b WHERE b.n > b.s",
    f"SELECT b.s AS x FROM ({DOUBLED}) b JOIN things c ON c.total = b.n",
    f"SELECT b.s AS x FROM ({DOUBLED}) b WHERE EXISTS (SELECT 1 FROM parts p WHERE p.total = b.n)",
    f"SELECT b.n AS x FROM ({DOUBLED}) b GROUP BY b.n HAVING b.n > 2",
    "SELECT t.things_id AS x FROM things t WHERE t.share > 5 AND t.total * t.total > t.share",
    "SELECT a.things_id AS x FROM things a JOIN parts b ON a.link = b.link AND a.total * 2 > b.share",
]


@pytest.mark.parametrize("sql", FAILING + OPEN)
def test_what_fails_in_duckdb_is_not_answered(sql: str, parser: two_engines.Trees) -> None:
    whole = {**BIG, "locked": True, "link": "k9"}
    data = [rows(THINGS, whole), rows(PARTS, whole, whole)]
    session = opened(parser, *data)
    with pytest.raises(EngineError):
        session.select(sql)
    assert session.unanswered
    with DuckDBSession() as embedded:
        embedded.define_tables([THINGS, PARTS])
        for each in data:
            embedded.insert(each)
        with pytest.raises(EngineError) if sql in FAILING else suppress(EngineError):
            embedded.fetch(sql)


REFUSED = [
    "SELECT t.name FROM things t ORDER BY t.name",
    "SELECT t.name FROM things t LIMIT 1",
    "SELECT t.name FROM things t UNION SELECT t.name FROM things t",
    "SELECT t.name FROM things t EXCEPT ALL SELECT t.name FROM things t",
    "SELECT DISTINCT ON (t.name) t.name, t.kind FROM things t",
    "SELECT t.name, count(*) FROM things t GROUP BY ALL",
    "SELECT t.name, count(*) FROM things t GROUP BY ROLLUP (t.name)",
    "SELECT * EXCLUDE (name) FROM things t",
    "SELECT t.name FROM things t USING SAMPLE 1",
    "SELECT t.name FROM things t POSITIONAL JOIN parts p",
    "SELECT t.name FROM things t NATURAL JOIN parts p",
    "SELECT t.name FROM things t ASOF JOIN parts p ON t.rank >= p.rank",
    "SELECT t.name FROM things t(name)",
    "SELECT x FROM range(3) r(x)",
    "SELECT t.name FROM nowhere t",
    "SELECT t.nothing FROM things t",
    "SELECT name FROM things t JOIN parts p ON true",
    "SELECT t.name LIKE 'a%' FROM things t",
    "SELECT t.name || 'a' FROM things t",
    "SELECT t.total / 2 FROM things t",
    "SELECT t.total > 1.5 FROM things t",
    "SELECT t.total = t.name FROM things t",
    "SELECT t.made_on = '2024-01-01' FROM things t",
    "SELECT t.locked = 1 FROM things t",
    "SELECT CAST(t.total AS VARCHAR) FROM things t",
    "SELECT TRY_CAST(NULL AS DATE) FROM things t",
    "SELECT DATE '2024-02-30' FROM things t",
    "SELECT DATE 'today' FROM things t",
    "SELECT t.locked IS DISTINCT FROM t.sealed FROM things t",
    "SELECT t.name IN (SELECT p.name FROM parts p) FROM things t",
    "SELECT t.total > ALL (SELECT p.total FROM parts p) FROM things t",
    "SELECT now() FROM things t",
    "SELECT random() > t.total FROM things t",
    "SELECT string_agg(t.name) FROM things t",
    "SELECT first(t.name) FROM things t",
    "SELECT any_true(t.locked ORDER BY t.rank) FROM things t",
    "SELECT sum(t.total) OVER () FROM things t",
    "SELECT rank() OVER (ORDER BY t.total) FROM things t",
    "SELECT (SELECT max(t.total) FROM parts p) FROM things t",
    "SELECT t.tags[1] FROM things t",
    "SELECT t.born.lo FROM things t",
    "SELECT [t.name, NULL] FROM things t",
    "SELECT {'lo': t.made_on, 'hi': t.made_on} FROM things t",
    "SELECT full_match(t.name, t.kind) FROM things t",
    "SELECT full_match(t.name, '(?i)a') FROM things t",
    "SELECT T.NAME FROM things t",
    "SELECT z.name FROM things t, (SELECT p.*, 1 AS name FROM parts p) z",
    "SELECT t.name FROM things t WHERE t.total",
    "SELECT t.name FROM things t GROUP BY t.kind",
    "SELECT $nowhere FROM things t",
    "SELECT (WITH c AS (SELECT p.rank AS r FROM parts p WHERE p.link = t.link) SELECT max(c.r) FROM c) "
    "FROM things t",
    "SELECT (SELECT count(*) FROM parts p RIGHT JOIN (SELECT q.rank AS r FROM parts q WHERE q.link = t.link) "
    "d ON d.r = p.rank) FROM things t",
    "WITH c(x) AS (SELECT 1) SELECT x FROM c",
    "SELECT lower(t.name) AS name, count(*) AS n FROM things t GROUP BY t.name HAVING name = 'a'",
]  # fmt: skip


@pytest.mark.parametrize("sql", REFUSED)
def test_what_is_not_named_is_refused(sql: str, parser: two_engines.Trees) -> None:
    """The allow-list is this engine's own: it does not rest on the gate."""
    session = opened(parser, rows(THINGS, {"name": "a", "total": 1, "tags": ["a"]}), rows(PARTS, {}))
    with pytest.raises(EngineError):
        session.select(sql)
    assert session.unanswered


def test_a_column_that_was_looked_up_in_the_base_has_to_be_the_same(parser: two_engines.Trees) -> None:
    """The keys of a population are looked up in the base of a view, so the view must not hold others."""
    data = rows(THINGS, {"link": "a"}, {"link": None}, {"link": "B"})
    columns = "t._row AS _row, t._source AS _source, t.things_id AS things_id"
    shown = f"SELECT {columns}, {{}} AS link FROM things t"
    with DuckDBSession() as embedded:
        for session in (opened(parser, data), embedded):
            if session is embedded:
                embedded.define_tables([THINGS, PARTS])
                embedded.insert(data)
            for text, same in (("t.link", True), ("lower(t.link)", False), ("coalesce(t.link, 'a')", False)):
                session.define_view("shown", shown.format(text))
                asked = ("shown", "things", ["things_id"], ["link IS NULL"], [])
                assert session.judge(*asked).total == 3
                if same:
                    assert session.judge(*asked, ["link"]).total == 3
                else:
                    with pytest.raises(EngineError, match="keeps 2 of the 3 rows"):
                        session.judge(*asked, ["link"])


def test_rows_whose_order_is_open_are_not_numbered(parser: two_engines.Trees) -> None:
    session = opened(parser, rows(THINGS, {"total": 1, "name": "a"}, {"total": 1, "name": "b"}))
    numbered = "SELECT t.name AS name, row_number() OVER (ORDER BY {}) AS n FROM things t"
    with pytest.raises(EngineError, match="order is open"):
        session.select(numbered.format("t.total"))
    assert session.select(numbered.format("t.total, t.name DESC"))[1] == [("a", 2), ("b", 1)]


def test_what_is_nested_without_end_is_an_engine_error(parser: two_engines.Trees) -> None:
    node: dict[str, Any] = {"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": ["t", "locked"]}
    tree = dict(parser("SELECT t.locked AS x FROM things t"))
    for _ in range(3000):
        node = {"class": "OPERATOR", "type": "OPERATOR_NOT", "children": [node]}
    select = {**tree["statements"][0]["node"], "select_list": [node]}
    session = DirectSession(lambda _: {"statements": [{"node": select}]})
    session.define_tables([THINGS])
    with pytest.raises(EngineError, match="deeply"):
        session.select("anything")


@pytest.mark.parametrize("answer", [{"error": True}, {"statements": []}, {"statements": [{"node": {}}] * 2}])
def test_what_is_not_one_statement_is_refused(answer: dict[str, Any]) -> None:
    session = DirectSession(lambda _: answer)
    with pytest.raises(EngineError, match="not one statement"):
        session.select("anything")


def test_a_parameter_means_the_same_written_in_or_by_name(parser: two_engines.Trees) -> None:
    session = opened(parser, rows(THINGS, {"made_on": date(2026, 3, 1), "tags": ["a"], "total": -5}))
    texts = [
        "after($as_of, $as_of)",
        "same_day($as_of, $as_of)",
        "made_on < $as_of_day",
        "subset_of(tags, $some)",
        "has_any(tags, $none)",
        "total = $debt",
        "total < $large",
        "$quoted = 'it''s'",
        "$flag AND NOT $off",
    ]
    found = answers(session, *texts)
    assert found == answers(session, *map(inlined, texts))
    assert found == [(False, True, True, True, False, True, True, True, True)]


def test_the_engine_is_quick_to_import() -> None:
    """It is there for runs that are over before a database has started."""
    import subprocess
    import sys

    code = (
        "import sys, policycheck.engines.direct as d; "
        "sys.exit(any(m in sys.modules for m in ('duckdb', 'networkx', 'jinja2', 'jsonschema', 'yaml')))"
    )
    source = Path(__file__).resolve().parents[1] / "src"
    run = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(source)}, check=False)
    assert run.returncode == 0
