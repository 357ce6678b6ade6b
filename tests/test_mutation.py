"""The changes of one expression: which there are, where they stand, and that each is an expression."""

from __future__ import annotations

import json

import pytest

from policycheck.engines.duckdb import DuckDBSession
from policycheck.engines.duckdb_parser import DuckdbParser
from policycheck.errors import FaultList
from policycheck.expression import check_expression
from policycheck.model import Bound, ColumnType, ExpressionText, Parameter
from policycheck.mutation import CHANGED, changes, stable_id, written_changes
from policycheck.scope import Scope
from policycheck.source import Place
from test_expression_monotony import SCOPE, STORES, Writer

PLACE = Place("controls/BX/BX-1.yaml", 7, 11, "")
LEAST = Parameter("least", 3, ColumnType.INT, Bound(at_least=2), Place(""))
WAY = Parameter("way", "a", ColumnType.TEXT, Bound(one_of=("a",)), Place(""), values=("a", "b", "c"))


@pytest.fixture(scope="module")
def parse() -> DuckdbParser:
    return DuckDBSession().parse


def changed(parse: DuckdbParser, text: str) -> list[str]:
    found = changes(ExpressionText(text, PLACE), {"least": LEAST, "way": WAY}, parse)
    return [" ".join(change.text.split()) for change in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n < 3", ["n <= 3", "n > 3", "n < 4", "n < 2"]),
        ("n >= 0", ["n > 0", "n <= 0", "n >= 1", "n >= (-1)"]),
        ("place = 'a'", ["place <> 'a'"]),
        ("place <> 'a < b'", ["place = 'a < b'"]),
        ("p AND q", ["q", "(NOT (p)) AND q", "(p OR q)", "p", "p AND (NOT (q))"]),
        ("p OR NOT q", ["NOT q", "(NOT (p)) OR NOT q", "(p AND NOT q)", "p", "p OR q"]),
        ("place IN ('a', 'b')", ["(NOT (place IN ('a', 'b')))", "place IN ('b')", "place IN ('a')"]),
        ("place NOT IN ('a')", ["place IN ('a')"]),
        ("day > DATE '2025-12-31'", ["day >= DATE '2025-12-31'", "day < DATE '2025-12-31'",
                                     "day > DATE '2026-01-01'", "day > DATE '2025-12-30'"]),
        ("before(a, b)", ["(NOT (before(a, b)))", "not_after(a, b)", "after(a, b)"]),
        ("day < keep_until(born, 6)", ["day <= keep_until(born, 6)", "day > keep_until(born, 6)",
                                       "day < due_by(born, 6)", "day < keep_until(born, 7)",
                                       "day < keep_until(born, 5)"]),
        ("latest(a, b) = c", ["earliest(a, b) = c", "latest(a, b) <> c"]),
        ("has(['x', 'y'], place)", ["(NOT (has(['x', 'y'], place)))", "has(['y'], place)",
                                    "has(['x'], place)"]),
        ("n BETWEEN 1 AND 2", ["(NOT (n BETWEEN 1 AND 2))", "(n > 1 AND n <= 2)", "(n >= 1 AND n < 2)",
                               "n BETWEEN 2 AND 2", "n BETWEEN 0 AND 2", "n BETWEEN 1 AND 3",
                               "n BETWEEN 1 AND 1"]),
        ("coalesce(n, m) = k", ["(m) = k", "(n) = k", "coalesce(n, m) <> k"]),
        ("n >= $least", ["n > $least", "n <= $least", f"n >= ${CHANGED}", f"n >= ${CHANGED}",
                         f"n >= ${CHANGED}"]),
        ("(SELECT any_true(d.r) FROM documents d WHERE d.k = 1)",
         ["(NOT ((SELECT any_true(d.r) FROM documents d WHERE d.k = 1)))",
          "(SELECT all_true(d.r) FROM documents d WHERE d.k = 1)",
          "(SELECT any_true((NOT (d.r))) FROM documents d WHERE d.k = 1)",
          "(SELECT any_true(d.r) FROM documents d )",
          "(SELECT any_true(d.r) FROM documents d WHERE d.k <> 1)",
          "(SELECT any_true(d.r) FROM documents d WHERE d.k = 2)",
          "(SELECT any_true(d.r) FROM documents d WHERE d.k = 0)"]),
        ("CASE WHEN p THEN q WHEN r THEN FALSE ELSE s END",
         ["(q)", "CASE WHEN r THEN FALSE ELSE s END",
          "CASE WHEN (NOT (p)) THEN q WHEN r THEN FALSE ELSE s END",
          "CASE WHEN p THEN true WHEN r THEN FALSE ELSE s END",
          "CASE WHEN p THEN false WHEN r THEN FALSE ELSE s END",
          "CASE WHEN p THEN (NOT (q)) WHEN r THEN FALSE ELSE s END",
          "CASE WHEN p THEN q ELSE FALSE END", "CASE WHEN p THEN q ELSE s END",
          "CASE WHEN p THEN q WHEN (NOT (r)) THEN FALSE ELSE s END",
          "CASE WHEN p THEN q WHEN r THEN true ELSE s END", "CASE WHEN p THEN q WHEN r THEN FALSE END",
          "CASE WHEN p THEN q WHEN r THEN FALSE ELSE true END",
          "CASE WHEN p THEN q WHEN r THEN FALSE ELSE false END",
          "CASE WHEN p THEN q WHEN r THEN FALSE ELSE (NOT (s)) END"]),
    ],
)  # fmt: skip
def test_the_changes_of_an_expression(parse: DuckdbParser, text: str, expected: list[str]) -> None:
    assert sorted(changed(parse, text)) == sorted(expected)


