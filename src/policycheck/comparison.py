"""What would be different under the other profiles: how far verdicts rest on how the document is read.

Goes in: an assessment, and those controls judged again under another profile whose verdicts may differ.
Comes out: for each control its status there, and how many subjects have another gap or none. No verdict
changes here.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from policycheck.builtin_tables import PARAMETER_CHOICES
from policycheck.compiled import CompiledPack
from policycheck.model import CompiledControl
from policycheck.outcomes import Assessment, ControlResult, ProfileChange
from policycheck.parameters import Resolved
from policycheck.results import roll_up


def affected(compiled: CompiledPack, other: Resolved) -> set[str]:
    """The controls that read a parameter with another value, or whose exceptions rest on such controls."""
    values = compiled.resolved.values
    differing = {name for name, value in values.items() if value != other.values.get(name)}
    found = {i for i, control in compiled.controls.items() if _reads(control, differing)}
    rules = {i: set(control.control.exceptions.rules) for i, control in compiled.controls.items()}
    return found | {i for i, named in rules.items() if named & found}


def _reads(control: CompiledControl, names: set[str]) -> bool:
    parts = [control.na_when, *control.asked]
    if control.population is not None:
        parts += control.population.questions
    used = set(control.parameters).union(*(part.reads.parameters for part in parts if part is not None))
    return bool(used & names) or PARAMETER_CHOICES.name in control.subject_reads.tables


def compared(assessment: Assessment, others: Mapping[str, Assessment]) -> Assessment:
    """The assessment with what differs under each of the other profiles.

    `others` hold the results of `affected` controls by name of the profile. Roll-ups follow from members.
    """
    controls = list(assessment.controls)
    for name, other in others.items():
        there = {result.control.id: result for result in controls}
        there |= {result.control.id: result for result in other.controls if not result.control.all_of}
        for i, here in enumerate(controls):
            if here.control.all_of and there.keys() >= set(here.control.all_of):
                there[here.control.id] = roll_up(here.control, there)
            change = _change(name, here, there[here.control.id])
            controls[i] = replace(here, other_profiles=(*here.other_profiles, change))
    return replace(assessment, controls=tuple(controls), compared_profiles=tuple(others))


def _change(profile: str, here: ControlResult, there: ControlResult) -> ProfileChange:
    if here.control.all_of:
        return ProfileChange(profile, there.status, None)
    lists = [{finding.subject: finding.status for finding in each.findings} for each in (here, there)]
    whole = all(len(each.findings) == each.findings_total for each in (here, there))
    different = sum(lists[0].get(name) is not lists[1].get(name) for name in {*lists[0], *lists[1]})
    return ProfileChange(profile, there.status, different if whole else None)
