"""`policycheck trace`: the policy document beside its controls and verdicts, sentence by sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from policycheck.cli.answering import judged
from policycheck.cli.document import lay_beside, register_of
from policycheck.cli.options import document_option, input_options
from policycheck.cli.publishing import STDOUT, write_files
from policycheck.cli.run import Inputs, Run, read
from policycheck.cli.screen import say, write_stdout
from policycheck.errors import Fault, InputError
from policycheck.reporters import TRACE_SUFFIXES, render_trace
from policycheck.source import Place

if TYPE_CHECKING:
    from policycheck.coverage import Match, Trace
    from policycheck.model import Pack
    from policycheck.outcomes import Assessment, Suspicion

NOT_WHOLE = 1
SCREEN = "text"


@click.command()
@input_options
@document_option("A copy of the policy as plain text. Without it the register is traced without sentences.")
@click.option("--verdicts/--no-verdicts", default=True, help="Whether to judge the evidence and show the "
              "present verdict of each control.  [default: verdicts]")  # fmt: skip
@click.option("--format", "formats", multiple=True, type=click.Choice(list(TRACE_SUFFIXES)),
              help="Which forms to make. Repeatable.  [default: text]")  # fmt: skip
@click.option("--output", default="reports", metavar="DIR|-",
              help="Folder for trace.json and trace.html; `-` sends the one named format to standard "
              "output.  [default: reports]")  # fmt: skip
@click.pass_context
def trace(
    context: click.Context, *, inputs: Inputs, document: Path | None, verdicts: bool,
    formats: tuple[str, ...], output: str,
) -> None:  # fmt: skip
    """Lay the policy document beside its clauses, controls and verdicts, sentence by sentence.

    Every sentence is compared with the clause register of the pack by its fingerprint. Sentences that are
    new, changed, moved or gone are listed with the controls that have become suspect. The text goes to
    standard output; JSON and HTML become trace.json and trace.html in the output folder. All of them hold
    the text of the document; the pack never does.

    \b
    policycheck trace --no-verdicts
    policycheck trace --document policy.txt --format html
    policycheck trace --document policy.txt --no-verdicts --format json --output -

    Verdicts do not change the exit code.

    \b
    Exit code 0: every sentence has a place, every normative or guarded clause a control, every control a
                 clause, and all sentences are those of the register
              1: one of these is not so
              2: there is no trace (usage, a faulty pack, a document that is no text, empty or cut short)
    """
    chosen = tuple(dict.fromkeys(formats)) or (SCREEN,)
    if output == STDOUT and len(chosen) != 1:
        raise click.UsageError("`--output -` takes one form: name it with a single --format")
    traced = _judged(inputs, document) if verdicts else _unjudged(inputs, document)
    rendered = {name: render_trace(traced, name) for name in chosen}
    screen = rendered.pop(chosen[0] if output == STDOUT else SCREEN, None)
    if output != STDOUT and rendered:
        folder = Path(output)
        files = {folder / f"trace{TRACE_SUFFIXES[name]}": data for name, data in rendered.items()}
        write_files(files, folder, inputs.quiet)
    if screen is not None:
        write_stdout(screen)
    code = 0 if traced.whole else NOT_WHOLE
    if not inputs.quiet and SCREEN not in chosen:
        say(f"trace {'whole' if traced.whole else 'not whole'}; exit code {code}")
    context.exit(code)


def _judged(inputs: Inputs, document: Path | None) -> Trace:
    """The trace with the present verdicts."""
    from policycheck.assessment import assess
    from policycheck.coverage import joined

    if not inputs.evidence.exists():
        words = f"there is no folder `{inputs.evidence}`, so there are no verdicts"
        hint = "name the evidence with --evidence, or leave verdicts out with --no-verdicts"
        raise InputError([Fault("PC602", words, Place("--evidence"), hint)])
    reading = read(inputs)
    pack = reading.kept.pack
    matches, suspicion = _units(pack, document)

    def work(run: Run) -> Assessment:
        return assess(run.compiled, run.evidence, run.session, suspicion=suspicion)

    return joined(pack, register_of(pack), matches, suspicion, judged(reading, work))


def _unjudged(inputs: Inputs, document: Path | None) -> Trace:
    """The trace without verdicts, which needs no evidence."""
    from policycheck.coverage import joined
    from policycheck.pack import load_pack

    pack = load_pack(inputs.pack, examples=False)
    return joined(pack, register_of(pack), *_units(pack, document), None)


def _units(pack: Pack, document: Path | None) -> tuple[tuple[Match, ...], Suspicion | None]:
    from policycheck.coverage import registered_units

    if document is None:
        return registered_units(register_of(pack)), None
    return lay_beside(pack, document)