def test_brackets_stay_together(parse: DuckdbParser) -> None:
    found = changed(parse, "(p OR q) AND r")
    assert {"((p AND q)) AND r", "(p OR q)", "(p) AND r", "((p OR q) OR r)"} <= set(found)
    assert "NOT ((p OR q))" in changed(parse, "NOT (p AND q)")


def test_a_change_stands_where_it_is_made(parse: DuckdbParser) -> None:
    place = Place("controls/BX/BX-1.yaml", 7, 11, "  locked: p AND bits >= 3")
    text = ExpressionText("p AND bits >= 3", place)
    found = [c for c in changes(text, {}, parse) if c.operator == "comparison"]
    assert [(str(c.place), c.before, c.after) for c in found] == [
        ("controls/BX/BX-1.yaml:7:22", "bits >= 3", "bits > 3"),
        ("controls/BX/BX-1.yaml:7:22", "bits >= 3", "bits <= 3"),
    ]


def test_a_parameter_takes_its_neighbours_its_bound_and_its_other_values(parse: DuckdbParser) -> None:
    found = changes(ExpressionText("n >= $least AND w = $way", PLACE), {"least": LEAST, "way": WAY}, parse)
    parameters = [c for c in found if c.operator == "parameter"]
    assert [(c.after, c.value_under({"least": 7, "way": "a"})) for c in parameters] == [
        ("$least + 1", 8), ("$least - 1", 6), ("2", 2), ("'b'", "b"), ("'c'", "c"),
    ]  # fmt: skip


def test_ids_do_not_depend_on_layout_or_place(parse: DuckdbParser) -> None:
    def ids(text: str, line: int) -> list[str]:
        found = changes(ExpressionText(text, Place("x.yaml", line, 1, "")), {"least": LEAST}, parse)
        return [stable_id("expect.locked", text, change) for change in found]

    assert ids("p  AND\n n >= $least", 3) == ids("p AND n >= $least", 90)
    assert len(set(ids("p AND n >= $least", 3))) == len(ids("p AND n >= $least", 3))
    assert not set(ids("p AND n >= $least", 3)) & set(ids("q AND n >= $least", 3))


def test_every_change_of_a_random_expression_is_an_expression(parse: DuckdbParser) -> None:
    """What a change says can be parsed, and the gate takes it or refuses it with a fault."""
    writer = Writer(11)
    scope = Scope(SCOPE.relations, {**SCOPE.parameters, CHANGED: 1})
    texts = total = accepted = 0
    while texts < 60:
        text = ExpressionText(writer.boolean(3, False), PLACE)
        if check_expression("x", text, STORES, SCOPE, parse, FaultList()) is None:
            continue
        texts += 1
        for change in written_changes(text, {"least": LEAST, "way": WAY}, parse):
            answer = json.loads(parse(f"SELECT ({change.text}\n) AS v FROM ev"))
            assert not answer["error"], (text.text, change)
            faults = FaultList()
            checked = check_expression("x", ExpressionText(change.text, PLACE), STORES, scope, parse, faults)
            assert (checked is None) == bool(faults.faults), (text.text, change)
            total += 1
            accepted += checked is not None
    assert accepted > total // 2 > 100
