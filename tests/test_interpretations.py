"""What a document leaves open: read strictly, shown, and reported where nobody has settled it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from policycheck.cli.commands import cli
from policycheck.errors import InputError
from policycheck.pack import load_pack
from small_pack import CONTROL, write_pack
from test_comparison import BITS, MEMO, STRICT

OPEN: dict[str, Any] = {
    "kind": "conflict", "clauses": ["BX-1", "BX-2"], "title": "Open boxes that are locked",
    "words_say": "Both hold.", "problem": "Both cannot hold.",
}  # fmt: skip
AMBIGUITIES: dict[str, Any] = {
    "AMB-01": OPEN,
    "AMB-02": {**OPEN, "title": "Short keys", "settled_by": ["INT-01"], "parameters": ["least"]},
    "AMB-03": {**OPEN, "kind": "outdated", "clauses": ["BX-2"], "title": "Keys of old"},
    "AMB-04": {**OPEN, "kind": "ambiguity", "clauses": ["BX-1"], "title": "What a lock is"},
}


def write(folder: Path, ambiguities: Any = None) -> Path:
    return write_pack(
        folder,
        {
            "ambiguities.yaml": AMBIGUITIES if ambiguities is None else ambiguities,
            "profiles/strict.yaml": STRICT,
            "interpretations/INT-01.yaml": MEMO,
            "interpretations/INT-03.yaml": {**MEMO, "id": "INT-03", "clauses": ["BX-1"], "title": "Locks"},
            "interpretations/INT-04.yaml": {**MEMO, "id": "INT-04", "approved": False, "title": "Draft"},
            "BX/BX-1.yaml": CONTROL,
            "BX/BX-2.yaml": BITS,
        },
    )


def shown(folder: Path, *options: str) -> str:
    result = CliRunner().invoke(cli, ["interpretations", "--pack", str(write(folder)), *options])
    assert result.exit_code == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 80
    return result.stdout


def test_what_is_in_force_under_the_default_profile(tmp_path: Path) -> None:
    assert shown(tmp_path).split("\n\n")[:2] == [
        "profile plain: Plain",
        "INT-03    Locks\n          about BX-1\n          approved by management on 2026-01-01",
    ]


def test_a_memo_is_in_force_where_a_profile_rests_on_it(tmp_path: Path) -> None:
    text = shown(tmp_path, "--profile", "strict", "--full")
    assert "INT-01    Longer keys\n          about BX-2" in text
    assert "settles AMB-02, a conflict: Short keys" in text
    assert "least = 256 (default 128)" in text
    assert "question: How long?" in text
    assert "2 memos in force" in text


def test_what_is_not_in_force_says_why(tmp_path: Path) -> None:
    text = shown(tmp_path)
    assert "INT-01    Longer keys: nothing rests on it under this profile" in text
    assert "INT-04    Draft: not approved" in text


def test_what_no_memo_in_force_settles_is_open(tmp_path: Path) -> None:
    assert "AMB-02    a conflict" in shown(tmp_path)
    text = shown(tmp_path, "--profile", "strict")
    assert "AMB-02    a conflict" not in text
    assert "AMB-01    a conflict in BX-1, BX-2: Open boxes that are locked" in text
    assert "AMB-04    an ambiguity in BX-1: What a lock is" in text


def test_lint_reports_contradictions_that_nobody_settled_and_outdated_statements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no evidence is
    result = CliRunner().invoke(cli, ["lint", "--pack", str(write(tmp_path))])
    warnings = [line for line in result.stdout.splitlines() if "[PC32" in line and "AMB" in line]
    assert [line.split(": ", 1)[1] for line in warnings] == [
        "warning[PC322]: AMB-01: BX-1, BX-2 cannot all hold as they stand, and no approved memo settles it",
        "warning[PC323]: AMB-03: BX-2 is outdated: Keys of old",
    ]
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ({**OPEN, "kind": "conflicts"}, "`conflicts` is no kind"),
        ({**OPEN, "settled_by": ["INT-11"]}, "`settled_by` of AMB-01 names `INT-11`, which is no memo"),
        ({**OPEN, "parameters": ["leest"]}, "`parameters` of AMB-01 names `leest`, which is no parameter"),
        ({**OPEN, "clause": "BX-1"}, "unknown key `clause`"),
        ({k: v for k, v in OPEN.items() if k != "problem"}, "`problem`"),
        ("open", "`AMB-01` of the ambiguities is a mapping"),
    ],
)
def test_an_entry_that_is_wrong_is_a_fault_of_the_pack(tmp_path: Path, entry: Any, fault: str) -> None:
    with pytest.raises(InputError) as caught:
        load_pack(write(tmp_path, {"AMB-01": entry}))
    assert fault in str(caught.value)


def test_an_id_has_its_form(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`first` is not an id"):
        load_pack(write(tmp_path, {"first": OPEN}))
