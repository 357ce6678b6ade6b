"""The exceptions register: which exceptions count, for what, and what is wrong with the others.

Goes in: the rows of the table `exceptions`, the verdicts of the pack's rules on each, and which
controls allow exceptions. Comes out: for every control the values it may except, and a state with a
reason for every exception. An exception counts only where nothing speaks against it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Mapping, Sequence
from datetime import date
from typing import Any

from msgspec import Struct, field

from policycheck.model import Control, Reason, Status
from policycheck.outcomes import ExceptionResult
from policycheck.source import Place

TABLE = "exceptions"
EXPIRY_NOTICE_DAYS = 30
EVERYTHING = ("*", "all", "any")


class Entry(Struct, frozen=True):
    """One row of the register as read. `doubt` is set when its evidence cannot be relied on."""

    id: str
    clauses: tuple[str, ...]
    subjects: tuple[str, ...]
    requested_by: str | None
    authorized_by: str | None
    valid_from: date | None
    valid_to: date | None
    status: str | None
    place: Place | None
    doubt: Reason | None = None


class Register(Struct):
    """Judged entries. `use` notes what an exception was used for; `results` tells the outcome."""

    entries: tuple[Entry, ...]
    states: Mapping[str, tuple[str, Reason]]
    checks: Mapping[str, Mapping[str, Status]]
    valid: Mapping[str, Mapping[str, str]]  # control id -> covered value -> exception id
    today: date
    used: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    needed: dict[str, set[str]] = field(default_factory=dict)

    def covered_by(self, control_id: str) -> Mapping[str, str]:
        return self.valid.get(control_id, {})

    def use(self, exception_id: str, control_id: str, subject: str, value: str) -> None:
        """Notes that `subject` of a control is excepted because the exception names `value`."""
        self.used.setdefault(exception_id, []).append((control_id, subject))
        self.needed.setdefault(exception_id, set()).add(value)

    def results(self, judged: Container[str] | None = None) -> tuple[ExceptionResult, ...]:
        """What became of each entry in a run over the controls `judged`, or over all."""
        return tuple(self._result(entry, judged) for entry in self.entries)

    def _result(self, entry: Entry, judged: Container[str] | None) -> ExceptionResult:
        state, reason = self.states[entry.id]
        used = tuple(sorted(self.used.get(entry.id, [])))
        # A run over some of the controls cannot say that nobody needs an exception.
        about = [c for c, held in self.valid.items() if entry.id in held.values()]
        whole = judged is None or all(c in judged for c in about)
        if state == "in_force" and not used and whole:
            state = "unused"
            reason = Reason("unused", "no failing subject needs it: withdraw it, or check what it names")
        days_left = (entry.valid_to - self.today).days if entry.valid_to else None
        warnings = []
        if state in ("in_force", "unused") and days_left is not None and days_left <= EXPIRY_NOTICE_DAYS:
            warnings.append(f"ends in {days_left} days")
        idle = sorted(set(entry.subjects) - self.needed.get(entry.id, set()))
        if state == "in_force" and idle and whole:
            warnings.append(f"names {len(idle)} that do not need it: {', '.join(idle[:5])}")
        return ExceptionResult(
            id=entry.id, state=state, reason=reason, clauses=entry.clauses, subjects=entry.subjects,
            valid_from=entry.valid_from, valid_to=entry.valid_to, days_left=days_left, review_due=None,
            used_for=used, warnings=tuple(warnings), place=entry.place, checks=self.checks.get(entry.id, {}),
        )  # fmt: skip


def judge_register(
    entries: Sequence[Entry],
    controls: Mapping[str, Control],
    verdicts: Mapping[str, Mapping[str, tuple[Status, str]]],
    today: date,
) -> Register:
    """Judges every entry. `verdicts[rule][exception id]` is the rule's status and words for it."""
    allowing = {c.id: c for c in controls.values() if c.exceptions.allowed and not c.all_of}
    checks: dict[str, dict[str, Status]] = {}
    states: dict[str, tuple[str, Reason]] = {}
    targets: dict[str, list[str]] = {}
    for entry in entries:
        named = [c for c in controls.values() if not c.all_of and _names(entry, c)]
        targets[entry.id] = [c.id for c in named if c.id in allowing]
        rules = sorted({rule for c in targets[entry.id] for rule in allowing[c].exceptions.rules})
        checks[entry.id] = {rule: _rule(verdicts, rule, entry.id)[0] for rule in rules}
        states[entry.id] = (
            _structure(entry, today) or _permission(entry, named, allowing) or _rules(entry, rules, verdicts)
            or ("in_force", Reason("in_force", "approved, in its dates, and every rule of the pack is met"))
        )  # fmt: skip
    _refuse_overlaps(entries, states, targets)
    valid: dict[str, dict[str, str]] = {}
    for entry in entries:
        if states[entry.id][0] == "in_force":
            for control_id in targets[entry.id]:
                valid.setdefault(control_id, {}).update(dict.fromkeys(entry.subjects, entry.id))
    return Register(tuple(entries), states, checks, valid, today)


