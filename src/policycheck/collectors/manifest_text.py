"""Adds or replaces one source in the text of a manifest and leaves every other byte as it was.

Goes in: the manifest's text and one entry. Comes out: the new text. The result is read back and compared,
so that a manifest written in a style this module does not expect is refused and never mangled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from policycheck.collectors.collection import refuse
from policycheck.documents import Document, read_yaml
from policycheck.errors import FaultList, InputError
from policycheck.source import Place

Entry = Mapping[str, Any]


def new_manifest(organisation: str, entry: Entry) -> str:
    """A manifest with one source."""
    text = f"organisation: {_quoted(organisation)}\nsources:\n" + _block(entry, 2, "\n")
    _verify(Place("manifest.yaml"), text, {"organisation": organisation, "sources": [dict(entry)]})
    return text


def with_source(path: str, data: bytes, entry: Entry) -> tuple[str, Entry | None]:
    """The manifest's text with `entry` in it, and the entry of the same id that it takes the place of.

    Raises: InputError PC76x when the manifest cannot be edited safely, PC1xx when it cannot be read.
    """
    document = _read(path, data)
    # The byte order mark, if any, goes back where it was; positions count without it.
    mark = "\ufeff" if data.startswith(b"\xef\xbb\xbf") else ""
    text = document.text
    newline = "\r\n" if "\r\n" in text else "\n"
    value = document.value
    if not isinstance(value, dict) or not isinstance(value.get("sources", []), list | None):
        raise refuse("PC761", "the manifest is not a mapping with a list `sources`", Place(path), "mend it")
    sources: list[Any] = value.get("sources") or []
    same = [i for i, item in enumerate(sources) if _id_of(item) == entry["evidence_id"]]
    if len(same) > 1:
        place = document.place(("sources", same[1]))
        words = f"`{entry['evidence_id']}` stands twice in the manifest"
        raise refuse("PC761", words, place, "keep one of the two, then collect again")
    expected = {**value, "sources": [*sources]}
    if same:
        expected["sources"][same[0]] = dict(entry)
    else:
        expected["sources"].append(dict(entry))
    edited = _edited(document, text, entry, same[0] if same else None, newline)
    _verify(Place(path), edited, expected)
    return mark + edited, sources[same[0]] if same else None


def _id_of(item: Any) -> Any:
    return item.get("evidence_id") if isinstance(item, dict) else None


def _read(path: str, data: bytes) -> Document:
    faults = FaultList()
    document = read_yaml(path, data, faults)
    faults.raise_if_any()
    assert document is not None  # a document that is None has a fault
    return document


def _verify(place: Place, text: str, expected: Any) -> None:
    """INVARIANT: what is written reads back as the old manifest and the new entry, and nothing else."""
    try:
        value = _read(place.path, text.encode()).value
    except InputError:
        value = None
    if value != expected:
        hint = "write `sources:` as a block list, one `- evidence_id: ...` an entry"
        raise refuse("PC761", "the manifest is written in a way that cannot be edited safely", place, hint)


# --- the edit -------------------------------------------------------------------------------------


def _edited(document: Document, text: str, entry: Entry, index: int | None, newline: str) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    node = _value_of(root, "sources")
    if node is None:
        head = text if text.endswith("\n") or not text else text + newline
        return head + "sources:" + newline + _block(entry, 2, newline)
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        return _filled(text, node, entry, newline)
    if node.flow_style:
        hint = "write `sources:` as a block list, one `- evidence_id: ...` an entry"
        raise refuse(
            "PC761", "`sources` is written as a list in brackets", document.place(("sources",)), hint
        )
    indent = node.start_mark.column
    if index is None:
        after = _line_end(text, _last_index(node.value[-1]))
        head = text[:after] if text[:after].endswith("\n") else text[:after] + newline
        return head + _block(entry, indent, newline) + text[after:]
    item = node.value[index]
    begin = text.rfind("\n", 0, item.start_mark.index) + 1
    dash = text.find("-", begin, item.start_mark.index)
    if dash < 0 or text[begin:dash].strip(" "):
        hint = "start the entry with `- evidence_id: ...` on a line of its own"
        place = document.place(("sources", index))
        raise refuse("PC761", "the dash of this entry stands on another line", place, hint)
    end = _line_end(text, _last_index(item))
    return text[:begin] + _block(entry, indent, newline) + text[end:]


def _filled(text: str, node: yaml.Node, entry: Entry, newline: str) -> str:
    """`sources: []` or `sources:` turned into a list of one; what follows on the line stays."""
    before, rest = text[: node.start_mark.index], text[node.end_mark.index :]
    end = rest.find("\n") + 1 or len(rest)
    line, tail = rest[:end].rstrip("\r\n"), rest[end:]
    return (before.rstrip(" ") + line).rstrip() + newline + _block(entry, 2, newline) + tail


def _value_of(root: yaml.Node | None, name: str) -> yaml.Node | None:
    if not isinstance(root, yaml.MappingNode):
        return None
    return next((value for key, value in root.value if key.value == name), None)


def _ends(node: yaml.Node) -> Iterator[int]:
    if isinstance(node, yaml.ScalarNode) or getattr(node, "flow_style", False):
        yield node.end_mark.index
        return
    yield node.start_mark.index
    for child in node.value:
        for part in child if isinstance(child, tuple) else (child,):
            yield from _ends(part)


def _last_index(node: yaml.Node) -> int:
    """Where the last character of an entry's own content ends; comments after it belong to nobody."""
    return max(_ends(node))


def _line_end(text: str, index: int) -> int:
    """The start of the next line; a block scalar already ends there."""
    if index and text[index - 1] == "\n":
        return index
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _quoted(value: Any) -> str:
    # JSON's double-quoted text is YAML's as well, and never reads as a number, a date or a boolean.
    return json.dumps(value, ensure_ascii=False)


def _block(entry: Entry, indent: int, newline: str) -> str:
    lines: list[str] = []
    for name, value in entry.items():
        lead = " " * indent + ("- " if not lines else "  ")
        if isinstance(value, list):
            inner = [", ".join(f"{key}: {_quoted(text)}" for key, text in item.items()) for item in value]
            lines.append(f"{lead}{name}:")
            lines += [f"{' ' * indent}    - {{{words}}}" for words in inner]
        else:
            lines.append(f"{lead}{name}: {_quoted(value)}")
    return newline.join(lines) + newline
