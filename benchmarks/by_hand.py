"""Controls of the shipped pack over made-up evidence, beside one query written by hand for the same
question.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.evidence import GATE, check, counts
from benchmarks.measure import Aim, Side, Table, compare

HERE = Path(__file__).parent
OURS = "policycheck"
PLAIN = "query written by hand"
BASE = "query written by hand, SHA-256 of the files too"


def measure(
    title: str,
    folder: Path,
    script: str,
    only: Sequence[str],
    rounds: int,
    aims: Sequence[tuple[str, str, float]],
    more: Sequence[Aim] = (),
) -> Table:
    """One table. `script` is a file beside this one; its rows name the controls that are compared.

    `aims` are (words, beside which query, limit).
    """
    command = [str(HERE / "sides" / "duckdb_script.py"), str(HERE / script), str(folder)]
    asked: set[str] = set()

    def by_hand(output: str) -> Any:
        answer: dict[str, Any] = json.loads(output)
        asked.update(answer)
        return answer

    def ours(report: str) -> Any:
        return {name: each for name, each in counts(report).items() if not asked or name in asked}

    chosen = [word for name in only for word in ("--only", name)]
    sides = [
        Side(BASE, peers.ours(*command, "--sha256"), by_hand),
        Side(PLAIN, peers.ours(*command), by_hand),
        Side(
            OURS,
            check("controls", folder, *chosen),
            ours,
            GATE,
            note="verifies digests, types, keys, references",
        ),
    ]
    held = [Aim(words, OURS, beside, limit) for words, beside, limit in aims]
    return compare(title, sides, BASE, rounds, aims=[*held, *more])
