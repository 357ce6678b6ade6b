"""The engine answers as a tiny evaluator of its own making does, and refuses to lose a subject."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import policycheck.engines.duckdb
import query_writer
import sample_run
from policycheck.engines.duckdb import DuckDBSession
from policycheck.errors import EngineError
from policycheck.model import Status
from small_pack import AS_OF, CONTROL, compile_folder, judge, write_pack

Three = bool | None


# --- a view that is a subject keeps the rows of its base --------------------------------------------


def view(text: str) -> dict[str, Any]:
    header = "-- base: boxes\n"
    return {"views/shown.sql": header + text, "BX/BX-1.yaml": {**CONTROL, "subject": "shown"}}


BOXES = [{"box_id": "b1", "locked": True}, {"box_id": "b2", "locked": False}]
KEYS = [{"key_id": f"k{i}", "box_id": "b1"} for i in range(2)]


@pytest.mark.parametrize("fetch_limit", [20_000, 0])
@pytest.mark.parametrize(
    "text",
    [
        "SELECT b.* FROM boxes b WHERE b.locked\n",
        "SELECT b.* FROM boxes b JOIN keys k ON k.box_id = b.box_id\n",
        "SELECT b.* FROM boxes b LEFT JOIN keys k ON k.box_id = b.box_id\n",
        "SELECT b.* FROM boxes b UNION ALL SELECT b.* FROM boxes b\n",
    ],
)
def test_a_view_that_loses_or_doubles_a_subject_decides_nothing(
    text: str, fetch_limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policycheck.engines.duckdb, "FETCH_LIMIT", fetch_limit)
    (result,) = judge(write_pack(tmp_path, view(text)), {"boxes": BOXES, "keys": KEYS}).controls
    assert result.status is Status.UNKNOWN
    assert "shown" in result.reason.words


def test_a_view_that_loses_one_and_doubles_one_decides_nothing(tmp_path: Path) -> None:
    text = "SELECT b.* FROM boxes b JOIN keys k ON k.box_id = b.box_id\n"  # b1 twice, b2 never
    (result,) = judge(write_pack(tmp_path, view(text)), {"boxes": BOXES, "keys": KEYS}).controls
    assert result.status is Status.UNKNOWN


def test_a_view_that_keeps_its_subjects_is_judged(tmp_path: Path) -> None:
    text = "SELECT b.*, (SELECT count(*) FROM keys k WHERE k.box_id = b.box_id) AS copies FROM boxes b\n"
    (result,) = judge(write_pack(tmp_path, view(text)), {"boxes": BOXES, "keys": KEYS}).controls
    assert (result.status, [f.subject for f in result.findings]) == (Status.FAIL, ["b2"])


def test_a_broken_promise_of_a_view_decides_nothing(tmp_path: Path) -> None:
    files = view("-- not null: locked\nSELECT b.* FROM boxes b\n")
    (result,) = judge(write_pack(tmp_path, files), {"boxes": [{"box_id": "b1"}]}).controls
    assert result.status is Status.UNKNOWN


# --- the session ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY (SELECT 1) TO '/tmp/policycheck-leak.csv'",
        "ATTACH '/tmp/policycheck-other.db' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access=true",
        "RESET lock_configuration",
    ],
)
def test_a_sealed_session_reaches_nothing_outside(sql: str) -> None:
    with DuckDBSession() as session:
        session.seal()
        session.seal()
        with pytest.raises(EngineError):
            session.fetch(sql)
        assert session.fetch("SELECT 1") == [(1,)]


def test_an_engine_that_fails_gives_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        return DuckDBSession.fetch(self_, "SELECT no_such_column")

    compiled, session = compile_folder(write_pack(tmp_path))
    self_ = session
    from policycheck.assessment import assess
    from policycheck.evidence import rows_as_evidence
    from policycheck.loading import load

    with session:
        evidence = rows_as_evidence({"boxes": [BOXES[0]]}, compiled.pack.tables, AS_OF)
        evidence = load(compiled, evidence, session)
        monkeypatch.setattr(session, "judge", fails)
        assessment = assess(compiled, evidence, session)
    assert assessment.controls[0].reason.code == "engine_error"
    assert assessment.gate.exit_code == 3
    assert not issubclass(EngineError, duckdb.Error)


def test_an_overflow_in_a_row_far_down_is_an_engine_error() -> None:
    """DuckDB computes the later rows of an answer while they are fetched."""
    with DuckDBSession() as session:
        session.define_tables([query_writer.THINGS])
        data = query_writer.table(query_writer.THINGS, 6000, random.Random(1))
        data.columns["rank"] = [*range(5999), 2**63 - 1]
        session.insert(data)
        with pytest.raises(EngineError, match="Overflow"):
            session.judge("things", "things", ["things_id"], ["subject.rank * 2 > subject._row"], [])
        with pytest.raises(EngineError, match="Overflow"):
            session.false_rows("things", ["subject.rank * 2 > subject._row"])


# --- a second opinion -------------------------------------------------------------------------------
# Written from the clauses, with no SQL and no code of the engine: TRUE, FALSE or None for a subject.


def kleene(*parts: Three) -> Three:
    return False if False in parts else None if None in parts else True


def anniversary(day: date, years: int) -> date:
    """The same day so many years later; the day after 28 February where there is no 29th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


