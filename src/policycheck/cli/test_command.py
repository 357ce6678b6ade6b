"""`policycheck test`: run a pack's examples, and say where they prove too little.

Arguments, progress and exit codes only; the work is in `selftest`, `falsification` and `proposals`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from policycheck.errors import Fault, PolicycheckError
from policycheck.falsification import ControlMutants, MutantResult, falsify_all
from policycheck.model import Pack
from policycheck.pack import load_pack
from policycheck.proposals import Proposal, example_text, propose_all
from policycheck.selftest import ExampleResult, Progress, choose, example_faults, run_examples
from policycheck.workers import available_processes


@click.command()
@click.argument("controls", nargs=-1, metavar="[CONTROL...]")
@click.option("--pack", "folder", type=click.Path(path_type=Path), default=Path("controls"),
              show_default=True, metavar="DIR", help="Folder of the pack.")  # fmt: skip
@click.option("--mutants", "with_mutants", is_flag=True,
              help="Also change each expression in small ways, which an example has to notice.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="Form of what is written.")  # fmt: skip
def test(*, controls: tuple[str, ...], folder: Path, with_mutants: bool, form: str) -> None:
    """Run the examples of CONTROL (an id, a section or a tag), or of the whole pack.

    Exit codes: 0 all agree; 1 an example disagrees, or a mutant goes unnoticed; 2 the pack is wrong.
    """
    try:
        pack = load_pack(folder)
        chosen = choose(pack, controls)
        code = _test(pack, chosen, with_mutants, form)
    except PolicycheckError as error:
        click.echo(str(error), err=True)
        code = 2
    sys.exit(code)


def _test(pack: Pack, chosen: Sequence[str], with_mutants: bool, form: str) -> int:
    faults = list(example_faults(pack, chosen))
    results = run_examples(
        pack, chosen, processes=available_processes(), progress=_progress("controls with their examples")
    )
    faults += [fault for result in results for fault in result.faults]
    wrong = [result for result in results if not result.agrees and not result.faults]
    agree = len(results) - len(wrong) - sum(bool(result.faults) for result in results)
    _say_faults(faults)
    document: dict[str, Any] = {
        "controls": len(chosen),
        "examples": {"total": len(results), "agree": agree, "disagree": [_as_data(r) for r in wrong]},
        "faults": len(faults),
    }
    if form == "text":
        for result in wrong:
            click.echo(_disagreement(result))
        click.echo(f"{len(chosen)} controls, {len(results)} examples: {agree} agree, {len(wrong)} disagree"
                   + (f"; {len(faults)} faults" if faults else ""))  # fmt: skip
    code = 2 if faults or not results else 1 if wrong else 0
    if not results:
        click.echo("no example was run", err=True)
    if with_mutants and code == 0:
        code = _test_mutants(pack, chosen, form, document)
    if form == "json":
        click.echo(json.dumps(document, indent=1, ensure_ascii=True))
    return code


def _test_mutants(pack: Pack, chosen: Sequence[str], form: str, document: dict[str, Any]) -> int:
    found = falsify_all(
        pack, chosen, processes=available_processes(), progress=_progress("controls with their mutants")
    )
    faults = [fault for each in found for fault in each.faults]
    _say_faults(faults)
    results = [result for each in found for result in each.results]
    missed = [result for result in results if result.survived]
    proposed = propose_all(pack, found, progress=_progress("controls searched for missing examples"))
    marked = sum(result.mark is not None for result in results)
    noticed = len(results) - marked - len(missed)
    document["mutants"] = {
        "total": len(results),
        "noticed": noticed,
        "marked": marked,
        "survivors": [_survivor_data(r) for r in missed],
        "proposals": [_proposal_data(i, p) for i, many in proposed.items() for p in many],
    }
    document["faults"] += len(faults)
    if form == "text":
        for each in found:
            _say_survivors(each, proposed.get(each.control, []))
        click.echo(f"{len(results)} mutants: {noticed} noticed, {marked} marked as equivalent, "
                   f"{len(missed)} not noticed" + (f"; {len(faults)} faults" if faults else ""))  # fmt: skip
    return 2 if faults else 1 if missed else 0


def _say_faults(faults: Sequence[Fault]) -> None:
    for fault in sorted(set(faults), key=lambda f: (f.place, f.code, f.message)):
        click.echo(str(fault), err=True)


def _say_survivors(found: ControlMutants, proposed: Sequence[Proposal]) -> None:
    for result in found.results:
        if result.survived:
            click.echo(_unnoticed(result))
    for proposal in proposed:
        count = len(proposal.mutants)
        click.echo(f"{found.control}: this example notices {count} of them; is what it expects right?")
        click.echo(example_text(proposal.example))


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
    if mutant.change is None:
        words = [f"{mutant.place}: {mutant.control}: no example notices that `{mutant.part}` is deleted"]
    else:
        words = [
            f"{mutant.place}: {mutant.control}: no example notices a change of `{mutant.part}`",
            f"  before: {_one_line(mutant.before)}",
            f"  after:  {_one_line(mutant.after)}",
        ]
    hint = "add an example whose outcome depends on it, or mark it in `equivalent` and say why"
    return "\n".join([*words, f"  mutant: {mutant.id}", f"  help: {hint}"])


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _as_data(result: ExampleResult) -> dict[str, Any]:
    status = result.status.value if result.status is not None else None
    return {
        "control": result.control, "example": result.example.name, "place": str(result.example.place),
        "expected": result.example.expect.value, "status": status, "failed": list(result.failed),
        "because": result.reason.words,
    }  # fmt: skip


def _survivor_data(result: MutantResult) -> dict[str, Any]:
    mutant = result.mutant
    return {
        "control": mutant.control, "mutant": mutant.id, "place": str(mutant.place), "part": mutant.part,
        "before": _one_line(mutant.before), "after": _one_line(mutant.after) if mutant.change else None,
    }  # fmt: skip


def _proposal_data(control_id: str, proposal: Proposal) -> dict[str, Any]:
    return {
        "control": control_id,
        "notices": list(proposal.mutants),
        "example": example_text(proposal.example),
    }


def _progress(noun: str) -> Progress | None:
    """A counter on a terminal; a log gets none."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        click.echo(f"\r{done} of {total} {noun}", err=True, nl=done == total)

    return show
