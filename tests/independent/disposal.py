"""RT-1.1, RT-1.4 to RT-1.4b, OR-6.1a, OR-6a, LB-1.2a: was it decided how long, does the store keep it, how
did it go, what is it used for.

Reference 2.RT and 2.OR (three checks of a minimum), 4.3.
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
    at_least,
    by_key,
    ceil_years,
    day,
    every,
    grouped,
    in_effect,
    known,
    negate,
    some,
    stated,
    verdict,
    within_days,
)
from independent.retention import SIX_YEARS

STRICTER = {
    "every decision": "RT-1.1: each decision in effect for a class weighs everything and was reviewed",
    "lock in doubt": "dataset_lifecycles.sql: a lock counts if it is known to be there and not to be lifted",
    "cloud shred": "judged_disposals.sql: what lies in a cloud cannot be shredded",
}
PAPER = {"cross_cut_shred", "pulverize", "incinerate", "pulp"}
ELECTRONIC = {
    "clear",
    "purge",
    "cryptographic_erase",
    "overwrite",
    "destroy_shred",
    "pulverize",
    "incinerate",
}
WEIGHED = (
    "retention",
    "legal_duty",
    "business_need",
    "storage_cost",
)  # the words of the pack for what is weighed
BY_OTHER_CLAUSES = {  # their stores are judged by OR-2 to OR-5
    "notice", "notice_ack", "notice_good_faith_effort", "restriction", "drs_register",
    "access_office_designation",
    "disclosure_accounting", "accounting_provided", "accounting_office_designation",
}  # fmt: skip
FLOORS = dict.fromkeys(SIX_YEARS - BY_OTHER_CLAUSES, "record_min_years")
FLOORS["ehr_tpo_disclosure_log"] = "ehr_tpo_min_years"
LONGEST = {  # days that a number of years can have, by the day on which they start
    years: max(
        (ceil_years(s, years) - s).days for s in (date(2019, 3, 1) + timedelta(i) for i in range(1461))
    )
    for years in (3, 6)
}


class House:
    """Disposals, documents and stores of one evidence folder."""

    def __init__(self, tables: Tables, parameters: Row, stricter: Collection[str]) -> None:
        self.p = parameters
        self.stricter = stricter
        self.guidelines = [d for d in tables["documents"] if d["doc_type"] == "guideline"]
        self.guards_of = grouped(tables["safeguards"], "target_id")
        self.datasets = by_key(tables["datasets"], "dataset_id")
        self.disposals = grouped(tables["disposals"], "target_id")
        self.disposal = by_key(tables["disposals"], "disposal_id")

    def suitable(self, d: Row) -> Truth:
        """Whether a method suits a medium."""
        medium, method = known(d["medium"]), known(d["method"])
        if method in ("logical_delete", "redaction", "recycle_unshredded", "strip_cut_shred"):
            return False
        if method == "return_to_client":
            return True
        if method is None:
            return None
        if method in ("pulverize", "incinerate") and medium != "cloud_logical":
            return True
        if medium is None:
            return None
        if medium == "paper":
            return method in PAPER
        if method == "degauss":
            return medium in ("magnetic", "tape")
        if medium == "cloud_logical":
            return method in ELECTRONIC - {
                "pulverize",
                "incinerate",
                "destroy_shred" if "cloud shred" in self.stricter else "",
            }
        return method in ELECTRONIC

    def certified(self, d: Row) -> Truth:
        """By the vendor, where one did it; where no vendor is named, somebody of the own house is. The end
        of a key shows in no other evidence, so that needs its certificate too."""
        own = every(
            d["vendor_party_id"] is None, d["method"] != "cryptographic_erase", stated(d["performed_by"])
        )  # fmt: skip
        return some(own, stated(d["certificate_ref"]))

    def verified(self, d: Row) -> Truth:
        return every(stated(d["verified_by"]), None if d["verified_at"] is None else True)

    def accounted_for(self, record: Row) -> Truth:
        """RT-1.4a: a disposal of the record, its dataset, its store or the batch it names, of that day."""
        dataset = record["dataset_id"]
        places = [("record", record["record_id"]), ("dataset", dataset)]
        if dataset is not None:
            store = self.datasets[dataset]["resource_id"]
            places += [("resource", store), ("media", store)]
        found = [d for kind, name in places for d in self.disposals.get(name, []) if d["target_kind"] == kind]
        named = self.disposal.get(record["disposal_id"])
        if named is not None and named["target_kind"] in ("paper_batch", "media"):
            found.append(named)
        gone = day(record["disposed_at"])
        if gone is None:  # on no known day, and so after it was made
            return any(day(d["performed_at"]) >= day(record["created_at"]) for d in found)
        return any(day(d["performed_at"]) == gone for d in found)

    def decided(self, dataset: Row) -> Truth:
        """RT-1.1. A class that no decision names is missing from the schedule, which is open."""
        limit = self.p["doc_review_days"]
        effects, sound = [], []
        for g in self.guidelines:
            if g["scope"] in ("all", dataset["record_class"]) and "retention" in g["topics"]:
                reviewed = within_days(day(g["reviewed_at"]), limit) if limit else True
                effects.append(in_effect(g))
                sound.append(every(set(WEIGHED) <= set(g["topics"]), reviewed))
        if not effects:
            return None
        if "every decision" in self.stricter:
            return every(some(*effects), *(some(negate(e), s) for e, s in zip(effects, sound, strict=True)))
        return some(*(every(e, s) for e, s in zip(effects, sound, strict=True)))

    def lifecycle(self, dataset: Row) -> Truth:
        """OR-6a: what is set to happen leaves the whole minimum, from whatever day it starts, or a lock
        does."""
        longest = LONGEST[self.p[FLOORS[dataset["record_class"]]]]
        locks = [
            every(g["implemented"], negate(g["bypassable"]), at_least(g["retention_days"], longest))
            for g in self.guards_of.get(dataset["dataset_id"], [])
            if g["target_kind"] == "dataset" and g["kind"] == "immutability"
        ]
        if "lock in doubt" in self.stricter:
            locks = [lock is True for lock in locks]
        free = dataset["retention_enforcement"] == "none"
        return some(free, at_least(dataset["configured_retention_days"], longest), *locks)

    def version_kept(self, d: Row) -> Truth:
        """OR-6.1a: a copy of each version, until six years after its effect."""
        ended = max(day(d["created_at"]), day(d["effective_to"] or d["created_at"]))
        dated = None if d["effective_from"] is not None and d["effective_to"] is None else True
        over = every(negate(d["is_in_effect"]), dated, ceil_years(ended, self.p["record_min_years"]) <= TODAY)
        return some(
            over, every(d["copy_present"], within_days(day(d["copy_verified_at"]), self.p["copy_check_days"]))
        )


def expected(tables: Tables, parameters: Row, stricter: Collection[str] = STRICTER) -> dict[str, Verdicts]:
    """The verdicts on every disposal, dataset, document version, record and resource."""
    h = House(tables, parameters, stricter)
    found: dict[str, Verdicts] = {}

    def say(control: str, subject: str, applies: Truth, holds: Truth) -> None:
        found.setdefault(control, {})[subject] = verdict(applies, holds)

    for d in tables["disposals"]:
        say("RT-1.4", d["disposal_id"], True, every(h.suitable(d), h.verified(d), h.certified(d)))
    for r in tables["records"]:
        gone = some(r["disposed_at"] is not None, negate(r["copy_present"]))
        say("RT-1.4a", r["record_id"], gone, h.accounted_for(r))
    for s in tables["resources"]:
        of_it = {d["target_kind"] for d in h.disposals.get(s["resource_id"], [])}
        listed = bool(of_it & {"resource", "media"})
        say("RT-1.4b", s["resource_id"], s["decommissioned_at"] is not None, listed)
    for t in tables["datasets"]:
        say("RT-1.1", t["dataset_id"], True, h.decided(t))
        floor = t["record_class"] in FLOORS
        say("OR-6a", t["dataset_id"], floor, h.lifecycle(t) if floor else None)
    for d in tables["documents"]:
        say("OR-6.1a", d["document_version_id"], d["doc_type"] in ("policy", "procedure"), h.version_kept(d))
    for f in tables["data_flows"]:
        used = h.datasets[f["dataset_id"]]["activity_ids"] if f["dataset_id"] is not None else None
        registered = True if f["activity_id"] is not None else False if used == [] else None
        say("LB-1.2a", f["flow_id"], f["kind"] == "observed", registered)
    return found


# --- rows -------------------------------------------------------------------------------------------

MEDIA = ("magnetic", "flash", "optical", "tape", "cloud_logical", "paper", "unknown")
MEANS = (
    "clear", "purge", "cryptographic_erase", "overwrite", "degauss", "destroy_shred", "pulverize",
    "incinerate",
    "pulp", "cross_cut_shred", "strip_cut_shred", "logical_delete", "recycle_unshredded", "redaction",
    "return_to_client", "unknown",
)  # fmt: skip
CLASSES = (
    "policy_procedure",
    "risk_assessment",
    "phi_disclosure_log",
    "ehr_tpo_disclosure_log",
    "consent_record",
    "phi_content",
    "contract",
    "personnel",
    "notice",
    "decedent_iihi",
    "other",
)


def generate(draw: Draw, size: int) -> Tables:
    """A fifth each of disposals, records, stores, datasets, documents and flows."""
    part = size // 5
    documents = [_document(draw, i) for i in range(part)]
    resources = [_store(draw, i) for i in range(part)]
    datasets = [
        {
            "dataset_id": f"t{i}", "resource_id": draw.choice(resources)["resource_id"], "name": "n",
            "data_classes": draw.one(["PHI"], ["PII"], []), "record_class": draw.choice(CLASSES),
            "origin": "client",
            "activity_ids": draw.mostly([], ["a1"], share=0.5), "discovered_by": "both",
            "retention_enforcement": draw.one("automatic", "automatic", "manual", "none", "unknown"),
            "configured_retention_days": draw.one(None, 0, 1095, 1096, 2190, 2191, 2192, 2193),
        }
        for i in range(part)
    ]  # fmt: skip
    records = [
        {
            "record_id": f"q{i}", "record_class": draw.choice(CLASSES), "created_at": "2020-01-01",
            "dataset_id": draw.maybe(lambda: draw.choice(datasets)["dataset_id"]),
            "disposed_at": draw.maybe(lambda: draw.moment(draw.back(0, 10)), 0.5),
            "disposal_id": draw.maybe(f"x{draw.randrange(part)}", 0.3),
            "copy_present": draw.one(True, False, None),
        }
        for i in range(part)
    ]  # fmt: skip
    return {
        "disposals": [_disposal(draw, i, part) for i in range(part)], "records": records,
        "resources": resources,
        "datasets": datasets, "documents": documents,
        "safeguards": [
            {
                "safeguard_id": f"g{i}",
                "target_kind": draw.one("dataset", "dataset", "resource", "record_class"),
                "target_id": f"t{draw.randrange(part)}",
                "kind": draw.one("immutability", "deletion_protection", "backup"),
                "implemented": draw.one(True, True, False, None),
                "bypassable": draw.one(True, False, False, None),
                "retention_days": draw.one(None, 1096, 2191, 2192),
                "verified_at": draw.moment(draw.back(0, 7, 8)),
            }
            for i in range(part // 2)
        ],
        "parties": [{"party_id": "v1", "name": "n", "kind": "processor"}],
        "processing_activities": [
            {
                "activity_id": "a1", "name": "n", "purpose": "care", "data_classes": [],
                "special_categories": [],
            }
        ],
        "data_flows": [
            {
                "flow_id": f"f{i}", "kind": draw.one("observed", "observed", "declared"),
                "origin_class": "client",
                "dataset_id": draw.maybe(lambda: draw.choice(datasets)["dataset_id"], 0.2),
                "activity_id": draw.maybe("a1", 0.6), "first_seen": "2025-06-01", "last_seen": "2026-03-01",
            }
            for i in range(part)
        ],
        "contracts": [], "subjects": [], "legal_holds": [], "persons": [], "disclosures": [],
    }  # fmt: skip


def _document(draw: Draw, i: int) -> Row:
    sound = i <= 20 and draw.random() < 0.75
    start = draw.one(date(2018, 1, 1), date(2020, 2, 29), None)
    end = (
        draw.one(TODAY, TODAY, TODAY - timedelta(1), None)
        if i <= 20
        else draw.one(None, draw.near(date(2020, 3, 1)), draw.near(date(2020, 3, 2)), date(2025, 1, 1), TODAY)
    )
    topics = sorted({*WEIGHED} - set([] if sound else draw.some_of(WEIGHED, 1)))
    reviewed = draw.moment(TODAY)
    kind = draw.one("policy", "procedure", "guideline", "notice") if i > 20 else "guideline"
    return {
        "document_version_id": f"d{i}", "document_id": f"d{i}", "doc_type": kind, "version_label": "1",
        "topics": topics if kind == "guideline" else [], "publication_urls": [],
        "scope": draw.choice((*CLASSES, "nothing")) if kind != "guideline" or i <= 20 else "nothing",
        "created_at": draw.moment(draw.one(date(2017, 1, 1), draw.near(date(2020, 3, 2)))),
        "effective_from": iso(start),
        "effective_to": iso(end) if start is None or end is None or end >= start else None,
        "is_in_effect": i <= 20 or draw.one(True, False, False, None),
        "copy_present": draw.mostly(True, False, None, share=0.6),
        "copy_verified_at": draw.maybe(lambda: draw.moment(draw.back(0, 365, 366))),
        "reviewed_at": reviewed if sound else draw.maybe(lambda: draw.moment(draw.back(0, 365, 366))),
    }  # fmt: skip


def _store(draw: Draw, i: int) -> Row:
    return {
        "resource_id": f"r{i}", "kind": draw.one("server", "laptop", "paper_store"), "hosting": "on_prem",
        "decommissioned_at": draw.maybe(lambda: draw.moment(draw.back(0, 10)), 0.5),
        "disposal_id": draw.maybe("x1", 0.5),
    }  # fmt: skip


def _disposal(draw: Draw, i: int, part: int) -> Row:
    return {
        "disposal_id": f"x{i}", "performed_by": draw.mostly("p", None, " "),
        "target_kind": draw.one("record", "dataset", "resource", "media", "paper_batch"),
        "target_id": f"{draw.one('q', 't', 'r')}{draw.randrange(part)}",
        "medium": draw.choice(MEDIA), "method": draw.choice(MEANS),
        "performed_at": draw.moment(draw.back(0, 10, 29)),
        "vendor_party_id": draw.maybe("v1", 0.5), "certificate_ref": draw.mostly("c", None, " ", share=0.7),
        "verified_by": draw.mostly("p", None, " "), "verified_at": draw.maybe("2026-03-02"),
    }  # fmt: skip
