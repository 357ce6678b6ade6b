"""Signals that arrive while an engine works, and that Python hears only when it is done.

Goes in: what stops the engine. Comes out: an engine that stops soon after SIGINT or SIGTERM. The main thread
may wait inside the engine for another of its threads for as long as a question takes, and signal handlers of
Python run in the main thread alone.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Listens from the start on, in a thread of its own, until it is closed. Without effect where it is made
    outside the main thread, which is then not the one that waits."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._listener: threading.Thread | None = None
        if threading.current_thread() is not threading.main_thread():
            return
        self._heard, self._told = os.pipe()
        os.set_blocking(self._told, False)
        self._before = signal.set_wakeup_fd(self._told, warn_on_full_buffer=False)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        while heard := os.read(self._heard, 1):
            if heard[0] in STOPPING:
                self._stop()

    def close(self) -> None:
        """Idempotent."""
        if self._listener is None:
            return
        listener, self._listener = self._listener, None
        try:
            if threading.current_thread() is threading.main_thread():
                found = signal.set_wakeup_fd(self._before)
                if found != self._told:  # somebody listens who came later
                    signal.set_wakeup_fd(found)
        finally:
            os.close(self._told)  # ends the thread
            listener.join()
            os.close(self._heard)
