"""`policycheck check`, as click reads it."""

from __future__ import annotations

from pathlib import Path

import click

from policycheck.cli.gate import REPORTS, Wish, run_gate
from policycheck.cli.options import document_option, input_options
from policycheck.cli.publishing import STDOUT
from policycheck.cli.run import Inputs
from policycheck.model import Severity
from policycheck.reporters import REPORTERS


@click.command()
@input_options
@click.option("--fail-on", type=click.Choice([s.value for s in Severity]), default=str(Severity.LOW),
              show_default=True, help="The lowest severity whose gaps close the gate.")  # fmt: skip
@click.option("--only", multiple=True, metavar="ID|SECTION|TAG",
              help="Judge only these controls and what they are made of. Repeatable.")  # fmt: skip
@click.option("--format", "formats", multiple=True, type=click.Choice(list(REPORTERS)),
              help="Which reports to make. Repeatable.  [default: all]")  # fmt: skip
@click.option("--compare-profiles", "compare", is_flag=True,
              help="Count the verdicts that differ under other profiles for large evidence too.")  # fmt: skip
@click.option("--output", default=REPORTS, metavar="DIR|-",
              help="Folder for report.json and report.html; `-` sends the one named format to standard "
              "output.  [default: reports]")  # fmt: skip
@document_option("A copy of the policy as plain text: controls whose sentence is not the registered one are "
                 "suspect, and no pass of theirs counts.")  # fmt: skip
@click.option(
    "--cross-check",
    is_flag=True,
    help="Have a second engine judge the same evidence; no verdict where the two do not agree.",
)
@click.option("--explain-plan", is_flag=True, help="Say how large evidence was asked, on standard error.")
@click.pass_context
def check(
    context: click.Context, *, inputs: Inputs, fail_on: str, only: tuple[str, ...], formats: tuple[str, ...],
    compare: bool, output: str, document: Path | None, cross_check: bool, explain_plan: bool,
) -> None:  # fmt: skip
    """Judge every control over the evidence, write reports, open or close the gate.

    The text report goes to standard output; JSON and HTML become report.json and report.html in the
    output folder. Words about the run go to standard error.

    \b
    policycheck check
    policycheck check --as-of manifest --fail-on high
    policycheck check --only DP-3.7 --only encryption --format text
    policycheck check --format json --output - > report.json

    \b
    Exit code 0: no gap of severity --fail-on or higher (the gate is open)
              1: at least one such control fails
              3: none fails, at least one is unknown
              2: there is no verdict (usage, a faulty pack, an internal error)
    """
    chosen = tuple(dict.fromkeys(formats)) or tuple(REPORTERS)
    if output == STDOUT and len(chosen) != 1:
        raise click.UsageError("`--output -` takes one report: name it with a single --format")
    wish = Wish(Severity(fail_on), only, chosen, compare, output, document, cross_check, explain_plan)
    context.exit(run_gate(inputs, wish))
