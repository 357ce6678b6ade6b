"""The distributed engine on a real standalone cluster answers as DuckDB does, or refuses before it runs."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import query_writer
from engine_bench import inlined
from policycheck.assessment import assess
from policycheck.bench import Bench, setting_of
from policycheck.cli.commands import cli
from policycheck.engines.duckdb import DuckDBSession
from policycheck.errors import EngineError, InputError
from policycheck.evidence import rows_as_evidence
from policycheck.functions import FUNCTIONS
from policycheck.loading import load
from policycheck.model import Column, ColumnType, TableData, TableSchema
from policycheck.pack import load_pack
from policycheck.selftest import run_case
from query_writer import SCHEMAS, THINGS, TYPES, Writer
from small_pack import AS_OF, CONTROL, compile_folder, write_pack
from spark_cluster import EXECUTOR, StandaloneCluster, kill_family, missing
from test_direct_conformance import CHARS, PIECES

WHY_NOT = missing()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
if not WHY_NOT:
    from policycheck.engines import spark, spark_cluster
    from policycheck.engines.spark import SparkEngine
    from policycheck.engines.spark_cluster import Cluster
    from policycheck.engines.spark_refusals import check_askable
    from spark_bench import SparkBench
    from spark_stack import SparkStack

ROOT = Path(__file__).parents[1]

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
    date(1, 1, 1), date(1, 12, 31), date(1582, 10, 4), date(1582, 10, 15), date(1900, 2, 28),
    date(1969, 12, 31), date(2000, 2, 29), date(2023, 2, 28), date(2024, 2, 28), date(2024, 2, 29),
    date(2024, 3, 1), date(2025, 1, 1), date(2026, 12, 31), date(9998, 12, 31), date(9999, 1, 1),
    date(9999, 12, 31),
]  # fmt: skip
EDGE_NUMBERS = [0, 1, -1, 3, 4, 6, 24, 50, 365, 7974, 7975, 9998, 9999, 10_000, 3_652_058, -3_652_058,
                87_600_000, 2**31 - 1, 2**31, 2**63 - 1, -(2**63)]  # fmt: skip
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
            f"SELECT i FROM {codes} "
            "WHERE lower(chr(i::INTEGER)) <> chr(i::INTEGER) OR NOT filled(chr(i::INTEGER))"
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


def test_an_interval_of_constants_may_be_null(cluster: Cluster) -> None:
    """Their ends are known to be there, and in the row where there is no interval they are not."""
    with SparkBench(cluster, [edge_rows(200, 3)]) as bench:
        texts = [
            "CASE WHEN subject.sealed THEN $as_of END",
            "CASE WHEN subject.sealed THEN subject.seen_at END",
        ]
        assert bench.ask("things", list(map(inlined, texts))) == []
        assert bench.counts["same"] == len(texts)


# --- random expressions -------------------------------------------------------------------------------


def test_random_expressions_are_answered_alike(cluster: Cluster) -> None:
    """Three in four without subqueries, the rest with some. No more of them: for a few deeply nested texts of
    thousands Spark's parser takes all memory of the driver, which ends the run (PC623)."""
    writer, chance = Writer(1), random.Random(1)
    tables = [query_writer.table(each, chance.choice([0, 5, 7, 12]), chance) for each in SCHEMAS]
    texts = []
    for i in range(200):
        writer.rows, writer.subqueries = [query_writer.reach(THINGS, "subject")], i % 4 == 0
        texts.append(inlined(writer.text(writer.pick(TYPES), 10)))
    with SparkBench(cluster, tables) as bench:
        assert bench.ask("things", texts) == []
        assert bench.counts["same"] > 0.8 * len(texts), (bench.counts, bench.refused)
        assert bench.counts["not needed"] < 0.05 * len(texts), bench.counts
        assert bench.counts["overflow there alone"] < 0.02 * len(texts), bench.counts


# --- the pack -----------------------------------------------------------------------------------------


SECTIONS = ("CA", "CH", "DP", "IC", "IU", "LB", "LD", "META", "NC", "OR", "PC", "RS", "RT", "SE", "TP")


