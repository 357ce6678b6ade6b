"""One run: evidence in, verdicts and gate out.

Goes in: a compiled pack, verified evidence and a loaded engine session. Comes out: an `Assessment`,
which depends on these and on nothing else: no clock, no locale, no order of rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from policycheck.builtin_tables import ORGANISATION
from policycheck.columns import wanted_columns
from policycheck.compiled import CompiledPack
from policycheck.engines import Judgement, Row, Session
from policycheck.errors import EngineError
from policycheck.graph import closure
from policycheck.model import (
    CompiledControl,
    CompiledExpression,
    CompiledPopulation,
    Control,
    Evidence,
    Reason,
    Severity,
    Status,
    TableData,
)
from policycheck.outcomes import Advisory, Assessment, ControlResult, Finding, PopulationResult, Suspicion
from policycheck.parameters import memos_in_force
from policycheck.populations import Reconciled, not_seen, reconcile
from policycheck.register import TABLE as REGISTER
from policycheck.register import Entry, Register, entry_from, judge_register
from policycheck.results import (
    apply_guards,
    apply_suspicion,
    control_status,
    decide_gate,
    roll_up,
    source_results,
    with_causes,
)
from policycheck.showing import filled_message, json_value, placeholders, value_text
from policycheck.source import Place
from policycheck.trust import Trust, is_stale
from policycheck.verdicts import Columns, Decider, Verdict, columns_of, except_verdict, undecided_words

FINDING_LIMIT = 1000
ADVISORY_NAMES = 5
Overflow = Callable[[Control, Iterator[Finding]], None]
GAPS = (Status.FAIL, Status.UNKNOWN, Status.EXCEPTED)


def assess(
    compiled: CompiledPack,
    evidence: Evidence,
    session: Session,
    *,
    fail_on: Severity = Severity.LOW,
    only: Collection[str] | None = None,
    asked: Sequence[str] = (),
    finding_limit: int = FINDING_LIMIT,
    overflow: Overflow | None = None,
    suspicion: Suspicion | None = None,
) -> Assessment:
    """Judges every control, or those of `only` and what they rest on.

    `session` holds the evidence already. `asked` is how the selection was worded, for the report.
    `overflow` is called with the full list of findings of a control that has more than the limit.
    `suspicion` is what comparing the policy document with the clause register cast doubt on.
    """
    run = _Run(compiled, evidence, session, finding_limit)
    run.overflow = overflow
    results = run.judge_all(compiled.order if only is None else only)
    results = apply_guards(compiled, results)
    results = apply_suspicion(compiled, results, suspicion)
    gaps = compiled.pack.gaps if only is None else ()
    shown = results if only is None else {i: r for i, r in results.items() if i in only}
    return Assessment(
        pack=compiled.pack,
        profile=compiled.resolved.profile,
        organisation=evidence.organisation,
        as_of=evidence.as_of,
        manifest_digest=evidence.manifest_digest,
        gate=decide_gate(list(shown.values()), fail_on, len(gaps)),
        controls=with_causes(compiled, results, shown),
        sources=source_results(compiled, evidence, results),
        exceptions=run.register.results(results) if run.register else (),
        interpretations=memos_in_force(
            compiled.pack,
            compiled.resolved,
            {clause for result in shown.values() for clause in result.control.clauses},
        ),
        parameters=compiled.resolved.choices,
        faults=(*gaps, *evidence.faults),
        finding_limit=finding_limit,
        only=tuple(asked),
        suspicion=suspicion,
    )


def select(compiled: CompiledPack, asked: Sequence[str]) -> set[str]:
    """The controls that ids, sections and tags name, with what they are made of; may be empty."""
    controls = compiled.pack.controls.values()
    found = {
        c.id for c in controls for name in asked if name in (c.id, c.section) or name in c.tags
    }  # fmt: skip
    return closure(compiled.pack, found)


# --- one run --------------------------------------------------------------------------------------


class _Judged(Struct, frozen=True):
    """A control with the answers to its expressions, or the reason there are none."""

    decider: Decider
    judgement: Judgement | None
    error: Reason | None = None


class _Outcome(Struct):
    """What was decided about the subjects of one control."""

    counts: Counter[Status] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    population: PopulationResult | None = None
    advised: dict[str, tuple[int, list[tuple[str, str]]]] = field(default_factory=dict)  # (subject, message)


class _Run:
    def __init__(self, compiled: CompiledPack, evidence: Evidence, session: Session, limit: int) -> None:
        self.compiled = compiled
        self.evidence = evidence
        self.session = session
        self.limit = limit
        self.inventories: dict[str, tuple[list[str], Judgement]] = {}  # what was asked of each
        self.reconciled: dict[tuple[str, tuple[str, ...]], Reconciled] = {}
        self.trust = Trust(compiled, evidence)
        self.register: Register | None = None
        self.overflow: Overflow | None = None
        self.broken: dict[str, Reason] = {}
        self.populations: list[CompiledPopulation] = []
        self._asked: dict[str, dict[str, int]] = {}
        self._names: dict[str, frozenset[str]] = {}

    def judge_all(self, wanted: Collection[str]) -> dict[str, ControlResult]:
        """Results of the wanted controls and of the pack's guards, in the pack's order."""
        pack = self.compiled.pack
        guards = [g for g in pack.guards if g in self.compiled.order]
        # An exception may be about other controls too, so all rules judge it, whichever are wanted:
        # INVARIANT: a verdict is the same alone as among all others.
        rules = {rule for i in self.compiled.controls for rule in pack.controls[i].exceptions.rules}
        needed = closure(pack, {*wanted, *guards, *rules})
        judged = self._ask_engine([c for i, c in self.compiled.controls.items() if i in needed])
        inapplicable = self._inapplicable([self.compiled.controls[i] for i in judged])
        results: dict[str, ControlResult] = {}
        for control_id in sorted(needed, key=self.compiled.order.index):
            control = pack.controls[control_id]
            if control.all_of:
                results[control_id] = roll_up(control, results)
                continue
            if control.exceptions.allowed and self.register is None:
                self.register = self._judge_register({r: judged[r] for r in rules if r in judged})
            results[control_id] = self._result(judged[control_id], inapplicable.get(control_id))
        if self.register is None and REGISTER in self.compiled.pack.tables:
            self.register = self._judge_register({r: judged[r] for r in rules if r in judged})
        return {i: results[i] for i in pack.controls if i in results}

    # --- asking ---

    def _ask_engine(self, controls: Sequence[CompiledControl]) -> dict[str, _Judged]:
        """One pass over each relation for all its controls; alone, where the shared pass fails."""
        self.populations = [c.population for c in controls if c.population is not None]
        views = {view for control in controls for view in control.views}
        self.session.compute_views(wanted_columns(self.compiled, controls))
        self.broken = self._broken_contracts(views)
        groups: dict[str, list[CompiledControl]] = {}
        for control in controls:
            groups.setdefault(control.relation, []).append(control)
        judged: dict[str, _Judged] = {}
        for group in groups.values():
            try:
                judged.update(self._ask_group(group))
            except EngineError:
                for control in group:
                    try:
                        judged.update(self._ask_group([control]))
                    except EngineError as error:
                        reason = Reason("engine_error", error.faults[0].message)
                        judged[control.control.id] = _Judged(
                            Decider(control, Columns(None, (), ())), None, reason
                        )
        return judged

    def _ask_group(self, group: Sequence[CompiledControl]) -> dict[str, _Judged]:
        asked: dict[str, int] = {}  # what several controls ask is asked once

        def place(expression: CompiledExpression) -> int:
            return asked.setdefault(expression.sql, len(asked))

        columns = {control.control.id: columns_of(control, place) for control in group}
        observed = sorted({name for control in group for name in control.observed})
        first = group[0]
        kept = sorted({name for c in group if c.population is not None for name in c.population.checked})
        judgement = self.session.judge(first.relation, first.base, first.key, list(asked), observed, kept)
        positions = {name: i for i, name in enumerate(observed)}
        self._asked.update({control.control.id: positions for control in group})
        judged = {}
        for control in group:
            decider = Decider(control, columns[control.control.id], self.trust.doubt(control))
            broken = next((self.broken[view] for view in control.views if view in self.broken), None)
            judged[control.control.id] = _Judged(decider, None if broken else judgement, broken)
        return judged

    def _broken_contracts(self, views: Collection[str]) -> dict[str, Reason]:
        """Views that say `not null` of a column that is: the gate was misled about them."""
        failed = self.session.broken_views()
        broken = {n: Reason("engine_error", f"view `{n}`: {failed[n]}") for n in views if n in failed}
        for name in sorted(views):
            compiled = self.compiled.views[name]
            faulty = {f.row for f in self.evidence.row_faults if f.table == compiled.view.base}
            columns = compiled.promised
            try:
                misled = bool(columns) and self.session.rows_with_null(name, columns, faulty) > 0
            except EngineError as error:
                broken[name] = Reason("engine_error", f"view `{name}`: {error.faults[0].message}")
                continue
            if misled:
                words = f"view `{name}` has rows without a value in one of: {', '.join(columns)}"
                broken[name] = Reason("view_contract", words)
        return broken

    def _inapplicable(self, controls: Sequence[CompiledControl]) -> dict[str, bool | None]:
        asked = [c for c in controls if c.na_when is not None]
        if not asked:
            return {}
        expressions = [c.na_when.sql for c in asked if c.na_when is not None]
        judgement = self.session.judge(
            ORGANISATION.name, ORGANISATION.name, ORGANISATION.key, expressions, ()
        )
        answers: dict[str, bool | None] = {}
        for i, control in enumerate(asked):
            patterns = judgement.patterns([i])
            answer = patterns[0][0][0] if len(patterns) == 1 else None
            answers[control.control.id] = None if self.trust.doubts_fact(control) else answer
        return answers

    # --- deciding ---

    def _result(self, judged: _Judged, inapplicable: bool | None) -> ControlResult:
        compiled = judged.decider.control
        if judged.judgement is None:
            reason = judged.error or Reason("engine_error", "the engine gave no answer")
            return self._control_result(compiled, Status.UNKNOWN, reason, _Outcome(), (reason,))
        outcome = self._decide(judged.decider, judged.judgement)
        doubts = judged.decider.doubt.population
        if compiled.population is not None:
            try:
                self._reconcile(compiled, compiled.population, outcome)
            except EngineError as error:
                doubts = (*doubts, Reason("engine_error", error.faults[0].message))
        status, reason = control_status(compiled.control, outcome.counts, doubts, inapplicable)
        return self._control_result(compiled, status, reason, outcome, doubts)

    def _decide(self, decider: Decider, judgement: Judgement) -> _Outcome:
        """Counts by pattern; subjects with a fault or an exception of their own are decided one by one."""
        outcome = _Outcome()
        control = decider.control
        columns = decider.columns.all
        verdicts = {
            (answers, source): (decider.decide(answers, source), count)
            for answers, source, count in judgement.patterns(columns)
        }
        covered = self.register.covered_by(control.control.id) if self.register else {}
        covers = control.control.exceptions.covers if covered else ""
        special = judgement.named(columns, set(decider.doubt.rows), covers, set(covered))
        numbers = {row.row for row in special}
        for verdict, count in verdicts.values():
            outcome.counts[verdict.status] += count
        for row in special:
            outcome.counts[verdicts[row.answers, row.source][0].status] -= 1
            self._decide_row(decider, row, covers, covered, outcome)
        own = list(outcome.findings)
        for status in (Status.FAIL, Status.UNKNOWN):
            # Fails come first in a report: unknowns are shown as far as these leave room.
            room = self.limit - sum(f.status is Status.FAIL for f in outcome.findings)
            wanted = [key for key, (verdict, _) in verdicts.items() if verdict.status is status]
            for row in judgement.rows(columns, wanted, room + len(numbers)) if room > 0 else ():
                if row.row not in numbers:
                    self._add_finding(decider, row, verdicts[row.answers, row.source][0], None, outcome)
        self._advise(decider, judgement, verdicts, numbers, outcome)
        if self.overflow is not None and sum(outcome.counts[s] for s in GAPS) > self.limit:
            self.overflow(control.control, self._all_findings(decider, judgement, verdicts, numbers, own))
        outcome.counts = Counter({s: n for s, n in outcome.counts.items() if n})
        return outcome

    def _reconcile(
        self, compiled: CompiledControl, population: CompiledPopulation, outcome: _Outcome
    ) -> None:
        """Adds what the inventory asks for and the evidence does not know, each as an open subject."""
        seen = self._seen_in(population)
        outcome.population = PopulationResult(population.relation, seen.expected, seen.found)
        outcome.counts[Status.UNKNOWN] += seen.expected - seen.found
        reason = not_seen(population, compiled.relation)
        for row in seen.absent:
            place = self._place(population.base, row.row)
            outcome.findings.append(
                Finding(self._subject(row), Status.UNKNOWN, reason, (), (), reason.words, {}, place)
            )

    def _seen_in(self, population: CompiledPopulation) -> Reconciled:
        """What an inventory and the subjects know of each other. It is read once for all controls."""
        own = tuple(question.sql for question in population.questions)
        asked = (population.relation, own)
        if asked not in self.reconciled:
            texts, judgement = self._inventory(population, own)
            self.reconciled[asked] = reconcile(judgement, tuple(map(texts.index, own)), self.limit)
        return self.reconciled[asked]

    def _inventory(self, population: CompiledPopulation, own: Sequence[str]) -> tuple[list[str], Judgement]:
        relation, base, key = population.relation, population.base, population.key
        if relation not in self.inventories:
            others = [p.questions for p in self.populations if p.relation == relation]
            texts = list(dict.fromkeys([*own, *(question.sql for each in others for question in each)]))
            try:
                self.inventories[relation] = texts, self.session.judge(relation, base, key, texts, ())
            except EngineError:  # of another control, perhaps
                return list(own), self.session.judge(relation, base, key, own, ())
        return self.inventories[relation]

    def _all_findings(
        self,
        decider: Decider,
        judgement: Judgement,
        verdicts: Mapping[tuple[tuple[bool | None, ...], int], tuple[Verdict, int]],
        numbers: set[int],
        own: Sequence[Finding],
    ) -> Iterator[Finding]:
        yield from own
        for status in (Status.FAIL, Status.UNKNOWN):
            wanted = [key for key, (verdict, _) in verdicts.items() if verdict.status is status]
            for row in judgement.stream(decider.columns.all, wanted):
                if row.row not in numbers:
                    yield self._finding(decider, row, verdicts[row.answers, row.source][0], None)

    def _decide_row(
        self, decider: Decider, row: Row, covers: str, covered: Mapping[str, str], outcome: _Outcome
    ) -> None:
        verdict = decider.decide(row.answers, row.source, row.row)
        exception = None
        if covers and verdict.status is Status.FAIL:
            value = row.observed[self._asked[decider.control.control.id][covers]]
            exception = covered.get(value)
            if exception is not None and self.register is not None:
                verdict = except_verdict(verdict, exception)
                self.register.use(exception, decider.control.control.id, self._subject(row), value)
        outcome.counts[verdict.status] += 1
        if verdict.status in GAPS:
            self._add_finding(decider, row, verdict, exception, outcome)
        for name in verdict.advised:
            _note_advice(outcome, name, 1, [self._advice(decider.control, name, row)])

    def _advise(
        self,
        decider: Decider,
        judgement: Judgement,
        verdicts: Mapping[tuple[tuple[bool | None, ...], int], tuple[Verdict, int]],
        numbers: set[int],
        outcome: _Outcome,
    ) -> None:
        for advice in decider.control.advice:
            wanted = {key: count for key, (v, count) in verdicts.items() if advice.name in v.advised}
            if not wanted:
                continue
            rows = judgement.rows(decider.columns.all, wanted, ADVISORY_NAMES + len(numbers))
            special = judgement.named(decider.columns.all, numbers, "", set()) if numbers else []
            count = sum(wanted.values()) - sum((row.answers, row.source) in wanted for row in special)
            said = [self._advice(decider.control, advice.name, r) for r in rows if r.row not in numbers]
            _note_advice(outcome, advice.name, count, said)

    def _advice(self, control: CompiledControl, name: str, row: Row) -> tuple[str, str]:
        say = next(advice.say for advice in control.control.advise if advice.name == name)
        return self._subject(row), filled_message(say, self._values(control, row))

    def _values(self, control: CompiledControl, row: Row) -> dict[str, str]:
        """What the messages of a control name, of this subject and as text."""
        positions = self._asked[control.control.id]
        values: dict[str, str] = {}
        for name in self._named(control.control):
            if name in positions:
                values[name] = show(row.observed[positions[name]])
            elif name in control.parameters:
                values[name] = show(control.parameters[name])
        return {**values, "subject": self._subject(row)}

    def _named(self, control: Control) -> frozenset[str]:
        if control.id not in self._names:
            messages = (*control.otherwise.values(), *(advice.say for advice in control.advise))
            self._names[control.id] = frozenset(name for text in messages for name in placeholders(text))
        return self._names[control.id]

    def _add_finding(
        self, decider: Decider, row: Row, verdict: Verdict, exception: str | None, outcome: _Outcome
    ) -> None:
        outcome.findings.append(self._finding(decider, row, verdict, exception))

    def _finding(self, decider: Decider, row: Row, verdict: Verdict, exception: str | None) -> Finding:
        control = decider.control
        positions = self._asked[control.control.id]
        observed = {name: row.observed[positions[name]] for name in control.observed}
        subject = self._subject(row)
        if verdict.failed:
            shown = self._values(control, row)
            words = control.control.otherwise
            message = "; ".join(filled_message(words[name], shown) for name in verdict.failed)
            reason = verdict.reason
        else:
            message = undecided_words(control, verdict, observed)
            reason = Reason(verdict.reason.code, message)
        return Finding(
            subject,
            verdict.status,
            reason,
            verdict.failed,
            verdict.undecided,
            message,
            observed,
            self._place(control.base, row.row),
            exception,
        )

    # --- rows ---

    def _subject(self, row: Row) -> str:
        return show(row.key[0]) if len(row.key) == 1 else "/".join(map(show, row.key))

    def _place(self, base: str, row: int) -> Place | None:
        data = self.evidence.tables.get(base)
        return data.place(row) if data is not None else None

    # --- the register ---

    def _judge_register(self, rules: Mapping[str, _Judged]) -> Register:
        verdicts = {rule: self._verdicts_by_key(judged) for rule, judged in rules.items()}
        data = self.evidence.tables.get(REGISTER)
        entries = list(self._entries(data)) if data is not None else []
        return judge_register(entries, self.compiled.pack.controls, verdicts, self.evidence.as_of.date())

    def _verdicts_by_key(self, judged: _Judged) -> dict[str, tuple[Status, str]]:
        if judged.judgement is None:
            return {}
        decider, columns = judged.decider, judged.decider.columns.all
        patterns = judged.judgement.patterns(columns)
        found = {}
        for row in judged.judgement.rows(columns, [(a, s) for a, s, _ in patterns], None):
            outcome = _Outcome()
            verdict = decider.decide(row.answers, row.source, row.row)
            self._add_finding(decider, row, verdict, None, outcome)
            found[self._subject(row)] = (verdict.status, outcome.findings[0].message)
        return found

    def _entries(self, data: TableData) -> Iterator[Entry]:
        faults = {f.row: Reason(f.code, f.words) for f in self.evidence.row_faults if f.table == REGISTER}
        schema = self.compiled.pack.tables[REGISTER]
        for i in range(data.row_total):
            row = {name: values[i] for name, values in data.columns.items()}
            source = self.evidence.sources[data.origins[i][0]]
            stale = is_stale(source, self.evidence.as_of, schema.max_age_days)
            doubt = faults.get(i) or (
                Reason("evidence_stale", "the register is out of date") if stale else None
            )
            yield entry_from(row, data.place(i), doubt)

    # --- results ---

    def _control_result(
        self,
        compiled: CompiledControl,
        status: Status,
        reason: Reason,
        outcome: _Outcome,
        doubts: tuple[Reason, ...],
    ) -> ControlResult:
        control = compiled.control
        rank = {s: i for i, s in enumerate(GAPS)}
        findings = sorted(outcome.findings, key=lambda f: rank[f.status])
        reads = set(compiled.subject_reads.tables)
        for expression in (compiled.applies, *compiled.expectations, *compiled.advice):
            reads |= expression.reads.tables if expression else frozenset()
        for question in compiled.population.questions if compiled.population else ():
            reads |= question.reads.tables
        return ControlResult(
            control=control,
            status=status,
            reason=reason,
            counts={s: outcome.counts.get(s, 0) for s in Status},
            advisories=tuple(
                Advisory(name, said[0][1], count, tuple(subject for subject, _ in said))
                for name, (count, said) in sorted(outcome.advised.items())
                if said
            ),
            parameters=compiled.parameters,
            query=compiled.query,
            findings=tuple(findings[: self.limit]),
            findings_total=sum(outcome.counts.get(s, 0) for s in GAPS),
            gaps_in_evidence=doubts,
            tables=tuple(sorted(reads)),
            population=outcome.population,
        )  # fmt: skip


def show(value: Any) -> str:
    if type(value) is str:
        return value
    return "unknown" if value is None else value_text(json_value(value))


def _note_advice(outcome: _Outcome, name: str, count: int, said: Sequence[tuple[str, str]]) -> None:
    before, known = outcome.advised.get(name, (0, []))
    outcome.advised[name] = (before + count, sorted([*known, *said])[:ADVISORY_NAMES])
