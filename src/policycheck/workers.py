"""Controls shared out to processes, a few at a time.

Goes in: a pack, ids of controls, a task over a bench. Comes out: what the task gives for each batch, as
batches are done. A task is a function of a module, so that it can be sent to a process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

from policycheck.bench import Bench, open_stack
from policycheck.model import Control, Pack

T = TypeVar("T")
Task = Callable[[Bench, Sequence[Control]], T]

BATCH = 30
"""So many controls are judged together: they share the work on views and settings."""


def in_batches(pack: Pack, wanted: Sequence[str], task: Task[T], processes: int = 1) -> Iterator[T]:
    """The results of the task over batches of like size, in no particular order."""
    longest = sorted(wanted, key=lambda control_id: -len(pack.controls[control_id].examples))
    count = -(-len(wanted) // BATCH)
    batches = [longest[i::count] for i in range(count)]
    if processes <= 1 or count <= 1:
        bench = Bench(pack, open_stack())
        for batch in batches:
            yield task(bench, [pack.controls[control_id] for control_id in batch])
        return
    # A process of its own for each core: an engine's connection does not survive a fork.
    pool = ProcessPoolExecutor(min(processes, count), get_context("spawn"), _start, (pack,))
    try:
        for future in as_completed([pool.submit(_run, task, batch) for batch in batches]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)  # who interrupts this waits for the batches under way, not for all


_benches: list[Bench] = []  # the one of this process


def _start(pack: Pack) -> None:
    _benches[:] = [Bench(pack, open_stack())]


def _run(task: Task[T], batch: Sequence[str]) -> T:
    bench = _benches[0]
    return task(bench, [bench.pack.controls[control_id] for control_id in batch])


def available_processes() -> int:
    return max(1, len(os.sched_getaffinity(0)))
