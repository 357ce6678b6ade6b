"""Keeps a compiled pack between runs, so that a run parses no control and no query.

Goes in: a pack that has passed the gate. Comes out: one file, and from it the same compiled pack under any
of its profiles, at any instant. The file is data, never code; it is named by everything it depends on,
carries its own digest, and counts only where no other user could have written it. Without it a run is
slower and the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from policycheck import codec, model
from policycheck.compiled import CompiledPack, CompiledView, parameter_values
from policycheck.errors import Fault
from policycheck.model import CompiledExpression, ExpressionText, Pack
from policycheck.parameters import Resolved
from policycheck.populations import population_texts
from policycheck.scope import sql_literal
from policycheck.source import Place
from policycheck.sqltext import select_of

FORMAT = 3
KEPT = 32
"""How many files stay; the oldest go first."""

_NOUNS = (each for each in vars(model).values() if isinstance(each, type))
CLASSES = (*(each for each in _NOUNS if each.__module__ == model.__name__), CompiledView, Fault, Place)
"""What a file may hold: the nouns of the model, which are data and nothing else."""

Node = dict[str, Any]


class Precompiled:
    """What a file holds, read as far as it is asked for. `parser` names the parser that made the trees.

    Raises ValueError for a text that is not one of `to_text`, whole and unchanged.
    """

    def __init__(self, text: str) -> None:
        first, _, body = text.partition("\n")
        head = json.loads(first)
        self.parser = str(head.get("parser")) if isinstance(head, dict) else ""
        if head != _head(body, self.parser):
            raise ValueError("a compiled pack of another form, or a damaged one")
        pack, names, self._selects, *lines = body.split("\n")[:-1]
        self.pack: Pack = codec.decode(pack, CLASSES)
        self._order, *parts = codec.decode(names, CLASSES)
        rest = iter(lines)
        self._controls, self._views, self._rules = (dict(zip(part, rest)) for part in parts)  # noqa: B905 - one after the other
        self._trees = list(rest)
        self._decoded: dict[str, Any] = {}

    def compiled(self, resolved: Resolved, as_of: datetime) -> CompiledPack:
        """The compiled pack under a profile, for one instant (UTC)."""
        values = parameter_values(resolved, as_of)
        pack, literals = self.pack, _literals(values)
        controls = {name: self._part(line, literals) for name, line in self._controls.items()}
        views = {name: self._part(line, literals) for name, line in self._views.items()}
        return CompiledPack(
            pack=pack,
            resolved=resolved,
            as_of=as_of,
            order=self._order,
            controls={
                name: replace(
                    each,
                    control=pack.controls[name],
                    parameters={used: values[used] for used in each.parameters},
                )
                for name, each in controls.items()
            },
            views={name: replace(each, view=pack.views[name]) for name, each in views.items()},
            row_rules={name: self._part(line, literals) for name, line in self._rules.items()},
        )

    def trees(self, resolved: Resolved, as_of: datetime) -> Mapping[str, Node]:
        """The parser's answer for the select of each query, by its text; parameters are still names."""
        literals = _literals(parameter_values(resolved, as_of))
        selects = json.loads(_valued(self._selects, literals))
        return _Trees(dict(zip(selects, self._trees, strict=True)), self._decoded)

    def _part(self, line: str, literals: Mapping[str, str]) -> Any:
        # What reads no parameter that differs has one text, and one value, under all profiles.
        text = _valued(line, literals)
        if text not in self._decoded:
            self._decoded[text] = codec.decode(text, CLASSES)
        return self._decoded[text]


class _Trees(Mapping[str, Node]):
    """Trees by their select, each decoded when it is first asked for."""

    def __init__(self, lines: dict[str, str], decoded: dict[str, Any]) -> None:
        self._lines = lines
        self._decoded = decoded

    def __getitem__(self, select: str) -> Node:
        line = self._lines[select]
        if line not in self._decoded:
            self._decoded[line] = msgspec.json.decode(line)
        found: Node = self._decoded[line]
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def to_text(template: CompiledPack, parse: Callable[[str], str], parser: str) -> str:
    """The text of a file. `template` was compiled as one; `parse` answers trees as JSON text.

    One line each: the head, the pack, the names of what follows, the selects; then every control, view,
    set of row rules and tree.
    """
    pack = template.pack
    # What the pack holds already is put back by `compiled`.
    controls = {name: replace(each, control=None) for name, each in template.controls.items()}
    views = {name: replace(each, view=None) for name, each in template.views.items()}
    trees = {asked: _slim(json.loads(parse(written))) for asked, written in _selects(template)}
    parts: tuple[Mapping[str, Any], ...] = (controls, views, template.row_rules)
    lines = [
        codec.encode(pack),
        codec.encode((template.order, *(tuple(part) for part in parts))),
        json.dumps(list(trees)),
        *(codec.encode(each) for part in parts for each in part.values()),
        *(json.dumps(tree, separators=(",", ":")) for tree in trees.values()),
    ]
    body = "\n".join(lines) + "\n"
    return json.dumps(_head(body, parser)) + "\n" + body


