"""The tour in README.md works as it stands: its commands run, in order, with the exit codes it gives."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOUR = re.findall(r"^```console\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.S | re.M)
LIMIT_S = 60


def _commands() -> list[tuple[str, int]]:
    """The lines that start with `$`, each with the code of the comment after it, or 0."""
    found: list[tuple[str, int]] = []
    for line in "".join(TOUR).splitlines():
        if line.startswith("$ "):
            found.append((line[2:], 0))
        elif code := re.fullmatch(r"# exit code (\d)", line):
            found[-1] = (found[-1][0], int(code.group(1)))
    return found


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like the repository to the commands of the tour, to write into freely."""
    folder = tmp_path_factory.mktemp("a visitor")
    shutil.copytree(ROOT / "evidence", folder / "evidence")
    shutil.copytree(ROOT / "controls", folder / "controls")
    return folder


def test_the_tour_has_commands() -> None:
    assert len(_commands()) >= 5


@pytest.mark.parametrize(("line", "code"), _commands(), ids=str)
def test_a_command_of_the_tour_works(line: str, code: int, visitor: Path) -> None:
    program, *arguments = shlex.split(line)
    assert program == ".venv/bin/policycheck"
    run = subprocess.run(
        [sys.executable, "-m", "policycheck", *arguments],
        cwd=visitor,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert run.returncode == code, run.stdout + run.stderr
    assert "Traceback" not in run.stderr


def test_make_help_names_what_the_readme_names() -> None:
    """`make run` and `make test` exist and say what they do."""
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "make run" in shown
    assert "make test" in shown
