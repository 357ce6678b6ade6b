"""`policycheck evidence`: the sources of an evidence folder, their ages, digests and completeness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from policycheck.cli.answering import judged
from policycheck.cli.options import input_options
from policycheck.cli.run import Inputs, read
from policycheck.cli.screen import print_lines
from policycheck.showing import counted, json_value

if TYPE_CHECKING:
    from policycheck.cli.run import Run
    from policycheck.model import Evidence
    from policycheck.outcomes import SourceResult

BROKEN = 1


@click.group()
def evidence() -> None:
    """Look at the sources of evidence: their ages, digests and completeness."""


@evidence.command()
@input_options
def status(*, inputs: Inputs) -> None:
    """List every source with its age and its limit, and the tables that no source holds.

    A source is stale where it is older than the strictest control that reads its table allows. The exit
    code is 0 whatever is listed; `evidence verify` answers by exit code.

    \b
    policycheck evidence status
    policycheck evidence status --as-of manifest --evidence evidence
    """
    print_lines(judged(read(inputs), lambda run: [*_status_lines(_sources(run)), *_missing_tables(run)]))


@evidence.command()
@input_options
@click.pass_context
def verify(context: click.Context, *, inputs: Inputs) -> None:
    """Read every source and hold its digest and its number of rows against the manifest.

    Age is not looked at: that is `evidence status`. `sha256sum` confirms each digest by hand.

    \b
    policycheck evidence verify
    policycheck evidence verify --as-of manifest

    \b
    Exit code 0: every source is what the manifest says, and every row is sound
              1: some source or row is not
              2: the manifest or the pack cannot be read
    """
    found = judged(read(inputs), lambda run: run.evidence)
    print_lines(_verified_lines(found))
    if found.row_faults or not found.sources or not all(source.usable for source in found.sources):
        context.exit(BROKEN)


def _verified_lines(found: Evidence) -> Iterator[str]:
    for source in found.sources:
        yield f"{source.state.value:<15}{source.evidence_id}  {source.path}"
        # The digest of a pattern is over the lines of its files, so both are shown.
        yield f"{'':<15}sha256 {source.digest or '(not read)'}, {counted(max(source.rows, 0), 'row')}"
        if len(source.files) > 1:
            yield from (f"{'':<17}{file.digest}  {file.path}" for file in source.files)
        if source.reason:
            yield f"{'':<15}{source.reason}"
    for fault in found.row_faults:
        yield f"{fault.place}: {fault.table}.{fault.column}: {fault.words} [{fault.code}]"
    broken = sum(not source.usable for source in found.sources)
    yield (
        f"{counted(len(found.sources), 'source')}, {broken} not as the manifest says; "
        f"{counted(len(found.row_faults), 'faulty row')}"
    )


def _sources(run: Run) -> tuple[SourceResult, ...]:
    """Each source with its age and limit, as the assessment sees them."""
    from policycheck.assessment import assess

    return assess(run.compiled, run.evidence, run.session).sources


def _status_lines(sources: tuple[SourceResult, ...]) -> Iterator[str]:
    yield f"{'STATE':<15}{'AGE/LIMIT':<12}{'COMPLETE':<10}{'ROWS':>9}  {'TABLE':<24}SOURCE"
    for result in sorted(sources, key=lambda each: (each.source.table, each.source.evidence_id)):
        source = result.source
        age = "?" if result.age_days is None else str(result.age_days)
        limit = "?" if result.max_age_days is None else str(result.max_age_days)
        complete = "yes" if source.population_complete else "NO"
        kind = "" if source.evidence_kind.value == "observed" else f" ({source.evidence_kind.value})"
        yield (
            f"{result.state:<15}{age + '/' + limit + ' d':<12}{complete:<10}{max(source.rows, 0):>9}  "
            f"{source.table:<24}{source.evidence_id}{kind}"
        )
        if result.state == "stale" and source.collected_at is not None:
            yield f"{'':<15}collected at {json_value(source.collected_at)}: collect it again"
        elif source.reason:
            yield f"{'':<15}{source.reason}"
    usable = sum(result.state == "ok" for result in sources)
    yield f"{counted(len(sources), 'source')}, {usable} usable"


def _missing_tables(run: Run) -> Iterator[str]:
    held = {source.table for source in run.evidence.sources}
    for name, schema in run.compiled.pack.tables.items():
        if schema.parent is None and name not in held:
            yield f"no source holds the table `{name}`: verdicts that need it are unknown"
