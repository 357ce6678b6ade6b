"""DP-3.2 and DP-3.12 to DP-3.14: is an exception from the protection of stored data one that counts.

Reference 2.DP; parameters `exception_scope` and `encryption_exception_logic`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from independent.draw import Draw, iso
from independent.logic import (
    TODAY,
    Row,
    Tables,
    Truth,
    Verdicts,
    by_key,
    day,
    every,
    floor_years,
    held_role,
    some,
    stated,
    verdict,
)

STRICTER = {
    "other clauses": "DP-3.2: an exception that also names a clause without exceptions is invalid as a whole",
}
ATTACHED = {"DP-3.1", *(f"DP-3.{i}" for i in range(3, 12))}  # the clauses of the sentence on exceptions
# The reference asks DP-3.12 to DP-3.14 of covered stores without encryption. Only an exception from these
# clauses can open such a store, so the pack asks it of these exceptions, however their stores look.
OPENING = {"DP-3.1", "DP-3.3", "DP-3.10"}


class Register:
    """The exceptions of one evidence folder, with the appointments and stores they speak of."""

    def __init__(self, tables: Tables, parameters: Row, stricter: Collection[str]) -> None:
        self.p = parameters
        self.appointments = tables["appointments"]
        self.documents = by_key(tables["documents"], "document_version_id")
        self.stricter = stricter
        self.either = parameters["encryption_exception_logic"] == "literal_or"

    def in_force(self, e: Row) -> bool:
        """Whether it is said to hold today. Any other excepts nothing, so nothing is asked of it."""
        start, end = day(e["valid_from"]), day(e["valid_to"])
        return e["status"] == "approved" and start <= TODAY and (end is None or end >= TODAY)

    def in_scope(self, e: Row) -> bool:
        attached = ATTACHED if "other clauses" in self.stricter else set(self.p["exception_scope"])
        return self.in_force(e) and bool(set(e["clause_ids"]) & attached)

    def documented(self, e: Row) -> Truth:
        reference = e["document_version_id"]
        return None if reference is None else self.documents[reference]["copy_present"]

    def authorised(self, e: Row) -> Truth:
        """DP-3.2."""
        authoriser, when = e["authorized_by"], day(e["authorized_at"])
        return every(
            "other clauses" not in self.stricter or set(e["clause_ids"]) <= set(self.p["exception_scope"]),
            held_role(self.appointments, authoriser, self.p["authorising_roles"], when),
            None if authoriser is None else authoriser != e["requested_by"],
            self.documented(e),
            stated(e["rationale"]),
            e["valid_to"] is not None,
            bool(e["resource_ids"]) and "*" not in e["resource_ids"],
        )

    def reason(self, e: Row) -> Truth:
        """DP-3.12."""
        return every(stated(e["rationale"]), self.documented(e))

    def control(self, e: Row) -> Truth:
        """DP-3.13. What a free text stands for is open; encryption at another layer is not drawn here."""
        named = set(e["compensating_controls"])
        other: Truth = None
        if named & set(self.p["compensating_kinds"]):
            other = True
        elif named <= set(self.p["circular_kinds"]):
            other = False
        approved = held_role(self.appointments, e["ciso_approved_by"], ["ciso"], day(e["ciso_approved_at"]))
        return every(other, approved)

    def review(self, e: Row) -> Truth:
        """DP-3.14."""
        if e["last_ciso_review_at"] is not None:
            reviewer, when = e["last_ciso_review_by"], day(e["last_ciso_review_at"])
        else:
            reviewer, when = e["ciso_approved_by"], day(e["ciso_approved_at"])
        timely = None if when is None else floor_years(when, self.p["ciso_review_years"]) >= TODAY
        return every(timely, held_role(self.appointments, reviewer, ["ciso"], when))


def expected(tables: Tables, parameters: Row, stricter: Collection[str] = STRICTER) -> dict[str, Verdicts]:
    """The verdicts on every exception."""
    r = Register(tables, parameters, stricter)
    found: dict[str, Verdicts] = {}
    for e in tables["exceptions"]:
        applies = r.in_force(e) and bool(set(e["clause_ids"]) & OPENING)
        reason, control, review = r.reason(e), r.control(e), r.review(e)
        if r.either:
            whole = every(control, review)
            reason, control, review = some(reason, whole), some(reason, control), some(reason, review)
        ruled: dict[str, tuple[Truth, Truth]] = {
            "DP-3.2": (r.in_scope(e), r.authorised(e)),
            "DP-3.12": (applies, reason),
            "DP-3.13": (applies, control),
            "DP-3.14": (applies, review),
        }
        for name, (scope, holds) in ruled.items():
            found.setdefault(name, {})[e["exception_id"]] = verdict(scope, holds)
    return found


# --- rows -------------------------------------------------------------------------------------------

CLAUSES = ("DP-3.1", "DP-3.3", "DP-3.5", "DP-3.6", "DP-3.11", "DP-3.12", "OR-6.1", "RT-1.2")
SPANS = (("2020-01-01", None), ("2020-01-01", "2025-06-30"), ("2025-07-01", None))


def generate(draw: Draw, size: int) -> Tables:
    people = [f"p{i}" for i in range(8)]
    persons = [
        {
            "person_id": p,
            "employment_type": "employee",
            "status": "active",
            "start_date": "2019-01-01",
            "groups": [],
        }
        for p in people
    ]
    appointments = [
        {
            "appointment_id": f"a{i}", "role": draw.one("senior_management", "ciso", "ciso", "management"),
            "person_id": draw.mostly(draw.choice(people), None, share=1), "effective_from": start,
            "effective_to": end, "acting": draw.one(True, False), "responsibilities": [],
        }
        for i, (start, end) in enumerate(draw.choice(SPANS) for _ in range(9))
    ]  # fmt: skip
    documents = [
        {
            "document_version_id": f"d{i}", "document_id": f"d{i}", "doc_type": "exception_memo",
            "version_label": "1", "topics": [], "scope": "all", "created_at": "2020-01-01",
            "publication_urls": [],
            "copy_present": draw.mostly(True, False, None, share=0.8),
        }
        for i in range(20)
    ]  # fmt: skip
    return {
        "exceptions": [_exception(draw, i, people, documents) for i in range(size)],
        "persons": persons, "appointments": appointments, "documents": documents, "storage_protections": [],
    }  # fmt: skip


HANDOVER = (date(2025, 6, 30), date(2025, 7, 1), TODAY)


def _exception(draw: Draw, i: int, people: list[str], documents: list[Row]) -> Row:
    start = draw.mostly(date(2025, 1, 1), TODAY, TODAY + timedelta(1), share=0.8)
    end = draw.one(TODAY, TODAY + timedelta(1), date(2026, 12, 31), TODAY - timedelta(1), TODAY, None)
    reviewed = draw.one(date(2025, 3, 1), date(2025, 3, 2), date(2025, 3, 3), date(2025, 6, 30),
                        date(2025, 7, 1), date(2024, 2, 29), TODAY)  # fmt: skip
    approved = draw.one(reviewed, date(2024, 6, 1), date(2025, 3, 2))
    controls = (
        "encryption",
        "disk_encryption",
        "locked room",
        "network segment",
        "volume_encryption",
        "monitoring",
    )
    return {
        "exception_id": f"e{i}", "clause_ids": draw.some_of(CLAUSES, 3),
        "resource_ids": draw.mostly(draw.some_of(("r1", "r2", "r3"), 3), ["*"], ["r1", "*"], share=0.92),
        "rationale": draw.mostly("old machine", "", "  ", share=0.85),
        "compensating_controls": draw.some_of(controls, 2),
        "requested_by": draw.choice(people), "requested_at": "2024-01-01",
        "authorized_by": draw.maybe(lambda: draw.choice(people), 0.07),
        "authorized_at": draw.maybe(lambda: draw.moment(draw.one(*HANDOVER)), 0.07),
        "ciso_approved_by": draw.maybe(lambda: draw.choice(people), 0.1),
        "ciso_approved_at": draw.maybe(lambda: draw.moment(approved), 0.1),
        "last_ciso_review_by": draw.maybe(lambda: draw.choice(people), 0.3),
        "last_ciso_review_at": draw.maybe(lambda: draw.moment(reviewed), 0.3),
        "document_version_id": draw.maybe(lambda: draw.choice(documents)["document_version_id"]),
        "valid_from": iso(start), "valid_to": iso(end) if end is None or end >= start else iso(start),
        "status": draw.mostly("approved", "draft", "rejected", "revoked", "expired", share=0.9),
    }  # fmt: skip
