"""How many mutants of each control its examples notice, as counted at some time and kept in one file.

Goes in: the text of that file, and the pack as it is now. Comes out: the counts of controls that rest on
the same texts and examples as when they were counted. Counting is for `falsification`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import asdict

from policycheck.compiled import CompiledPack
from policycheck.model import Control

FILE = "mutants.json"


class MutantCounts(Struct, frozen=True):
    """Of one control. `basis` is a digest of what the numbers rest on: see `basis_of`."""

    basis: str
    total: int
    noticed: int
    marked: int

    def __str__(self) -> str:
        words = f"{self.noticed} of {self.total} mutants are noticed by these examples"
        return f"{words}; {self.marked} marked as equivalent." if self.marked else f"{words}."


def basis_of(control: Control, compiled: CompiledPack) -> str:
    """A digest of a control's expressions, marks and examples, and of the views and parameters behind."""
    found = compiled.controls[control.id]
    expressions = [control.applies_when, control.na_when, *control.expect.values()]
    told = [
        [text.text if text is not None else None for text in expressions],
        [*control.expect, *(f"{advice.name}: {advice.when.text}" for advice in control.advise)],
        [[e.given, e.expect, e.failed, e.advisories, e.profile, e.parameters, e.as_of]
         for e in control.examples],
        [mark.mutant for mark in control.equivalent],
        [compiled.pack.views[name].sql for name in found.views],
        found.parameters,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told, default=repr, sort_keys=True).encode()).hexdigest()[:16]


def current(kept: Mapping[str, MutantCounts], compiled: CompiledPack) -> dict[str, MutantCounts]:
    """The counts that still hold, by control."""
    controls = compiled.pack.controls
    return {
        name: counts
        for name, counts in kept.items()
        if name in compiled.controls and counts.basis == basis_of(controls[name], compiled)
    }


def read_counts(text: str) -> dict[str, MutantCounts]:
    """None at all from a text that `counts_text` has not made: they are counted anew."""
    try:
        return {name: MutantCounts(**fields) for name, fields in json.loads(text).items()}
    except (AttributeError, TypeError, ValueError):
        return {}


def counts_text(counts: Mapping[str, MutantCounts]) -> str:
    """One line a control, so that changes of two controls do not meet."""
    lines = [f"{json.dumps(name)}: {json.dumps(asdict(counts[name]))}" for name in sorted(counts)]
    return "{\n" + ",\n".join(lines) + "\n}\n"
