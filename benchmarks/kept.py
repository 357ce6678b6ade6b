"""Results as JSON files: one a benchmark, with the machine, the versions, the date and the commit."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.measure import ROOT, Table

OUTPUT = ROOT / "build" / "bench"
Result = dict[str, Any]


def keep(folder: Path, name: str, full: bool, tables: Sequence[Table]) -> None:
    """Writes the result of one benchmark. That of its long sizes (`full`) stands beside the other."""
    folder.mkdir(parents=True, exist_ok=True)
    result = {
        "benchmark": name,
        "full": full,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
        "tables": tables,
    }
    file = folder / f"{name}{'-full' if full else ''}.json"
    file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")


def load(folder: Path) -> Mapping[str, Result]:
    """All results that were kept, by the name of their file."""
    return {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(folder.glob("*.json"))}


def commit() -> str:
    """The commit that was measured, and whether the tree had other changes."""

    def git(*words: str) -> str:
        said = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return said.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "src", "benchmarks", "controls")
    return git("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")


def machine() -> dict[str, Any]:
    """Processor, cores, memory and system."""
    words = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").exists() else ""
    models = [line.split(":", 1)[1].strip() for line in words.splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
    }


def versions() -> dict[str, str]:
    """Versions of policycheck, what it runs on, and the peers that are installed."""
    ours = {name: importlib.metadata.version(name) for name in ("policycheck", "duckdb", "click", "PyYAML")}
    programs = {name: said for name in ("opa", "conftest") if (said := peers.program_version(name))}
    return {"Python": platform.python_version(), **ours, **peers.versions(), **programs}
