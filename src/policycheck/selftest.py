"""A pack's examples, run through the real thing.

Goes in: a pack with its examples. Comes out: what each example expected and got, and what the examples of
a control fail to prove. Whether they would notice a wrong line is asked in `falsification`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

from policycheck.bench import Bench, Case
from policycheck.compiled import CompiledPack
from policycheck.errors import Fault, FaultList, nearest
from policycheck.model import Control, Example, Pack, Reason, Status
from policycheck.source import Place
from policycheck.workers import in_batches

PROVED = (Status.PASS, Status.FAIL, Status.UNKNOWN)
Progress = Callable[[int, int], None]  # (how many are done, how many there are)


class ExampleResult(Struct, frozen=True):
    """What an example expected and what came out; `status` is None where it could not run."""

    control: str
    example: Example
    status: Status | None
    reason: Reason
    failed: tuple[str, ...] = ()
    advisories: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def agrees(self) -> bool:
        wanted = self.example
        return (
            not self.faults
            and self.status is wanted.expect
            and (wanted.failed is None or set(wanted.failed) == set(self.failed))
            and (wanted.advisories is None or set(wanted.advisories) == set(self.advisories))
        )


def choose(pack: Pack, asked: Sequence[str]) -> list[str]:
    """The controls that ids, sections and tags name, or all of them. Raises InputError (PC601)."""
    faults = FaultList()
    tags = {tag for control in pack.controls.values() for tag in control.tags}
    sections = {control.section for control in pack.controls.values()}
    for name in asked:
        if name not in pack.controls and name not in sections and name not in tags:
            hint = nearest(name, {*pack.controls, *sections, *tags})
            faults.add("PC601", f"`{name}` is no control, section or tag", Place(pack.root), hint)
    faults.raise_if_any()
    wanted = set(asked)
    return [c.id for c in pack.controls.values() if not wanted or wanted & {c.id, c.section, *c.tags}]


# --- what the examples have to show ---------------------------------------------------------------


def example_faults(pack: Pack, only: Collection[str] | None = None) -> tuple[Fault, ...]:
    """Where the examples of a control do not prove enough (PC312). Nothing is run."""
    faults = FaultList()
    for control in pack.controls.values():
        if only is None or control.id in only:
            _check_statuses(control, faults)
            _check_names(control, faults)
            if Status.FAIL not in control.cannot:
                _check_expectations(control, faults)
    return faults.faults


def _check_statuses(control: Control, faults: FaultList) -> None:
    shown = {example.expect for example in control.examples}
    for status in PROVED:
        if status in control.cannot and status in shown:
            words = f"control `{control.id}` says it cannot be {status.value}, and an example expects it"
            faults.add("PC312", words, control.place, f"drop `{status.value}` from `cannot`")
        elif status not in control.cannot and status not in shown:
            words = f"no example of control `{control.id}` expects {status.value}"
            hint = "add one, or say `cannot` and `cannot_because` where no evidence can lead there"
            faults.add("PC312", words, control.place, hint)


def _check_names(control: Control, faults: FaultList) -> None:
    seen: set[str] = set()
    for example in control.examples:
        if example.name in seen:
            words = f"two examples of control `{control.id}` have the name `{example.name}`"
            faults.add("PC312", words, example.place, "give each a name of its own")
        seen.add(example.name)
        for name in example.failed or ():
            if name not in control.expect:
                words = f"`failed` names `{name}`, which is no expectation of `{control.id}`"
                faults.add("PC312", words, example.place, nearest(name, control.expect))


def _check_expectations(control: Control, faults: FaultList) -> None:
    alone = {example.failed for example in control.examples if example.expect is Status.FAIL}
    for name, text in control.expect.items():
        if (name,) not in alone:
            words = f"no example of control `{control.id}` fails `{name}` and nothing else"
            hint = f"add one with `expect: fail` and `failed: [{name}]`; else the line could go unnoticed"
            faults.add("PC312", words, text.place, hint)


# --- running --------------------------------------------------------------------------------------


def run_examples(
    pack: Pack, only: Collection[str] | None = None, *, processes: int = 1, progress: Progress | None = None
) -> list[ExampleResult]:
    """The result of every example of the pack, or of the controls of `only`, in the pack's order.

    Raises: InputError when the pack itself does not compile under its default profile.
    """
    wanted = [c.id for c in pack.controls.values() if only is None or c.id in only]
    found: dict[str, list[ExampleResult]] = {}
    for done in in_batches(pack, wanted, _run_all, processes):
        found.update(done)
        if progress is not None:
            progress(len(found), len(wanted))
    return [result for control_id in wanted for result in found[control_id]]


def _run_all(bench: Bench, controls: Sequence[Control]) -> dict[str, list[ExampleResult]]:
    """The results of the examples of these controls, by control and in their order."""
    bench.compiled([control.id for control in controls])
    cases = [(control, example) for control in controls for example in control.examples]
    results: dict[int, ExampleResult] = {}
    for loaded in bench.cases(cases):
        results.update({id(case.example): run_case(case) for case in loaded})
    return {c.id: [results[id(example)] for example in c.examples] for c in controls}


def run_case(case: Case, compiled: CompiledPack | None = None) -> ExampleResult:
    """What an example gives under its control, or under what stands in its place in `compiled`."""
    control, example = case.control, case.example
    if case.faults:
        reason = Reason("not_run", "the example could not run")
        return ExampleResult(control.id, example, None, reason, faults=case.faults)
    result = case.judge(compiled)
    failing = (Status.FAIL, Status.EXCEPTED)
    failed = {name for finding in result.findings if finding.status in failing for name in finding.failed}
    words = result.reason.words
    details = [f.message for f in result.findings if f.status is result.status]
    return ExampleResult(
        control=control.id,
        example=example,
        status=result.status,
        reason=Reason(result.reason.code, f"{words}: {details[0]}" if details else words),
        failed=tuple(name for name in control.expect if name in failed),
        advisories=tuple(sorted(advisory.name for advisory in result.advisories)),
    )
