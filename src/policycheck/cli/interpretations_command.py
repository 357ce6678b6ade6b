"""`policycheck interpretations`: how the document is read, who approved it, and what is still open."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from policycheck.cli.options import pack_option
from policycheck.cli.run import shipped_pack
from policycheck.cli.screen import print_lines
from policycheck.errors import FaultList
from policycheck.showing import counted, json_value, one_line, value_text

if TYPE_CHECKING:
    from policycheck.model import Ambiguity, Interpretation, Pack, ParameterChoice
    from policycheck.parameters import Resolved

WIDTH = 80
INDENT = "          "


@click.command()
@pack_option
@click.option("--profile", metavar="NAME", help="Parameter values  [default: the pack's own choice]")
@click.option("--full", is_flag=True, help="Show question and reading of each memo as well.")
def interpretations(*, pack_folder: Path | None, profile: str | None, full: bool) -> None:
    """List the memos in force under a profile, the values they license, and what no memo settles.

    A memo says how words that allow several readings are read here. It is in force when it is approved
    and a parameter rests on it, or a control checks one of its clauses. What is listed as open is read as
    its controls say, without anybody's approval; a conflict that is open is a contradiction of the document.

    \b
    policycheck interpretations
    policycheck interpretations --profile literal --full
    """
    from policycheck.pack import load_pack
    from policycheck.parameters import find_profile, memos_in_force, resolve_parameters

    pack = load_pack(pack_folder or shipped_pack(), examples=False)
    faults = FaultList()
    today = datetime.now(UTC).date()
    resolved = resolve_parameters(pack, find_profile(pack, profile), faults, today=today)
    faults.raise_if_any()
    checked = {clause for control in pack.controls.values() for clause in control.clauses}
    in_force = memos_in_force(pack, resolved, checked)
    lines = [f"profile {resolved.profile.name}: {one_line(resolved.profile.title)}", ""]
    for memo in in_force:
        lines += _memo_lines(memo, pack, resolved, full)
    waiting = [memo for memo in pack.interpretations.values() if memo not in in_force]
    lines += _waiting_lines(waiting)
    settled = {memo.id for memo in in_force}
    lines += _open_lines([each for each in pack.ambiguities.values() if not settled & set(each.settled_by)])
    lines.append(f"{counted(len(in_force), 'memo')} in force")
    print_lines(lines)


def _memo_lines(memo: Interpretation, pack: Pack, resolved: Resolved, full: bool) -> Iterator[str]:
    yield from _wrap(f"{memo.id:<10}{one_line(memo.title)}", "")
    yield from _wrap(f"about {', '.join(memo.clauses)}")
    if memo.approved_at is not None:
        yield from _wrap(f"approved by {memo.approved_by} on {memo.approved_at.isoformat()}")
    for found in pack.ambiguities.values():
        if memo.id in found.settled_by:
            yield from _wrap(f"settles {found.id}, {_named(found)}: {one_line(found.title)}")
    for choice in resolved.choices:
        if choice.memo == memo.id:
            yield from _wrap(_choice(choice))
    if full:
        yield from _wrap(f"question: {one_line(memo.question)}")
        yield from _wrap(f"reading: {one_line(memo.reading)}")


def _choice(choice: ParameterChoice) -> str:
    value, default = value_text(json_value(choice.value)), value_text(json_value(choice.default))
    chosen = f"{choice.name} = {value}" + ("" if choice.value == choice.default else f" (default {default})")
    return chosen + ("" if choice.within_bound else f"; looser than the bound of its clause ({choice.bound})")


def _waiting_lines(memos: Sequence[Interpretation]) -> Iterator[str]:
    if memos:
        yield from ("", "Not in force", "------------")
    for memo in memos:
        why = "nothing rests on it under this profile" if memo.approved else "not approved"
        yield from _wrap(f"{memo.id:<10}{one_line(memo.title)}: {why}", "")


def _open_lines(ambiguities: Sequence[Ambiguity]) -> Iterator[str]:
    if ambiguities:
        yield from ("", "Open: no memo in force settles these", "-" * 36)
    for found in ambiguities:
        yield from _wrap(f"{found.id:<10}{_named(found)} in {', '.join(found.clauses)}: {found.title}", "")
        yield from _wrap(one_line(found.problem))
    yield ""


def _named(found: Ambiguity) -> str:
    return {"ambiguity": "an ambiguity", "conflict": "a conflict", "outdated": "an outdated statement"}[
        found.kind.value
    ]


def _wrap(text: str, first: str = INDENT) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=INDENT, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
