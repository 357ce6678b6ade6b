"""Two engines over one evidence: a verdict only where they agree."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from policycheck.agreement import disagreements
from policycheck.assessment import assess
from policycheck.cli.answering import Engines
from policycheck.cli.commands import cli
from policycheck.cli.run import Inputs, read
from policycheck.engines import Row, failed
from policycheck.engines.direct import DirectSession
from policycheck.engines.judgements import FetchedJudgement
from policycheck.errors import EngineError, Fault
from policycheck.model import Status
from policycheck.outcomes import Assessment

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ["--pack", str(ROOT / "controls"), "--evidence", str(ROOT / "evidence"), "--as-of", "manifest"]
NAMES = ("direct", "duckdb")


def check(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["check", *SAMPLE, "--output", str(folder), *arguments])


@pytest.mark.parametrize(("engine", "other"), [("direct", "duckdb"), ("duckdb", "direct")])
def test_the_sample_is_judged_alike(engine: str, other: str, tmp_path: Path) -> None:
    result = check(tmp_path, "--engine", engine, "--cross-check")
    assert result.exit_code == 1
    assert f"answered by the {engine} engine, cross-checked by {other}" in result.stderr
    record = json.loads((tmp_path / "run.json").read_text())
    assert (record["engine"], record["cross_checked_by"]) == (engine, other)


def test_reports_are_the_same_whatever_answered(tmp_path: Path) -> None:
    for engine in NAMES:
        check(tmp_path / engine, "--engine", engine, "--cross-check" if engine == "direct" else "--quiet")
    for name in ("report.json", "report.html"):
        assert (tmp_path / "direct" / name).read_bytes() == (tmp_path / "duckdb" / name).read_bytes()


def test_engines_that_do_not_agree_come_to_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = DirectSession._judge

    def wrong(session: DirectSession, relation: str, *rest: Any) -> FetchedJudgement:
        found = judge(session, relation, *rest)
        if relation == "covered_protections":
            found._rows = [_turned(row) for row in found._rows]
        return found

    monkeypatch.setattr(DirectSession, "_judge", wrong)
    for engine in NAMES:
        result = check(tmp_path / engine, "--engine", engine, "--cross-check", "--format", "json")
        assert result.exit_code == 2
        assert "error[PC902]" in result.stderr
        assert not (tmp_path / engine).exists()


def _turned(row: Row) -> Row:
    return replace(row, answers=tuple(None if answer is None else not answer for answer in row.answers))


def _without_answer(session: DirectSession) -> EngineError:
    session.unanswered.append("nothing")
    return failed("nothing")


def test_an_engine_without_an_answer_checks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(session: DirectSession, *_: Any) -> FetchedJudgement:
        raise _without_answer(session)

    monkeypatch.setattr(DirectSession, "_judge", silent)
    result = check(tmp_path, "--engine", "duckdb", "--cross-check", "--format", "json")
    assert result.exit_code == 2
    assert "error[PC606]: not cross-checked" in result.stderr
    assert not list(tmp_path.iterdir())


def test_an_engine_does_not_check_its_own_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the direct engine fails under another profile, DuckDB answers there, and may not check that."""
    turn = DirectSession.turn_to
    turns = 0

    def failing(session: DirectSession, trees: Any, parameters: Any) -> None:
        nonlocal turns
        turns += 1
        turn(session, trees, parameters)
        if turns == 2:
            raise _without_answer(session)

    monkeypatch.setattr(DirectSession, "turn_to", failing)
    result = check(tmp_path, "--engine", "direct", "--cross-check", "--format", "json")
    assert result.exit_code == 2
    assert "not cross-checked: duckdb answered a part of it already" in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_other_profiles_are_checked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that shows under a profile which nobody asked for, and only in the comparison."""
    turn = DirectSession.turn_to
    turns = 0

    def stuck(session: DirectSession, trees: Any, parameters: Any) -> None:
        nonlocal turns
        turns += 1
        if turns == 1:
            turn(session, trees, parameters)

    monkeypatch.setattr(DirectSession, "turn_to", stuck)
    result = check(tmp_path, "--engine", "direct", "--cross-check", "--format", "json")
    assert result.exit_code == 2


def test_a_record_names_the_reports_that_it_is_about(tmp_path: Path) -> None:
    check(tmp_path, "--quiet")
    record = json.loads((tmp_path / "run.json").read_text())
    for name in ("report.json", "report.html"):
        assert record["sha256"][name] == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()


def test_a_plan_is_told_where_it_is_asked_for(tmp_path: Path) -> None:
    assert "plan: " not in check(tmp_path).stderr
    assert "plan: every question is asked of every row" in check(tmp_path, "--explain-plan").stderr


# --- what counts as a disagreement ---


@pytest.fixture(scope="module")
def judged() -> Assessment:
    inputs = Inputs(ROOT / "controls", ROOT / "evidence", None, "manifest", datetime.now(UTC), quiet=True)
    return Engines().judged(read(inputs), lambda run: assess(run.compiled, run.evidence, run.session))


def faults(judged: Assessment, **changes: Any) -> list[Fault]:
    at = next(i for i, each in enumerate(judged.controls) if each.findings)
    controls = [*judged.controls]
    controls[at] = replace(controls[at], **changes)
    return disagreements(judged, replace(judged, controls=tuple(controls)), NAMES)


def words(found: Sequence[Fault]) -> str:
    (only,) = found
    return only.message


def test_the_same_twice_is_no_disagreement(judged: Assessment) -> None:
    assert disagreements(judged, replace(judged), NAMES) == []


def test_every_difference_is_one(judged: Assessment) -> None:
    some = next(each for each in judged.controls if each.findings)
    other = Status.PASS if some.status is not Status.PASS else Status.FAIL
    assert words(faults(judged, status=other)) == f"direct says {some.status}, duckdb says {other}"
    assert "counts" in words(faults(judged, counts=Counter({Status.PASS: 1})))
    changed = (replace(some.findings[0], message="other words"), *some.findings[1:])
    assert some.findings[0].subject in words(faults(judged, findings=changed))
    assert "beside" in words(faults(judged, findings_total=some.findings_total + 1))
    assert "beside" in words(faults(judged, findings=some.findings[:-1]))


def test_a_control_that_one_engine_lacks_and_the_rest_of_the_report_count(judged: Assessment) -> None:
    fewer = replace(judged, controls=judged.controls[1:])
    assert words(disagreements(judged, fewer, NAMES)) == "only direct has an answer"
    assert words(disagreements(fewer, judged, NAMES)) == "only duckdb has an answer"
    assert "rest of the report" in words(disagreements(judged, replace(judged, exceptions=()), NAMES))
