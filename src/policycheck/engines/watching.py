"""How far a long statement of an engine is, told while it runs.

Goes in: what answers the percentage, and whoever wants to be told. Comes out: calls of a `Progress`, now and
then, from a thread of its own: the one that asks is inside the engine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from policycheck.streams import Progress

INTERVAL = 0.3
"""Seconds between two looks."""


@contextmanager
def watched(
    percentage: Callable[[], float], progress: Progress | None, what: str, total: int, unit: str
) -> Iterator[None]:
    """Tells how much of `total` (see `Progress`) is done until the block ends. Nobody is told where
    `progress` is None."""
    if progress is None:
        yield
        return
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(INTERVAL):
            done = percentage()  # -1 where nothing is known
            if done > 0:
                progress(what, int(total * done / 100), total, unit)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        progress(what, total, total, unit)
