"""Frozen values as JSON text and back: data only, and only of the kinds that are named.

Goes in: structs, enums, tuples, lists, frozen sets, mappings with text keys, days, texts, numbers. Comes
out: JSON text, and from it equal values. Reading builds nothing but the classes it was given and the plain
kinds; it imports nothing and runs nothing that the text names.

Form: `{"!Name": [field, ...]}` is a struct or an enum member, `{"!tuple": [...]}` a tuple,
`{"!set": [...]}` a frozen set, `{"!pairs": ["a", "b", ...]}` one of pairs of texts, `{"!date": "..."}` a
day; any other object is a mapping.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any

from msgspec import Struct


def encode(value: Any) -> str:
    """The value as JSON text on one line. Raises TypeError for a kind that has no form."""
    return json.dumps(_plain(value), ensure_ascii=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, Enum):
        return {f"!{type(value).__name__}": [value.value]}
    if isinstance(value, Struct):
        return {
            f"!{type(value).__name__}": [_plain(getattr(value, name)) for name in value.__struct_fields__]
        }
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if isinstance(value, tuple):
        return {"!tuple": [_plain(member) for member in value]}
    if isinstance(value, frozenset):
        if value and all(type(m) is tuple and list(map(type, m)) == [str, str] for m in value):
            return {"!pairs": [text for pair in sorted(value) for text in pair]}
        return {"!set": [_plain(member) for member in sorted(value)]}
    if isinstance(value, Mapping):
        if any(not isinstance(key, str) or key.startswith("!") for key in value):
            raise TypeError("only mappings with plain text keys have a form")
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, date) and not isinstance(value, datetime):
        return {"!date": value.isoformat()}
    raise TypeError(f"a value of type {type(value).__name__} has no form")


def decode(text: str, classes: tuple[type, ...]) -> Any:
    """The value that `encode` made `text` from. `classes` are the structs and enums it may hold.

    Raises ValueError for anything else: broken JSON, an unknown class, fields too many or too few.
    """
    known: dict[str, Any] = {f"!{each.__name__}": each for each in classes}

    def build(found: dict[str, Any]) -> Any:
        if len(found) == 1:
            ((name, content),) = found.items()
            if name == "!tuple":
                return tuple(content)
            if name == "!set":
                return frozenset(content)
            if name == "!pairs":
                texts = iter(content)
                return frozenset(zip(texts, texts, strict=True))
            if name == "!date":
                return date.fromisoformat(content)
            if name[:1] == "!":
                return known[name](*content)
        return found

    try:
        return json.loads(text, object_hook=build)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a value that was encoded here: {error}") from error
