"""Which other tools are here to be measured beside policycheck.

Their Python packages stand in an environment of their own, because some ask for old versions of what
policycheck uses: `.venv-bench` of the repository, or the interpreter that POLICYCHECK_BENCH_PYTHON names.
Programs are looked for on PATH. What is missing is a row that says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from benchmarks.measure import ROOT

PACKAGES = {
    **{"regopy": "regopy", "cel-expr-python": "cel_expr_python", "cel-python": "celpy", "c7n": "c7n"},
    **{"compliance-trestle": "trestle", "polars": "polars", "jsonschema-rs": "jsonschema_rs"},
    **{"jsonschema": "jsonschema"},
}
"""Name of a distribution to the module that shows that it is there."""
_ASK = """
import importlib.metadata as m, importlib.util as u, json, sys
print(json.dumps({d: m.version(d) for d, name in json.loads(sys.argv[1]).items() if u.find_spec(name)}))
"""


@cache
def interpreter() -> str | None:
    """The Python of the peers; None where there is none."""
    named = os.environ.get("POLICYCHECK_BENCH_PYTHON") or str(ROOT / ".venv-bench" / "bin" / "python")
    return named if shutil.which(named) else None


@cache
def versions() -> dict[str, str]:
    """Versions of the peers' packages that are installed."""
    python = interpreter()
    if python is None:
        return {}
    ask = [python, "-c", _ASK, json.dumps(PACKAGES)]
    asked = subprocess.run(ask, capture_output=True, text=True, check=False)
    return dict(json.loads(asked.stdout)) if asked.returncode == 0 else {}


def python(package: str, *arguments: str) -> Sequence[str] | None:
    """A command of the peers' Python, where `package` is installed there."""
    found = interpreter()
    return [found, *arguments] if found is not None and package in versions() else None


def program(name: str, *arguments: str) -> Sequence[str] | None:
    """A command of a program on PATH, or beside the peers' Python."""
    python_ = interpreter()
    beside = Path(python_).parent / name if python_ is not None else None
    found = shutil.which(name) or (str(beside) if beside is not None and beside.exists() else None)
    return [found, *arguments] if found is not None else None


def program_version(name: str) -> str:
    """What the program says of its version, on one line; empty where it is not installed."""
    command = program(name, "version") if name == "opa" else program(name, "--version")
    if command is None:
        return ""
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")
    return said[0].strip()


def pins() -> list[str]:
    """What pyproject.toml asks for in the extra `bench`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return list(project["optional-dependencies"]["bench"])


def ours(*arguments: str) -> list[str]:
    """A command of this Python."""
    return [sys.executable, *arguments]


if __name__ == "__main__":
    print("\n".join(pins()))
