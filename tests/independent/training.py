"""SE-4.6: is every employee trained on security and privacy, lately and since the policy was last revised.

Reference 2.SE; parameters `training_max_age_days`, `new_hire_grace_days`, `revision_grace_days`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from independent.draw import Draw, iso
from independent.logic import (
    AS_OF,
    TODAY,
    Row,
    Tables,
    Truth,
    Verdicts,
    day,
    every,
    grouped,
    not_later,
    on_or_before,
    one_of,
    some,
    span,
    verdict,
    within_days,
)

STRICTER: dict[str, str] = {}
POLICY = "privacy-policy"
TOPICS = ("security", "privacy")


def revised_on(documents: list[Row]) -> date | None:
    """The day from which the current revision of the policy counts."""
    days = [day(d["effective_from"]) for d in documents if d["document_id"] == POLICY and d["is_in_effect"]]
    return max((d for d in days if d is not None and d <= TODAY), default=None)


def counts(training: Row, revised: date | None, p: Row) -> Truth:
    """Whether a training is done, recent enough, and later than the revision once the time for that is
    over."""
    done = day(training["completed_at"])
    recent = (
        within_days(done, p["training_max_age_days"])
        if p["training_max_age_days"]
        else done is not None or None
    )
    overdue = None if revised is None else revised + timedelta(days=p["revision_grace_days"]) < TODAY
    since = some(None if overdue is None else not overdue, on_or_before(revised, done))
    expires = span(training["expires_at"])
    return every(
        one_of(training["status"], {"completed"}),
        recent,
        since,
        expires is None or not_later((AS_OF, AS_OF), expires),
    )


def expected(tables: Tables, parameters: Row, stricter: Collection[str] = STRICTER) -> dict[str, Verdicts]:
    """The verdicts on every person."""
    revised = revised_on(tables["documents"])
    trainings = grouped(tables["training_records"], "person_id")
    found: Verdicts = {}
    for person in tables["persons"]:
        employed = person["employment_type"] == "employee" and person["status"] in ("active", "leave")
        own = trainings.get(person["person_id"], [])
        trained = every(*(
            some(*(counts(t, revised, parameters) for t in own if topic in t["topics"])) for topic in TOPICS
        ))  # fmt: skip
        if not own:
            # One edge of the reference: ids that do not join are unknown. A worked case of it would fail a
            # person whom a complete list of trainings does not name; that may be an id that does not join.
            trained = None
        start = day(person["start_date"])
        new = start + timedelta(days=parameters["new_hire_grace_days"]) >= TODAY if start <= TODAY else None
        found[person["person_id"]] = verdict(employed, some(new, trained))
    return {"SE-4.6": found}


# --- rows -------------------------------------------------------------------------------------------


def generate(draw: Draw, size: int) -> Tables:
    """As many persons, with one or two trainings each."""
    revised = draw.one(TODAY - timedelta(days=90), TODAY - timedelta(days=91), date(2025, 9, 30))
    documents = [
        {
            "document_version_id": name, "document_id": POLICY, "doc_type": "policy", "version_label": name,
            "topics": [], "scope": "all", "created_at": "2022-01-01", "publication_urls": [],
            "effective_from": iso(start), "effective_to": None, "is_in_effect": current,
        }
        for name, start, current in (("B", date(2024, 9, 24), False), ("C", revised, True))
    ]  # fmt: skip
    persons = [
        {
            "person_id": f"p{i}", "groups": [],
            "employment_type": draw.mostly("employee", "contractor", "temp", "board", "external_officer"),
            "status": draw.mostly("active", "leave", "prehire", "terminated", share=0.7),
            "start_date": iso(draw.mostly(date(2020, 2, 29), draw.near(TODAY - timedelta(days=30)),
                                          draw.near(TODAY), share=0.7)),
        }
        for i in range(size)
    ]  # fmt: skip
    trainings = [_training(draw, i, size, revised) for i in range(size * 3 // 2)]
    return {"persons": persons, "documents": documents, "training_records": trainings}


ENDS = ("2026-03-01", "2026-03-02", "2026-03-02T12:00:00Z", "2026-03-02T11:59:59Z")


def _training(draw: Draw, i: int, people: int, revised: date) -> Row:
    done = draw.one(draw.back(0, 364, 365, 365, 366, 400), draw.past(revised), TODAY)
    state = draw.mostly("completed", "not_started", "in_progress", "failed", "overdue", "unknown")
    return {
        "person_id": f"p{draw.randrange(people)}", "course_id": f"c{i}", "assigned_at": "2024-02-29",
        "topics": draw.mostly(["privacy", "security"], ["security"], ["privacy"], [], share=0.5),
        "content_version": "1", "completed_at": draw.maybe(lambda: draw.moment(done)),
        "due_at": "2026-01-01",
        "expires_at": draw.one(None, None, *ENDS), "status": state,
    }  # fmt: skip
