"""Examples side by side in one database answer as each would alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from policycheck.bench import Bench, Case, open_stack
from policycheck.builtin_tables import BUILTIN_TABLES
from policycheck.engines.duckdb import DuckDBSession
from policycheck.engines.stacked import NESTED_AT_ONCE
from policycheck.evidence import rows_as_evidence
from policycheck.loading import load
from policycheck.model import Example, Pack, Status
from policycheck.pack import load_pack
from policycheck.selftest import run_case
from policycheck.source import Place
from small_pack import AS_OF, BOXES, CONTROL, judge, write_pack

CONTROLS = Path(__file__).parents[1] / "controls"
OPEN = {"boxes": [{"box_id": "a", "locked": False}]}
SHUT = {"boxes": [{"box_id": "a", "locked": True}, {"box_id": "b", "locked": True}]}


def example(name: str, given: dict[str, Any], expect: Status = Status.PASS) -> Example:
    return Example(name, given, expect, Place("BX/BX-1.yaml", 1))


def cases(folder: Path, given: list[dict[str, Any]]) -> list[Case]:
    pack = load_pack(folder)
    bench = Bench(pack, open_stack())
    control = pack.controls["BX-1"]
    (found,) = bench.cases([(control, example(str(i), rows)) for i, rows in enumerate(given)])
    return found


def with_view(sql: str, expect: dict[str, str]) -> dict[str, Any]:
    otherwise = dict.fromkeys(expect, "no")
    control = {**CONTROL, "subject": "box_keys", "expect": expect, "otherwise": otherwise}
    return {"views/box_keys.sql": sql, "BX/BX-1.yaml": control}


VIEW = """-- base: boxes
-- not null: box_id
SELECT b.*, k.total AS keys
FROM boxes b
LEFT JOIN (SELECT k.box_id, count(*) AS total FROM keys k GROUP BY k.box_id) k ON k.box_id = b.box_id
"""


def test_rows_of_one_slot_are_not_seen_from_another(tmp_path: Path) -> None:
    expect = {
        "few": "keys = 1",
        "any": "(SELECT any_true(k.copied) FROM keys k WHERE k.box_id = subject.box_id)",
    }
    folder = write_pack(tmp_path, with_view(VIEW, expect))
    one = {"boxes": [{"box_id": "a"}], "keys": [{"key_id": "k1", "box_id": "a", "copied": True}]}
    keys = [{"key_id": name, "box_id": "a", "copied": False} for name in ("k1", "k2")]
    two = {"boxes": [{"box_id": "a"}], "keys": keys}
    found = [run_case(case) for case in cases(folder, [one, two, one, OPEN])]
    assert [(result.status, result.failed) for result in found] == [
        (Status.PASS, ()), (Status.FAIL, ("few", "any")), (Status.PASS, ()), (Status.UNKNOWN, ()),
    ]  # fmt: skip


def test_a_view_that_fails_in_one_slot_is_broken_there_only(tmp_path: Path) -> None:
    sql = """-- base: boxes
    SELECT b.*, (SELECT k.copied FROM keys k WHERE k.box_id = b.box_id) AS copied FROM boxes b
    """
    folder = write_pack(tmp_path, with_view(sql, {"copied": "copied"}))
    one = {"boxes": [{"box_id": "a"}], "keys": [{"key_id": "k1", "box_id": "a", "copied": True}]}
    two = {
        "boxes": [{"box_id": "a"}],
        "keys": [{"key_id": n, "box_id": "a", "copied": True} for n in ("k1", "k2")],
    }
    found = [run_case(case) for case in cases(folder, [one, two, one])]
    assert [result.status for result in found] == [Status.PASS, Status.UNKNOWN, Status.PASS]
    assert "box_keys" in found[1].reason.words


def test_a_view_that_loses_a_row_of_one_slot_leaves_that_one_open(tmp_path: Path) -> None:
    sql = "-- base: boxes\nSELECT b.* FROM boxes b WHERE b.locked\n"
    folder = write_pack(tmp_path, with_view(sql, {"locked": "locked"}))
    found = [run_case(case) for case in cases(folder, [SHUT, OPEN])]
    assert [result.status for result in found] == [Status.PASS, Status.UNKNOWN]
    assert "keeps 0 of the 1 rows of `boxes`" in found[1].reason.words


def test_an_expression_that_fails_in_one_slot_leaves_that_one_open(tmp_path: Path) -> None:
    box = {
        **BOXES,
        "properties": {**BOXES["properties"], "bits": {"type": ["integer", "null"], "description": "n"}},
    }
    control = {**CONTROL, "expect": {"locked": "bits * bits > 0"}}
    folder = write_pack(tmp_path, {"BX/BX-1.yaml": control, "tables/boxes.schema.json": box})
    found = [
        run_case(case) for case in cases(folder, [{"boxes": [{"bits": 2}]}, {"boxes": [{"bits": 2**62}]}])
    ]
    assert [result.status for result in found] == [Status.PASS, Status.UNKNOWN]
    assert found[1].reason.words.count("verflow")


def test_text_that_looks_like_a_subquery_stays_text(tmp_path: Path) -> None:
    place = {"enum": ["x FROM keys k", None], "description": "Where it stands."}
    box = {**BOXES, "properties": {**BOXES["properties"], "place": place}}
    control = {**CONTROL, "expect": {"locked": "place = 'x FROM keys k'"}}
    folder = write_pack(tmp_path, {"BX/BX-1.yaml": control, "tables/boxes.schema.json": box})
    (case,) = cases(folder, [{"boxes": [{"place": "x FROM keys k"}]}])
    assert run_case(case).status is Status.PASS


def test_many_subqueries_are_asked_in_batches(tmp_path: Path) -> None:
    names = [f"e{i}" for i in range(2 * NESTED_AT_ONCE + 1)]
    expect = {
        n: f"(SELECT count(*) FROM keys k WHERE k.box_id = subject.box_id) = {i}" for i, n in enumerate(names)
    }
    control = {**CONTROL, "expect": expect, "otherwise": dict.fromkeys(names, "no")}
    folder = write_pack(tmp_path, {"BX/BX-1.yaml": control})
    (case,) = cases(folder, [{"boxes": [{"box_id": "a"}]}])
    assert run_case(case).failed == tuple(names[1:])


def test_a_slot_answers_like_a_session_of_its_own(tmp_path: Path) -> None:
    folder = write_pack(tmp_path)
    for given, case in zip([OPEN, SHUT], cases(folder, [OPEN, SHUT]), strict=True):
        alone = judge(folder, given).controls[0]
        beside = case.judge()
        assert (alone.status, alone.reason, alone.counts) == (beside.status, beside.reason, beside.counts)
        assert [f.subject for f in alone.findings] == [f.subject for f in beside.findings]
    assert AS_OF.year == 2026


def alone(pack: Pack, case: Case, session: DuckDBSession) -> tuple[Status, tuple[str, ...]]:
    """The case once more, in a session that holds nothing else."""
    assert case.compiled is not None
    given = {name: rows for name, rows in case.example.given.items() if name not in BUILTIN_TABLES}
    session.clear()
    session.define_tables([*BUILTIN_TABLES.values(), *pack.tables.values()])
    for name, view in case.compiled.views.items():
        session.define_view(name, view.sql)
    evidence = load(case.compiled, rows_as_evidence(given, pack.tables, case.compiled.as_of), session)
    single = Case(case.control, case.example, case.compiled, evidence, session)  # type: ignore[arg-type]
    return outcome(single)


def outcome(case: Case) -> tuple[Status, tuple[str, ...]]:
    result = case.judge()
    return result.status, tuple(sorted({name for finding in result.findings for name in finding.failed}))


@pytest.mark.parametrize("control_id", ["LB-1.2"])
def test_examples_of_the_shipped_pack_answer_as_they_would_alone(control_id: str) -> None:
    _compare([control_id])


@pytest.mark.slow
def test_all_examples_of_the_shipped_pack_answer_as_they_would_alone() -> None:
    _compare(None)


def _compare(only: list[str] | None) -> None:
    pack = load_pack(CONTROLS)
    bench = Bench(pack, open_stack())
    wanted = [c for c in pack.controls.values() if not c.all_of and (only is None or c.id in only)]
    total = 0
    with DuckDBSession() as session:
        for found in bench.cases([(control, each) for control in wanted for each in control.examples]):
            for case in found:
                if not BUILTIN_TABLES.keys() & case.example.given.keys():
                    assert alone(pack, case, session) == outcome(case), (case.control.id, case.example.name)
                    total += 1
    assert total >= 10
