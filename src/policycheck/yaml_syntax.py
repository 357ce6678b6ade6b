"""Strict YAML to plain values, with the line and column of every key and value.

Goes in: text and a `report` function. Comes out: a `Parsed`. Works on parser events, so that nothing is
built that a document asks for and nesting is bounded before it costs anything. Never reads a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from policycheck.syntax import (
    MAX_DEPTH,
    MAX_NODES,
    Mark,
    Parsed,
    Path,
    Report,
    Spot,
    UnreadableError,
    claim,
    plain_scalar,
    short,
)


class _Frame(Struct):
    """A mapping (`items` is a dict) or list under construction. `key` is the mapping key whose value
    comes next; None when a key comes next. `keep` is False when that key was refused."""

    items: dict[str, Any] | list[Any]
    path: Path
    is_mapping: bool
    seen: dict[str, tuple[str, Spot]]
    key: str | None = None
    keep: bool = True


class _Composer:
    """Builds a value out of parser events, one document, without recursion."""

    def __init__(self, report: Report) -> None:
        self.parsed = Parsed(_mark)
        self.report = report
        self.stack: list[_Frame] = []
        self.nodes = 0
        self.documents = 0

    def run(self, events: Iterator[Any]) -> None:
        from yaml import events as kinds

        scalar, mapping, sequence = kinds.ScalarEvent, kinds.MappingStartEvent, kinds.SequenceStartEvent
        ends = (kinds.MappingEndEvent, kinds.SequenceEndEvent)
        for event in events:
            kind = type(event)
            if kind is scalar:
                self._scalar(event)
            elif kind is mapping:
                self._start(event, {}, True)
            elif kind is sequence:
                self._start(event, [], False)
            elif kind in ends:
                self.stack.pop()
            elif kind is kinds.AliasEvent:
                hint = "write the value out where it is used"
                self.report("PC104", "aliases are not read", event.start_mark, hint)
                raise UnreadableError
            elif kind is kinds.DocumentStartEvent:
                self._document(event)

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self.report("PC104", "a second document starts here", event.start_mark, "one document in a file")
            raise UnreadableError
        if event.version or event.tags:
            self.report("PC104", "directives are not read", event.start_mark, "remove the `%` line")

    def _count(self, spot: Spot) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.report("PC103", f"more than {MAX_NODES} values", spot, "split the file")
            raise UnreadableError

    def _refuse(self, event: Any) -> None:
        """Reports the tag or anchor of an event."""
        if event.anchor is not None:
            self.report("PC104", "anchors are not read", event.start_mark, "remove the `&` name")
        if event.tag is not None:
            hint = "remove the `!` name; quote text that starts with `!`"
            self.report("PC104", "tags are not read", event.start_mark, hint)

    def _scalar(self, event: Any) -> None:
        spot = event.start_mark
        self._count(spot)
        if event.anchor is not None or event.tag is not None:
            self._refuse(event)
        text = event.value
        value = text if event.style else plain_scalar(text, spot, self.report)
        frame = self.stack[-1] if self.stack else None
        if frame is None or not frame.is_mapping or frame.key is not None:
            self._place(value, spot)
            return
        if value is not text:
            self.report("PC108", f"the key `{short(text)}` is not text", spot, "quote it")
        frame.key = text
        frame.keep = claim(text, spot, frame.seen, self.parsed, self.report)
        if frame.keep:
            self.parsed.keys[(*frame.path, text)] = spot

    def _place(self, value: Any, spot: Spot) -> Path:
        """Puts `value` where the next value belongs and answers its path."""
        if not self.stack:
            self.parsed.value = value
            self.parsed.values[()] = spot
            return ()
        frame = self.stack[-1]
        items = frame.items
        if isinstance(items, list):
            path: Path = (*frame.path, len(items))
            items.append(value)
        else:
            assert frame.key is not None
            path = (*frame.path, frame.key)
            if frame.keep:
                items[frame.key] = value
            frame.key = None
            if not frame.keep:
                return path
        self.parsed.values[path] = spot
        return path

    def _start(self, event: Any, items: dict[str, Any] | list[Any], is_mapping: bool) -> None:
        spot = event.start_mark
        self._count(spot)
        if event.anchor is not None or event.tag is not None:
            self._refuse(event)
        if self.stack and self.stack[-1].is_mapping and self.stack[-1].key is None:
            self.report("PC108", "a mapping or a list as a key", spot, "a key is text")
            raise UnreadableError
        if len(self.stack) >= MAX_DEPTH:
            self.report("PC103", f"nested deeper than {MAX_DEPTH} levels", spot, "flatten the document")
            raise UnreadableError
        self.stack.append(_Frame(items, self._place(items, spot), is_mapping, {}))


def _mark(spot: Spot) -> Mark:
    """Line and column of a mark of the parser; other spots are marks already."""
    return spot if isinstance(spot, tuple) else (spot.line + 1, spot.column + 1)


_LINE_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")


def parse_yaml(text: str, report: Report) -> Parsed | None:
    """Parses one YAML document; None when its structure could not be read (then it was reported)."""
    import yaml

    odd = _LINE_BREAK.search(text)
    if odd:
        line = text.count("\n", 0, odd.start()) + 1
        report(
            "PC102", "a line break other than a line feed", (line, 1), "save the file with plain line ends"
        )
        return None

    def report_mark(code: str, message: str, spot: Spot, help: str = "") -> None:
        report(code, message, _mark(spot), help)

    composer = _Composer(report_mark)
    try:
        composer.run(_yaml_events(text))
    except UnreadableError:
        return None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        words = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        report("PC101", f"broken YAML: {words}", at, "mend the line, or quote the text")
        return None
    if not composer.documents:
        report("PC101", "the document is empty", (1, 1), "write a value")
        return None
    return composer.parsed


def _yaml_events(text: str) -> Iterator[Any]:
    import yaml

    loader: Any = getattr(yaml, "CBaseLoader", None) or yaml.BaseLoader
    parser = loader(text)
    try:
        yield from iter(parser.get_event, None)
    finally:
        parser.dispose()
