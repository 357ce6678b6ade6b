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
        # The first pair fills the file cache and writes byte code; it does not count.
        both = [(run(gate, (0, 1, 3), log), run(floor, (0,), log)) for _ in range(pairs + 1)][1:]
    gates, floors = [a for a, _ in both], [b for _, b in both]
    ratio = interleaved(gates, floors)
    print(
        table(
            [
                ("what", "wall time, median (range)", "ratio", "limit", "result"),
                ("whole gate on the sample, JSON report", describe(gates), "", "", ""),
                ("click, yaml, duckdb and one query", describe(floors), "", "", ""),
                (f"median of {pairs} pairs", "", f"{ratio:.2f}", f"{LIMIT:.1f}", verdict(ratio, LIMIT)),
            ]
        )
    )


if __name__ == "__main__":
    main()
