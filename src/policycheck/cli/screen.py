"""What a person reads beside the report: standard error, faults, and standard output's one report.

Goes in: words and faults, which may quote evidence. Comes out: text that cannot steer a terminal.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

from policycheck.errors import Fault
from policycheck.showing import counted, visible
from policycheck.source import Place

_ERASE = "\x1b[K"  # the rest of the line

INTERNAL = 2
"""The exit code of every run that reaches no verdict."""


def say(words: str) -> None:
    """Words for a person, on standard error; a closed standard error does not end the run."""
    Meter.erase()
    _put("".join(f"{visible(line)}\n" for line in words.split("\n")))


def _put(text: str) -> None:
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()


class Meter:
    """One line of a terminal that says how far the reading of large files is."""

    is_shown = False  # of whichever meter: there is one terminal

    def __init__(self) -> None:
        self._what = ""
        self._done = 0
        self._since = self._shown = 0.0

    def __call__(self, what: str, done: int, total: int, unit: str = "MB") -> None:
        """See `streams.Progress`. What is done within a second is not worth a word."""
        now = time.monotonic()
        if what != self._what or done < self._done:  # another statement about the same may begin anew
            self._what, self._since, self._shown = what, now, now + 0.5
        self._done = done
        if done >= total:
            self.erase()
            self._what = ""
        elif now - self._shown >= 0.2 and done:
            self._shown, Meter.is_shown = now, True
            rate, places = done / (now - self._since), 0 if unit == "MB" else 1
            left = f"{rate / 1e6:.{places}f} {unit}/s, {(total - done) / rate:.0f} s left"
            words = f"{visible(what)}: {100 * done // total} % of {total / 1e6:.{places}f} {unit}, {left}"
            _put(f"\r{words}{_ERASE}")

    @classmethod
    def erase(cls) -> None:
        """Takes the line away, for other words."""
        if cls.is_shown:
            cls.is_shown = False
            _put(f"\r{_ERASE}")


def meter(quiet: bool) -> Meter | None:
    """A meter for a terminal; a log gets none."""
    return Meter() if sys.stderr is not None and sys.stderr.isatty() and not quiet else None


def say_faults(faults: Sequence[Fault]) -> None:
    """Every fault, and how many there are."""
    for fault in faults:
        say(fault_text(fault))
    say(counted(len(faults), "fault"))


def fault_text(fault: Fault) -> str:
    """A fault whose quoted input is spelled out before it is laid out in lines."""
    place = fault.place
    excerpt = visible(place.excerpt.replace("\t", " "))
    shown = Place(visible(place.path), place.line, place.column, excerpt)
    return str(Fault(fault.code, visible(fault.message), shown, visible(fault.help)))


def write_stdout(data: bytes) -> None:
    """The whole of a report, flushed: an error shows here and not when the process ends."""
    Meter.erase()
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def discard_stdout() -> None:
    """Points standard output nowhere, so that closing a broken pipe at exit raises nothing."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def print_lines(lines: Iterable[str]) -> None:
    """Lines for standard output, each with what could steer a terminal spelled out."""
    write_stdout("".join(f"{visible(line)}\n" for line in lines).encode())
