"""What the other profiles would say, beside a report and without an effect on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from policycheck.cli.commands import cli
from small_pack import CONTROL, HEAD, write_pack

STRICT = {"name": "strict", "title": "Strict", "parameters": {"least": {"value": 256, "memo": "INT-01"}}}
LAX = {"name": "lax", "title": "Lax", "parameters": {"least": {"value": 192, "memo": "INT-02"}}}
MEMO: dict[str, Any] = {
    "id": "INT-01", "title": "Longer keys", "clauses": ["BX-2"], "question": "How long?",
    "reading": "Longer.", "approved": True, "approved_by": "management", "approved_at": "2026-01-01",
}  # fmt: skip
BITS = {
    **CONTROL, "id": "BX-2", "clauses": ["BX-2"], "expect": {"bits": "bits >= $least"},
    "otherwise": {"bits": "{subject} has {bits} bits"},
    "parameters": {"least": {"value": 128, "unit": "bits", "at_least": 128}},
}  # fmt: skip
ROLLED = {k: v for k, v in CONTROL.items() if k not in ("subject", "expect", "otherwise")}
MANIFEST = """\
organisation: Boxes
as_of: 2026-03-02T12:00:00Z
sources:
  - {evidence_id: boxes, table: boxes, path: boxes.csv, source_system: store, collector: hand,
     collector_version: "1", collected_at: 2026-03-01T06:00:00Z, evidence_kind: observed,
     population_complete: true, row_count: 3, file_sha256: DIGEST}
"""
ROWS = "box_id,locked,bits\na,true,128\nb,true,256\nc,true,\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    import hashlib

    files = {
        "pack.yaml": {**HEAD, "default_profile": "plain"},
        "profiles/strict.yaml": STRICT,
        "profiles/lax.yaml": LAX,
        "interpretations/INT-01.yaml": MEMO,
        "interpretations/INT-02.yaml": {**MEMO, "id": "INT-02", "approved_at": "2026-03-03"},
        "BX/BX-2.yaml": BITS,
        "BX/BX.yaml": {**ROLLED, "id": "BX", "all_of": ["BX-1", "BX-2"]},
    }
    write_pack(tmp_path / "pack", files)
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "boxes.csv").write_text(ROWS)
    digest = hashlib.sha256(ROWS.encode()).hexdigest()
    (tmp_path / "evidence" / "manifest.yaml").write_text(MANIFEST.replace("DIGEST", digest))
    return tmp_path


def check(folder: Path, *options: str) -> Result:
    inputs = ["--pack", str(folder / "pack"), "--evidence", str(folder / "evidence"), "--as-of", "manifest"]
    return CliRunner().invoke(cli, ["check", *inputs, "--output", "-", *options])


def report(folder: Path, *options: str) -> Any:
    return json.loads(check(folder, "--format", "json", *options).stdout)


def test_a_report_counts_the_verdicts_that_differ(folder: Path) -> None:
    found = report(folder)
    others = {control["id"]: control["other_profiles"] for control in found["controls"]}
    assert others["BX-1"] == {"strict": {"status": "pass", "changed": 0}}
    # `a` passes here and fails there; `c` is unknown in both.
    assert others["BX-2"] == {"strict": {"status": "fail", "changed": 1}}
    assert others["BX"] == {"strict": {"status": "fail", "changed": None}}


def test_a_profile_whose_memo_is_not_approved_at_that_instant_is_left_out(folder: Path) -> None:
    assert report(folder)["compared_profiles"] == ["strict"]


def test_a_comparison_changes_no_verdict(folder: Path) -> None:
    found = report(folder)
    assert {c["id"]: c["status"] for c in found["controls"]} == {
        "BX": "unknown",
        "BX-1": "pass",
        "BX-2": "unknown",
    }
    assert found["gate"]["exit_code"] == 3


def test_every_engine_counts_the_same(folder: Path) -> None:
    assert len({json.dumps(report(folder, "--engine", engine)) for engine in ("direct", "duckdb")}) == 1


def test_a_person_reads_what_would_differ(folder: Path) -> None:
    assert "under `strict`: fail, 1 verdict differs" in check(folder, "--format", "text").stdout
    assert "1 verdict differs" in check(folder, "--format", "html").stdout


def test_the_other_direction(folder: Path) -> None:
    found = report(folder, "--profile", "strict")
    others = {control["id"]: control["other_profiles"] for control in found["controls"]}
    assert others["BX-2"] == {"plain": {"status": "unknown", "changed": 1}}
