"""The examples of the shipped pack, and its mutants, on all cores."""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import Aim, Side, Table, compare

EXAMPLES, MUTANTS = "examples", "examples and mutants"


def measure(rounds: int) -> Table:
    """One table."""
    test = peers.ours("-m", "policycheck", "test", "--pack", "controls")
    sides = [
        Side(EXAMPLES, test, lambda _: None, group=None),
        Side(MUTANTS, [*test, "--mutants"], lambda _: None, (0, 1), group=None),
    ]
    aims = [Aim("mutants of the shipped pack on all cores", MUTANTS, EXAMPLES, 60, unit="s")]
    return compare("examples and mutants of the shipped pack", sides, EXAMPLES, rounds, warm=False, aims=aims)