def _head(body: str, parser: str) -> dict[str, Any]:
    return {"format": FORMAT, "sha256": hashlib.sha256(body.encode()).hexdigest(), "parser": parser}


def _literals(values: Mapping[str, Any]) -> dict[str, str]:
    """What stands for each mark, as it stands inside JSON text."""
    return {name: json.dumps(sql_literal(value))[1:-1] for name, value in values.items()}


def _valued(text: str, literals: Mapping[str, str]) -> str:
    """JSON text with literals in place of the marks."""
    return _JSON_MARK.sub(lambda found: literals[found.group(1)], text) if _NUL in text else text


_NUL = r"\u0000"
_JSON_MARK = re.compile(r"\\u0000([A-Za-z_][A-Za-z0-9_]*)\\u0000")


def _selects(template: CompiledPack) -> Iterator[tuple[str, str]]:
    """(as an engine is given it, as its author wrote it) for the select of everything that was compiled."""
    pairs: list[tuple[CompiledExpression | None, ExpressionText | None]] = []
    for name, compiled in template.controls.items():
        control = template.pack.controls[name]
        pairs += [(compiled.applies, control.applies_when), (compiled.na_when, control.na_when)]
        pairs += zip(compiled.expectations, control.expect.values(), strict=True)
        pairs += zip(compiled.advice, (advice.when for advice in control.advise), strict=True)
        if compiled.population is not None:
            asked = (*compiled.population.questions, compiled.population.listed)
            pairs += zip(asked, population_texts(control, template.pack), strict=True)
    for table, rules in template.row_rules.items():
        written = template.pack.tables[table].rules
        pairs += [(c, ExpressionText(r.expression, r.place)) for c, r in zip(rules, written, strict=True)]
    for expression, text in pairs:
        if expression is not None and text is not None:
            yield select_of(expression.sql), select_of(text.text)
    for view in template.views.values():
        yield view.sql.strip().rstrip(";"), view.view.sql


_PLACES = ("query_location", "query_location_length")


def _slim(node: Any) -> Any:
    """A tree without places, and without properties that are false, null or no alias."""
    if isinstance(node, dict):
        said = {key: value for key, value in node.items() if key not in _PLACES and (value or key != "alias")}
        return {key: _slim(value) for key, value in said.items() if value is not None and value is not False}
    return [_slim(member) for member in node] if isinstance(node, list) else node


# --- files ----------------------------------------------------------------------------------------


def default_folder() -> Path | None:
    """Where this user keeps compiled packs; None where the system names no such place."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    if Path(named).is_absolute():
        return Path(named) / "policycheck"
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises where there is none
    return Path(home) / ".cache" / "policycheck" if Path(home).is_absolute() else None


def file_name(pack_digest: str, root: str) -> str:
    """The name of a file: the digest of all that its content depends on, this program included."""
    parts = [str(FORMAT), _program(), pack_digest, root]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest() + ".pack"


def _program() -> str:
    """What tells one state of this program's files from another: names, sizes and times of change."""
    top = Path(__file__).parent
    found = []
    for folder in (top, top / "engines"):
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    facts = entry.stat()
                    found.append(f"{folder.name}/{entry.name} {facts.st_size} {facts.st_mtime_ns}")
    return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()


def read(folder: Path, name: str) -> str | None:
    """The text of a file that only this user can have written, or None."""
    try:
        if not _is_private(folder.stat(follow_symlinks=False), stat.S_ISDIR):
            return None
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, encoding="ascii") as file:
            return file.read() if _is_private(os.fstat(handle), stat.S_ISREG) else None
    except (OSError, ValueError):
        return None


def _is_private(facts: os.stat_result, kind: Any) -> bool:
    # INVARIANT: what another user can write decides no verdict.
    return kind(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o022


def write(folder: Path, name: str, text: str) -> None:
    """Puts a file in place in one step. Where that is not possible the next run compiles again."""
    import tempfile

    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_private(folder.stat(follow_symlinks=False), stat.S_ISDIR):
            return
        handle, waiting = tempfile.mkstemp(prefix=".", dir=folder)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
        Path(waiting).replace(folder / name)
        by_age = sorted(folder.glob("*.pack"), key=lambda path: path.stat().st_mtime_ns)
        for old in by_age[:-KEPT]:
            old.unlink()
