"""`policycheck docs`: the reference of a pack as Markdown pages."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import click

from policycheck.cli.options import pack_option
from policycheck.cli.run import shipped_pack
from policycheck.cli.screen import say
from policycheck.compiled import CompiledPack
from policycheck.errors import FaultList, InputError
from policycheck.mutant_counts import FILE, MutantCounts, basis_of, counts_text, current, read_counts
from policycheck.showing import counted


@click.command()
@pack_option
@click.option("--output", type=click.Path(path_type=Path), default=Path("docs/controls"), show_default=True,
              metavar="DIR",
              help="Folder for the pages; pages of controls that are gone are removed.")  # fmt: skip
@click.option("--mutants", "with_mutants", is_flag=True,
              help="Count the mutants that examples notice, of each control that changed since.")  # fmt: skip
@click.option("--check", "only_check", is_flag=True, help="Write nothing; say which pages are out of date.")
@click.pass_context
def docs(
    context: click.Context, *, pack_folder: Path | None, output: Path, with_mutants: bool, only_check: bool
) -> None:
    """Write a page for each control of a pack, and the matrix of clauses, controls and frameworks.

    A page says what the control asks, why, which evidence it needs, its parameters with their bounds,
    its examples, and what to do about a gap. Everything comes from the pack. Counts of mutants are kept in
    mutants.json beside the pages.

    \b
    policycheck docs --pack controls --output docs/controls --mutants
    policycheck docs --check

    \b
    Exit code 0: the pages are written, or with --check up to date
              1: with --check, some are not
              2: the pack is faulty
    """
    wanted = _pages(pack_folder or shipped_pack(), output / FILE, with_mutants and not only_check)
    paths = [*output.glob("*.md"), *output.glob(FILE)]
    found = {path.name: path.read_text("utf-8") for path in paths}
    changed = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
    if only_check:
        for name in changed:
            say(f"{output / name}: out of date")
        if changed:
            say("help: run `make docs`")
        context.exit(1 if changed else 0)
    output.mkdir(parents=True, exist_ok=True)
    for name in changed:
        if name in wanted:
            (output / name).write_text(wanted[name], "utf-8")
        else:
            (output / name).unlink()
    say(
        f"{counted(len(wanted.keys() - {FILE}), 'page')} in {output}, {counted(len(changed), 'file')} changed"
    )


def _pages(folder: Path, counts_file: Path, with_mutants: bool) -> dict[str, str]:
    from policycheck.compiler import compile_pack
    from policycheck.engines.duckdb import DuckDBSession
    from policycheck.pack import load_pack
    from policycheck.parameters import find_profile, resolve_parameters
    from policycheck.reference import reference_pages

    pack = load_pack(folder)
    faults = FaultList()
    resolved = resolve_parameters(pack, find_profile(pack, None), faults)
    with DuckDBSession() as session:
        session.seal()
        # No page depends on the instant: what is shown is the author's text.
        compiled = compile_pack(pack, resolved, datetime(2000, 1, 1, tzinfo=UTC), session, faults)
    faults.raise_if_any()
    if not with_mutants and not counts_file.exists():
        return reference_pages(pack, compiled)
    counts = current(read_counts(counts_file.read_text("utf-8")) if counts_file.exists() else {}, compiled)
    if with_mutants:
        counts |= _count(compiled, compiled.controls.keys() - counts.keys())
    return {**reference_pages(pack, compiled, counts), FILE: counts_text(counts)}


def _count(compiled: CompiledPack, wanted: Collection[str]) -> dict[str, MutantCounts]:
    from policycheck.falsification import falsify_all
    from policycheck.workers import available_processes

    found = falsify_all(compiled.pack, wanted, processes=available_processes())
    faults = [fault for each in found for fault in each.faults]
    if faults:
        raise InputError(faults)
    return {
        each.control: MutantCounts(
            basis=basis_of(compiled.pack.controls[each.control], compiled),
            total=len(each.results),
            noticed=sum(bool(result.noticed_by) for result in each.results),
            marked=sum(result.mark is not None for result in each.results),
        )
        for each in found
    }
