"""Whether a pack's examples would notice that a control is wrong.

Goes in: a pack whose examples agree. Comes out: every mutant of its controls' expressions (a line
deleted, or a change of `mutation`) that the gate lets through, and the example that disagrees with it.
A mutant that no example notices is a survivor, unless its control says why it cannot be told apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from policycheck.bench import Bench, Case, variant
from policycheck.builtin_tables import ORGANISATION
from policycheck.compiled import CompiledPack
from policycheck.errors import EngineError, Fault, FaultList
from policycheck.expression import check_expression
from policycheck.model import CompiledControl, CompiledExpression, Control, Equivalent, ExpressionText, Pack
from policycheck.mutation import CHANGED, Change, changes, stable_id
from policycheck.selftest import Progress, run_case
from policycheck.source import Place
from policycheck.workers import in_batches


class Mutant(Struct, frozen=True):
    """One part of a control changed. `change` is None where the whole line is deleted."""

    control: str
    part: str  # `applies_when`, `na_when`, `expect.<name>`, `advise.<name>`
    name: str  # of the compiled expression
    id: str
    place: Place
    before: str
    after: str
    change: Change | None


class MutantResult(Struct, frozen=True):
    """`noticed_by` is the name of an example that disagrees, empty for none; `mark` says why it need not."""

    mutant: Mutant
    noticed_by: str
    mark: Equivalent | None = None

    @property
    def survived(self) -> bool:
        return not self.noticed_by and self.mark is None


class ControlMutants(Struct, frozen=True):
    """All mutants of one control, and marks that do not fit (PC313)."""

    control: str
    results: tuple[MutantResult, ...] = ()
    faults: tuple[Fault, ...] = ()


# --- which mutants there are ----------------------------------------------------------------------


def parts_of(control: Control) -> dict[str, tuple[str, ExpressionText]]:
    """The expressions of a control by part, each with the name it has once it is compiled."""
    found: dict[str, tuple[str, ExpressionText]] = {}
    if control.applies_when is not None:
        found["applies_when"] = ("applies_when", control.applies_when)
    if control.na_when is not None:
        found["na_when"] = ("na_when", control.na_when)
    found |= {f"expect.{name}": (name, text) for name, text in control.expect.items()}
    found |= {f"advise.{advice.name}": (advice.name, advice.when) for advice in control.advise}
    return found


def mutants_of(control: Control, compiled: CompiledPack, bench: Bench) -> list[Mutant]:
    """Every mutant that the gate lets through, under the setting of `compiled`."""
    found = []
    for part, (name, text) in parts_of(control).items():
        # What expects nothing would pass by absence, so the loader refuses it (PC308).
        if not (part.startswith("expect.") and len(control.expect) == 1):
            found.append(Mutant(control.id, part, name, f"{part}/deleted", text.place, text.text, "", None))
        for change in changes(text, compiled.pack.parameters, bench.stack.parse):
            mutant = Mutant(
                control.id, part, name, stable_id(part, text.text, change),
                change.place, change.before, change.after, change,
            )  # fmt: skip
            if _expression(mutant, compiled, bench) is not None:
                found.append(mutant)
    return found


def _expression(mutant: Mutant, compiled: CompiledPack, bench: Bench) -> CompiledExpression | None:
    """The changed expression as compiled under one setting; None where the gate refuses it."""
    change = mutant.change
    if change is None:
        return None
    relation = compiled.controls[mutant.control].relation
    scope = compiled.scope
    if change.parameter:
        value = change.value_under(scope.parameters)
        scope = replace(scope, parameters={**scope.parameters, CHANGED: value})
    subject = scope.relations[ORGANISATION.name if mutant.part == "na_when" else relation]
    text = ExpressionText(change.text, mutant.place)
    return check_expression(mutant.name, text, subject, scope, bench.stack.parse, FaultList())


# --- the control with one part changed ------------------------------------------------------------


class Changed(Struct, frozen=True):
    """A mutant under one setting: the pack with it, and the expressions whose answers can differ."""

    mutant: Mutant
    compiled: CompiledPack
    old: str
    new: str | None  # None where a line is gone
    same_reads: bool


def changed_by(mutant: Mutant, compiled: CompiledPack, bench: Bench) -> Changed | None:
    """A mutant under the setting of `compiled`; None where the gate refuses it there."""
    control = compiled.controls[mutant.control]
    expression = _expression(mutant, compiled, bench)
    if expression is None and mutant.change is not None:
        return None
    old = _part(control, mutant)
    changed = variant(compiled, mutant.control, **_fields(control, mutant, expression))
    same = expression is not None and expression.reads == old.reads
    return Changed(mutant, changed, old.sql, expression.sql if expression else None, same)


def all_changed(mutants: Iterable[Mutant], compiled: CompiledPack, bench: Bench) -> list[Changed]:
    """These mutants under one setting, without those that the gate refuses there."""
    return [each for each in (changed_by(m, compiled, bench) for m in mutants) if each is not None]


def _part(control: CompiledControl, mutant: Mutant) -> CompiledExpression:
    own = (control.na_when, *control.asked)
    return next(e for e in own if e is not None and e.name == mutant.name)


def _fields(control: CompiledControl, mutant: Mutant, new: CompiledExpression | None) -> Mapping[str, Any]:
    """What of the compiled control is different. Deleting a part deletes it from the control as well."""
    kind = mutant.part.partition(".")[0]
    if kind == "applies_when":
        return {"applies": new}
    if kind == "na_when":
        kept = control.control if new else replace(control.control, na_when=None)
        return {"na_when": new, "control": kept}
    which = "expectations" if kind == "expect" else "advice"
    old: Sequence[CompiledExpression] = getattr(control, which)
    parts = [new if e.name == mutant.name else e for e in old]
    advise = tuple(a for a in control.control.advise if new or a.name != mutant.name)
    kept = replace(control.control, advise=advise) if kind == "advise" else control.control
    return {which: tuple(e for e in parts if e is not None), "control": kept}


# --- asking the examples --------------------------------------------------------------------------


def falsify(bench: Bench, controls: Sequence[Control]) -> list[ControlMutants]:
    """Every mutant of these controls, each with the first example that disagrees with it."""
    able = [control for control in controls if not control.all_of and control.examples]
    compiled = bench.compiled([control.id for control in able])
    found = {control.id: mutants_of(control, compiled, bench) for control in able}
    hunt = _Hunt(bench, {control_id: {m.id: m for m in mutants} for control_id, mutants in found.items()})
    hunt.ask(bench.single_cases([(control, example) for control in able for example in control.examples]))
    # What the direct engine has no answer for is asked again, of the embedded one.
    again = [(c, example) for c in able if c.id in hunt.unsure and hunt.live[c.id] for example in c.examples]
    hunt.ask(case for cases in bench.cases(again) for case in cases)
    return [_results(control, found.get(control.id, []), hunt.noticed) for control in controls]


def _results(
    control: Control, found: Sequence[Mutant], noticed: Mapping[tuple[str, str], str]
) -> ControlMutants:
    marks = {mark.mutant: mark for mark in control.equivalent}
    by = [(mutant, noticed.get((control.id, mutant.id), "")) for mutant in found]
    results = tuple(MutantResult(m, example, None if example else marks.get(m.id)) for m, example in by)
    return ControlMutants(control.id, results, _mark_faults(control, results))


class _Hunt(Struct):
    """The mutants that nothing has noticed yet, by control and id, and who noticed the others."""

    bench: Bench
    live: dict[str, dict[str, Mutant]]
    noticed: dict[tuple[str, str], str] = field(default_factory=dict)  # (control, mutant) to an example
    unsure: set[str] = field(default_factory=set)  # controls of which something was not answered

    def ask(self, cases: Iterable[Case]) -> None:
        """Lets every case notice what is still live of its control. Cases of one control and setting follow
        each other."""
        tried: list[Changed] = []
        compiled: CompiledPack | None = None  # the pack that `tried` changes
        for case in cases:
            live = self.live.get(case.control.id)
            if case.unanswered:
                self.unsure.add(case.control.id)
            elif live and case.compiled is not None:
                if case.compiled is not compiled:  # another control, or another setting
                    compiled = case.compiled
                    tried = all_changed(live.values(), compiled, self.bench)
                self._ask(case, [changed for changed in tried if changed.mutant.id in live])

    def _ask(self, case: Case, tried: Sequence[Changed]) -> None:
        known = Answers(case, tried)
        found = [c for c in tried if known.may_differ(c) and not run_case(case, c.compiled).agrees]
        if not found:
            return
        # INVARIANT: an engine that has no answer, or is itself at odds with the example, notices nothing.
        if case.unanswered or not run_case(case).agrees:
            self.unsure.add(case.control.id)
            return
        for changed in found:
            self.noticed[case.control.id, changed.mutant.id] = case.example.name
            del self.live[case.control.id][changed.mutant.id]


class Answers(Struct):
    """What the subjects of one example answer to every expression and every change of it, asked at once.

    Where all answers are the same and nothing about the evidence is in doubt, the verdict is the same.
    """

    case: Case
    tried: Sequence[Changed]
    # By whether the fact that makes the clause inapplicable is asked: its row may be the subject's too.
    _patterns: dict[bool, list[list[Any]] | None] = field(default_factory=dict)
    _columns: dict[bool, dict[str, int]] = field(default_factory=dict)
    _doubtful: bool = False

    def __post_init__(self) -> None:
        self._doubtful = (
            self.case.evidence is None
            or bool(self.case.evidence.row_faults)
            or any(not isinstance(rows, list) for rows in self.case.example.given.values())
        )
        for of_fact in (False, True):
            self._ask(of_fact)

    def _ask(self, of_fact: bool) -> None:
        compiled, session = self.case.compiled, self.case.session
        own = [c for c in self.tried if (c.mutant.part == "na_when") is of_fact]
        asked = list(dict.fromkeys(sql for c in own for sql in (c.old, c.new) if sql is not None))
        if compiled is None or session is None or not asked:
            return
        control = compiled.controls[self.case.control.id]
        relation = ORGANISATION.name if of_fact else control.relation
        base, key = (relation, ORGANISATION.key) if of_fact else (control.base, control.key)
        self._columns[of_fact] = {sql: i for i, sql in enumerate(asked)}
        try:
            judgement = session.judge(relation, base, key, asked, () if of_fact else control.observed)
            patterns = judgement.patterns(range(len(asked)))
            self._patterns[of_fact] = [list(answers) for answers, _, _ in patterns]
        except EngineError:
            self._patterns[of_fact] = None  # one of them cannot be answered: each is judged in full

    def may_differ(self, changed: Changed) -> bool:
        if changed.new is None or (self._doubtful and not changed.same_reads):
            return True
        of_fact = changed.mutant.part == "na_when"
        patterns = self._patterns.get(of_fact)
        if patterns is None:
            return True
        old, new = (self._columns[of_fact][sql] for sql in (changed.old, changed.new))
        return any(answers[old] is not answers[new] for answers in patterns)


def _mark_faults(control: Control, results: Sequence[MutantResult]) -> tuple[Fault, ...]:
    """Marks that say nothing: of a mutant that is noticed, or that does not exist."""
    faults = FaultList()
    by_id = {result.mutant.id: result for result in results}
    for mark in control.equivalent:
        result = by_id.get(mark.mutant)
        if result is None:
            words = f"`{mark.mutant}` is no mutant of control `{control.id}`"
            faults.add("PC313", words, mark.place, "the expression has changed: look again, and mark anew")
        elif result.noticed_by:
            words = (
                f"`{mark.mutant}` is marked as equivalent, and the example `{result.noticed_by}` notices it"
            )
            faults.add("PC313", words, mark.place, "drop the mark")
    return faults.faults


# --- many controls --------------------------------------------------------------------------------


def falsify_all(
    pack: Pack, only: Collection[str] | None = None, *, processes: int = 1, progress: Progress | None = None
) -> list[ControlMutants]:
    """The mutants of every control, or of those of `only`, in the pack's order. The same with any number
    of processes."""
    wanted = [c.id for c in pack.controls.values() if (only is None or c.id in only) and not c.all_of]
    found: dict[str, ControlMutants] = {}
    for done in in_batches(pack, wanted, falsify, processes):
        found.update({each.control: each for each in done})
        if progress is not None:
            progress(len(found), len(wanted))
    return [found[control_id] for control_id in wanted]
