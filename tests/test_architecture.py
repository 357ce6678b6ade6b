"""The code keeps the shape that docs/architecture.md draws."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "policycheck"
MODULES = sorted(PACKAGE.rglob("*.py"))
# A stage that outgrows this wants splitting. The nouns stay in one file: they are read together.
MAX_LINES = 450
LONGER = {"model.py": 700, "assessment.py": 600, "compiler.py": 500}
# What a clock shows. A stopwatch for a time limit (`monotonic`) shows nothing that could reach a result.
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "localtime", "gmtime", "ctime"}
# These take more time to import than the whole of a small run, or are not always installed.
LAZY = {"jsonschema", "jinja2", "networkx", "sslyze", "pyarrow"}
NAMELESS = {"utils", "util", "helpers", "common", "base", "manager", "misc"}
CONTRACTS = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(cache_dir=None))"
NO_DUCKDB = "import sys, policycheck.cli; sys.exit('duckdb' in sys.modules)"


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _outside_cli() -> list[Path]:
    return [path for path in MODULES if not _name(path).startswith(("cli/", "__main__"))]


def _clock_calls(tree: ast.AST) -> Iterator[str]:
    """Calls such as `datetime.now()` and `time.time()`; a method of another object is no clock."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
            owner = ast.unparse(node.func.value)
            if owner.split(".")[-1] in {"time", "datetime", "date"}:
                yield f"line {node.lineno}: {ast.unparse(node.func)}()"
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield f"line {node.lineno}: from time import"


def test_the_import_contracts_hold() -> None:
    """Imports point down only, every module has a layer, one place knows each library."""
    run = subprocess.run(
        [sys.executable, "-c", CONTRACTS],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("path", _outside_cli(), ids=_name)
def test_no_module_below_the_command_line_reads_a_clock(path: Path) -> None:
    """Same inputs, same bytes: the present enters once, as an argument."""
    assert list(_clock_calls(ast.parse(path.read_text("utf-8")))) == []


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_heavy_libraries_are_imported_where_they_are_needed(path: Path) -> None:
    """At the top of a module they would cost every run their import time."""
    top = ast.parse(path.read_text("utf-8")).body
    named = {alias.name.split(".")[0] for node in top if isinstance(node, ast.Import) for alias in node.names}
    named |= {str(node.module).split(".")[0] for node in top if isinstance(node, ast.ImportFrom)}
    assert not named & LAZY


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_is_short_and_says_its_one_job(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= LONGER.get(_name(path), MAX_LINES)
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "no module docstring"


def test_no_module_is_named_after_nothing() -> None:
    """A name such as `utils` collects what nobody found a place for."""
    assert not {path.stem for path in MODULES} & NAMELESS


def test_help_does_not_start_the_engine() -> None:
    """`policycheck --help` answers at once."""
    run = subprocess.run(
        [sys.executable, "-c", NO_DUCKDB],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
