"""The nouns of what a run comes to: findings, results, the gate. Frozen data without I/O.

Goes in: what the model names. Comes out: the values that reporters show.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from msgspec import Struct, field

from policycheck.errors import Fault
from policycheck.model import (
    Control,
    Interpretation,
    Pack,
    ParameterChoice,
    Profile,
    Reason,
    Severity,
    Source,
    Status,
)
from policycheck.source import Place


class Finding(Struct, frozen=True):
    """One subject that is not a pass, with what was seen and where it stands."""

    subject: str
    status: Status
    reason: Reason
    failed: tuple[str, ...]
    undecided: tuple[str, ...]
    message: str
    observed: Mapping[str, Any]
    place: Place | None
    exception: str | None = None


class Advisory(Struct, frozen=True):
    """A remark on subjects: how many, and the first few by name."""

    name: str
    message: str
    count: int
    subjects: tuple[str, ...]


class PopulationResult(Struct, frozen=True):
    """How many rows of an inventory are asked for, and how many of them the evidence knows."""

    inventory: str
    expected: int
    found: int


class ProfileChange(Struct, frozen=True):
    """A control under another profile. `changed` is how many subjects have another gap there, or a gap in one
    of the two alone; None for a roll-up, and where there are more findings than a report lists."""

    profile: str
    status: Status
    changed: int | None


class ControlResult(Struct, frozen=True):
    control: Control
    status: Status
    reason: Reason
    counts: Mapping[Status, int]
    advisories: tuple[Advisory, ...]
    parameters: Mapping[str, Any]
    query: str
    findings: tuple[Finding, ...]
    findings_total: int
    root_causes: tuple[str, ...] = ()  # failing prerequisites: fix these first
    gaps_in_evidence: tuple[Reason, ...] = ()  # table-level reasons that made something unknown
    tables: tuple[str, ...] = ()  # evidence tables the control reads
    population: PopulationResult | None = None
    other_profiles: tuple[ProfileChange, ...] = ()


class SourceResult(Struct, frozen=True):
    source: Source
    age_days: int | None
    state: str  # a SourceState, or `stale`
    max_age_days: int | None


class ExceptionResult(Struct, frozen=True):
    """What became of one exception. States: in_force, unused, not_yet_valid, expired, invalid,
    not_allowed, overlapping, unverifiable."""

    id: str
    state: str
    reason: Reason
    clauses: tuple[str, ...]
    subjects: tuple[str, ...]
    valid_from: date | None
    valid_to: date | None
    days_left: int | None
    review_due: date | None
    used_for: tuple[tuple[str, str], ...]  # (control id, subject)
    warnings: tuple[str, ...]
    place: Place | None
    checks: Mapping[str, Status] = field(default_factory=dict)  # rule control -> its verdict


class Gate(Struct, frozen=True):
    open: bool
    exit_code: int
    fail_on: Severity
    words: str


class Suspicion(Struct, frozen=True):
    """What comparing a policy document with the clause register cast doubt on: control id to the units whose
    sentence is not the registered one. `document_digest` is the SHA-256 of the document's bytes."""

    document_digest: str
    controls: Mapping[str, tuple[str, ...]]


class Assessment(Struct, frozen=True):
    """One run at one `as_of`: everything a report shows."""

    pack: Pack
    profile: Profile
    organisation: str
    as_of: datetime
    manifest_digest: str
    gate: Gate
    controls: tuple[ControlResult, ...]
    sources: tuple[SourceResult, ...]
    exceptions: tuple[ExceptionResult, ...]
    interpretations: tuple[Interpretation, ...]
    parameters: tuple[ParameterChoice, ...]
    faults: tuple[Fault, ...]
    finding_limit: int
    only: tuple[str, ...] = ()
    compared_profiles: tuple[str, ...] = ()
    suspicion: Suspicion | None = None  # None where no policy document was compared
