"""How long the whole gate takes on the sample, beside starting Python with what it cannot do without.

Run: python -m benchmarks.cold_start [--pairs N]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import describe, interleaved, run, table, verdict

LIMIT = 3.0
SLICE = ("META", "DP-1", "DP-3", "LB", "OR-1", "OR-6", "RT")
"""The controls that the limit was set for; the pack has grown to three times as many since."""
FLOOR = "import click, yaml, duckdb; duckdb.connect().execute('select 1').fetchall()"


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15, help="pairs of runs that count (default 15)")
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "output"
        gate = [
            *(sys.executable, "-m", "policycheck", "check", "--pack", "controls", "--evidence", "evidence"),
            *("--as-of", "manifest", "--format", "json", "--output", str(Path(folder) / "reports")),
        ]
        floor = [sys.executable, "-c", FLOOR]
        part = [*gate, *(word for name in SLICE for word in ("--only", name))]
        # The first round fills the file cache and writes byte code; it does not count.
        rounds = [
            (run(gate, (0, 1, 3), log), run(part, (0, 1, 3), log), run(floor, (0,), log))
            for _ in range(pairs + 1)
        ][1:]
    gates, parts, floors = ([each[i] for each in rounds] for i in range(3))
    whole, slice_ = interleaved(gates, floors), interleaved(parts, floors)
    limit = f"{LIMIT:.1f}"
    print(
        table(
            [
                ("what", "wall time, median (range)", "ratio", "limit", "result"),
                ("the whole pack", describe(gates), f"{whole:.2f}", limit, verdict(whole, LIMIT)),
                ("the first slice of it", describe(parts), f"{slice_:.2f}", limit, verdict(slice_, LIMIT)),
                ("click, yaml, duckdb and one query", describe(floors), "", "", ""),
            ]
        )
    )
    print(f"ratios: median of {pairs} rounds; every gate reads the sample and writes a JSON report")


if __name__ == "__main__":
    main()
