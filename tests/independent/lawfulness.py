"""LB-1.2 to LB-2.7: does every processing activity rest on a legal basis.

Reference 2.LB; order of instants in 0.2; parameters `same_day_order`, `li_override_scope`,
`special_category_rule`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from independent.draw import Draw, iso
from independent.logic import (
    AS_OF,
    TODAY,
    Row,
    Span,
    Tables,
    Truth,
    Verdicts,
    by_key,
    choose,
    day,
    earlier,
    every,
    grouped,
    in_effect,
    negate,
    not_later,
    of_age,
    one_of,
    some,
    span,
    stated,
    verdict,
)
from independent.retention import Archive

STRICTER = {
    "no start": "LB-1.2: an activity without a start is not thereby known to be planned",
    "verification copy": "LB-1.3: the document of the verification is there as a copy, not only named",
    "parent of an adult": "consent_matches.sql: a parent does not consent for one who is of age",
    "explicit and covering": "activity_bases.sql: an explicit consent covers purpose and time as well",
}
BASES = {"consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interests"}
NOW = (AS_OF, AS_OF)
CONSENTS = ("consent", "explicit_consent")


class Activities:
    """The processing activities of one evidence folder, with their data, consents and documents."""

    def __init__(self, tables: Tables, parameters: Row, stricter: Collection[str]) -> None:
        self.p = parameters
        self.stricter = stricter
        self.archive = Archive(tables, parameters)
        self.subjects = by_key(tables["subjects"], "subject_id")
        self.documents = by_key(tables["documents"], "document_version_id")
        self.activities = by_key(tables["processing_activities"], "activity_id")
        self.datasets = by_key(tables["datasets"], "dataset_id")
        self.consents_of = grouped(tables["consents"], "subject_id")
        self.flows_of = grouped(tables["data_flows"], "activity_id")
        self.records_of = grouped(tables["records"], "dataset_id")
        self.data_of: dict[str, list[Row]] = {}
        for dataset in tables["datasets"]:
            for activity in dataset["activity_ids"]:
                self.data_of.setdefault(activity, []).append(dataset)

    # --- LB-1.2, LB-1.3 ---

    def observed(self, a: Row) -> list[Span | None]:
        return [
            span(f["first_seen"]) for f in self.flows_of.get(a["activity_id"], []) if f["kind"] == "observed"
        ]

    def started(self, a: Row) -> bool:
        return a["started_at"] is not None or bool(self.observed(a)) or "no start" in self.stricter

    def identified(self, a: Row) -> Truth:
        """Before the start on record, and before every flow that was seen."""
        moments = [span(a["started_at"]), *self.observed(a)]
        return every(*(earlier(span(a["basis_identified_at"]), moment) for moment in moments))

    def verified(self, a: Row) -> Truth:
        reference = a["basis_document_version_id"]
        document: Truth = None if reference is None else True
        if reference is not None and "verification copy" in self.stricter:
            document = self.documents[reference]["copy_present"]
        return every(
            earlier(span(a["basis_verified_at"]), span(a["started_at"])),
            stated(a["basis_verified_by"]), document, a["alternatives_considered"],
        )  # fmt: skip

    # --- LB-2 ---

    def claims(self, a: Row, basis: str) -> Truth:
        return None if a["legal_bases"] is None else basis in a["legal_bases"]

    def contract(self, a: Row) -> Truth:
        return some(a["subject_is_contract_party"], bool((a["precontract_request_ref"] or "").strip()))

    def obligation(self, a: Row) -> Truth:
        return every(stated(a["legal_obligation_citation"]), a["obligation_applies_to_org"])

    def interests(self, a: Row) -> Truth:
        reference = a["lia_document_version_id"]
        document = None if reference is None else in_effect(self.documents[reference])
        outcome = None if a["lia_outcome"] == "pending" else one_of(a["lia_outcome"], {"not_overridden"})
        children = a["includes_children"]
        if self.p["li_override_scope"] == "children_only":
            outcome = choose(children, outcome, True)
        return every(document, outcome, some(negate(children), a["lia_addresses_children"]))

    def holds(self, a: Row, basis: str) -> Truth:
        rules = {
            "contract": self.contract,
            "legal_obligation": self.obligation,
            "vital_interests": lambda a: stated(a["vital_interest_rationale"]),
            "public_task": lambda a: stated(a["public_task_citation"]),
            "legitimate_interests": self.interests,
            "consent": self.consented,
        }
        return rules[basis](a)

    def other_basis(self, a: Row) -> Truth:
        return some(*(self.holds(a, b) for b in a["legal_bases"] or () if b in BASES - {"consent"}))

    # --- consent ---

    def covers(self, record: Row, a: Row, kinds: Collection[str] = CONSENTS) -> Truth:
        """Whether one consent of the person spans the time from receipt to disposal, for this purpose.
        After its end a hold or a minimum period may still keep the record."""
        start = span(record["received_at"])
        end = span(record["disposed_at"]) if record["disposed_at"] else NOW
        if record["subject_id"] is None:
            return None
        return some(*(
            every(
                a["purpose"] in c["purposes"] and "*" not in c["purposes"],
                not_later(span(c["granted_at"]), start),
                some(
                    self.must_keep(record),
                    every(
                        c["withdrawn_at"] is None or earlier(end, span(c["withdrawn_at"])),
                        c["expires_at"] is None or earlier(end, span(c["expires_at"])),
                    ),
                ),
                self.competent(c, a, record["subject_id"]),
            )
            for c in self.consents_of.get(record["subject_id"], []) if c["kind"] in kinds
        ))  # fmt: skip

    def must_keep(self, record: Row) -> Truth:
        when, moment = day(record["disposed_at"]) or TODAY, span(record["disposed_at"]) or NOW
        return some(self.archive.held(record, moment), negate(self.archive.may_go(record, when)))

    def competent(self, c: Row, a: Row, subject: str) -> Truth:
        """A guardian speaks for a child, and nobody's client for them."""
        if c["giver_kind"] == "client":
            return False
        adult = of_age(self.subjects[subject]["birth_date"], day(c["granted_at"]), self.p["age_adult"])
        if c["giver_kind"] == "parent_guardian":
            return negate(adult) if "parent of an adult" in self.stricter else True
        return some(negate(a["includes_children"]), adult)

    def consented(self, a: Row) -> Truth:
        answers = [
            self.covers(r, a)
            for d in self.data_of.get(a["activity_id"], [])
            for r in self.records_of.get(d["dataset_id"], [])
        ]
        return every(*answers) if answers else None

    def record_activities(self, record: Row) -> list[Row]:
        dataset = self.datasets.get(record["dataset_id"] or "")
        return [self.activities[a] for a in dataset["activity_ids"]] if dataset else []

    # --- LB-1.4, LB-2.7 ---

    def based(self, a: Row) -> Truth:
        bases = a["legal_bases"]
        if bases is None:
            return None
        if not bases or not set(bases) <= BASES:
            return False
        return some(*(self.holds(a, basis) for basis in bases))

    def special(self, a: Row) -> bool:
        data = {c for d in self.data_of.get(a["activity_id"], []) for c in d["data_classes"]} | set(
            a["data_classes"]
        )
        return bool(a["special_categories"]) or bool(data & {"PHI", "special_category"})

    def condition(self, a: Row) -> Truth:
        if self.p["special_category_rule"] == "text_incomplete":
            return None
        met: Truth = None if a["art9_condition"] is None else True
        if a["art9_condition"] == "explicit_consent":
            met = self.explicitly(a)
        return every(bool(a["special_categories"]), met)

    def explicitly(self, a: Row) -> Truth:
        answers = []
        for d in self.data_of.get(a["activity_id"], []):
            for r in self.records_of.get(d["dataset_id"], []):
                if "explicit and covering" in self.stricter:
                    answers.append(self.covers(r, a, {"explicit_consent"}))
                else:
                    given = self.consents_of.get(r["subject_id"], [])
                    named = r["subject_id"] is not None
                    answers.append(some(*(c["kind"] == "explicit_consent" for c in given)) if named else None)
        return every(*answers) if answers else None


