"""Reads interpretation memos, and the list of what a document leaves open for them to settle.

Goes in: parsed mappings. Comes out: `Interpretation` and `Ambiguity` values, and a fault for each thing
that is wrong. What other files hold is not looked at.
"""

from __future__ import annotations

import re
from datetime import date

from policycheck.documents import Fields
from policycheck.errors import FaultList, nearest
from policycheck.model import Ambiguity, AmbiguityKind, Interpretation

AMBIGUITY_ID = re.compile(r"[A-Z]+-[0-9]+")


def read_interpretation(fields: Fields, faults: FaultList) -> Interpretation:
    """One memo. An approved one says by whom (a role) and on which day: PC306."""
    approved_at = fields.text("approved_at", "")
    day: date | None = None
    if approved_at:
        try:
            day = date.fromisoformat(approved_at)
        except ValueError:
            place = fields.place("approved_at")
            faults.add("PC105", f"`{approved_at}` is not a date", place, "write YYYY-MM-DD")
    memo = Interpretation(
        id=fields.text("id"),
        title=fields.text("title"),
        clauses=fields.texts("clauses", ()),
        question=fields.text("question"),
        reading=fields.text("reading"),
        approved=fields.boolean("approved"),
        approved_by=fields.text("approved_by", ""),
        approved_at=day,
        place=fields.place(),
    )
    fields.close()
    if memo.approved and (not memo.approved_by or day is None):
        words = f"memo `{memo.id}` is approved by nobody or on no day"
        faults.add("PC306", words, memo.place, "state approved_by (a role) and approved_at")
    return memo


def read_ambiguities(fields: Fields, faults: FaultList) -> dict[str, Ambiguity]:
    """Every entry of `ambiguities.yaml` by its id."""
    found = {}
    for name in fields.names:
        entry = fields.fields(name, "an ambiguity")
        if entry is None:
            continue
        if not AMBIGUITY_ID.fullmatch(name):
            faults.add("PC304", f"`{name}` is not an id", fields.key_place(name), "write it like `AMB-07`")
        kind = entry.text("kind")
        kinds = [each.value for each in AmbiguityKind]
        if kind and kind not in kinds:
            faults.add("PC305", f"`{kind}` is no kind", entry.place("kind"), nearest(kind, kinds))
        found[name] = Ambiguity(
            id=name,
            kind=AmbiguityKind(kind) if kind in kinds else AmbiguityKind.AMBIGUITY,
            clauses=entry.texts("clauses"),
            title=entry.text("title"),
            words_say=entry.text("words_say"),
            problem=entry.text("problem"),
            settled_by=entry.texts("settled_by", ()),
            parameters=entry.texts("parameters", ()),
            place=fields.key_place(name),
        )
        entry.close()
    fields.close()
    return found
