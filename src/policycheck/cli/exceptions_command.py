"""`policycheck exceptions`: which exceptions count, which do not and why, and which end soon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from policycheck.cli.answering import judged
from policycheck.cli.options import input_options
from policycheck.cli.run import Inputs, read
from policycheck.cli.screen import print_lines
from policycheck.showing import counted, location_text

if TYPE_CHECKING:
    from policycheck.outcomes import ExceptionResult


@click.group()
def exceptions() -> None:
    """Look at the exceptions: valid, invalid and why, ending soon, unused."""


@exceptions.command(name="list")
@input_options
@click.option("--expiring-within", "soon_days", type=click.IntRange(0), default=60, show_default=True,
              metavar="DAYS", help="Point out exceptions that end within DAYS.")  # fmt: skip
def list_command(*, inputs: Inputs, soon_days: int) -> None:
    """List every exception of the register with its state and what it is used for.

    Only an exception `in_force` changes what the gate does. `unused` is in force with no fail to cover;
    every other state does not count, for the reason that is shown. The exit code is 0 whatever is listed.

    \b
    policycheck exceptions list
    policycheck exceptions list --as-of manifest --expiring-within 90
    """
    from policycheck.assessment import assess

    assessment = judged(read(inputs), lambda run: assess(run.compiled, run.evidence, run.session))
    lines: list[str] = []
    for item in sorted(assessment.exceptions, key=lambda each: each.id):
        lines += _lines(item, soon_days)
    in_force = sum(item.state == "in_force" for item in assessment.exceptions)
    print_lines([*lines, f"{counted(len(assessment.exceptions), 'exception')}, {in_force} in force"])


def _lines(item: ExceptionResult, soon_days: int) -> Iterator[str]:
    ends = "without an end" if item.valid_to is None else f"until {item.valid_to.isoformat()}"
    days = ""
    if item.days_left is not None and item.state in ("in_force", "unused"):
        days = f" ({counted(item.days_left, 'day')} left)"
    yield f"{item.id}: {item.state}, {', '.join(item.clauses) or 'no clause'}, {ends}{days}"
    yield f"    why: {item.reason.words} [{item.reason.code}]"
    yield f"    names: {', '.join(item.subjects) or 'no subject'}"
    if item.used_for:
        yield "    used for: " + ", ".join(f"{control} {subject}" for control, subject in item.used_for)
    if item.checks:
        rules = [f"{rule} {state.value}" for rule, state in sorted(item.checks.items())]
        yield "    rules: " + ", ".join(rules)
    if item.review_due is not None:
        yield f"    review due: {item.review_due.isoformat()}"
    if days and item.days_left is not None and item.days_left <= soon_days:
        yield f"    ENDS SOON: {counted(item.days_left, 'day')} left; renew it or mend what it covers"
    yield from (f"    warning: {warning}" for warning in item.warnings)
    if item.place is not None:
        yield f"    at {location_text({'path': item.place.path, 'line': item.place.line})}"
