"""Two assessments of one evidence, by two engines: every control on which they do not agree.

Goes in: the assessments. Comes out: one fault a control, or one for the rest of the report. No faults means
that a reader of either report reads the same.
"""

from __future__ import annotations

from msgspec.structs import replace

from policycheck.errors import Fault
from policycheck.outcomes import Assessment, ControlResult
from policycheck.source import Place

_HELP = "one of the two engines is wrong: there is no verdict; report it with the control and the row"


def disagreements(first: Assessment, second: Assessment, names: tuple[str, str]) -> list[Fault]:
    """Faults PC902, one for each control that is not the same in both. `names` are those of the engines."""
    ours, theirs = ({result.control.id: result for result in each.controls} for each in (first, second))
    faults = [
        Fault("PC902", _difference(ours.get(name), theirs.get(name), names), Place(name), _HELP)
        for name in dict.fromkeys((*ours, *theirs))
        if ours.get(name) != theirs.get(name)
    ]
    if not faults and replace(first, controls=()) != replace(second, controls=()):
        words = f"{names[0]} and {names[1]} agree on every control, and not on the rest of the report"
        faults.append(Fault("PC902", words, Place("report"), _HELP))
    return faults


def _difference(ours: ControlResult | None, theirs: ControlResult | None, names: tuple[str, str]) -> str:
    """The first thing that differs, in the order in which a reader would see it."""
    if ours is None or theirs is None:
        return f"only {names[1] if ours is None else names[0]} has an answer"
    if ours.status is not theirs.status:
        return f"{names[0]} says {ours.status}, {names[1]} says {theirs.status}"
    if ours.counts != theirs.counts:
        shown = [", ".join(f"{n} {s}" for s, n in sorted(each.counts.items())) for each in (ours, theirs)]
        return f"{names[0]} counts {shown[0]}; {names[1]} counts {shown[1]}"
    for mine, other in zip(ours.findings, theirs.findings, strict=False):
        if mine != other:
            return f"they differ about {mine.subject}: {mine.message}; {other.message}"
    return "they differ in what they say of it beside verdict, counts and findings"
