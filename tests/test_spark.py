"""The distributed engine on a real standalone cluster answers as DuckDB does, or refuses before it runs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

import query_writer
from engine_bench import inlined
from policycheck.engines.duckdb import DuckDBSession
from policycheck.functions import FUNCTIONS
from policycheck.model import Column, ColumnType, TableData, TableSchema
from query_writer import SCHEMAS, THINGS, TYPES, Writer
from spark_cluster import EXECUTOR, StandaloneCluster, missing
from test_direct_conformance import CHARS, PIECES

WHY_NOT = missing()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
if not WHY_NOT:
    from policycheck.engines.spark_cluster import Cluster
    from spark_bench import SparkBench

T = ColumnType


@pytest.fixture(scope="session")
def machines() -> Iterator[StandaloneCluster]:
    with StandaloneCluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def cluster(machines: StandaloneCluster) -> Iterator[Any]:
    joined = Cluster(machines.url, small=True, settings=EXECUTOR)
    try:
        yield joined
    finally:
        joined.close()


# --- functions ----------------------------------------------------------------------------------------

EDGE_DAYS = [
    date(1, 1, 1), date(1, 12, 31), date(1582, 10, 4), date(1582, 10, 15), date(1900, 2, 28), date(1969, 12, 31),
    date(2000, 2, 29), date(2023, 2, 28), date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1), date(2025, 1, 1),
    date(2026, 12, 31), date(9998, 12, 31), date(9999, 1, 1), date(9999, 12, 31),
]  # fmt: skip
EDGE_NUMBERS = [0, 1, -1, 3, 4, 6, 24, 50, 365, 7974, 7975, 9998, 9999, 10_000, 3_652_058, -3_652_058, 87_600_000,
                2**31 - 1, 2**31, 2**63 - 1, -(2**63)]  # fmt: skip
EDGE_TEXTS = [
    *query_writer.TEXTS,
    "İI",
    "ẞß",
    "Ǆ",
    "\u00a0",
    "\u00a0x",
    "\n",
    "a\nb",
    "\r",
    "a" * 300,
    "\\d",
    '"',
    "${a}",
    "{0}",
]
EDGE_SETS: list[list[str]] = [[], [""], ["a"], ["b"], ["a", "b"], ["a", "é"], ["it's"], ["", "a", "b", "é"]]


def edge(kind: ColumnType, chance: random.Random) -> Any:
    if chance.random() < 0.06:
        return None
    if kind is T.DAY:
        return chance.choice(EDGE_DAYS)
    if kind is T.DAYS:
        first, second = sorted(chance.choices(EDGE_DAYS, k=2))
        whole = (date(first.year, 1, 1), date(first.year, 12, 31))
        return chance.choice([(first, second), (first, first), whole])
    if kind is T.INSTANT:
        start = datetime.combine(chance.choice(EDGE_DAYS), datetime.min.time())
        exact = start + timedelta(microseconds=chance.choice([0, 1, 43_200_000_000, 86_399_999_999]))
        return chance.choice(
            [(exact, exact), (start, start + timedelta(microseconds=86_399_999_999)), (start, exact)]
        )
    values: dict[ColumnType, list[Any]] = {
        T.INT: EDGE_NUMBERS, T.TEXT: EDGE_TEXTS, T.SET: EDGE_SETS, T.BOOL: [True, False]
    }  # fmt: skip
    return chance.choice(values[kind])


def edge_rows(total: int, seed: int) -> TableData:
    chance = random.Random(seed)
    columns: dict[str, list[Any]] = {}
    for column in THINGS.columns:
        if column.name in ("things_id", "link"):
            columns[column.name] = [f"k{row}" for row in range(total)]
        else:
            columns[column.name] = [edge(column.type, chance) for _ in range(total)]
    columns["rank"] = [n or 0 for n in columns["rank"]]
    return TableData(THINGS, columns, [(row % 2, "here", row + 1) for row in range(total)])


NAMES: dict[ColumnType, list[str]] = {
    kind: [f"subject.{column.name}" for column in THINGS.columns if column.type is kind and column.nullable]
    for kind in TYPES
}
NAMES[T.TEXT] = ["subject.name", "subject.kind"]


def calls() -> Iterator[str]:
    """A call of every form of every function."""
    for name, function in FUNCTIONS.items():
        for signature in function.signatures:
            left = {kind: list(names) for kind, names in NAMES.items()}
            arguments = [left[kind].pop(0) for kind in signature.arguments]
            if name == "full_match":
                arguments[1] = "'[^a]*'"
            yield f"{name}({', '.join(arguments)})"


def test_every_form_of_every_function_is_answered_alike_at_the_edges(cluster: Cluster) -> None:
    texts = list(calls())
    with SparkBench(cluster, [edge_rows(1500, 1)]) as bench:
        assert bench.ask("things", texts) == []
        assert bench.counts["same"] == len(texts) == sum(len(f.signatures) for f in FUNCTIONS.values())


def test_characters_are_lower_and_blank_alike(cluster: Cluster) -> None:
    """Java's tables of Unicode are those of its own year."""
    with DuckDBSession() as session:
        codes = "(SELECT unnest(range(1, 55296)) AS i UNION ALL SELECT unnest(range(57344, 1114112)) AS i)"
        telling = session.fetch(
            f"SELECT i FROM {codes} WHERE lower(chr(i::INTEGER)) <> chr(i::INTEGER) OR NOT filled(chr(i::INTEGER))"
        )
    near = {code + step for (code,) in telling for step in (-1, 0, 1)} | set(range(1, 0x2500))
    chars = [chr(code) for code in sorted(near) if 0 < code < 0x110000 and not 0xD800 <= code <= 0xDFFF]
    schema = TableSchema("chars", "c", "c", (Column("c", T.TEXT, False),), ("c",), 30)
    words = ["ΣΑΣ", "ΑΣ", "İI", "ẞß", "Ǆ", "A", ""]
    data = TableData(schema, {"c": chars + words}, [(0, "here", 1)] * (len(chars) + len(words)))
    with SparkBench(cluster, [data]) as bench:
        assert (
            bench.ask("chars", ["lower(subject.c)", "filled(subject.c)", "full_match(subject.c, '.')"]) == []
        )


