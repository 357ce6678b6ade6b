"""`python -m benchmarks`: measures policycheck beside other ways to the same answers, as ratios within
one run.

Prints Markdown tables and writes one JSON file for each benchmark, with every run, the machine and the
versions. Never fails for being slow: exit code 1 says that two sides gave different answers or that a
child crashed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.kept import OUTPUT, keep, load
from benchmarks.measure import ROOT, ChildError, differences, say, shown
from benchmarks.suite import SUITE, Sizes


def main() -> int:
    """Reads the arguments, measures, answers the exit code."""
    asked = arguments()
    if asked.names == ["list"]:
        print("\n".join(f"{name:14} {each.words}" for name, each in SUITE.items()))
        return 0
    if asked.names == ["report"]:
        report.write(ROOT / "docs", load(asked.output))
        return 0
    unknown = [name for name in asked.names if name not in SUITE]
    if unknown:
        say(f"error: no benchmark is called {unknown[0]}; there are: {', '.join(SUITE)}")
        return 2
    wrong = []
    for name, each in SUITE.items():
        if name in asked.names if asked.names else each.long if asked.full else each.quick:
            wrong += measured(name, asked)
    for line in wrong:
        say(f"error: {line}")
    return 1 if wrong else 0


def measured(name: str, asked: argparse.Namespace) -> list[str]:
    """Runs one benchmark, prints its tables, keeps them. Answers what was wrong."""
    sizes = Sizes(full=asked.full, rounds=asked.rounds, records=asked.records)
    tables, wrong = [], []
    try:
        for table in SUITE[name].measure(sizes):
            tables.append(table)
            print(f"\n### {table['title']}\n\n{shown(table)}\n{report.aims_as_text(table)}", flush=True)
            wrong += differences(table)
    except ChildError as error:
        wrong.append(f"{name}: {error}")
    if tables:
        both = SUITE[name].quick and SUITE[name].long
        keep(asked.output, name, asked.full and both, tables)
    return wrong


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(["benchmarks:", *(f"  {name:14} {each.words}" for name, each in SUITE.items())]),
    )
    names = "which (those that fit into 20 minutes); `list`; `report`, which writes docs/performance.md"
    parser.add_argument("names", nargs="*", metavar="NAME", help=names)
    parser.add_argument("--full", action="store_true", help="the sizes that take long, instead of the others")
    parser.add_argument("--rounds", type=int, help="runs of each side that count")
    parser.add_argument("--records", type=int, help="one size instead of those of the benchmark")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder of the JSON files (build/bench)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
