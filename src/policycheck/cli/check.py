"""`policycheck check`: one assessment, its reports and the gate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from policycheck.cli.document import document_option, lay_beside
from policycheck.cli.publishing import STDOUT, write_files
from policycheck.cli.run import Engines, Inputs, Reading, input_options, read
from policycheck.cli.screen import say, write_stdout
from policycheck.errors import Fault, FaultList, InputError, nearest
from policycheck.model import Severity
from policycheck.reporters import REPORTERS
from policycheck.showing import counted
from policycheck.source import Place

if TYPE_CHECKING:
    from policycheck.cli.run import Run
    from policycheck.model import Control
    from policycheck.outcomes import Assessment, Finding

REPORT = "report"
FINDINGS = "findings"  # the folder of full lists, beside the reports
SCREEN = "text"  # the format a person reads on the spot; the others become files


@click.command()
@input_options
@click.option("--fail-on", type=click.Choice([s.value for s in Severity]), default="low", show_default=True,
              help="The lowest severity whose gaps close the gate.")  # fmt: skip
@click.option("--only", multiple=True, metavar="ID|SECTION|TAG",
              help="Judge only these controls and what they are made of. Repeatable.")  # fmt: skip
@click.option("--format", "formats", multiple=True, type=click.Choice(list(REPORTERS)),
              help="Which reports to make. Repeatable.  [default: all]")  # fmt: skip
@click.option("--compare-profiles", "compare", is_flag=True,
              help="Count the verdicts that differ under other profiles for large evidence too.")  # fmt: skip
@click.option("--output", default="reports", metavar="DIR|-",
              help="Folder for report.json and report.html; `-` sends the one named format to standard "
              "output.  [default: reports]")  # fmt: skip
@document_option("A copy of the policy as plain text: controls whose sentence is not the registered one are "
                 "suspect, and no pass of theirs counts.")  # fmt: skip
@click.pass_context
def check(
    context: click.Context, *, inputs: Inputs, fail_on: str, only: tuple[str, ...], formats: tuple[str, ...],
    compare: bool, output: str, document: Path | None,
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
    folder = None if output == STDOUT else Path(output)
    try:
        lists = _FindingLists(folder)
        assessment, rendered = _judge(inputs, Severity(fail_on), only, compare, chosen, lists, document)
        screen = rendered.pop(chosen[0] if folder is None else SCREEN, None)
        if folder is not None:
            files = {_path(folder, name): data for name, data in rendered.items()}
            write_files(files, folder, inputs.quiet)
            lists.publish(inputs.quiet)
    except BaseException:
        _warn_of_earlier(folder, chosen)
        raise
    _tell(assessment, screen, SCREEN in chosen, inputs.quiet)
    context.exit(assessment.gate.exit_code)


def _judge(
    inputs: Inputs,
    fail_on: Severity,
    only: Sequence[str],
    compare: bool,
    formats: Sequence[str],
    lists: _FindingLists,
    document: Path | None,
) -> tuple[Assessment, dict[str, bytes]]:
    """The assessment and its reports, all of them rendered before any is written."""
    from policycheck.assessment import assess

    reading = read(inputs)

    def work(run: Run) -> Assessment:
        wanted = _selected(run, only) if only else None
        suspicion = lay_beside(run.compiled.pack, document)[1] if document is not None else None
        return assess(
            run.compiled, run.evidence, run.session, fail_on=fail_on, only=wanted, asked=only,
            overflow=lists.keep if lists.folder is not None else None, suspicion=suspicion,
        )  # fmt: skip

    with Engines() as engines:
        assessment = engines.judged(reading, work)
        if compare or reading.is_small:
            assessment = _compared(engines, reading, assessment)
    return assessment, {name: REPORTERS[name].render(assessment) for name in formats}


def _compared(engines: Engines, reading: Reading, assessment: Assessment) -> Assessment:
    """The assessment beside the other profiles of the pack, of what may differ there."""
    from policycheck.assessment import assess
    from policycheck.comparison import affected, compared

    shown = {result.control.id for result in assessment.controls}
    others = {}
    for name in reading.kept.pack.profiles:
        other = reading.under(name) if name != assessment.profile.name else None
        if other is not None:
            wanted = affected(reading.compiled, other.compiled.resolved) & shown

            def work(run: Run, wanted: set[str] = wanted) -> Assessment:
                return assess(run.compiled, run.evidence, run.session, only=wanted)

            others[name] = engines.judged(other, work)
    return compared(assessment, others)


class _FindingLists:
    """Full lists of controls with more findings than a report shows: one Parquet file each, beside it."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder / FINDINGS if folder is not None else None
        self._waiting: dict[Path, Path] = {}

    def keep(self, control: Control, findings: Iterator[Finding]) -> None:
        """Writes a list under a name of its own, until the reports are in place."""
        from policycheck.engines.findings_file import write_findings
        from policycheck.showing import json_value

        if self.folder is None:
            return
        path = self.folder / f"{control.id}.parquet"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            waiting = path.with_name(f".{path.name}.new")
            write_findings(waiting, findings, json_value)
        except OSError as error:
            words = f"the list of findings cannot be written: {error}"
            raise InputError(
                [Fault("PC604", words, Place(str(path)), "name another folder with --output")]
            ) from error
        self._waiting[waiting] = path

    def publish(self, quiet: bool) -> None:
        """Puts the lists in place, and takes those of earlier runs away."""
        if self.folder is None or not self.folder.is_dir():
            return
        for waiting, path in self._waiting.items():
            waiting.replace(path)
            if not quiet:
                say(f"all findings of {path.stem}: {path}")
        for old in set(self.folder.glob("*.parquet")) - set(self._waiting.values()):
            old.unlink()


def _selected(run: Run, only: Sequence[str]) -> set[str]:
    """The controls asked for. INVARIANT: a name that selects nothing is an error, not an empty run."""
    from policycheck.assessment import select

    faults = FaultList()
    controls = run.compiled.pack.controls.values()
    known = {c.id for c in controls} | {c.section for c in controls} | {t for c in controls for t in c.tags}
    for name in only:
        if name not in known:
            words = f"`{name}` is no control, no section and no tag"
            faults.add("PC602", words, Place("--only"), nearest(name, known))
    faults.raise_if_any()
    return select(run.compiled, only)


def _path(folder: Path, name: str) -> Path:
    return folder / f"{REPORT}{REPORTERS[name].suffix}"


def _warn_of_earlier(folder: Path | None, formats: Sequence[str]) -> None:
    """A report of an earlier run must not be taken for one of this run, which has none."""
    for name in formats if folder is not None else ():
        path = _path(folder, name) if folder is not None else Path()
        if name != SCREEN and path.is_file():
            say(f"note: {path} is the report of an earlier run")


def _tell(assessment: Assessment, screen: bytes | None, ends_with_gate: bool, quiet: bool) -> None:
    """The report for standard output, and the gate where that report does not end with it itself."""
    if assessment.faults and not quiet:
        say(f"{counted(len(assessment.faults), 'fault')} in pack and evidence: see `policycheck lint`")
    if screen is not None:
        write_stdout(screen)
    gate = assessment.gate
    if not quiet and not ends_with_gate:
        say(f"gate {gate.words}; exit code {gate.exit_code}")
