"""The sample organisation has the gaps that are planted in it, and no others."""

from __future__ import annotations

from typing import Any

import pytest

import policycheck.engines.duckdb
import sample_run
from policycheck.builtin_tables import BUILTIN_TABLES
from policycheck.model import Severity, Status
from policycheck.outcomes import Assessment
from policycheck.reporters import REPORTERS

PLANTED: list[dict[str, Any]] = sample_run.read_yaml_text(
    (sample_run.ROOT / "tests" / "data" / "planted_gaps.yaml").read_text(encoding="utf-8")
)
SUBJECTS = {(g["control"], g["subject"]): g["status"] for g in PLANTED if g.get("subject", "*") != "*"}
WHOLE = {g["control"]: g["status"] for g in PLANTED if g.get("subject") == "*"}


def test_every_gap_is_planted_and_every_planted_gap_is_found(sample_assessment: Assessment) -> None:
    found = {
        key: status
        for key, status in sample_run.verdicts(sample_assessment).items()
        if key[1] and WHOLE.get(key[0]) != status
    }
    assert found == SUBJECTS
    by_id = {r.control.id: r.status.value for r in sample_assessment.controls}
    failing = {control_id for (control_id, _), status in SUBJECTS.items() if status == "fail"}
    expected = {c: "fail" if c in failing else status for c, status in WHOLE.items()}
    assert {control_id: by_id[control_id] for control_id in WHOLE} == expected


def test_every_gap_of_a_control_comes_from_a_planted_one(sample_assessment: Assessment) -> None:
    planted = {control_id for control_id, _ in SUBJECTS} | set(WHOLE)
    gaps = {
        r.control.id
        for r in sample_assessment.controls
        if r.status not in (Status.PASS, Status.NA) and not r.control.all_of
    }
    assert gaps == planted


def test_two_lists_that_differ_are_named_from_both_sides(sample_assessment: Assessment) -> None:
    """A store nobody looked at, a website nobody scanned, and a scan of what no inventory names."""
    held = {r.control.id: r for r in sample_assessment.controls if r.population is not None}
    counts = {name: (r.population.found, r.population.expected) for name, r in held.items() if r.population}
    assert counts == {
        **dict.fromkeys(("DP-3.3", "DP-3.4", "DP-3.5", "DP-3.8", "DP-3.9"), (83, 84)),
        "DP-3.6": (54, 55),
        "DP-3.7": (29, 29),
        "SE-3.1": (5, 6),
    }
    reasons = {(f.reason.code, f.subject.partition("/")[0]) for r in held.values() for f in r.findings}
    assert {reason for reason in reasons if reason[0].startswith("not_in_")} == {
        ("not_in_evidence", "laptop-14"),
        ("not_in_evidence", "careers"),
        ("not_in_inventory", "forms-test.example.com:443"),
    }
    assert "seen: 83 of 84 of `covered_stores`" in REPORTERS["text"].render(sample_assessment).decode()


def test_exceptions_end_as_planted(sample_assessment: Assessment) -> None:
    planted = {g["exception"]: g["state"] for g in PLANTED if "exception" in g}
    found = {e.id: e.state for e in sample_assessment.exceptions if e.state != "in_force"}
    assert found == planted


def test_sources_end_as_planted(sample_assessment: Assessment) -> None:
    planted = {g["source"]: g["state"] for g in PLANTED if "source" in g}
    found = {s.source.evidence_id: s.state for s in sample_assessment.sources if s.state != "ok"}
    assert found == planted
    absent = {g["table"] for g in PLANTED if g.get("state") == "missing"}
    assert absent.isdisjoint(s.source.table for s in sample_assessment.sources)


def test_every_gap_can_be_walked_to_a_line(sample_assessment: Assessment) -> None:
    for result in sample_assessment.controls:
        for finding in result.findings:
            # A row that the tool makes itself stands in no file.
            if result.control.subject not in BUILTIN_TABLES:
                assert finding.place is not None, (result.control.id, finding.subject)
                path = sample_run.SAMPLE / finding.place.path
                lines = path.read_text(encoding="utf-8").splitlines()
                assert 0 < finding.place.line <= len(lines), finding.place
            assert finding.message
            assert "{" not in finding.message


@pytest.mark.parametrize("profile", sorted(sample_run.shipped_pack().profiles))
def test_a_profile_gives_the_same_bytes_each_time(profile: str) -> None:
    first, second = (sample_run.run(sample_run.SAMPLE, profile) for _ in range(2))
    assert REPORTERS["json"].render(first) == REPORTERS["json"].render(second)
    assert first.profile.name == profile
    # Whatever a profile reads into the text, what is broken in every reading stays a gap.
    verdicts = sample_run.verdicts(first)
    for key in (
        ("DP-3.7", "prot-db-analytics"),
        ("OR-6.2", "rec-risk-06"),
        ("META-3", "disclosures-2026-03"),
    ):
        assert verdicts[key] == "fail"


def test_profiles_differ_only_where_they_choose() -> None:
    choices = {}
    for profile in sorted(sample_run.shipped_pack().profiles):
        assessment = sample_run.run(sample_run.SAMPLE, profile)
        choices[profile] = {c.name: c.value for c in assessment.parameters}
    assert len({str(sorted(c.items(), key=str)) for c in choices.values()}) == len(choices)


def test_large_evidence_is_judged_like_small(
    monkeypatch: pytest.MonkeyPatch, sample_assessment: Assessment
) -> None:
    monkeypatch.setattr(policycheck.engines.duckdb, "FETCH_LIMIT", 0)
    stored = sample_run.run(sample_run.SAMPLE)
    for reporter in REPORTERS.values():
        assert reporter.render(stored) == reporter.render(sample_assessment), reporter.name


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_a_limit_hides_findings_but_no_verdict(limit: int, sample_assessment: Assessment) -> None:
    short = sample_run.run(sample_run.SAMPLE, limit=limit)
    assert short.gate == sample_assessment.gate
    for few, all_ in zip(short.controls, sample_assessment.controls, strict=True):
        assert (few.status, few.reason, few.counts, few.findings_total) == (
            all_.status, all_.reason, all_.counts, all_.findings_total,
        )  # fmt: skip
        assert few.findings == all_.findings[:limit], few.control.id


@pytest.mark.parametrize("fail_on", list(Severity))
def test_the_gate_is_closed_at_every_threshold(fail_on: Severity) -> None:
    assessment = sample_run.run(sample_run.SAMPLE, fail_on=fail_on)
    counted = [r for r in assessment.controls if r.control.severity.rank <= fail_on.rank]
    expected = 1 if any(r.status is Status.FAIL for r in counted) else 3
    assert assessment.gate.exit_code == expected


@pytest.mark.parametrize("asked", [("DP-3.7",), ("DP-3",), ("RT",)])
def test_a_selection_judges_as_the_whole_does(asked: tuple[str, ...], sample_assessment: Assessment) -> None:
    from policycheck.assessment import select

    compiled, _ = sample_run.compiled_pack()
    chosen = sample_run.run(sample_run.SAMPLE, only=select(compiled, asked), asked=asked)
    whole = {r.control.id: r for r in sample_assessment.controls}
    assert chosen.controls
    for result in chosen.controls:
        assert result == whole[result.control.id]
