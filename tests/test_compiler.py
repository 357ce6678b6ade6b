"""What the compiler promises: an order, resolved parameters, and a query that an auditor can run."""

from __future__ import annotations

from pathlib import Path

import pytest

import sample_run
from policycheck.compiler import compile_pack
from policycheck.engines.duckdb import DuckDBSession
from policycheck.errors import FaultList
from policycheck.evidence import load_evidence
from policycheck.loading import load
from policycheck.model import Status
from policycheck.parameters import find_profile, resolve_parameters
from policycheck.showing import filled_message
from small_pack import AS_OF, CONTROL, compile_folder, write_pack

SHIPPED = sample_run.shipped_pack()


@pytest.mark.parametrize("profile", sorted(SHIPPED.profiles))
def test_the_shipped_pack_compiles_under_every_profile(profile: str) -> None:
    compiled, _ = sample_run.compiled_pack(profile)
    assert set(compiled.order) == set(SHIPPED.controls)
    single = {c.id for c in SHIPPED.controls.values() if not c.all_of}
    assert set(compiled.controls) == single


def test_controls_come_after_what_they_rest_on() -> None:
    compiled, _ = sample_run.compiled_pack()
    position = {control_id: i for i, control_id in enumerate(compiled.order)}
    for control in SHIPPED.controls.values():
        for other in control.all_of + control.requires + control.exceptions.rules:
            assert position[other] < position[control.id]


def test_a_selection_compiles_only_what_it_needs() -> None:
    faults = FaultList()
    resolved = resolve_parameters(SHIPPED, find_profile(SHIPPED, None), faults)
    with DuckDBSession() as session:
        compiled = compile_pack(SHIPPED, resolved, AS_OF, session, faults, only=["DP-3.7"])
    faults.raise_if_any()
    wanted = {"DP-3.7", *SHIPPED.controls["DP-3.7"].exceptions.rules}
    assert wanted <= set(compiled.controls)
    assert len(compiled.controls) < len(SHIPPED.controls) / 2


def test_the_shown_query_gives_the_verdicts_of_the_report() -> None:
    """Run over the tables as they are, with no view defined: the query must stand alone."""
    compiled, session = sample_run.compiled_pack()
    session.clear()
    evidence = load_evidence(sample_run.SAMPLE, compiled.pack.tables, AS_OF)
    evidence = load(compiled, evidence, session)
    faulty = {fault.table for fault in evidence.row_faults}
    assessment = sample_run.run(sample_run.SAMPLE)
    checked = 0
    for result in assessment.controls:
        if not result.query or result.gaps_in_evidence or faulty & set(result.tables):
            continue
        control = compiled.controls[result.control.id]
        if result.counts[Status.UNKNOWN] or result.counts[Status.EXCEPTED]:
            continue
        rows = session.fetch(result.query)
        start = len(control.key)
        answers = [row[start:] for row in rows]
        fails = sum(a[0] is True and False in a[1:] for a in answers)
        passes = sum(a[0] is True and all(x is True for x in a[1:]) for a in answers)
        assert (passes, fails) == (result.counts[Status.PASS], result.counts[Status.FAIL]), result.control.id
        assert "$" not in result.query
        checked += 1
    assert checked > len(compiled.controls) / 2


def test_a_parameter_is_written_in_as_it_is_chosen(tmp_path: Path) -> None:
    control = {
        **CONTROL, "expect": {"bits": "bits >= $min_bits"}, "otherwise": {"bits": "below {min_bits}"},
        "parameters": {"min_bits": {"value": 256, "at_least": 128}},
    }  # fmt: skip
    compiled, session = compile_folder(write_pack(tmp_path, {"BX/BX-1.yaml": control}))
    session.close()
    found = compiled.controls["BX-1"]
    assert found.parameters == {"min_bits": 256}
    assert "256" in found.query
    assert found.observed == ("bits",)


def test_text_in_a_parameter_stays_text(tmp_path: Path) -> None:
    hostile = "x' OR true; DROP TABLE boxes; --"
    control = {
        **CONTROL, "expect": {"locked": "place = $where"},
        "parameters": {"where": {"value": hostile}},
    }  # fmt: skip
    compiled, session = compile_folder(write_pack(tmp_path, {"BX/BX-1.yaml": control}))
    with session:
        assert session.fetch(compiled.controls["BX-1"].query) == []
        assert session.fetch("SELECT count(*) FROM boxes") == [(0,)]


def test_the_shortest_age_limit_that_is_asked_counts(tmp_path: Path) -> None:
    compiled, session = compile_folder(
        write_pack(tmp_path, {"BX/BX-1.yaml": {**CONTROL, "max_age_days": {"boxes": 2}}})
    )
    session.close()
    control = compiled.controls["BX-1"].control
    assert compiled.max_age_days(control, "boxes") == 2
    assert compiled.max_age_days(control, "keys") == 30


def test_messages_honour_no_format_language() -> None:
    assert filled_message("{a} {a.real} {b} {0}", {"a": "{b}", "b": 2}) == "{b} {a.real} 2 {0}"
