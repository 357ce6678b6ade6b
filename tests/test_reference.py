"""The generated reference: every word from the pack, up to date, and safe as Markdown."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from policycheck.cli import cli
from small_pack import CONTROL, write_pack
from test_comparison import BITS, MEMO, STRICT

ROOT = Path(__file__).resolve().parents[1]


def docs(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(
        cli, ["docs", "--pack", str(folder / "pack"), "--output", str(folder / "out"), *options]
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    example = {
        "name": "an open box",
        "given": {"boxes": [{"locked": False}]},
        "expect": "fail",
        "failed": ["locked"],
    }
    references = [
        {"framework": "GDPR", "id": "Art. 32"},
        {"framework": "ISO 1", "id": "a", "verified": False},
    ]
    control = {**CONTROL, "examples": [example], "references": references, "title": "Boxes | <b>locks</b>"}
    files = {"profiles/strict.yaml": STRICT, "interpretations/INT-01.yaml": MEMO, "BX/BX-2.yaml": BITS}
    write_pack(tmp_path / "pack", {**files, "BX/BX-1.yaml": control})
    return tmp_path


def test_a_page_says_what_the_control_asks_and_needs(folder: Path) -> None:
    assert docs(folder).exit_code == 0
    page = (folder / "out" / "BX-1.md").read_text("utf-8")
    assert page.startswith("# BX-1: Boxes \\| &lt;b&gt;locks&lt;/b&gt;\n")
    for words in (
        "| severity | high |",
        "Expected, `locked`:\n\n```sql\nlocked\n```",
        "Otherwise: {subject} is open",
        "| `boxes` | `locked` | Whether it is locked. | 7 days old |",
        "| an open box | fail | `locked` |",
        "## What to do about a gap\n\nLock it.",
        "- ISO 1 a (not verified)",
    ):
        assert words in page


def test_a_page_shows_parameters_with_bounds_and_profiles(folder: Path) -> None:
    docs(folder)
    page = (folder / "out" / "BX-2.md").read_text("utf-8")
    assert "| parameter | default | `plain` | `strict` | bound of the clause |" in page
    assert "| `least` | 128 bits |  | 256 bits | at least 128 |" in page


def test_the_matrix_has_a_line_a_clause(folder: Path) -> None:
    docs(folder)
    matrix = (folder / "out" / "README.md").read_text("utf-8")
    assert "| BX-1 | [BX-1](BX-1.md) |  |  | Art. 32 |  |  | ISO 1 a (?) |" in matrix
    assert "| BX-2 | [BX-2](BX-2.md) |" in matrix


def test_pages_of_controls_that_are_gone_are_removed(folder: Path) -> None:
    docs(folder)
    (folder / "pack" / "BX" / "BX-2.yaml").unlink()
    (folder / "pack" / "profiles" / "strict.yaml").unlink()
    assert docs(folder, "--check").exit_code == 1
    docs(folder)
    assert {path.name for path in (folder / "out").iterdir()} == {"BX-1.md", "README.md"}
    assert docs(folder, "--check").exit_code == 0


def test_a_page_that_was_changed_by_hand_is_out_of_date(folder: Path) -> None:
    docs(folder)
    page = folder / "out" / "BX-1.md"
    page.write_text(page.read_text("utf-8") + "!", "utf-8")
    result = docs(folder, "--check")
    assert result.exit_code == 1
    assert f"{page}: out of date" in result.stderr
    assert "make docs" in result.stderr


def test_the_reference_of_the_shipped_pack_is_up_to_date() -> None:
    pack, pages = ROOT / "controls", ROOT / "docs" / "controls"
    result = CliRunner().invoke(cli, ["docs", "--pack", str(pack), "--output", str(pages), "--check"])
    assert result.exit_code == 0, result.stderr
