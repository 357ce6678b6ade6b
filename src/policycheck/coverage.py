"""Traces sentences to clauses to controls, and finds what changed between the register and a document.

Goes in: a pack with its clause register and, where there are any, the units of a policy document and an
assessment. Comes out: a `Trace`: every unit with its clauses, their controls and what happened to the unit.
A control is suspect while a sentence of one of its clauses is not what the register says. Opens no file.
"""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import takewhile

from msgspec import Struct

from policycheck.clauses import controls_by_clause, unit_order
from policycheck.errors import Fault, InputError
from policycheck.model import Clause, ClauseRegister, Pack, Unit
from policycheck.outcomes import Assessment, Suspicion
from policycheck.sentences import Sentence
from policycheck.source import Place


class UnitState(StrEnum):
    """What became of a unit. REGISTERED: there is no document to compare with."""

    REGISTERED = "registered"
    UNCHANGED = "unchanged"
    CHANGED = "changed"
    MOVED = "moved"
    NEW = "new"
    VANISHED = "vanished"

    @property
    def settled(self) -> bool:
        """Whether the register says what the document says."""
        return self in (UnitState.REGISTERED, UnitState.UNCHANGED)


class Match(Struct, frozen=True):
    """A unit of the register and what stands for it in the document; one of the two is None where the unit
    is new or has vanished."""

    state: UnitState
    unit: Unit | None
    sentence: Sentence | None


class Trace(Struct, frozen=True):
    """`covered` maps a clause to the controls that check it. Without a document every match is REGISTERED;
    without an assessment there are no verdicts."""

    pack: Pack
    register: ClauseRegister
    matches: tuple[Match, ...]
    covered: Mapping[str, tuple[str, ...]]
    suspicion: Suspicion | None
    assessment: Assessment | None

    @property
    def ends_early(self) -> bool:
        """Whether the document stops before the register does, in a revision that changed something else
        too: then nobody can tell a cut copy from a shortened policy."""
        return bool(self.matches) and self.matches[-1].state is UnitState.VANISHED

    @property
    def whole(self) -> bool:
        """Every sentence has a place, every clause what it needs, and nothing changed."""
        return not self.pack.gaps and all(match.state.settled for match in self.matches)

    def clauses_of(self, match: Match) -> tuple[Clause, ...]:
        return tuple(self.register.clauses[name] for name in (match.unit.clauses if match.unit else ()))


def registered_units(register: ClauseRegister) -> tuple[Match, ...]:
    """The units of the register, where no document is compared with them."""
    return tuple(Match(UnitState.REGISTERED, unit, None) for unit in register.units)


def compare(register: ClauseRegister, sentences: Sequence[Sentence], path: str) -> tuple[Match, ...]:
    """Lays a document beside the register: every unit of either once, in the order of the document.

    A unit that is gone from its place and stands word for word in another has moved; what is left over
    between the same neighbours is one unit that changed, as far as both sides have one.
    Raises InputError: PC612 another document, PC613 a document that is cut short.
    """
    _check_whole(register, sentences, path)
    units = register.units
    old, new = [u.fingerprint for u in units], [s.fingerprint for s in sentences]
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    open_units = [u for tag, i, k, _, _ in blocks if tag != "equal" for u in units[i:k]]
    open_sentences = [s for tag, _, _, j, k in blocks if tag != "equal" for s in sentences[j:k]]
    moved = _moves(open_units, open_sentences)
    gone = {unit.id for unit in moved.values()}
    matches: list[Match] = []
    for tag, i1, i2, j1, j2 in blocks:
        if tag == "equal":
            pairs = zip(units[i1:i2], sentences[j1:j2], strict=True)
            matches += [Match(UnitState.UNCHANGED, unit, sentence) for unit, sentence in pairs]
        else:
            left = deque(unit for unit in units[i1:i2] if unit.id not in gone)
            matches += [_stands_for(sentence, moved, left) for sentence in sentences[j1:j2]]
            matches += [Match(UnitState.VANISHED, unit, None) for unit in left]
    return tuple(matches)


def _moves(units: Iterable[Unit], sentences: Iterable[Sentence]) -> dict[str, Unit]:
    """Sentence id to the unit that has the same words, each unit once."""
    waiting: dict[str, deque[Unit]] = {}
    for unit in units:
        waiting.setdefault(unit.fingerprint, deque()).append(unit)
    return {s.id: waiting[s.fingerprint].popleft() for s in sentences if waiting.get(s.fingerprint)}


def _stands_for(sentence: Sentence, moved: Mapping[str, Unit], left: deque[Unit]) -> Match:
    """What a sentence that is not in its place stands for; takes the first of the units left over."""
    if sentence.id in moved:
        return Match(UnitState.MOVED, moved[sentence.id], sentence)
    if left:
        return Match(UnitState.CHANGED, left.popleft(), sentence)
    return Match(UnitState.NEW, None, sentence)


def _check_whole(register: ClauseRegister, sentences: Sequence[Sentence], path: str) -> None:
    """INVARIANT: a part of the document is never taken for the whole of it."""
    units, last = register.units, sentences[-1]
    known = {unit.fingerprint for unit in units}
    place = Place(path, last.line)
    if not any(sentence.fingerprint in known for sentence in sentences):
        count = f"none of the {len(sentences)} sentences is in the register ({register.path})"
        hint = "name the document this pack was written from, or the pack of this document with --pack"
        raise InputError([Fault("PC612", f"this is another document: {count}", Place(path), hint)])
    pairs = zip(units, sentences, strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0].fingerprint == pair[1].fingerprint, pairs))
    missing = units[same:]
    if same == len(sentences) and missing:
        what = f"after `{units[same - 1].id}`: the register goes on with {_span(missing)}"
    elif same == len(sentences) - 1 and missing and last.fingerprint not in known:
        shorter = sum(len(sentence.text) for sentence in sentences) < register.characters
        if not shorter:
            return
        what = f"within `{missing[0].id}`: the register has {register.characters} characters of text"
    else:
        return
    hint = (
        "give the whole document; if the policy now ends here, "
        f"take {_span(missing)} out of {register.path} and state what it ends with"
    )
    raise InputError([Fault("PC613", f"the document ends {what}", place, hint)])


def _span(units: Sequence[Unit]) -> str:
    return f"`{units[0].id}`" + (f" to `{units[-1].id}`" if len(units) > 1 else "")


def suspicion_of(pack: Pack, matches: Iterable[Match], document_digest: str) -> Suspicion:
    """The controls whose sentence is not what the register says, with the units that are not."""
    covered = controls_by_clause(pack.controls)
    suspects: dict[str, set[str]] = {}
    for match in matches:
        if match.unit is not None and not match.state.settled:
            for clause in match.unit.clauses:
                for control in covered.get(clause, ()):
                    suspects.setdefault(control, set()).add(match.unit.id)
    ordered = {c: tuple(sorted(suspects[c], key=unit_order)) for c in pack.controls if c in suspects}
    return Suspicion(document_digest, ordered)


def joined(
    pack: Pack, register: ClauseRegister, matches: tuple[Match, ...], suspicion: Suspicion | None,
    assessment: Assessment | None,
) -> Trace:  # fmt: skip
    """Everything a trace shows."""
    return Trace(pack, register, matches, controls_by_clause(pack.controls), suspicion, assessment)
