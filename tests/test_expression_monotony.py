"""Law 1 as a property: forgetting a fact never turns an expression that the gate accepts into a decision.

Random expressions go through the gate. What it accepts is evaluated over random small tables, then again
with one cell replaced by NULL: the answer stays or becomes NULL. `IS NULL` and coalesce are left out, since
they ask about absence in so many words.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import duckdb
import pytest

from policycheck.engines.duckdb_functions import macro_statements
from policycheck.engines.duckdb_parser import DuckdbParser
from policycheck.engines.duckdb_types import SQL_TYPES
from policycheck.errors import FaultList
from policycheck.expression import Relation, Scope, check_expression
from policycheck.model import ColumnType, ExpressionText
from policycheck.source import Place

T = ColumnType
STORES = Relation(
    "stores",
    {
        "id": (T.TEXT, False),
        "link": (T.TEXT, True),
        "p": (T.BOOL, True),
        "q": (T.BOOL, False),
        "n": (T.INT, True),
        "born": (T.DAYS, True),
        "tags": (T.SET, True),
    },
    None,
    frozenset({"stores"}),
)
DOCUMENTS = Relation(
    "documents",
    {
        "key": (T.TEXT, False),
        "ref": (T.TEXT, True),
        "r": (T.BOOL, True),
        "s": (T.BOOL, False),
        "m": (T.INT, True),
        "k": (T.INT, False),
        "on_day": (T.DAYS, True),
    },
    None,
    frozenset({"documents"}),
)
SCOPE = Scope({"stores": STORES, "documents": DOCUMENTS}, {"least": 1, "way": "a", "flag": False})
BASES = 6
CELLS = {
    T.TEXT: ["'a'", "'b'"],
    T.BOOL: ["true", "false"],
    T.INT: ["0", "1", "2"],
    T.DAYS: [
        "{'lo': DATE '2024-01-01', 'hi': DATE '2024-12-31'}",
        "{'lo': DATE '2024-06-01', 'hi': DATE '2024-06-01'}",
        "{'lo': DATE '2025-01-01', 'hi': DATE '2025-01-31'}",
    ],
    T.SET: ["['a']", "['a', 'b']", "CAST([] AS VARCHAR[])"],
}


class Writer:
    """Writes random expressions over the subject row and, inside a subquery, one document row."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def boolean(self, depth: int, inner: bool) -> str:
        if depth == 0 or self.random.random() < 0.25:
            return self.atom(inner)
        kinds = ["and", "or", "not", "case", "case", "number_case", "atom"]
        kinds += [] if inner else ["any", "all", "any", "all", "exists", "count"]
        return getattr(self, self.random.choice(kinds))(depth - 1, inner)

    def row(self, inner: bool) -> tuple[str, Relation]:
        return ("d.", DOCUMENTS) if inner and self.random.random() < 0.7 else ("subject.", STORES)

    def column(self, kind: ColumnType, inner: bool) -> str:
        while True:
            prefix, relation = self.row(inner)
            names = [name for name, (found, _) in relation.columns.items() if found is kind]
            if names:
                return prefix + self.random.choice(names)

    def atom(self, inner: bool, *_: object) -> str:
        choice = self.random.randrange(8)
        if choice < 2:
            return self.column(T.BOOL, inner)
        if choice == 2:
            return f"{self.column(T.INT, inner)} {self.random.choice(['<', '>=', '=', '<>'])} $least"
        if choice == 3:
            return f"{self.column(T.TEXT, inner)} IN ('a', $way)"
        if choice == 4:
            return f"{self.column(T.INT, inner)} BETWEEN {self.column(T.INT, inner)} AND 1"
        if choice == 5:
            return f"before({self.column(T.DAYS, inner)}, {self.column(T.DAYS, inner)})"
        if choice == 6:
            return f"has({'subject.tags'}, {self.column(T.TEXT, inner)})"
        return f"{self.column(T.TEXT, inner)} = {self.column(T.TEXT, inner)}"

    def join(self, word: str, depth: int, inner: bool) -> str:
        return (
            "(" + f" {word} ".join(self.boolean(depth, inner) for _ in range(self.random.randint(2, 3))) + ")"
        )

    def __getattr__(self, name: str) -> object:
        if name in ("and", "or"):
            return lambda depth, inner: self.join(name.upper(), depth, inner)
        if name == "not":
            return lambda depth, inner: f"NOT ({self.boolean(depth, inner)})"
        raise AttributeError(name)

    def case(self, depth: int, inner: bool) -> str:
        ending = self.random.choice([" ELSE false", f" ELSE {self.boolean(depth, inner)}", "", " ELSE NULL"])
        branches = "".join(
            f" WHEN {self.boolean(depth, inner)} "
            f"THEN {self.random.choice(['true', self.boolean(depth, inner)])}"
            for _ in range(self.random.randint(1, 2))
        )
        return f"(CASE{branches}{ending} END)"

    def number_case(self, depth: int, inner: bool) -> str:
        return f"(CASE WHEN {self.boolean(depth, inner)} THEN 0 ELSE 2 END) < {self.column(T.INT, inner)}"

    def where(self, depth: int) -> str:
        choice = self.random.random()
        if choice < 0.1:
            return ""
        return " WHERE " + (self.boolean(depth, True) if choice < 0.4 else self.near(2))

    def near(self, depth: int) -> str:
        """A condition that is known for the document row, and unknown only by the subject."""
        choice = self.random.randrange(4 if depth else 1)
        if choice == 0:
            known = ["d.s", "d.k >= $least", "d.key IN ('a', $way)"]
            by_subject = ["subject.p", "d.key = subject.link", "d.k = subject.n", "subject.n > 0"]
            return self.random.choice(known + by_subject)
        if choice == 1:
            return f"NOT ({self.near(depth - 1)})"
        return f"({self.near(depth - 1)} {self.random.choice(['AND', 'OR'])} {self.near(depth - 1)})"

    def any(self, depth: int, inner: bool) -> str:
        return f"(SELECT any_true({self.boolean(depth, True)}) FROM documents d{self.where(depth)})"

    def all(self, depth: int, inner: bool) -> str:
        return f"(SELECT all_true({self.boolean(depth, True)}) FROM documents d{self.where(depth)})"

    def exists(self, depth: int, inner: bool) -> str:
        return f"EXISTS (SELECT 1 FROM documents d{self.where(depth)})"

    def count(self, depth: int, inner: bool) -> str:
        return f"(SELECT count(*) FROM documents d{self.where(depth)}) {self.random.choice(['=', '>'])} 1"


