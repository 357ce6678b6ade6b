"""How long `policycheck test` takes on the shipped pack, without and with its mutants."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import describe, run, table, verdict

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
        last = log.read_text("utf-8").strip().splitlines()[-1]
    slowest = max(each.seconds for each in mutants)
    print(
        table(
            [
                ("what", "wall time, median (range)", "limit", "result"),
                ("examples", describe(plain), "", ""),
                ("examples and mutants", describe(mutants), f"{LIMIT_S:.0f} s", verdict(slowest, LIMIT_S)),
            ]
        )
    )
    print(last)


if __name__ == "__main__":
    main()
