"""Runs child processes and measures each: wall time, peak memory, exit code.

Nothing here fails for being slow. A result outside its limit is shown as such; whoever reads it decides.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Run:
    """One finished child. Units: seconds of wall time, and of all processors; peak resident memory in MiB."""

    seconds: float
    processor_seconds: float
    peak_mib: float
    exit_code: int


def run(command: Sequence[str], expected: Sequence[int], log: Path) -> Run:
    """Runs `command` in the repository with its output in `log`; ends the program on another exit code.

    The child is reaped with `wait4`: `ru_maxrss` of that call is the child's own peak, in KiB on Linux, and
    the times include processes that the child has waited for.
    """
    # Byte code is kept, as it is for everybody who installs a package.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    with log.open("wb") as output:
        start = time.perf_counter()
        child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in expected:
        shown = log.read_text("utf-8", errors="replace")[-2000:]
        sys.exit(f"error: exit code {child.returncode} of: {' '.join(command)}\n{shown}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, child.returncode)


def interleaved(first: Sequence[Run], second: Sequence[Run]) -> float:
    """Median ratio of pairs that ran one after the other, so that a slow minute of the machine hits both."""
    return median(a.seconds / b.seconds for a, b in zip(first, second, strict=True))


def describe(runs: Sequence[Run]) -> str:
    """Median and range of the wall time."""
    times = [r.seconds for r in runs]
    return f"{median(times):.2f} s ({min(times):.2f} to {max(times):.2f})"


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def verdict(value: float, limit: float) -> str:
    """Whether a measured value is inside its limit, in words."""
    return "within the limit" if value <= limit else "ABOVE THE LIMIT"