def _tables(random_: random.Random) -> dict[str, list[list[str]]]:
    def cell(kind: ColumnType, nullable: bool) -> str:
        return "NULL" if nullable and random_.random() < 0.15 else random_.choice(CELLS[kind])

    return {
        relation.name: [[cell(*column) for column in relation.columns.values()] for _ in range(rows)]
        for relation, rows in ((STORES, 1), (DOCUMENTS, 3))
    }


def _variants(tables: dict[str, list[list[str]]]) -> Iterator[dict[str, list[list[str]]]]:
    """The tables with one known cell of a nullable column forgotten, for each such cell."""
    for relation in (STORES, DOCUMENTS):
        for row, cells in enumerate(tables[relation.name]):
            for position, (_, nullable) in enumerate(relation.columns.values()):
                if nullable and cells[position] != "NULL":
                    copy = {name: [list(line) for line in lines] for name, lines in tables.items()}
                    copy[relation.name][row][position] = "NULL"
                    yield copy


def _load(connection: duckdb.DuckDBPyConnection, schema: str, tables: dict[str, list[list[str]]]) -> None:
    connection.execute(f"CREATE SCHEMA {schema}")
    for relation in (STORES, DOCUMENTS):
        columns = ", ".join(f"{name} {SQL_TYPES[kind]}" for name, (kind, _) in relation.columns.items())
        connection.execute(f"CREATE TABLE {schema}.{relation.name} ({columns})")
        rows = ", ".join("(" + ", ".join(cells) + ")" for cells in tables[relation.name])
        connection.execute(f"INSERT INTO {schema}.{relation.name} VALUES {rows}")


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    found = duckdb.connect()
    for statement in macro_statements():
        found.execute(statement)
    yield found
    found.close()


@pytest.fixture(scope="module")
def worlds(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, list[str]]]:
    """For each base, its schema and the schemas with one cell forgotten."""
    random_ = random.Random(7)
    found = []
    for number in range(BASES):
        tables = _tables(random_)
        _load(connection, f"base_{number}", tables)
        forgotten = []
        for position, variant in enumerate(_variants(tables)):
            _load(connection, f"base_{number}_{position}", variant)
            forgotten.append(f"base_{number}_{position}")
        found.append((f"base_{number}", forgotten))
    return found


def _answer(connection: duckdb.DuckDBPyConnection, schema: str, sql: str) -> bool | None:
    connection.execute(f"SET search_path = '{schema},main'")
    row = connection.execute(f"SELECT ({sql}) FROM stores AS subject").fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]


def _check(
    connection: duckdb.DuckDBPyConnection, worlds: list[tuple[str, list[str]]], seed: int, wanted: int
) -> None:
    writer, parser = Writer(seed), DuckdbParser(connection.cursor())
    accepted = decided = refused = 0
    while accepted < wanted:
        text = writer.boolean(3, False)
        found = check_expression("x", ExpressionText(text, Place("x")), STORES, SCOPE, parser, FaultList())
        if found is None:
            refused += 1
            continue
        accepted += 1
        for base, forgotten in worlds:
            before = _answer(connection, base, found.sql)
            decided += before is not None
            for schema in forgotten:
                after = _answer(connection, schema, found.sql)
                assert after is None or after is before, (text, base, schema, before, after)
    assert refused > wanted // 10, "the generator writes too little that is refused"
    assert decided > wanted // 2, "hardly any answer was decided, so nothing was tested"


def test_forgetting_a_fact_never_decides(
    connection: duckdb.DuckDBPyConnection, worlds: list[tuple[str, list[str]]]
) -> None:
    _check(connection, worlds, seed=1, wanted=40)


@pytest.mark.slow
def test_forgetting_a_fact_never_decides_at_length(
    connection: duckdb.DuckDBPyConnection, worlds: list[tuple[str, list[str]]]
) -> None:
    _check(connection, worlds, seed=2, wanted=1500)
