"""The order of controls: roll-ups after their members, rules before the exceptions they judge.

Goes in: a pack. Comes out: a topological order, or one fault a cycle. `first_causes` walks the
prerequisites to the failing controls that are to be mended first.
"""

from __future__ import annotations

from collections.abc import Collection
from graphlib import CycleError, TopologicalSorter

from policycheck.errors import FaultList
from policycheck.model import Control, Pack


def control_order(pack: Pack, faults: FaultList) -> tuple[str, ...]:
    """Every control after all it depends on; ties in the pack's own order. Cycles are faults (PC311)."""
    sorter: TopologicalSorter[str] = TopologicalSorter(
        {control.id: _depends_on(control) for control in pack.controls.values()}
    )
    try:
        sorter.prepare()
    except CycleError:
        _report_cycles(pack, faults)
        return ()
    rank = {control_id: i for i, control_id in enumerate(pack.controls)}
    found: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=rank.__getitem__)
        found.extend(ready)
        sorter.done(*ready)
    return tuple(found)


def closure(pack: Pack, wanted: Collection[str]) -> set[str]:
    """The wanted controls and every control their verdicts depend on (prerequisites do not count)."""
    found: set[str] = set()
    waiting = list(wanted)
    while waiting:
        control = pack.controls[waiting.pop()]
        if control.id not in found:
            found.add(control.id)
            waiting.extend(control.all_of + control.exceptions.rules)
    return found


def first_causes(pack: Pack, control_id: str, failing: Collection[str]) -> tuple[str, ...]:
    """The failing prerequisites of a control that have no failing prerequisite themselves."""
    causes: set[str] = set()
    seen: set[str] = set()

    def walk(current: str) -> None:
        for required in pack.controls[current].requires:
            if required in seen:
                continue
            seen.add(required)
            walk(required)
            if required in failing and not any(r in failing for r in pack.controls[required].requires):
                causes.add(required)

    walk(control_id)
    return tuple(sorted(causes, key=list(pack.controls).index))


def _depends_on(control: Control) -> tuple[str, ...]:
    return control.all_of + control.requires + control.exceptions.rules


def _report_cycles(pack: Pack, faults: FaultList) -> None:
    # networkx names every cycle; it is loaded only here, since its import costs more than a run.
    import networkx

    graph = networkx.DiGraph()
    for control in pack.controls.values():
        graph.add_edges_from((control.id, other) for other in _depends_on(control))
    for cycle in sorted(sorted_cycle(c) for c in networkx.simple_cycles(graph)):
        path = " > ".join([*cycle, cycle[0]])
        faults.add(
            "PC311",
            f"controls depend on each other in a circle: {path}",
            pack.controls[cycle[0]].place,
            "drop one of these `requires`, `all_of` or `rules`",
        )


def sorted_cycle(cycle: list[str]) -> list[str]:
    """The cycle written from its first member, so that the message does not depend on the search."""
    start = cycle.index(min(cycle))
    return cycle[start:] + cycle[:start]