def _names(entry: Entry, control: Control) -> bool:
    return control.id in entry.clauses or bool(set(control.clauses) & set(entry.clauses))


def _structure(entry: Entry, today: date) -> tuple[str, Reason] | None:
    """What no exception may lack, whatever the policy says."""
    if entry.doubt is not None:
        return "unverifiable", entry.doubt
    if entry.status != "approved":
        return "invalid", Reason("not_approved", f"its status is `{entry.status}`")
    if not _folded(entry.authorized_by or ""):
        return "invalid", Reason("not_authorised", "nobody has authorised it")
    if not _folded(entry.requested_by or ""):
        return "invalid", Reason("no_requester", "nobody has requested it")
    if _same_person(entry.requested_by or "", entry.authorized_by or ""):
        return "invalid", Reason("self_approved", "it was authorised by the person who requested it")
    if not entry.subjects or any(_is_pattern(subject) for subject in entry.subjects):
        return "invalid", Reason("over_broad", "it does not name each subject it is for")
    if not entry.clauses:
        return "invalid", Reason("no_clause", "it names no clause")
    if entry.valid_to is None:
        return "invalid", Reason("no_end", "it has no last day: no exception is for ever")
    if entry.valid_from is None or entry.valid_from > entry.valid_to:
        return "invalid", Reason("bad_dates", "it ends before it begins")
    if entry.valid_to < today:
        return "expired", Reason("expired", f"its last day was {entry.valid_to.isoformat()}")
    if entry.valid_from > today:
        return "not_yet_valid", Reason("not_yet_valid", f"its first day is {entry.valid_from.isoformat()}")
    return None


def _same_person(one: str, other: str) -> bool:
    """Whether two ids look alike: case, width and invisible characters make no second person."""
    return _folded(one) == _folded(other)


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text)
    kept = [c for c in plain if unicodedata.category(c) not in ("Cf", "Cc", "Zs", "Zl", "Zp")]
    return "".join(kept).casefold()


def _is_pattern(subject: str) -> bool:
    return not subject.strip() or subject.strip().casefold() in EVERYTHING or any(c in subject for c in "*?%")


def _permission(
    entry: Entry, named: Sequence[Control], allowing: Mapping[str, Control]
) -> tuple[str, Reason] | None:
    refused = sorted(c for c in entry.clauses if not any(a for a in allowing.values() if _covers(a, c)))
    if not named:
        return "not_allowed", Reason(
            "no_such_clause", "no control of the pack checks " + ", ".join(entry.clauses)
        )
    if refused:
        # One clause that allows none spoils the decision: its author misread what may be excepted.
        return "not_allowed", Reason("not_allowed", "no exception is allowed from " + ", ".join(refused))
    return None


def _covers(control: Control, clause: str) -> bool:
    return clause == control.id or clause in control.clauses


def _rule(
    verdicts: Mapping[str, Mapping[str, tuple[Status, str]]], rule: str, exception_id: str
) -> tuple[Status, str]:
    return verdicts.get(rule, {}).get(exception_id, (Status.UNKNOWN, "the rule has no verdict on it"))


def _rules(
    entry: Entry, rules: Sequence[str], verdicts: Mapping[str, Mapping[str, tuple[Status, str]]]
) -> tuple[str, Reason] | None:
    found = {rule: _rule(verdicts, rule, entry.id) for rule in rules}
    for wanted, state in ((Status.FAIL, "invalid"), (Status.UNKNOWN, "unverifiable")):
        for rule, (status, words) in found.items():
            if status is wanted:
                return state, Reason(f"rule_{status.value}", f"{rule}: {words}")
    if not any(status is Status.PASS for status, _ in found.values()):
        return "unverifiable", Reason("no_rule", "no rule of the pack has judged it")
    return None


def _refuse_overlaps(
    entries: Sequence[Entry], states: dict[str, tuple[str, Reason]], targets: Mapping[str, list[str]]
) -> None:
    """Two decisions on one subject and control contradict each other or hide one another: neither counts."""
    holders: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        if states[entry.id][0] == "in_force":
            for control_id in targets[entry.id]:
                for subject in entry.subjects:
                    holders.setdefault((control_id, subject), []).append(entry.id)
    for (control_id, subject), ids in sorted(holders.items()):
        if len(ids) > 1:
            for exception_id in ids:
                others = ", ".join(i for i in sorted(ids) if i != exception_id)
                words = f"{others} is about {control_id} and `{subject}` too: keep one"
                states[exception_id] = ("overlapping", Reason("overlapping", words))


def entry_from(row: Mapping[str, Any], place: Place | None, doubt: Reason | None) -> Entry:
    """An entry from the typed cells of a row of the table `exceptions`."""
    return Entry(
        id=str(row.get("exception_id")),
        clauses=tuple(row.get("clause_ids") or ()),
        subjects=tuple(row.get("resource_ids") or ()),
        requested_by=row.get("requested_by"),
        authorized_by=row.get("authorized_by"),
        valid_from=row.get("valid_from"),
        valid_to=row.get("valid_to"),
        status=row.get("status"),
        place=place,
        doubt=doubt,
    )