DAYS = st.dates(date(1990, 1, 1), date(2026, 3, 2))
LEAPS = st.sampled_from([date(2020, 2, 29), date(2016, 2, 29), date(2020, 2, 28), date(2020, 3, 1)])
BITS = st.none() | st.sampled_from([0, 127, 128, 129, 255, 256, 257, 4096])
ROWS = st.lists(
    st.fixed_dictionaries({"bits": BITS, "locked": st.none() | st.booleans(),
                           "place": st.sampled_from([None, "cloud", "cellar"]),
                           "made_at": st.none() | DAYS | LEAPS}),
    min_size=1, max_size=12,
)  # fmt: skip

OPINIONS: dict[str, Any] = {
    "bits >= 256": lambda r: None if r["bits"] is None else r["bits"] >= 256,
    "locked AND bits >= 128": lambda r: kleene(r["locked"], None if r["bits"] is None else r["bits"] >= 128),
    "NOT (locked AND bits >= 128)": lambda r: flip(
        kleene(r["locked"], None if r["bits"] is None else r["bits"] >= 128)
    ),
    "locked OR place IN ('cloud')": lambda r: flip(
        kleene(flip(r["locked"]), flip(None if r["place"] is None else r["place"] == "cloud"))
    ),
    "days_between(made_at, $as_of_day) <= 90": lambda r: (
        None if r["made_at"] is None else (AS_OF.date() - r["made_at"]) <= timedelta(days=90)
    ),
    "not_after(keep_until(made_at, 6), $as_of_day)": lambda r: (
        None if r["made_at"] is None else anniversary(r["made_at"], 6) <= AS_OF.date()
    ),
    "bits IS NOT NULL AND bits >= 256": lambda r: r["bits"] is not None and r["bits"] >= 256,
}


def flip(value: Three) -> Three:
    return None if value is None else not value


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All opinions as expectations of one control, compiled once; answers a subject with its verdict."""
    names = {f"x{i}": text for i, text in enumerate(OPINIONS)}
    control = {**CONTROL, "expect": names, "otherwise": dict.fromkeys(names, "no")}
    folder = write_pack(tmp_path_factory.mktemp("pack"), {"BX/BX-1.yaml": control})
    compiled, session = compile_folder(folder)
    from policycheck.assessment import assess
    from policycheck.evidence import rows_as_evidence
    from policycheck.loading import load

    def answer(rows: list[dict[str, Any]]) -> dict[str, tuple[set[str], set[str]]]:
        session.clear()
        evidence = rows_as_evidence({"boxes": rows}, compiled.pack.tables, AS_OF)
        (result,) = assess(compiled, load(compiled, evidence, session), session).controls
        return {f.subject: (set(f.failed), set(f.undecided)) for f in result.findings}

    yield answer
    session.close()


@settings(max_examples=60, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(rows=ROWS)
def test_the_engine_and_a_second_evaluator_agree(bench: Any, rows: list[dict[str, Any]]) -> None:
    written = [
        {"box_id": f"b{i:02}", **{k: v.isoformat() if isinstance(v, date) else v for k, v in row.items()}}
        for i, row in enumerate(rows)
    ]
    found = bench(written)
    for row, seen in zip(rows, written, strict=True):
        answers = {f"x{i}": opinion(row) for i, opinion in enumerate(OPINIONS.values())}
        failed = {name for name, answer in answers.items() if answer is False}
        undecided = {name for name, answer in answers.items() if answer is None}
        assert found.get(seen["box_id"], (set(), set())) == (failed, undecided), row


# --- a shipped control, on rows made up --------------------------------------------------------------

PLACES = st.sampled_from(["on_prem", "cloud", "third_party", "endpoint"])


@settings(max_examples=25, deadline=None, derandomize=True)
@given(stores=st.lists(st.tuples(PLACES, BITS), min_size=1, max_size=6))
def test_key_length_in_the_cloud(stores: list[tuple[str, int | None]]) -> None:
    from policycheck.assessment import assess
    from policycheck.evidence import rows_as_evidence
    from policycheck.loading import load

    compiled, session = sample_run.compiled_pack()
    given_: dict[str, Any] = {"resources": [], "datasets": [], "storage_protections": []}
    expected = {}
    for i, (place, bits) in enumerate(stores):
        given_["resources"].append({"resource_id": f"r{i}", "hosting": place, "kind": "object_store"})
        given_["datasets"].append({"resource_id": f"r{i}", "is_covered_information": True})
        given_["storage_protections"].append(
            {"protection_id": f"p{i}", "resource_id": f"r{i}", "layer": "object", "algorithm": "AES",
             "mode": "GCM", "key_bits_effective": bits}
        )  # fmt: skip
        if place == "cloud" and (bits is None or bits < 256):
            expected[f"p{i}"] = Status.UNKNOWN if bits is None else Status.FAIL
    session.clear()
    evidence = rows_as_evidence(given_, compiled.pack.tables, AS_OF)
    evidence = load(compiled, evidence, session)
    results = {r.control.id: r for r in assess(compiled, evidence, session, only={"DP-3.7"}).controls}
    found = {f.subject: f.status for f in results["DP-3.7"].findings}
    third = {f"p{i}" for i, (place, _) in enumerate(stores) if place == "third_party"}
    assert {k: v for k, v in found.items() if k not in third} == expected
