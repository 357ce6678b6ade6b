"""What goes into a collector and what comes out: raw documents in, typed rows and warnings out.

Also reads JSON that a scanner or a disk tool printed: bounded, without duplicate keys, and with faults
instead of exceptions. Never opens a file and never looks at the clock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from msgspec import Struct

from policycheck.errors import Fault, InputError
from policycheck.source import Place

MAX_JSON_BYTES = 64 * 1024 * 1024
MAX_INTEGER_DIGITS = 400

Row = Mapping[str, Any]


class RawDocument(Struct, frozen=True):
    """The bytes a tool printed. `name` is its path for messages, `label` what the person calls the thing."""

    name: str
    data: bytes
    label: str = ""


class Collection(Struct, frozen=True):
    """The rows of one table and what has to be said about them.

    `missing` names things that were asked for and gave no row, each with its reason: while there is one,
    nobody can call the population complete. `attested` is true when a row rests on a person's statement
    and not on the tool's output alone. `private` says why raw documents should not be kept as they are.
    """

    table: str
    rows: tuple[Row, ...]
    collected_at: datetime
    warnings: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    attested: bool = False
    private: tuple[str, ...] = ()


class Collector(Protocol):
    """Turns raw documents into rows of one evidence table."""

    @property
    def name(self) -> str: ...

    @property
    def table(self) -> str: ...

    def collect(self, documents: Sequence[RawDocument], collected_at: datetime) -> Collection:
        """Units: `collected_at` aware UTC. Raises: InputError PC75x naming every bad document."""
        ...


def instant_text(moment: datetime) -> str:
    """An aware instant in UTC as `2026-03-01T06:00:00Z`, microseconds only where there are some."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def refuse(code: str, message: str, place: Place, help: str = "") -> InputError:
    """The one-fault error a collector raises."""
    return InputError([Fault(code, message, place, help)])


def load_json(document: RawDocument, code: str, help: str) -> Any:
    """The value of a JSON document.

    Raises: InputError with `code` for bytes that are not UTF-8, not JSON, too large, too deep, or that
    name a key twice.
    """
    place = Place(document.name)
    if len(document.data) > MAX_JSON_BYTES:
        raise refuse(code, f"the file has more than {MAX_JSON_BYTES} bytes", place, help)
    try:
        text = document.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(code, f"byte {error.start} is not UTF-8", place, help) from None
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_int=_integer, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        # The line itself is not shown: whoever mistakes a key file for a dump should not read it in a log.
        where = Place(document.name, error.lineno, error.colno)
        raise refuse(code, f"not JSON: {error.msg.lower()}", where, help) from None
    except RecursionError:
        raise refuse(code, "the JSON is nested too deeply", place, help) from None
    except ValueError as error:
        raise refuse(code, str(error), place, help) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key `{key[:80]}` stands twice in one object")
        result[key] = value
    return result


def _integer(digits: str) -> int | str:
    # A certificate's modulus has thousands of digits, which Python refuses to convert; nobody needs it.
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else digits


def _no_constant(name: str) -> Any:
    raise ValueError(f"`{name}` is not JSON")