@pytest.mark.parametrize(
    ("sections", "whole"),
    [
        (("META", "CH"), False),
        *(pytest.param((each,), True, marks=pytest.mark.slow, id=each) for each in SECTIONS),
    ],
)
def test_the_examples_of_the_pack_get_their_verdicts(
    cluster: Cluster, sections: tuple[str, ...], whole: bool
) -> None:
    """The short form under the default setting alone; the long form is the whole pack under all settings."""
    pack = load_pack(ROOT / "controls")
    assert {control.section for control in pack.controls.values()} <= set(SECTIONS)
    wanted = [
        (control, example)
        for control in pack.controls.values()
        for example in control.examples
        if control.section in sections and (whole or setting_of(example) == (None, "", None))
    ]
    found, total = [], 0
    for cases in Bench(pack, SparkStack(cluster)).cases(wanted):
        results = [run_case(case) for case in cases]
        total += len(results)
        found += [
            f"{each.control} `{each.example.name}`: {each.status}" for each in results if not each.agrees
        ]
    assert found == []
    assert total == len(wanted) > 20


@contextmanager
def run_check(master: str, output: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """`policycheck check` on a cluster, as a process of its own, which is gone with its driver afterwards."""
    command = [
        sys.executable, "-m", "policycheck", "check", "--evidence", str(ROOT / "evidence"),
        "--as-of", "manifest", "--output", str(output), "--engine", "spark", "--master", master, *options,
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "SPARK_LOCAL_IP": "127.0.0.1"}
    run = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield run
    finally:
        kill_family(run)


@pytest.mark.slow  # minutes each; that all workers go is tested in the short form
@pytest.mark.parametrize("only", [("--only", "SE"), ()], ids=["some", "all"])
def test_the_report_is_the_same_although_a_worker_dies(tmp_path: Path, only: tuple[str, ...]) -> None:
    """Under all profiles; the long form is every view and expression of the pack over the sample."""
    with StandaloneCluster() as machines, run_check(machines.url, tmp_path / "spark", *only) as run:
        machines.wait_for_executors(2)
        time.sleep(20)
        machines.kill(0)
        _, words = run.communicate(timeout=900)
    assert run.returncode == 1, words
    arguments = [
        "check",
        "--evidence",
        str(ROOT / "evidence"),
        "--as-of",
        "manifest",
        "--engine",
        "duckdb",
        *only,
    ]
    CliRunner().invoke(cli, [*arguments, "--output", str(tmp_path / "duckdb")])
    here, there = ((tmp_path / name / "report.json").read_bytes() for name in ("spark", "duckdb"))
    assert here == there


def test_without_a_worker_there_is_no_verdict_and_no_report(tmp_path: Path) -> None:
    with StandaloneCluster() as machines, run_check(machines.url, tmp_path / "out") as run:
        machines.wait_for_executors(2)
        time.sleep(15)
        machines.kill(0)
        machines.kill(1)
        _, words = run.communicate(timeout=180)
    assert run.returncode == 2, words
    assert (
        b"PC623" in words or b"PC622" in words
    )  # on the way, or, on a slow machine, before the first question
    assert b"Traceback" not in words
    assert not (tmp_path / "out" / "report.json").exists()


# --- what does not begin ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "needs a master"),
        (["--master", "spark://127.0.0.1:9"], "nobody answers"),
        (["--master", "sc://127.0.0.1:15002"], "Spark Connect"),
        (["--master", "yarn"], "is no master"),
    ],
)
def test_a_master_that_is_none_ends_the_run(options: list[str], words: str, tmp_path: Path) -> None:
    arguments = ["check", "--evidence", str(ROOT / "evidence"), "--as-of", "manifest", "--engine", "spark"]
    result = CliRunner().invoke(cli, [*arguments, "--output", str(tmp_path), *options])
    assert result.exit_code == 2
    assert "PC621" in result.stderr
    assert words in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_the_next_step_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    arguments = ["check", "--evidence", str(ROOT / "evidence"), "--as-of", "manifest", "--engine", "spark"]
    result = CliRunner().invoke(cli, [*arguments, "--output", str(tmp_path), "--master", "local[1]"])
    assert result.exit_code == 2
    assert "PC620" in result.stderr
    assert "policycheck[spark]" in result.stderr


