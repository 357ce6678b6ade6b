"""RT-1.2, RT-1.2a, RT-1.3 and OR-6.1 to OR-6.4: what has to be kept, and what has to go.

Reference 4.2 (order: hold, minimum, contract, default), 4.3 (classes of records), 2.OR and 2.RT.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, timedelta
from functools import cache

from independent.draw import Draw, iso
from independent.logic import (
    AS_OF,
    TODAY,
    Row,
    Span,
    Tables,
    Truth,
    Verdicts,
    at_least,
    by_key,
    ceil_years,
    day,
    days,
    every,
    grouped,
    negate,
    not_later,
    some,
    span,
    stated,
    verdict,
    within_days,
)

STRICTER: dict[str, str] = {}

PROOF = {"consent_record", "training_record", "disposal_certificate", "exception_memo"}
SIX_YEARS = PROOF | {
    "notice", "notice_ack", "notice_good_faith_effort", "restriction", "drs_register",
    "access_office_designation",
    "disclosure_accounting", "accounting_provided", "accounting_office_designation", "policy_procedure",
    "risk_assessment", "critical_record_other", "phi_disclosure_log",
}  # fmt: skip
NINETY_DAYS = {
    "phi_content", "pii_content", "client_customer", "website_contact", "website_usage", "log_covered",
    "decedent_iihi",
}  # fmt: skip
LOGS = {"phi_disclosure_log", "ehr_tpo_disclosure_log"}
CRITICAL = {"risk_assessment", "critical_record_other"}
SCHEDULED = {"contract", "personnel", "financial", "other"}  # kept as long as their dataset says
FROM_CREATION = LOGS | {
    "notice_ack",
    "notice_good_faith_effort",
    "disclosure_accounting",
    "accounting_provided",
}
OF_CLIENTS = (NINETY_DAYS - {"website_contact", "website_usage"}) | {"contract", "financial", "other"}
OF_PEOPLE = NINETY_DAYS | {"personnel", "other"}
NOW = (AS_OF, AS_OF)
Terms = tuple[int | None, int | None]  # longest and shortest stay that a contract agrees, in days
NO_TERMS: Terms = (None, None)


class Archive:
    """The records of one evidence folder, with contracts, holds and disclosures."""

    def __init__(self, tables: Tables, parameters: Row) -> None:
        self.p = parameters
        self.contracts = by_key(tables["contracts"], "contract_id")
        self.datasets = by_key(tables["datasets"], "dataset_id")
        self.subjects = by_key(tables["subjects"], "subject_id")
        self.logs = grouped(tables["records"], "disclosure_id")
        self.holds = tables["legal_holds"]
        self.agreements = [self.family(c) for c in tables["contracts"] if c["contract_type"] == "MSA"]
        self.family_of = {family[0]["contract_id"]: family for family in self.agreements}

    def dataset(self, record: Row) -> Row:
        return self.datasets.get(record["dataset_id"] or "", {})

    # --- minimum periods ---

    def critical(self, record: Row) -> Truth:
        """OR-6.2: by its class, or because the register of datasets says so."""
        if record["record_class"] in CRITICAL:
            return True
        if record["record_class"] in SIX_YEARS | LOGS:
            return False
        dataset = self.dataset(record)
        return dataset["record_class"] in CRITICAL if dataset else None

    def years(self, record: Row) -> int | None:
        if record["record_class"] == "ehr_tpo_disclosure_log":
            return self.p["ehr_tpo_min_years"]
        needed = record["record_class"] in SIX_YEARS or self.critical(record)
        return self.p["record_min_years"] if needed else None

    def floor(self, record: Row) -> tuple[date, Truth] | None:
        """The earliest day on which a minimum can end, and whether it does: no while the record is in effect,
        open while nobody has said when its effect ended."""
        years = self.years(record)
        if years is None:
            return None
        created, last = day(record["created_at"]), day(record["last_in_effect_at"])
        if record["record_class"] in FROM_CREATION:
            return ceil_years(created, years), True
        ends = None if last is None and record["in_effect"] is False else negate(record["in_effect"])
        return ceil_years(max(created, last or created), years), ends

    def may_go(self, record: Row, when: date) -> Truth:
        """Whether the minimum of a record is over on a day."""
        floor = self.floor(record)
        return True if floor is None else every(when >= floor[0], floor[1])

    def kept(self, record: Row) -> Truth:
        """Gone not before its time, or still there and looked for."""
        disposed = day(record["disposed_at"])
        if disposed is not None:
            return self.may_go(record, disposed)
        return some(self.may_go(record, TODAY), self.copy_there(record))

    def copy_there(self, row: Row) -> Truth:
        return every(
            row["copy_present"], within_days(day(row["copy_verified_at"]), self.p["copy_check_days"])
        )

    # --- holds ---

    def reached(self, record: Row, hold: Row) -> Truth:
        """Whether a hold is on a record; open where the record does not say whose it is."""
        kind, value, name = hold["scope_kind"], hold["scope_value"], record["record_class"]
        client = record["client_party_id"] or self.dataset(record).get("client_party_id")
        own, concerned = {
            "record": (record["record_id"], False),
            "record_class": (name, False),
            "client": (client, name in OF_CLIENTS),
            "subject": (record["subject_id"], name in OF_PEOPLE),
            "dataset": (record["dataset_id"], name in NINETY_DAYS | SCHEDULED),
        }[kind]
        return own == value if own is not None else (None if concerned else False)

    def held(self, record: Row, moment: Span) -> Truth:
        answers = []
        for hold in self.holds:
            reached = self.reached(record, hold)
            if reached is not False:
                over = False if hold["released_at"] is None else not_later(span(hold["released_at"]), moment)
                answers.append(every(reached, not_later(span(hold["issued_at"]), moment), negate(over)))
        return some(*answers)

    def in_grace(self, record: Row) -> Truth:
        """Whether a hold ended so lately that the disposal is not due yet."""
        return some(*(
            every(reached, within_days(day(hold["released_at"]), self.p["post_hold_days"]))
            for hold in self.holds
            if hold["released_at"] is not None and (reached := self.reached(record, hold)) is not False
        ))  # fmt: skip

    # --- contracts ---

    def root(self, contract: Row) -> Row | None:
        """The agreement that a contract is or amends, over at most two steps; None where it is not known."""
        for _ in range(3):
            if contract["contract_type"] != "amendment":
                return contract
            if contract["amends_contract_id"] is None:
                return None
            contract = self.contracts[contract["amends_contract_id"]]
        return None

    def chain(self, contract: Row) -> list[Row]:
        found = [contract]
        while (
            len(found) < 3 and found[-1]["contract_type"] == "amendment" and found[-1]["amends_contract_id"]
        ):
            found.append(self.contracts[found[-1]["amends_contract_id"]])
        return found

    def ended(self, contract: Row) -> bool:
        """An amendment ends with what it amends."""
        return any(
            day(c["effective_to"]) < TODAY for c in self.chain(contract) if c["effective_to"] is not None
        )

    def survives(self, contract: Row) -> Truth:
        above = self.chain(contract)[:2]
        return next((c["retention_survives_termination"] for c in above
                     if c["retention_survives_termination"] is not None), None)  # fmt: skip

    def in_agreement(self, contract: Row) -> Truth:
        root = self.root(contract)
        return None if root is None else root["contract_type"] == "MSA"

    def is_override(self, contract: Row) -> Truth:
        """RT-1.3. What is not signed is not agreed."""
        begun = day(contract["effective_from"]) <= TODAY
        return every(
            self.in_agreement(contract),
            contract["signed_at"] is not None,
            stated(contract["retention_clause_ref"]),
            self.states_days(contract),
            every(begun, self.survives(contract) if self.ended(contract) else True),
        )

    def states_days(self, contract: Row) -> bool:
        return contract["retention_max_days"] is not None or contract["retention_min_days"] is not None

    def serves_as_override(self, contract: Row) -> Truth:
        """RT-1.3 asks nothing of a contract that says nothing on retention, or whose word has ended with
        it."""
        speaks = self.states_days(contract) or contract["retention_clause_ref"] is not None
        return every(speaks, some(not self.ended(contract), self.survives(contract)))

    def family(self, agreement: Row) -> list[Row]:
        """An agreement and all that amends it or may amend it."""
        return [agreement, *(
            c for c in self.contracts.values() if c["contract_type"] == "amendment"
            and (self.root(c) or (c["party_id"] == agreement["party_id"] and agreement)) is agreement
        )]  # fmt: skip

    def family_clauses(self, family: list[Row], *, with_unsigned: bool) -> set[str]:
        """The newest clause that counts, by its contract; "" is none. Several, where it is open which count;
        of two from the same day, one that may count is as new as one that does."""
        found: set[str] = set()
        winner = None
        for c in sorted(family, key=lambda c: (c["effective_from"], c["contract_id"]), reverse=True):
            if winner is not None and c["effective_from"] < winner["effective_from"]:
                break
            counts = self.is_override({**c, "signed_at": "signed"} if with_unsigned else c)
            sure = counts is True and c["signed_at"] is not None
            if counts is False or (sure and winner is not None):
                continue
            found.add(c["contract_id"])
            winner = c if sure else winner
        return found if winner is not None else found | {""}

    def clauses(self, record: Row, *, with_unsigned: bool) -> set[str]:
        """The clauses that may hold for a record; one where that is known."""
        named = record["contract_id"] or self.dataset(record).get("contract_id")
        client = record["client_party_id"] or self.dataset(record).get("client_party_id")
        return self.clauses_of(named, client, record["record_class"] in OF_CLIENTS, with_unsigned)

    @cache  # noqa: B019 - an archive lives as long as the run
    def clauses_of(
        self, named: str | None, client: str | None, of_clients: bool, with_unsigned: bool
    ) -> set[str]:
        if named is not None:
            contract = self.contracts[named]
            root = self.root(contract)
            if root is not None and root["contract_type"] == "MSA":
                return self.family_clauses(self.family_of[root["contract_id"]], with_unsigned=with_unsigned)
            client = client or contract["party_id"]
        if client is None and not of_clients:
            return {""}
        found: set[str] = set()
        for family in self.agreements:
            if client is None or family[0]["party_id"] == client:
                found |= self.family_clauses(family, with_unsigned=with_unsigned)
        return found | {""} if client is None else found or {""}

    def terms(self, clause: str) -> Terms:
        contract = self.contracts.get(clause)
        return (contract["retention_max_days"], contract["retention_min_days"]) if contract else NO_TERMS

    def under_terms(self, record: Row, rule: Callable[[Terms], Truth]) -> str:
        """The answer where all terms that may hold agree, else that it is open.

        The pack is stricter in three ways, and nowhere else: what is open may fail, since terms that may not
        hold lengthen no stay; a clause without a signature is not agreed, but where it would shorten a stay
        or forbid a disposal the answer may be open; and it may be open where only the terms are.
        """
        agreed, thinkable = (self.clauses(record, with_unsigned=u) for u in (False, True))
        found = {verdict(True, rule(self.terms(clause))) for clause in agreed}
        if len(found) > 1:
            return "unknown|fail"
        answer = found.pop()
        return answer if len(agreed | thinkable) == 1 or answer == "unknown" else f"{answer}|unknown"

    # --- the resolver ---

    def clock(self, record: Row) -> date | None:
        """The day from which the age of a record counts."""
        if record["record_class"] in SCHEDULED:
            return day(record["last_in_effect_at"] or record["received_at"] or record["created_at"])
        return day(record[self.p["retention_clock"]])

    def over_retained(self, record: Row, terms: Terms) -> Truth:
        """Whether a record is past its last day, by its age alone."""
        longest, shortest = terms
        kind, clock = record["record_class"], self.clock(record)
        if longest is None and kind in NINETY_DAYS:
            longest = self.p["default_retention_days"]
        elif longest is None and kind in SCHEDULED:
            longest = self.dataset(record).get("configured_retention_days")  # without one it is open
        elif longest is None:
            return False
        in_use = record["in_effect"] if kind in SCHEDULED else False
        age = None if clock is None else (TODAY - clock).days
        return every(
            None if age is None or longest is None else age > longest,
            shortest is None or (None if age is None else age > shortest),
            negate(in_use),
        )

    def must_stay(self, record: Row) -> Truth:
        """Whether a minimum may still keep it: up to and on the first day on which it may go."""
        floor = self.floor(record)
        minimum = False if floor is None else some(floor[0] >= TODAY, negate(floor[1]))
        return some(minimum, self.dead_keep(record))

    def deceased(self, record: Row) -> tuple[Truth, tuple[date, date] | None]:
        subject = self.subjects.get(record["subject_id"] or "", {})
        status = subject.get("vital_status")
        death = days(subject.get("date_of_death"))
        dead = (
            True
            if record["record_class"] == "decedent_iihi"
            else None
            if status in (None, "unknown")
            else status == "deceased"
        )
        return dead, death

    def concerns_dead(self, record: Row) -> bool:
        return self.p["decedent_rule"] == "retain_50y" and record["record_class"] in NINETY_DAYS

    def dead_keep(self, record: Row) -> Truth:
        """OR-1.1 by its words: kept for more than fifty years after death, for ever where the day is unknown.
        A person not known to be dead triggers nothing."""
        dead, death = self.deceased(record)
        if not self.concerns_dead(record) or dead is not True:
            return False
        if death is None:
            return True
        ends = [ceil_years(each, self.p["decedent_years"]) + timedelta(days=1) for each in death]
        return True if ends[0] >= TODAY else False if ends[1] < TODAY else None

    def dead_free(self, record: Row, when: date) -> Truth:
        """Whether the fifty years were over on a day."""
        if not self.concerns_dead(record):
            return True
        dead, death = self.deceased(record)
        if dead is not True:
            return negate(dead)
        if death is None:
            return None
        first, last = (ceil_years(each, self.p["decedent_years"]) for each in death)
        return True if when > last else False if when <= first else None

    def live(self, record: Row) -> str:
        """RT-1.2: whether a record that is still there may be. That a copy is there where one must be is
        asked by OR-2 to OR-6, not here."""
        stays = some(self.held(record, NOW), self.must_stay(record), self.in_grace(record))
        return self.under_terms(record, lambda terms: some(stays, negate(self.over_retained(record, terms))))

    def destroyed(self, record: Row) -> str:
        """RT-1.2a: neither under a hold nor before a minimum."""
        moment, when, clock = span(record["disposed_at"]), day(record["disposed_at"]), self.clock(record)
        free = every(
            negate(self.held(record, moment)), self.may_go(record, when), self.dead_free(record, when)
        )
        age = None if clock is None else (when - clock).days
        return self.under_terms(record, lambda terms: every(free, not terms[1] or at_least(age, terms[1])))

    # --- disclosure logs ---

    def logged(self, disclosure: Row, years: int) -> str:
        """Whether a log of the disclosure was kept; open where none was ever seen."""
        over = ceil_years(day(disclosure["occurred_at"]), years)
        logs = [r for r in self.logs.get(disclosure["disclosure_id"], []) if r["record_class"] in LOGS]
        answers = [
            some(over <= TODAY, self.copy_there(r))
            if r["disposed_at"] is None
            else day(r["disposed_at"]) >= over
            for r in logs
        ]
        answer = verdict(True, some(*answers) if answers else None)
        # The pack asks first for a copy and then whether that was looked for: an open first step leaves
        # both open.
        copies = some(*(r["copy_present"] for r in logs if r["disposed_at"] is None))
        return "fail|unknown" if answer == "fail" and copies is None else answer


def expected(tables: Tables, parameters: Row, stricter: Collection[str] = STRICTER) -> dict[str, Verdicts]:
    """The verdicts on every record, contract and disclosure."""
    a = Archive(tables, parameters)
    found: dict[str, Verdicts] = {}

    def say(control: str, subject: str, applies: Truth, holds: Truth) -> None:
        found.setdefault(control, {})[subject] = verdict(applies, holds)

    for record in tables["records"]:
        name, kind, gone = record["record_id"], record["record_class"], record["disposed_at"] is not None
        found.setdefault("RT-1.2", {})[name] = "na" if gone else a.live(record)
        found.setdefault("RT-1.2a", {})[name] = a.destroyed(record) if gone else "na"
        say("OR-6.1", name, kind == "policy_procedure", a.kept(record))
        say("OR-6.2", name, a.critical(record), a.kept(record))
        say("OR-6.3a", name, kind in LOGS, a.kept(record))
    for contract in tables["contracts"]:
        say("RT-1.3", contract["contract_id"], a.serves_as_override(contract), a.is_override(contract))
    for disclosure in tables["disclosures"]:
        name, special = disclosure["disclosure_id"], every(disclosure["via_ehr"], disclosure["is_tpo"])
        six, three = parameters["record_min_years"], parameters["ehr_tpo_min_years"]
        phi = every(disclosure["contains_phi"], special is not True)
        found.setdefault("OR-6.3", {})[name] = a.logged(disclosure, six) if phi else verdict(phi, None)
        found.setdefault("OR-6.4", {})[name] = (
            "na" if special is False else a.logged(disclosure, three if special else six)
        )
    return found


# --- rows -------------------------------------------------------------------------------------------

CLASSES = (
    *sorted(NINETY_DAYS), "policy_procedure", "policy_procedure", "risk_assessment", "critical_record_other",
    "phi_disclosure_log", "ehr_tpo_disclosure_log",
    "notice", "notice_ack", "restriction", "contract", "personnel", "financial", "other",
    "phi_disclosure_log",
    "ehr_tpo_disclosure_log", *sorted(PROOF),
)  # fmt: skip


def generate(draw: Draw, size: int) -> Tables:
    """As many records; disclosures and contracts in proportion."""
    parties = [{"party_id": f"c{i}", "name": "n", "kind": "client"} for i in range(60)]
    contracts = [_contract(draw, i) for i in range(min(size // 10, 400))]
    for contract in contracts:
        if contract["contract_type"] == "amendment":
            contract["amends_contract_id"] = draw.maybe(lambda: draw.choice(contracts)["contract_id"], 0.04)
    datasets = [
        {
            "dataset_id": f"t{i}", "resource_id": "r1", "name": "n", "data_classes": ["PII"],
            "origin": "client",
            "record_class": draw.mostly("phi_content", "risk_assessment", "critical_record_other"),
            "activity_ids": [], "retention_enforcement": "none",
            "discovered_by": "both",
            "contract_id": draw.maybe(lambda: draw.choice(contracts)["contract_id"], 0.5),
            "client_party_id": draw.maybe(lambda: f"c{draw.randint(0, 49)}", 0.3),
            "configured_retention_days": draw.one(None, 0, 90, 365, 400, 2192),
        }
        for i in range(40)
    ]  # fmt: skip
    subjects = [
        {
            "subject_id": f"u{i}", "vital_status": draw.one("living", "deceased", "deceased", "unknown"),
            "date_of_death": draw.one(None, "1975", "1976", "1976-02", "1976-03", "1976-03-01", "1976-03-02"),
            "jurisdictions": [],
        }
        for i in range(40)
    ]  # fmt: skip
    for subject in subjects:
        if subject["vital_status"] == "living":
            subject["date_of_death"] = None
    disclosures = [_disclosure(draw, i) for i in range(size // 4)]
    return {
        "records": [_record(draw, i, contracts, datasets, subjects, disclosures) for i in range(size)],
        "contracts": contracts, "datasets": datasets, "subjects": subjects, "disclosures": disclosures,
        "legal_holds": [_hold(draw, i, size) for i in range(min(size // 25, 60))], "parties": parties,
        "resources": [{"resource_id": "r1", "kind": "server", "hosting": "on_prem"}],
        "disposals": [], "persons": [], "documents": [], "safeguards": [], "processing_activities": [],
    }  # fmt: skip


def _contract(draw: Draw, i: int) -> Row:
    start = draw.one(date(2020, 1, 1), date(2025, 1, 1), TODAY, TODAY + timedelta(1))
    end = draw.one(None, None, TODAY, TODAY - timedelta(1), date(2027, 1, 1))
    low, high = draw.one((None, None), (None, 30), (None, 365), (30, 365), (400, None), (120, 120), (None, 0))
    return {
        "contract_id": f"k{i}", "party_id": f"c{draw.randint(0, 49)}",
        "contract_type": draw.mostly("MSA", "amendment", "amendment", "SOW", "BAA", "other", share=0.5),
        "amends_contract_id": None, "signed_at": draw.maybe("2020-01-01", 0.07), "effective_from": iso(start),
        "effective_to": iso(end) if end is None or end >= start else None, "services": [],
        "permitted_purposes": [],
        "permitted_recipient_ids": [], "retention_min_days": low, "retention_max_days": high,
        "retention_clause_ref": draw.mostly("9.2", None, " ", share=0.8),
        "retention_survives_termination": draw.one(True, False, None),
    }  # fmt: skip


def _disclosure(draw: Draw, i: int) -> Row:
    return {
        "disclosure_id": f"x{i}", "occurred_at": draw.moment(_old(draw)), "channel": "email",
        "data_classes": [],
        "ground": "tpo", "contains_phi": draw.mostly(True, False, None, share=0.7),
        "via_ehr": draw.one(True, True, False, None), "is_tpo": draw.one(True, True, False, None),
    }  # fmt: skip


def _old(draw: Draw) -> date:
    """A day about three or six years ago, or on a leap day."""
    return draw.one(
        draw.near(date(2020, 3, 2)), draw.near(date(2023, 3, 2)), draw.leap(),
        draw.back(1, 90, 365, 400, 3000),
        draw.near(date(2020, 3, 1)),
    )  # fmt: skip


def _hold(draw: Draw, i: int, size: int) -> Row:
    kind = draw.one("record", "record", "record", "client", "subject", "dataset")
    value = {"record": f"q{draw.randrange(size)}", "client": f"c{draw.randint(0, 49)}",
             "subject": f"u{draw.randrange(40)}", "dataset": f"t{draw.randrange(40)}"}[kind]  # fmt: skip
    if kind != "record" and draw.random() < 0.7:
        value = "nothing"
    issued = draw.one(date(2019, 6, 1), draw.back(0, 30, 100, 365))
    released = draw.one(None, draw.back(0, 29, 30, 31, 90))
    return {
        "hold_id": f"h{i}", "matter": "m", "authority": "court", "scope_kind": kind, "scope_value": value,
        "issued_at": issued.isoformat() if draw.random() < 0.5 else draw.moment(issued),
        "released_at": None if released is None or released <= issued else draw.moment(released),
    }  # fmt: skip


def _record(
    draw: Draw, i: int, contracts: list[Row], datasets: list[Row], subjects: list[Row], disclosures: list[Row]
) -> Row:
    kind = draw.choice(CLASSES)
    data = kind in NINETY_DAYS
    received = draw.back(0, 30, 89, 90, 90, 91, 119, 120, 121, 365, 366, 400) if data else _old(draw)
    created = received - timedelta(days=draw.one(0, 0, 10))
    last = draw.one(None, created, created + timedelta(days=400), draw.near(date(2020, 3, 2)))
    if last is not None:
        last = min(last, TODAY)
    gone = None
    if draw.random() < 0.5:
        floor = ceil_years(max(created, last or created), draw.one(3, 6))
        gone = draw.one(draw.near(floor), draw.back(0, 1, 30), received + timedelta(days=90))
        gone = None if gone > TODAY or gone <= max(received, created) else gone
    return {
        "record_id": f"q{i}", "record_class": kind,
        "dataset_id": draw.maybe(lambda: draw.choice(datasets)["dataset_id"], 0.05),
        "subject_id": draw.maybe(lambda: draw.choice(subjects)["subject_id"], 0.05),
        "client_party_id": draw.maybe(lambda: f"c{draw.randint(0, 59)}", 0.1),
        "contract_id": draw.maybe(lambda: draw.choice(contracts)["contract_id"], 0.5),
        "created_at": created.isoformat(), "received_at": draw.maybe(received.isoformat),
        "processing_completed_at": None, "last_used_at": None,
        "last_in_effect_at": draw.moment(last) if last else None,
        "in_effect": draw.mostly(False, True, None, share=0.6),
        "copy_present": draw.mostly(True, False, None, share=0.7),
        "copy_verified_at": draw.maybe(lambda: draw.moment(draw.back(0, 365, 365, 366))),
        "disposed_at": draw.moment(gone) if gone else None, "disposal_id": None,
        "disclosure_id": draw.maybe(lambda: draw.choice(disclosures)["disclosure_id"], 0.1)
        if kind in LOGS or draw.random() < 0.05 else None,
    }  # fmt: skip
