"""Faults and the few kinds of error they add up to.

A `Fault` is data: a stable code, what is wrong, where, and what to do next. Loading code gathers
faults in a `FaultList` and goes on, so that one run shows them all; it raises at the end. The kinds
of error differ by what the caller does next, never by which module noticed.

Codes: PC1xx documents, PC2xx expressions and queries, PC3xx the pack, PC4xx evidence,
PC5xx exceptions, PC6xx usage, PC7xx collectors and writing, PC9xx internal.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from policycheck.source import Place


class Fault(Struct, frozen=True):
    """One thing that is wrong: where, what, and the next step. Text is lower case, input in backticks."""

    code: str
    message: str
    place: Place
    help: str = ""

    def __str__(self) -> str:
        lines = [f"{self.place}: error[{self.code}]: {self.message}"]
        caret = self.place.with_caret()
        if caret:
            lines.append(caret)
        if self.help:
            lines.append(f"  help: {self.help}")
        return "\n".join(lines)


class PolicycheckError(Exception):
    """Anything that stops the run. Carries faults, sorted by place."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.place, fault.code)))
        super().__init__("\n".join(str(fault) for fault in self.faults))

    def __reduce__(self) -> tuple[type[PolicycheckError], tuple[tuple[Fault, ...]]]:
        return type(self), (self.faults,)  # so that it comes out of a worker process whole


class InputError(PolicycheckError):
    """The pack, a document or an argument is wrong: the author mends it and runs again (exit 2)."""


class EngineError(PolicycheckError):
    """An engine could not answer: the verdict is unknown, with this as the reason."""


class EngineLostError(PolicycheckError):
    """What was to answer is gone for good: there is no verdict about anything (exit 2)."""


class FaultList:
    """Gathers faults while loading goes on; `raise_if_any` ends the loading."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, code: str, message: str, place: Place, help: str = "") -> None:
        self._faults.append(Fault(code, message, place, help))

    def extend(self, faults: Iterable[Fault]) -> None:
        self._faults.extend(faults)

    def __len__(self) -> int:
        return len(self._faults)

    @property
    def faults(self) -> tuple[Fault, ...]:
        return tuple(sorted(set(self._faults), key=lambda fault: (fault.place, fault.code, fault.message)))

    def raise_if_any(self) -> None:
        if self._faults:
            raise InputError(self.faults)


def nearest(name: str, known: Iterable[str]) -> str:
    """A help line that names the nearest known name, or lists a few when none is near."""
    import difflib  # a run without such a fault needs none

    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(f"`{candidate}`" for candidate in close) + "?"
    shown = ", ".join(f"`{candidate}`" for candidate in names[:12])
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"known names: {shown}{more}" if names else "no names are known here"
