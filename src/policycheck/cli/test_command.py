"""`policycheck test`: run a pack's examples, and say where they prove too little.

Arguments, progress and exit codes only; the work is in `selftest`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from policycheck.errors import PolicycheckError
from policycheck.model import Pack
from policycheck.pack import load_pack
from policycheck.selftest import (
    ExampleResult,
    MutantResult,
    Progress,
    choose,
    example_faults,
    mutants,
    run_examples,
    run_mutants,
)


@click.command()
@click.argument("controls", nargs=-1, metavar="[CONTROL...]")
@click.option("--pack", "folder", type=click.Path(path_type=Path), default=Path("controls"),
              show_default=True, metavar="DIR", help="Folder of the pack.")  # fmt: skip
@click.option("--mutants", "with_mutants", is_flag=True,
              help="Also delete each expectation, condition and remark in turn.")  # fmt: skip
def test(*, controls: tuple[str, ...], folder: Path, with_mutants: bool) -> None:
    """Run the examples of CONTROL (an id, a section or a tag), or of the whole pack.

    Exit codes: 0 all agree; 1 an example disagrees, or a deleted line goes unnoticed; 2 the pack is wrong.
    """
    try:
        pack = load_pack(folder)
        chosen = choose(pack, controls)
        code = _test(pack, chosen, with_mutants)
    except PolicycheckError as error:
        click.echo(str(error), err=True)
        code = 2
    sys.exit(code)


def _test(pack: Pack, chosen: Sequence[str], with_mutants: bool) -> int:
    faults = list(example_faults(pack, chosen))
    results = run_examples(pack, chosen, progress=_progress("examples"))
    faults += [fault for result in results for fault in result.faults]
    wrong = [result for result in results if not result.agrees and not result.faults]
    for fault in sorted(set(faults), key=lambda f: (f.place, f.code, f.message)):
        click.echo(str(fault), err=True)
    for result in wrong:
        click.echo(_disagreement(result))
    agree = len(results) - len(wrong) - sum(bool(result.faults) for result in results)
    click.echo(f"{len(chosen)} controls, {len(results)} examples: {agree} agree, {len(wrong)} disagree"
               + (f"; {len(faults)} faults" if faults else ""))  # fmt: skip
    if faults or not results:
        if not results:
            click.echo("no example was run", err=True)
        return 2
    if wrong:
        return 1
    return _test_mutants(pack, chosen) if with_mutants else 0


def _test_mutants(pack: Pack, chosen: Sequence[str]) -> int:
    found = list(mutants(pack, chosen))
    results = run_mutants(pack, found, progress=_progress("mutants"))
    missed = [result for result in results if not result.noticed]
    for result in missed:
        click.echo(_unnoticed(result))
    click.echo(f"{len(results)} deleted lines: {len(results) - len(missed)} noticed, {len(missed)} not")
    return 1 if missed else 0


def _disagreement(result: ExampleResult) -> str:
    wanted = result.example
    got = result.status.value if result.status is not None else "nothing"
    expected = [
        wanted.expect.value,
        *_named("failed", wanted.failed),
        *_named("advisories", wanted.advisories),
    ]
    seen = [got, *_named("failed", result.failed), *_named("advisories", result.advisories)]
    return (
        f"{wanted.place}: {result.control}: {wanted.name}\n"
        f"  expected: {', '.join(expected)}\n"
        f"  got:      {', '.join(seen)}\n"
        f"  because:  {result.reason.words} ({result.reason.code})"
    )


def _named(label: str, names: tuple[str, ...] | None) -> list[str]:
    return [] if names is None else [f"{label} [{', '.join(names)}]"]


def _unnoticed(result: MutantResult) -> str:
    mutant = result.mutant
    return (
        f"{mutant.place}: {mutant.original.id}: no example notices that `{mutant.line}` is deleted\n"
        f"  help: add an example whose outcome depends on it"
    )


def _progress(noun: str) -> Progress | None:
    """A counter on a terminal; a log gets none."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        click.echo(f"\r{done} of {total} {noun}", err=True, nl=done == total)

    return show
