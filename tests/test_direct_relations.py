"""A direct session that goes on after a change answers as one that was made anew.

What a session keeps between changes may save time and nothing else: each test holds a session that was
turned, refilled or given other views to a fresh one with the same content.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import query_writer
import two_engines
from policycheck.assessment import assess
from policycheck.cli.answering import Engines
from policycheck.cli.run import Inputs, Run, read
from policycheck.engines.direct import DirectSession
from policycheck.engines.duckdb import DuckDBSession
from policycheck.outcomes import Assessment
from query_writer import PARTS, THINGS

ROOT = Path(__file__).resolve().parents[1]
TURNS = ["interpreted", "literal", "nist_current", "interpreted", "nist_current", "literal"]
VIEWS = {
    "linked": "SELECT t.things_id AS name, p.rank AS rank FROM things t JOIN parts p ON p.link = t.things_id",
    "counted": "SELECT l.name AS name, count(*) AS n FROM linked l GROUP BY l.name",
    "many": "SELECT c.name AS name FROM counted c WHERE c.n > 1",
}
CHANGED = {
    "linked": "SELECT t.things_id AS name, p.rank AS rank FROM things t JOIN parts p ON p.link = t.link",
    "counted": "SELECT l.name AS name, count(*) + 1 AS n FROM linked l GROUP BY l.name",
    "many": "SELECT c.name AS name FROM counted c WHERE c.n > 0",
}
QUESTIONS = [
    "EXISTS (SELECT 1 FROM many m WHERE m.name = things_id)",
    "(SELECT max(c.n) FROM counted c WHERE c.name = things_id) > 1",
    "rank > 0 OR link IS NULL",
    "EXISTS (SELECT 1 FROM parts p WHERE p.rank = subject.rank)",
]


@pytest.fixture(scope="module")
def trees() -> Any:
    with DuckDBSession() as session:
        yield two_engines.trees_of(session)


def test_a_session_turned_from_profile_to_profile_answers_as_a_fresh_one() -> None:
    reading = read(
        Inputs(ROOT / "controls", ROOT / "evidence", None, "manifest", datetime.now(UTC), quiet=True)
    )
    fresh: dict[str, Assessment] = {}
    turned = Engines()

    def work(run: Run) -> Assessment:
        assert isinstance(run.session, DirectSession)
        return assess(run.compiled, run.evidence, run.session)

    for name in TURNS:
        under = reading.under(name)
        assert under is not None
        if name not in fresh:
            fresh[name] = Engines().judged(under, work)
        assert turned.judged(under, work) == fresh[name]
    assert fresh["literal"].controls != fresh["interpreted"].controls != fresh["nist_current"].controls


def content(session: DirectSession, views: dict[str, str]) -> Any:
    judgement = session.judge("things", "things", ["things_id"], QUESTIONS, ["rank"])
    return (
        [(row.key, row.answers, row.observed) for row in two_engines.all_rows(judgement, len(QUESTIONS))],
        {name: (session.columns_of(name), sorted(session.rows_of(name), key=repr)) for name in views},
        session.broken_views(),
    )


def anew(trees: Any, tables: dict[str, Any], views: dict[str, str]) -> Any:
    session = DirectSession(trees, query_writer.PARAMETERS)
    session.define_tables([THINGS, PARTS])
    for data in tables.values():
        session.insert(data)
    session.refresh_views(views)
    return content(session, views)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_changes_the_session_answers_as_a_fresh_one(trees: Any, seed: int) -> None:
    chance = random.Random(seed)
    tables = {each.name: query_writer.table(each, 6, chance) for each in (THINGS, PARTS)}
    views = dict(VIEWS)
    session = DirectSession(trees, query_writer.PARAMETERS)
    session.define_tables([THINGS, PARTS])
    for data in tables.values():
        session.insert(data)
    session.refresh_views(views)
    for _ in range(12):
        assert content(session, views) == anew(trees, tables, views)
        for name in chance.sample(list(views), chance.randrange(3)):
            views[name] = chance.choice([VIEWS, CHANGED])[name]
        schema = chance.choice([THINGS, PARTS])
        if chance.random() < 0.7:
            tables[schema.name] = query_writer.table(schema, chance.randrange(7), chance)
            session.replace_rows(tables[schema.name])
        session.refresh_views(views)
    session.clear()
    assert content(session, views)[0] == []
    assert all(found == [] for _, found in content(session, views)[1].values())


def test_what_reads_a_view_follows_it_to_other_columns(trees: Any) -> None:
    tables = {each.name: query_writer.table(each, 5, random.Random(5)) for each in (THINGS, PARTS)}
    session = DirectSession(trees, query_writer.PARAMETERS)
    session.define_tables([THINGS, PARTS])
    for data in tables.values():
        session.insert(data)
    session.refresh_views(VIEWS)
    content(session, VIEWS)
    wider = {**VIEWS, "linked": VIEWS["linked"].replace("SELECT ", "SELECT p.rank AS first, ")}
    session.refresh_views(wider)
    assert content(session, wider) == anew(trees, tables, wider)
    session.refresh_views(VIEWS)
    assert content(session, VIEWS) == anew(trees, tables, VIEWS)


def test_a_view_that_failed_is_tried_again_on_other_rows(trees: Any) -> None:
    views = {"doubled": "SELECT t.things_id AS name, t.rank + 9223372036854775807 AS n FROM things t"}
    chance = random.Random(1)
    session = DirectSession(trees, query_writer.PARAMETERS)
    session.define_tables([THINGS, PARTS])
    some = query_writer.table(THINGS, 4, chance)
    for number, broken in ((1, True), (-1, False), (1, True)):
        some.columns["rank"][:] = [number] * 4
        session.replace_rows(some)
        session.refresh_views(views)
        session.compute_views({"doubled": {"*"}})
        assert ("doubled" in session.broken_views()) is broken
        assert len(session.rows_of("doubled")) == (0 if broken else 4)


def test_views_of_one_text_may_read_different_parameters(trees: Any) -> None:
    """Under one profile both limits are equal, and so are the texts; under the other they are not."""
    own, other = ("SELECT t.things_id AS name FROM things t WHERE t.rank > $low",
                  "SELECT t.things_id AS name FROM things t WHERE t.rank > $high")  # fmt: skip
    low, high = (own.replace("$low", str(limit)) for limit in (-(2**31) + 1, 2**31 - 1))
    session = DirectSession({low: trees(other)}.__getitem__, {"low": -(2**31) + 1, "high": -(2**31) + 1})
    session.define_tables([THINGS])
    data = query_writer.table(THINGS, 7, random.Random(1))
    data.columns["rank"] = list(range(7))
    session.insert(data)
    for name in ("first", "second"):
        session.add_view(name, low)
        assert len(session.rows_of(name)) == 7
    found = {low: trees(own), high: trees(other)}
    session.turn_to(found.__getitem__, {"low": -(2**31) + 1, "high": 2**31 - 1})
    session.add_view("first", low)
    session.add_view("second", high)
    assert [len(session.rows_of(name)) for name in ("first", "second")] == [7, 0]
    assert not session.unanswered
