"""The plain gate: `check` with options that need no interpreting, read without click.

Goes in: arguments. Comes out: the same `Inputs` and `Wish` that click makes of them, or None for whatever is
not plain: help, a wrong value, an abbreviation, an option that is not listed here. Click then reads it all
again and has the say. A gate in CI is asked a thousand times a day, and click is a fifth of its time.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policycheck.cli.gate import Wish
    from policycheck.cli.run import Inputs

ONCE = ("--pack", "--evidence", "--profile", "--as-of", "--engine", "--fail-on", "--output")
REPEATED = ("--only", "--format")
FLAGS = ("--no-cache", "--quiet", "--compare-profiles", "--cross-check", "--explain-plan")


def plain_gate(arguments: Sequence[str]) -> tuple[Inputs, Wish] | None:
    """What a plain `check` asks for; None for everything else."""
    values = _values(arguments)
    if values is None or "_POLICYCHECK_COMPLETE" in os.environ:
        return None
    from policycheck.cli.gate import REPORTS, Wish
    from policycheck.cli.publishing import STDOUT
    from policycheck.cli.run import EVIDENCE, Engine, Inputs, shipped_pack
    from policycheck.model import Severity
    from policycheck.reporters import REPORTERS

    def last(name: str) -> str | None:
        return values[name][-1] if name in values else None

    formats = tuple(dict.fromkeys(values.get("--format", []))) or tuple(REPORTERS)
    engine, fail_on = last("--engine") or Engine.AUTO, last("--fail-on") or Severity.LOW
    output = last("--output") or REPORTS
    if engine not in set(Engine) or fail_on not in set(Severity) or not set(formats) <= set(REPORTERS):
        return None
    if output == STDOUT and len(formats) != 1:
        return None
    pack, evidence = last("--pack"), last("--evidence")
    now = datetime.now(UTC).replace(microsecond=0)
    inputs = Inputs(
        Path(pack) if pack is not None else shipped_pack(), Path(evidence) if evidence else EVIDENCE,
        last("--profile"), last("--as-of"), now, "--quiet" in values,
        Engine(engine), "--no-cache" not in values,
    )  # fmt: skip
    only = tuple(values.get("--only", []))
    wish = Wish(
        Severity(fail_on), only, formats, "--compare-profiles" in values, output,
        cross_check="--cross-check" in values, explain_plan="--explain-plan" in values,
    )  # fmt: skip
    return inputs, wish


def _values(arguments: Sequence[str]) -> dict[str, list[str]] | None:
    """The values of each option, as `--option VALUE`; None where anything else is said."""
    if not arguments or arguments[0] != "check":
        return None
    found: dict[str, list[str]] = {}
    rest = iter(arguments[1:])
    for name in rest:
        if name in FLAGS:
            found[name] = []
        elif name in ONCE or name in REPEATED:
            value = next(rest, "")
            if not value or (value.startswith("-") and value != "-"):
                return None
            found.setdefault(name, []).append(value)
        else:
            return None
    return found
