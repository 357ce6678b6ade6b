"""The clause register: the clauses of the policy document, the sentences they stand in, and what checks them.

Goes in: the fields of `register.yaml`, and the controls of the pack. Comes out: a `ClauseRegister`, and
faults about what it contradicts or leaves out. The controls name their clauses and the register names no
control, so that neither can fall behind the other. Sentences are known by fingerprint, never by text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from policycheck.control_file import CLAUSE_ID
from policycheck.documents import Fields
from policycheck.errors import Fault, FaultList, nearest
from policycheck.model import Clause, ClauseClass, ClauseRegister, Control, Unit
from policycheck.source import Place

UNIT_ID = re.compile(r"L([0-9]{2,6})\.([1-9][0-9]{0,3})")
FINGERPRINT = re.compile(r"[0-9a-f]{12}")


def unit_order(unit: str) -> tuple[int, int]:
    """Line and number of a unit id, so that L09.10 stands after L09.2; (0, 0) for what is none."""
    found = UNIT_ID.fullmatch(unit)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def read_register(fields: Fields, faults: FaultList) -> ClauseRegister:
    """The register as written. What it lacks beside the controls is for `gaps_of`."""
    head = fields.fields("document", "`document`")
    title, characters = "", 0
    abbreviations: tuple[str, ...] = ()
    if head is not None:
        title = head.text("title")
        characters = head.integer("characters", minimum=1)
        abbreviations = head.texts("abbreviations", ())
        head.close()
    reader = _Units(faults, fields.text_entries("sections"))
    for unit, entry in fields.entries("units", "a unit"):
        reader.read(unit, entry)
    outside = fields.text_entries("not_in_document")
    for name in outside.keys() & reader.sections.keys():
        words = f"section `{name}` is in the document and not in the document"
        faults.add("PC313", words, fields.place("not_in_document"), "keep it in `sections` or here")
    if not reader.units and not len(faults):
        faults.add("PC313", "the register has no units", fields.place("units"), "list every sentence")
    for name in reader.sections.keys() - reader.used:
        words = f"section `{name}` has no clause"
        faults.add("PC313", words, fields.place("sections"), "remove it, or correct the clause ids")
    fields.close()
    return ClauseRegister(
        title=title, characters=characters, abbreviations=abbreviations, sections=reader.sections,
        not_in_document=outside, units=tuple(reader.units),
        clauses=reader.clauses, path=fields.document.path,
    )  # fmt: skip


class _Units:
    """Reads unit after unit; a clause stands in the first unit that states it."""

    def __init__(self, faults: FaultList, sections: Mapping[str, str]) -> None:
        self.faults = faults
        self.sections = sections
        self.used: set[str] = set()
        self.units: list[Unit] = []
        self.clauses: dict[str, Clause] = {}
        self.last = ("", (0, 0))  # the unit before, and its line and number

    def read(self, unit: str, fields: Fields) -> None:
        self._check_id(unit, fields)
        fingerprint = fields.text("fingerprint")
        if fingerprint and not FINGERPRINT.fullmatch(fingerprint):
            words = f"`{fingerprint[:60]}` is not a fingerprint"
            hint = "twelve hexadecimal digits, as `policycheck trace --document FILE` shows them"
            self.faults.add("PC314", words, fields.place("fingerprint"), hint)
        heading = fields.boolean("heading", False)
        stated = [*fields.texts("part_of", ())]
        for name in stated:
            self._continue(unit, name, fields)
        stated += [self._clause(unit, name, entry) for name, entry in fields.entries("clauses", "a clause")]
        if heading == bool(stated):
            words = "is a heading and states clauses" if heading else "states no clause and is no heading"
            hint = "write `heading: true` for a heading, or else the clauses the sentence states"
            self.faults.add("PC315", f"`{unit}` {words}", _key_place(fields), hint)
        self.units.append(Unit(unit, fingerprint, heading, tuple(stated)))
        fields.close()

    def _check_id(self, unit: str, fields: Fields) -> None:
        before, position = self.last
        self.last = (unit, unit_order(unit))
        if self.last[1] == (0, 0):
            hint = "line and number of the sentence in it, for instance L34.3"
            self.faults.add("PC313", f"`{unit}` is not a unit id", _key_place(fields), hint)
        elif self.last[1] <= position:
            words = f"`{unit}` stands after `{before}`"
            hint = "list the units in the order of the document"
            self.faults.add("PC313", words, _key_place(fields), hint)

    def _clause(self, unit: str, name: str, fields: Fields) -> str:
        place = _key_place(fields)
        kind = "normative"
        if fields.has("class"):
            kind = fields.choice("class", [k.value for k in ClauseClass]) or "informational"
        clause = Clause(
            name, fields.text("title"), ClauseClass(kind), (unit,), place,
            fields.text("applies", ""), fields.text("without_control", ""),
        )  # fmt: skip
        if not CLAUSE_ID.fullmatch(name):
            self.faults.add("PC304", f"`{name}` is not a clause id", place, "ids look like DP-3.7")
        elif clause.section not in self.sections:
            words = f"`{name}` is in no section of the register"
            self.faults.add("PC313", words, place, nearest(clause.section, self.sections))
        if clause.kind.needs_control and clause.without_control:
            words = f"`{name}` is {kind} and gives a reason to have no control"
            hint = "write the control, or state the class the clause has"
            self.faults.add("PC315", words, fields.place("without_control"), hint)
        fields.close()
        if name in self.clauses:
            words = f"clause `{name}` is given twice; the first is on line {self.clauses[name].place.line}"
            hint = f"keep one; a later sentence of the same clause says `part_of: [{name}]`"
            self.faults.add("PC304", words, place, hint)
        self.used.add(clause.section)
        self.clauses.setdefault(name, clause)
        return name

    def _continue(self, unit: str, name: str, fields: Fields) -> None:
        """Notes that this unit goes on with a clause that an earlier one states."""
        clause = self.clauses.get(name)
        if clause is None:
            words = f"`part_of` names `{name}`, which no earlier unit states"
            self.faults.add("PC307", words, fields.place("part_of"), nearest(name, self.clauses))
        else:
            self.clauses[name] = replace(clause, units=(*clause.units, unit))


def _key_place(fields: Fields) -> Place:
    """Where the name of an entry stands."""
    return fields.document.place(fields.path, key=True)


# --- beside the controls --------------------------------------------------------------------------


def controls_by_clause(controls: Mapping[str, Control]) -> dict[str, tuple[str, ...]]:
    """Clause to the controls that check it, in the order of the controls.

    A roll-up checks the one clause it names; where it names several it sums them up, and their own controls
    check them. INVARIANT: a clause whose control was removed is not covered by a summary that still names it.
    """
    found: dict[str, list[str]] = {}
    for control in controls.values():
        if not control.all_of or len(control.clauses) == 1:
            for clause in control.clauses:
                found.setdefault(clause, []).append(control.id)
    return {clause: tuple(ids) for clause, ids in found.items()}


def check_clause_names(
    register: ClauseRegister, named: Iterable[tuple[str, tuple[str, ...], Place]], faults: FaultList
) -> None:
    """Reports clauses that are not in the register; `named` holds who names them, which, and where."""
    for who, clauses, place in named:
        for clause in clauses:
            if clause not in register.clauses and clause.split("-")[0] not in register.not_in_document:
                words = f"{who} names the clause `{clause}`, which is not in the register"
                faults.add("PC307", words, place, nearest(clause, register.clauses))


def gaps_of(register: ClauseRegister, controls: Mapping[str, Control]) -> tuple[Fault, ...]:
    """Clauses that nothing accounts for: without the control they need, or without a reason to have none."""
    covered = controls_by_clause(controls)
    faults = FaultList()
    for clause in register.clauses.values():
        if clause.id in covered or clause.without_control:
            continue
        hint = f"write {clause.section}/{clause.id}.yaml, or name the clause in the control that checks it"
        words = f"`{clause.id}` is {clause.kind.value} and no control checks it"
        if not clause.kind.needs_control:
            words = f"`{clause.id}` has no control and no reason to have none"
            hint = "write a control, or the reason as `without_control`"
        elif summed := [c.id for c in controls.values() if clause.id in c.clauses]:
            words += f"; `{summed[0]}` sums it up, which checks nothing"
        faults.add("PC316", words, clause.place, hint)
    return faults.faults


def overtaken_reasons(register: ClauseRegister, controls: Mapping[str, Control]) -> list[tuple[Clause, str]]:
    """Clauses that say why they have no control, with the control they have."""
    covered = controls_by_clause(controls)
    excused = [clause for clause in register.clauses.values() if clause.without_control]
    return [(clause, covered[clause.id][0]) for clause in excused if clause.id in covered]
