"""Strict documents with positions, and mappings read field by field.

Goes in: the bytes of a YAML or JSON file. Comes out: a `Document` of plain values that knows where
each of them stands, or faults. Refuses whatever two readers could take differently: tags, anchors,
aliases, several documents, duplicate keys, YAML 1.1 scalars. Never opens a file.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, TypeVar, overload

from msgspec import Struct

from policycheck.errors import Fault, FaultList, nearest
from policycheck.json_syntax import parse_json
from policycheck.source import Place
from policycheck.syntax import MAX_FAULTS, Mark, Parsed, Path
from policycheck.yaml_syntax import parse_yaml

MAX_BYTES = 8 * 1024 * 1024

T = TypeVar("T")


class _Required:
    """The type of REQUIRED, so that None can be a default like any other."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = _Required()


class Document(Struct, frozen=True, dict=True):
    """A parsed file. `value` is made of dict, list, str, int, bool, `Decimal` and None."""

    path: str
    text: str
    value: Any
    parsed: Parsed | None = None

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text, without line ends."""
        return self.text.split("\n")

    def mark(self, path: Path, *, key: bool = False) -> Mark:
        """Line and column of the value (or key) at `path`, or of its nearest existing ancestor."""
        parsed = self.parsed
        if parsed is None:
            return (1, 1)
        if key and path in parsed.keys:
            return parsed.locate(parsed.keys[path])
        while path and path not in parsed.values:
            path = path[:-1]
        return parsed.locate(parsed.values[path]) if path in parsed.values else (1, 1)

    def place(self, path: Path, *, key: bool = False) -> Place:
        """The place of the value (or key) at `path`, or of its nearest existing ancestor."""
        return self.place_at(self.mark(path, key=key))

    def place_at(self, mark: Mark) -> Place:
        """The place of a line and column of this document."""
        line, column = mark
        excerpt = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return Place(self.path, line, column, excerpt.rstrip("\r")[:4096])

    def text_place(self, path: Path) -> Place:
        """The place of the first character of a text value: past the quote, or in the block below."""
        line, column = self.mark(path)
        written = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        opening = written[column - 1 : column]
        if opening in ('"', "'"):
            return self.place_at((line, column + 1))
        if opening in ("|", ">"):
            for number in range(line, len(self.lines)):
                inside = self.lines[number].lstrip(" ")
                if inside.strip():
                    return self.place_at((number + 1, len(self.lines[number]) - len(inside) + 1))
        return self.place_at((line, column))


def decode(path: str, data: bytes, faults: FaultList, limit: int = MAX_BYTES) -> str | None:
    """The text of `data`: UTF-8, a byte order mark dropped; None with a fault when it is not."""
    if len(data) > limit:
        faults.add("PC103", f"the file has more than {limit} bytes", Place(path), "split it")
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = error.start + len(data) - len(error.object)  # a byte order mark is not in the object
        faults.extend([not_utf8(path, start, data.count(b"\n", 0, start) + 1)])
        return None


def not_utf8(path: str, byte: int, line: int) -> Fault:
    """What is said of a file that is not UTF-8 at this byte (from 0), on this line."""
    return Fault("PC102", f"byte {byte} is not UTF-8", Place(path, line), "save the file as UTF-8")


def _read(path: str, data: bytes, faults: FaultList, parse: Any) -> Document | None:
    text = decode(path, data, faults)
    if text is None:
        return None
    reported: list[tuple[str, str, Mark, str]] = []

    def report(code: str, message: str, mark: Mark, help: str = "") -> None:
        reported.append((code, message, mark, help))

    parsed: Parsed | None = parse(text, report)
    if parsed is None or reported:
        blank = Document(path, text, None)
        for code, message, mark, hint in reported[:MAX_FAULTS]:
            faults.add(code, message, blank.place_at(mark), hint)
        if len(reported) > MAX_FAULTS:
            words = f"{len(reported) - MAX_FAULTS} more faults in this file are not shown"
            faults.add("PC101", words, Place(path), "mend the others first")
        return None
    return Document(path, text, parsed.value, parsed)


def read_yaml(path: str, data: bytes, faults: FaultList) -> Document | None:
    """Reads one strict YAML document; None, with at least one fault, when anything is wrong."""
    return _read(path, data, faults, parse_yaml)


def read_json(path: str, data: bytes, faults: FaultList) -> Document | None:
    """Reads one strict JSON document; None, with at least one fault, when anything is wrong."""
    return _read(path, data, faults, parse_json)


def read_document(path: str, data: bytes, faults: FaultList) -> Document | None:
    """Reads `data` by the suffix of `path`: .yaml, .yml or .json."""
    suffix = path.rpartition(".")[2]
    if suffix in ("yaml", "yml"):
        return read_yaml(path, data, faults)
    if suffix == "json":
        return read_json(path, data, faults)
    faults.add("PC109", "not a document this tool reads", Place(path), "name it .yaml, .yml or .json")
    return None


def kind_of(value: Any) -> str:
    """What a value is, in words for a fault."""
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a whole number", Decimal: "a decimal", str: "text"}
    return names.get(type(value)) or ("a list" if isinstance(value, list) else "a mapping")


class Fields:
    """A mapping read field by field; what nobody asked for is an unknown key.

    Every reader adds a fault and answers a neutral value (`""`, 0, False, `()`, None) for a wrong type
    or a missing required field, so that loading goes on and one run shows all faults. An explicit null
    counts as absent, and is a fault unless the default is None.
    """

    def __init__(self, document: Document, path: Path, faults: FaultList, noun: str) -> None:
        self.document = document
        self.path = tuple(path)
        self.noun = noun
        self._faults = faults
        self._known: set[str] = set()
        value = document.value
        for step in self.path:
            value = value[step]
        self.is_mapping = isinstance(value, dict)
        self._items: dict[str, Any] = value if isinstance(value, dict) else {}
        if not self.is_mapping:
            message = f"{noun} is a mapping, and this is {kind_of(value)}"
            faults.add("PC110", message, self.place(), "write `key: value` lines")

    @property
    def names(self) -> tuple[str, ...]:
        """The keys that are given, in the order written."""
        return tuple(self._items)

    def place(self, name: str | None = None) -> Place:
        """The place of the value of `name`, or of the mapping itself."""
        return self.document.place(self.path if name is None else (*self.path, name))

    def key_place(self, name: str) -> Place:
        """The place of the key `name`."""
        return self.document.place((*self.path, name), key=True)

    def text_place(self, name: str) -> Place:
        """The place of the first character of the text of `name`."""
        return self.document.text_place((*self.path, name))

    def has(self, name: str) -> bool:
        """Whether `name` is given, be it as null. Marks it as known."""
        self._known.add(name)
        return name in self._items

    def raw(self, name: str, default: Any = None) -> Any:
        """The value as parsed, of any type. Marks it as known."""
        self._known.add(name)
        return self._items.get(name, default)

    def _take(self, name: str, types: tuple[type, ...], words: str, default: Any, neutral: Any) -> Any:
        self._known.add(name)
        if name not in self._items:
            if default is not REQUIRED:
                return default
            message = f"{self.noun} without `{name}`"
            if self.is_mapping:
                self._faults.add("PC111", message, self.place(), f"add `{name}:` with {words}")
            return neutral
        value = self._items[name]
        if value is None and default is None:
            return None
        # bool is an int to Python and to nobody else
        if isinstance(value, types) and (bool in types or not isinstance(value, bool)):
            return value
        hint = "quote it" if str in types and isinstance(value, (int, Decimal)) else f"write {words}"
        message = f"`{name}` of {self.noun} is {words}, and this is {kind_of(value)}"
        self._faults.add("PC110", message, self.place(name), hint)
        return neutral if default is REQUIRED else default

    @overload
    def text(self, name: str) -> str: ...
    @overload
    def text(self, name: str, default: T) -> str | T: ...
    def text(self, name: str, default: Any = REQUIRED) -> Any:
        """A text that is not blank."""
        value = self._take(name, (str,), "text", default, "")
        if isinstance(value, str) and not value.strip() and isinstance(self._items.get(name), str):
            self._faults.add(
                "PC113", f"`{name}` of {self.noun} is blank", self.place(name), "write some text"
            )
        return value

    @overload
    def integer(self, name: str, *, minimum: int | None = None, maximum: int | None = None) -> int: ...
    @overload
    def integer(
        self, name: str, default: T, minimum: int | None = None, maximum: int | None = None
    ) -> int | T: ...
    def integer(
        self, name: str, default: Any = REQUIRED, minimum: int | None = None, maximum: int | None = None
    ) -> Any:
        """A whole number, within bounds that are both allowed values."""
        value = self._take(name, (int,), "a whole number", default, 0)
        if not isinstance(self._items.get(name), int) or not isinstance(value, int):
            return value
        if minimum is not None and value < minimum:
            self._refuse(name, f"is {value}, below {minimum}", f"write {minimum} or more")
        if maximum is not None and value > maximum:
            self._refuse(name, f"is {value}, above {maximum}", f"write {maximum} or less")
        return value

    @overload
    def boolean(self, name: str) -> bool: ...
    @overload
    def boolean(self, name: str, default: T) -> bool | T: ...
    def boolean(self, name: str, default: Any = REQUIRED) -> Any:
        """`true` or `false`."""
        return self._take(name, (bool,), "true or false", default, False)

    @overload
    def choice(self, name: str, allowed: Iterable[str]) -> str: ...
    @overload
    def choice(self, name: str, allowed: Iterable[str], default: T) -> str | T: ...
    def choice(self, name: str, allowed: Iterable[str], default: Any = REQUIRED) -> Any:
        """One of the `allowed` words; the neutral value "" (or the default) for another."""
        words = tuple(allowed)
        value = self._take(name, (str,), "one of " + ", ".join(f"`{word}`" for word in words), default, "")
        given = self._items.get(name)
        if isinstance(given, str) and given not in words:
            self._refuse(name, f"is `{given[:60]}`", nearest(given, words))
            return "" if default is REQUIRED else default
        return value

    @overload
    def texts(self, name: str) -> tuple[str, ...]: ...
    @overload
    def texts(self, name: str, default: T) -> tuple[str, ...] | T: ...
    def texts(self, name: str, default: Any = REQUIRED) -> Any:
        """A list of texts, in the order written."""
        value = self._take(name, (list,), "a list of texts", default, ())
        if not isinstance(value, list):
            return value
        for index, item in enumerate(value):
            if not isinstance(item, str) or not item.strip():
                what = "blank text" if isinstance(item, str) else kind_of(item)
                message = f"`{name}` of {self.noun} is a list of texts, and this is {what}"
                place = self.document.place((*self.path, name, index))
                self._faults.add("PC110", message, place, "quote it" if what != "a mapping" else "write text")
        return tuple(item for item in value if isinstance(item, str) and item.strip())

    @overload
    def fields(self, name: str, noun: str) -> Fields | None: ...
    @overload
    def fields(self, name: str, noun: str, default: T) -> Fields | T: ...
    def fields(self, name: str, noun: str, default: Any = REQUIRED) -> Any:
        """The mapping at `name`."""
        value = self._take(name, (dict,), "a mapping", default, None)
        if not isinstance(self._items.get(name), dict):
            return value
        return Fields(self.document, (*self.path, name), self._faults, noun)

    def each(self, name: str, noun: str) -> list[Fields]:
        """The mappings of a list; absent is none of them."""
        value = self._take(name, (list,), "a list of mappings", (), ())
        paths = [(*self.path, name, index) for index in range(len(value))]
        read = [Fields(self.document, path, self._faults, noun) for path in paths]
        return [fields for fields in read if fields.is_mapping]

    def entries(self, name: str, noun: str) -> list[tuple[str, Fields]]:
        """The mappings of a mapping, by key; absent is none of them."""
        value = self._take(name, (dict,), "a mapping of mappings", {}, {})
        read = [(key, Fields(self.document, (*self.path, name, key), self._faults, noun)) for key in value]
        return [(key, fields) for key, fields in read if fields.is_mapping]

    def text_entries(self, name: str) -> dict[str, str]:
        """A mapping of names to texts; absent is empty."""
        value = self._take(name, (dict,), "a mapping of texts", {}, {})
        texts: dict[str, str] = {}
        for key, item in value.items():
            if isinstance(item, str) and item.strip():
                texts[key] = item
                continue
            what = "blank text" if isinstance(item, str) else kind_of(item)
            place = self.document.place((*self.path, name, key))
            message = f"`{name}.{key}` of {self.noun} is text, and this is {what}"
            self._faults.add("PC110", message, place, "quote it")
        return texts

    def _refuse(self, name: str, words: str, help: str) -> None:
        self._faults.add("PC113", f"`{name}` of {self.noun} {words}", self.place(name), help)

    def close(self) -> None:
        """Reports the keys that nobody asked for."""
        for name in self._items:
            if name not in self._known:
                message = f"unknown key `{name}` in {self.noun}"
                self._faults.add("PC112", message, self.key_place(name), nearest(name, self._known))
