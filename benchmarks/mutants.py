"""How long `policycheck test` takes on the shipped pack, without and with its mutants."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.measure import Run, describe, run, table, verdict

LIMIT_S = 60.0


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs that count (default 3)")
    runs = parser.parse_args().runs
    command = [sys.executable, "-m", "policycheck", "test", "--pack", "controls"]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "output"
        plain = [run(command, (0,), log) for _ in range(runs)]
        mutants = [run([*command, "--mutants"], (0, 1), log) for _ in range(runs)]
        counted = log.read_text("utf-8").strip().splitlines()
    slowest = max(each.seconds for each in mutants)
    print(
        table(
            [
                ("what", "wall time, median (range)", "processor time", "limit", "result"),
                ("examples", describe(plain), processors(plain), "", ""),
                (
                    "examples and mutants", describe(mutants), processors(mutants),
                    f"{LIMIT_S:.0f} s", verdict(slowest, LIMIT_S),
                ),
            ]
        )
    )  # fmt: skip
    print("\n".join(line for line in counted if line[:1].isdigit()))


def processors(runs: Sequence[Run]) -> str:
    """Median over all processors."""
    return f"{median(r.processor_seconds for r in runs):.0f} s"


if __name__ == "__main__":
    main()
