"""The generated reference: every word from the pack, up to date, and safe as Markdown."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

import sample_run
from policycheck.cli.commands import cli
from policycheck.mutant_counts import FILE, basis_of, read_counts
from policycheck.pack import load_pack
from policycheck.reference import NOT_COUNTED
from small_pack import CONTROL, write_pack
from test_comparison import BITS, MEMO, STRICT

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "controls"


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


def test_a_page_says_how_many_mutants_its_examples_notice(folder: Path) -> None:
    docs(folder)
    page = folder / "out" / "BX-1.md"
    assert "mutants" not in page.read_text("utf-8")
    docs(folder, "--mutants")
    assert "1 of 1 mutants are noticed by these examples." in page.read_text("utf-8")
    counted = (folder / "out" / FILE).read_text("utf-8")
    assert docs(folder, "--check").exit_code == 0

    control = folder / "pack" / "BX" / "BX-1.yaml"
    text = control.read_text("utf-8")
    control.write_text(text.replace('"locked": "locked"', '"locked": "locked AND locked"'), "utf-8")
    assert docs(folder, "--check").exit_code == 1
    docs(folder)
    assert NOT_COUNTED in page.read_text("utf-8")
    docs(folder, "--mutants")
    assert NOT_COUNTED not in page.read_text("utf-8")
    now, before = (read_counts(text) for text in ((folder / "out" / FILE).read_text("utf-8"), counted))
    assert now["BX-2"] == before["BX-2"]
    assert now["BX-1"].basis != before["BX-1"].basis


def test_a_damaged_file_of_counts_counts_nothing(folder: Path) -> None:
    docs(folder, "--mutants")
    (folder / "out" / FILE).write_text("[", "utf-8")
    docs(folder)
    assert NOT_COUNTED in (folder / "out" / "BX-1.md").read_text("utf-8")


def test_what_a_count_rests_on_is_whatever_can_change_it() -> None:
    compiled, _ = sample_run.compiled_pack()
    control = load_pack(ROOT / "controls").controls["CH-1.3"]
    basis = basis_of(control, compiled)
    view = compiled.pack.views["subject_permissions"]
    views = {**compiled.pack.views, view.name: replace(view, sql=view.sql + " ")}
    assert basis != basis_of(control, replace(compiled, pack=replace(compiled.pack, views=views)))
    assert basis != basis_of(replace(control, examples=control.examples[1:]), compiled)
    assert basis != basis_of(replace(control, equivalent=()), compiled)
    assert basis == basis_of(replace(control, title="Another title"), compiled)


def test_the_reference_of_the_shipped_pack_is_up_to_date() -> None:
    pack = ROOT / "controls"
    result = CliRunner().invoke(cli, ["docs", "--pack", str(pack), "--output", str(PAGES), "--check"])
    assert result.exit_code == 0, result.stderr
    assert [page.name for page in PAGES.glob("*.md") if NOT_COUNTED in page.read_text("utf-8")] == []


@pytest.mark.slow
def test_the_counts_of_the_shipped_pack_are_what_is_counted_now(tmp_path: Path) -> None:
    command = ["docs", "--pack", str(ROOT / "controls"), "--output", str(tmp_path), "--mutants"]
    assert CliRunner().invoke(cli, command).exit_code == 0
    assert (tmp_path / FILE).read_text("utf-8") == (PAGES / FILE).read_text("utf-8")