def test_what_spark_cannot_be_asked_is_refused_all_at_once(cluster: Cluster, tmp_path: Path) -> None:
    """A subquery of single rows, and a join that has no form here: each with its place."""
    single = (
        "-- base: boxes\n"
        "SELECT b.*, (SELECT k.copied FROM keys k WHERE k.box_id = b.box_id) AS c FROM boxes b\n"
    )
    using = "SELECT b.locked FROM boxes b JOIN keys k USING (box_id)\n"
    compiled, session = compile_folder(
        write_pack(tmp_path, {"views/one_key.sql": single, "views/pairs.sql": using})
    )
    session.close()
    engine = SparkEngine(cluster)
    try:
        with pytest.raises(InputError) as refused:
            check_askable(compiled, engine)
    finally:
        engine.close(cluster=False)
    assert [fault.code for fault in refused.value.faults] == ["PC624", "PC624"]
    assert all(fault.place.path.endswith(".sql") for fault in refused.value.faults)


# --- large evidence -----------------------------------------------------------------------------------


def test_large_evidence_is_staged_and_answered_alike(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rows, views and answers as Parquet in the staging folder, of which nothing stays."""
    view = (
        "-- base: boxes\nSELECT b.*, k.total AS keys FROM boxes b LEFT JOIN "
        "(SELECT k.box_id, count(*) AS total FROM keys k GROUP BY k.box_id) k ON k.box_id = b.box_id\n"
    )
    expect = {
        "few": "keys = 1",
        "any": "(SELECT any_true(k.copied) FROM keys k WHERE k.box_id = subject.box_id)",
        "long": "bits >= 128",
    }
    control = {**CONTROL, "subject": "box_keys", "expect": expect, "otherwise": dict.fromkeys(expect, "no")}
    folder = write_pack(tmp_path / "pack", {"views/box_keys.sql": view, "BX/BX-1.yaml": control})
    given = {
        "boxes": [{"box_id": f"b{i}", "locked": [True, False, None][i % 3], "bits": [None, 64, 128][i % 3]}
                  for i in range(60)],
        "keys": [{"key_id": f"k{i}", "box_id": f"b{i % 40}", "copied": [True, False, None][i % 3]}
                 for i in range(90)],
    }  # fmt: skip
    compiled, session = compile_folder(folder)
    with session:
        evidence = load(compiled, rows_as_evidence(given, compiled.pack.tables, AS_OF), session)
        there = assess(compiled, evidence, session)
    monkeypatch.setattr(spark, "FETCH_LIMIT", 10)
    # What is for many rows on many machines takes its time with sixty.
    monkeypatch.setattr(spark_cluster, "_LARGE", spark_cluster._SMALL)
    staging = tmp_path / "staging"
    staging.mkdir()
    engine = SparkEngine(cluster, staging)
    try:
        check_askable(compiled, engine)
        evidence = load(compiled, rows_as_evidence(given, compiled.pack.tables, AS_OF), engine)
        here = assess(compiled, evidence, engine)
        assert any(staging.rglob("*.parquet"))
    finally:
        engine.close(cluster=False)
    assert here == there
    assert list(staging.iterdir()) == []


@pytest.mark.parametrize(
    "select", ["b._row + 1 AS _row, b._source, b.box_id", "b._row, b._source, 'b' AS box_id"]
)
@pytest.mark.parametrize("limit", [10, 100])
def test_a_view_that_does_not_keep_its_rows_decides_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, select: str, limit: int
) -> None:
    monkeypatch.setattr(spark, "FETCH_LIMIT", limit)
    monkeypatch.setattr(spark_cluster, "_LARGE", spark_cluster._SMALL)
    compiled, session = compile_folder(write_pack(tmp_path))
    session.close()
    given = {"boxes": [{"box_id": f"b{i}"} for i in range(20)]}
    engine = SparkEngine(cluster)
    try:
        load(compiled, rows_as_evidence(given, compiled.pack.tables, AS_OF), engine)
        engine.define_view("shown", f"SELECT {select} FROM boxes b")
        engine.compute_views({"shown": {"*"}})
        with pytest.raises(EngineError, match="keeps"):
            engine.judge("shown", "boxes", ("box_id",), ["subject.box_id = 'b'"], ())
    finally:
        engine.close(cluster=False)