def expected(tables: Tables, parameters: Row, stricter: Collection[str] = STRICTER) -> dict[str, Verdicts]:
    """The verdicts on every activity and on every record that is processed on consent."""
    x = Activities(tables, parameters, stricter)
    found: dict[str, Verdicts] = {}
    for a in tables["processing_activities"]:
        started = x.started(a)
        ruled: dict[str, tuple[Truth, Truth]] = {
            "LB-1.2": (started, x.identified(a)),
            "LB-1.3": (started, x.verified(a)),
            "LB-1.4": (True, x.based(a)),
            "LB-2.2": (x.claims(a, "contract"), x.contract(a)),
            "LB-2.3": (x.claims(a, "legal_obligation"), x.obligation(a)),
            "LB-2.4": (x.claims(a, "vital_interests"), stated(a["vital_interest_rationale"])),
            "LB-2.5": (x.claims(a, "public_task"), stated(a["public_task_citation"])),
            "LB-2.6": (x.claims(a, "legitimate_interests"), x.interests(a)),
            "LB-2.7": (x.special(a), x.condition(a)),
        }
        for control, (applies, holds) in ruled.items():
            found.setdefault(control, {})[a["activity_id"]] = verdict(applies, holds)
    for record in tables["records"]:
        served = x.record_activities(record)
        applies = some(*(x.claims(a, "consent") for a in served))
        if record["dataset_id"] is None and x.archive.years(record) is None:
            applies = None  # nobody has said what it is used for
        holds = every(*(
            choose(x.claims(a, "consent"), some(x.covers(record, a), x.other_basis(a)), True) for a in served
        ))  # fmt: skip
        found.setdefault("LB-2.1", {})[record["record_id"]] = verdict(applies, holds)
    return found


