"""DP-2.1: did consent come first where a law asks for it.

Reference 2.DP; order of instants in 0.2; parameter `same_day_order`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from independent.draw import Draw, iso
from independent.logic import (
    Row,
    Tables,
    Truth,
    Verdicts,
    by_key,
    day,
    earlier,
    every,
    grouped,
    negate,
    of_age,
    on_or_before,
    some,
    span,
    stated,
    verdict,
)

STRICTER = {
    "listed classes": "consented_disclosures.sql: a register that lists what it denies contradicts itself",
    "parent of an adult": "disclosure_consents.sql: a parent does not consent for one who is of age",
}
PERSONAL = {"PHI", "PII", "PAN", "SSN", "SAD", "special_category", "website_contact"}
AGREEING = ("consent", "explicit_consent", "hipaa_authorization")  # an opt-out that nobody took is none


class Disclosures:
    """The disclosures of one evidence folder, with recipients and consents."""

    def __init__(self, tables: Tables, parameters: Row, stricter: Collection[str]) -> None:
        self.p = parameters
        self.stricter = stricter
        self.contracts = by_key(tables["contracts"], "contract_id")
        self.subjects = by_key(tables["subjects"], "subject_id")
        self.parties = by_key(tables["parties"], "party_id")
        self.consents_of = grouped(tables["consents"], "subject_id")

    def external(self, d: Row) -> Truth:
        """Whether the recipient is somebody else: not the person, the own house or a processor under
        agreement."""
        if d["recipient_party_id"] is None:
            return None
        party = self.parties[d["recipient_party_id"]]
        if party["kind"] in ("data_subject", "own_organisation"):
            return False
        if party["kind"] == "processor":
            return negate(every(party["has_processing_agreement"], self.agreed(party, day(d["occurred_at"]))))
        return None if party["kind"] == "unknown" else True

    def agreed(self, party: Row, when: date) -> Truth:
        """Whether the agreement of a processor was signed and in force on a day."""
        if party["agreement_contract_id"] is None:
            return None
        c = self.contracts[party["agreement_contract_id"]]
        return every(
            c["party_id"] == party["party_id"],
            on_or_before(day(c["signed_at"]), when),
            day(c["effective_from"]) <= when,
            c["effective_to"] is None or when <= day(c["effective_to"]),
        )

    def personal(self, d: Row) -> Truth:
        """What the classes list is personal where the register leaves it open."""
        listed = bool(PERSONAL & set(d["data_classes"])) or d["contains_phi"]
        if listed and d["contains_pii"] is not True:
            return (
                None
                if d["contains_pii"] is False and "listed classes" in self.stricter
                else d["contains_pii"] is None
            )
        return d["contains_pii"]

    def asked_by_law(self, d: Row) -> Truth:
        """Whether a law asks for consent; that none does must name the rule."""
        if d["consent_required_by_law"] is not False:
            return d["consent_required_by_law"]
        return False if stated(d["consent_law_citation"]) else None

    def consented(self, d: Row) -> Truth:
        if d["subject_id"] is None:
            return None
        return some(*(
            self.covers(c, d) for c in self.consents_of.get(d["subject_id"], []) if c["kind"] in AGREEING
        ))  # fmt: skip

    def covers(self, c: Row, d: Row) -> Truth:
        when = span(d["occurred_at"])
        return every(
            c["giver_kind"] != "client",
            self.speaks(c, d["subject_id"]),
            earlier(span(c["granted_at"]), when),
            c["withdrawn_at"] is None or earlier(when, span(c["withdrawn_at"])),
            c["expires_at"] is None or earlier(when, span(c["expires_at"])),
            "*" not in c["purposes"],
            None if d["purpose"] is None else d["purpose"] in c["purposes"],
            self.named(c["recipients"], d["recipient_party_id"]),
            self.named(c["channels"], None if d["channel"] == "unknown" else d["channel"]),
        )

    def speaks(self, c: Row, subject: str) -> Truth:
        if c["giver_kind"] != "parent_guardian" or "parent of an adult" not in self.stricter:
            return True
        return negate(of_age(self.subjects[subject]["birth_date"], day(c["granted_at"]), self.p["age_adult"]))

    @staticmethod
    def named(members: list[str], value: str | None) -> Truth:
        """Channels and recipients that a consent does not name it does not limit."""
        if not members:
            return True
        return None if value is None else value in members


def expected(tables: Tables, parameters: Row, stricter: Collection[str] = STRICTER) -> dict[str, Verdicts]:
    """The verdicts on every disclosure."""
    x = Disclosures(tables, parameters, stricter)
    found: Verdicts = {}
    for d in tables["disclosures"]:
        applies = every(x.personal(d), x.external(d), x.asked_by_law(d))
        found[d["disclosure_id"]] = verdict(applies, x.consented(d))
    return {"DP-2.1": found}


# --- rows -------------------------------------------------------------------------------------------

DAY = date(2025, 6, 1)
CHANNELS = ("email", "fax", "telephone", "portal", "mail", "in_person", "other", "unknown")


def generate(draw: Draw, size: int) -> Tables:
    """As many disclosures and as many consents, four to a person."""
    kinds = ("client", "data_subject", "processor", "processor", "third_party", "third_party", "affiliate",
             "regulator", "own_organisation", "unknown", "court")  # fmt: skip
    parties = [
        {
            "party_id": f"c{i}", "name": "n", "kind": draw.choice(kinds),
            "has_processing_agreement": draw.mostly(True, False, None, share=0.7),
            "agreement_contract_id": draw.maybe(f"m{draw.mostly(i, 0)}", 0.1),
        }
        for i in range(60)
    ]  # fmt: skip
    contracts = [
        {
            "contract_id": f"m{i}", "party_id": f"c{i}", "contract_type": "DPA", "services": [],
            "permitted_purposes": [], "permitted_recipient_ids": [],
            "signed_at": draw.maybe(lambda: draw.moment(draw.near(DAY))),
            "effective_from": iso(draw.near(DAY)), "effective_to": draw.one(None, None, "2025-06-02"),
        }
        for i in range(len(parties))
    ]  # fmt: skip
    people = size // 4
    return {
        "disclosures": [_disclosure(draw, i, parties, people) for i in range(size)],
        "consents": [_consent(draw, i, parties, people) for i in range(size)],
        "subjects": draw.people(people),
        "parties": parties, "contracts": contracts, "processing_activities": [], "documents": [],
    }  # fmt: skip


def _disclosure(draw: Draw, i: int, parties: list[Row], people: int) -> Row:
    return {
        "disclosure_id": f"x{i}", "occurred_at": draw.moment(DAY), "channel": draw.choice(CHANNELS),
        "subject_id": draw.maybe(f"u{draw.randrange(people)}", 0.04),
        "data_classes": draw.mostly([], ["PII"], ["business_contact"], share=0.7),
        "contains_phi": draw.mostly(False, True, None, share=0.7), "ground": "other",
        "recipient_party_id": draw.maybe(lambda: draw.choice(parties)["party_id"], 0.05),
        "contains_pii": draw.mostly(True, False, None, share=0.9),
        "purpose": draw.one("care", "billing", "study", None),
        "consent_required_by_law": draw.mostly(True, False, None, share=0.7),
        "consent_law_citation": draw.one("law", None, " "),
    }  # fmt: skip


def _consent(draw: Draw, i: int, parties: list[Row], people: int) -> Row:
    granted = draw.near(DAY)
    late = draw.near(DAY)
    return {
        "consent_id": f"k{i}",
        "giver_kind": draw.mostly("subject", "parent_guardian", "representative", "client"),
        "subject_id": draw.maybe(f"u{draw.randrange(people)}", 0.03),
        "kind": draw.mostly("consent", "explicit_consent", "hipaa_authorization", "opt_out",
                            "parental_permission",
                            "contact_authorization", "awareness_notice", share=0.5),
        "purposes": draw.mostly(["care", "billing"], ["care"], ["*"], [], share=0.5),
        "recipients": draw.mostly([], [draw.choice(parties)["party_id"]], share=0.7),
        "channels": draw.mostly([], ["email"], ["email", "fax"], ["*"], share=0.5),
        "granted_at": draw.moment(granted), "method": "form",
        "expires_at": draw.one(None, None, draw.moment(late)) if late > granted else None,
        "withdrawn_at": draw.one(None, None, draw.moment(late)) if late > granted else None,
    }  # fmt: skip
