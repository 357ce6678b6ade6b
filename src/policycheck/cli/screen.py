"""What a person reads beside the report: standard error, faults, and standard output's one report.

Goes in: words and faults, which may quote evidence. Comes out: text that cannot steer a terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress

from policycheck.errors import Fault
from policycheck.showing import counted, visible
from policycheck.source import Place

INTERNAL = 2
"""The exit code of every run that reaches no verdict."""


def say(words: str) -> None:
    """Words for a person, on standard error; a closed standard error does not end the run."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.write("".join(f"{visible(line)}\n" for line in words.split("\n")))
            sys.stderr.flush()


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