# --- rows -------------------------------------------------------------------------------------------

CONDITIONS = ("explicit_consent", "explicit_consent", "health_care", "legal_claims", "public_health", None)
START = date(2025, 6, 1)


def generate(draw: Draw, size: int) -> Tables:
    """A third each of activities, datasets, records and consents."""
    documents = [
        {
            "document_version_id": f"d{i}", "document_id": f"d{i}",
            "doc_type": draw.mostly("lia", "policy", share=0.8),
            "version_label": "1", "topics": [], "scope": "all", "created_at": "2020-01-01",
            "publication_urls": [],
            "copy_present": draw.mostly(True, False, None),
            "effective_from": draw.mostly("2024-01-01", iso(TODAY), "2026-03-03", None, share=0.6),
            "effective_to": draw.mostly(None, iso(TODAY + timedelta(2)), share=0.7),
            "is_in_effect": draw.mostly(True, None, False, share=0.8),
        }
        for i in range(40)
    ]  # fmt: skip
    draw.end_some(documents)
    activities = [_activity(draw, i, documents) for i in range(size // 3)]
    names = [a["activity_id"] for a in activities]
    datasets = [
        {
            "dataset_id": f"t{i}", "resource_id": "r1", "name": "n",
            "client_party_id": None, "contract_id": None,
            "data_classes": draw.some_of(("PII", "PHI", "special_category", "none", "PAN"), 1),
            "origin": "client",
            "record_class": "pii_content",
            "activity_ids": draw.some_of(names, 2),
            "retention_enforcement": "none", "discovered_by": "both",
        }
        for i in range(size // 3)
    ]  # fmt: skip
    people = size // 6
    return {
        "processing_activities": activities, "datasets": datasets, "documents": documents,
        "records": [_record(draw, i, datasets, people) for i in range(size // 3)],
        "consents": [_consent(draw, i, people) for i in range(size // 3)],
        "subjects": draw.people(people),
        "data_flows": [
            {
                "flow_id": f"f{i}", "kind": draw.one("observed", "declared"), "origin_class": "client",
                "dataset_id": draw.maybe(lambda: draw.choice(datasets)["dataset_id"], 0.2),
                "activity_id": draw.maybe(lambda: draw.choice(activities)["activity_id"], 0.3),
                "first_seen": draw.moment(draw.near(START)), "last_seen": "2026-03-01",
            }
            for i in range(size // 6)
        ],
        "resources": [{"resource_id": "r1", "kind": "server", "hosting": "on_prem"}],
        "legal_holds": [], "contracts": [], "parties": [], "disclosures": [], "disposals": [], "persons": [],
    }  # fmt: skip


def _activity(draw: Draw, i: int, documents: list[Row]) -> Row:
    start = draw.moment(START)
    names = [d["document_version_id"] for d in documents]
    return {
        "activity_id": f"a{i}", "name": "n", "purpose": draw.one("care", "billing", "research"),
        "data_classes": draw.mostly([], ["PHI"], ["PII"], share=0.7),
        "special_categories": draw.mostly([], ["health"], share=0.6),
        "includes_children": draw.mostly(False, True, None, share=0.6),
        "legal_bases": draw.maybe(lambda: draw.some_of((*sorted(BASES), *sorted(BASES), "other"), 2), 0.08),
        "basis_identified_at": draw.maybe(lambda: draw.mostly(draw.moment(draw.near(START)), start)),
        "basis_verified_at": draw.maybe(lambda: draw.mostly(draw.moment(draw.near(START)), start)),
        "basis_verified_by": draw.mostly("p1", None, " ", share=0.9),
        "basis_document_version_id": draw.maybe(draw.choice(names)),
        "alternatives_considered": draw.mostly(True, False, None),
        "subject_is_contract_party": draw.one(True, False, None),
        "precontract_request_ref": draw.one("q", None, " "),
        "legal_obligation_citation": draw.one("law", None, " "),
        "obligation_applies_to_org": draw.one(True, True, False, None),
        "vital_interest_rationale": draw.one("life", None, ""),
        "public_task_citation": draw.one("law", None, " "),
        "lia_document_version_id": draw.maybe(draw.choice(names)),
        "lia_outcome": draw.mostly("not_overridden", "overridden", "pending", None, share=0.6),
        "lia_addresses_children": draw.one(True, True, False, None),
        "art9_condition": draw.choice(CONDITIONS),
        "started_at": draw.maybe(start),
    }  # fmt: skip


def _record(draw: Draw, i: int, datasets: list[Row], people: int) -> Row:
    received = draw.one(date(2025, 6, 1), date(2025, 6, 2), date(2024, 2, 29))
    gone = draw.one(None, None, date(2026, 2, 1), date(2026, 2, 2))
    return {
        "record_id": f"q{i}", "record_class": draw.mostly("pii_content", "policy_procedure", share=0.95),
        "dataset_id": draw.maybe(lambda: draw.choice(datasets)["dataset_id"], 0.05),
        "subject_id": draw.maybe(f"u{draw.randrange(people)}", 0.05), "created_at": "2024-01-01",
        "received_at": draw.maybe(lambda: draw.moment(received), 0.07),
        "disposed_at": draw.moment(gone) if gone else None, "in_effect": False, "last_in_effect_at": None,
        "client_party_id": None,
    }  # fmt: skip


def _consent(draw: Draw, i: int, people: int) -> Row:
    granted = draw.one(date(2024, 1, 1), date(2025, 5, 31), date(2025, 6, 1), date(2025, 6, 2))
    ends = (date(2026, 2, 1), date(2026, 2, 2), date(2026, 3, 1), TODAY)
    return {
        "consent_id": f"c{i}",
        "giver_kind": draw.mostly("subject", "parent_guardian", "representative", "client", share=0.7),
        "subject_id": draw.maybe(f"u{draw.randrange(people)}", 0.03),
        "kind": draw.mostly("consent", "explicit_consent", "opt_out", "hipaa_authorization", share=0.6),
        "purposes": draw.mostly(["care", "billing", "research"], ["care"], ["*"], ["care", "*"], []),
        "recipients": [], "channels": [], "granted_at": draw.moment(granted), "method": "form",
        "expires_at": draw.one(None, None, None, draw.moment(draw.choice(ends)), "2026-03-03"),
        "withdrawn_at": draw.one(None, None, None, draw.moment(draw.choice(ends))),
    }  # fmt: skip