@pytest.mark.parametrize(("seed", "total"), [(1, 150), pytest.param(2, 3_000, marks=pytest.mark.slow)])
def test_patterns_match_alike(cluster: Cluster, seed: int, total: int) -> None:
    chance = random.Random(seed)
    texts = ["".join(chance.choices(CHARS, k=chance.randint(0, 5))) for _ in range(200)] + [
        "",
        "a",
        "ab",
        "\n",
        "a" * 300,
    ]
    schema = TableSchema("texts", "t", "t", (Column("t", T.TEXT, False),), ("t",), 30)
    data = TableData(schema, {"t": texts}, [(0, "here", 1)] * len(texts))
    written = {
        "".join(chance.choices(PIECES.split(), k=chance.randint(1, 6))).replace("'", "''")
        for _ in range(total)
    }
    with SparkBench(cluster, [data]) as bench:
        assert bench.ask("texts", [f"full_match(subject.t, '{each}')" for each in sorted(written)]) == []
        assert bench.counts["same"] > total // 4, bench.counts


# --- random expressions -------------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "wanted"), [(1, 200), pytest.param(11, 6_000, marks=pytest.mark.slow)])
def test_random_expressions_are_answered_alike(cluster: Cluster, seed: int, wanted: int) -> None:
    """Three in four without subqueries, the rest with some."""
    writer, chance = Writer(seed), random.Random(seed)
    asked = 0
    while asked < wanted:
        tables = [query_writer.table(each, chance.choice([0, 5, 7, 12]), chance) for each in SCHEMAS]
        texts = []
        for i in range(min(wanted, 200)):
            writer.rows, writer.subqueries = [query_writer.reach(THINGS, "subject")], i % 4 == 0
            texts.append(inlined(writer.text(writer.pick(TYPES), 10)))
        with SparkBench(cluster, tables) as bench:
            assert bench.ask("things", texts) == []
            assert bench.counts["same"] > 0.8 * len(texts), (bench.counts, bench.refused)
            assert bench.counts["not needed"] < 0.05 * len(texts), bench.counts
        asked += len(texts)


# --- the pack -----------------------------------------------------------------------------------------

CONTROLS = Path(__file__).parents[1] / "controls"


def example_differences(cluster: Cluster, wanted: list[tuple[Control, Example]], pack: Pack) -> list[str]:
    """Examples that do not get their verdict."""
    bench = Bench(pack, SparkStack(cluster))
    found = []
    for cases in bench.cases(wanted):
        found += [f"{case.control.id} {case.example.name}: {case.faults}" for case in cases if case.faults]
        for case in cases:
            if not case.faults and not (outcome := run_case(case)).agrees:
                found.append(f"{case.control.id} `{case.example.name}`: {outcome}")
    return found
