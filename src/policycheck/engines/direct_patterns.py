"""Patterns of `full_match`, matched in time linear in the text whatever the pattern.

Goes in: a pattern of the small language the gate lets through. Comes out: a test of whole texts. The
classes are ASCII, `.` is anything but a line feed, `^` and `$` are the ends of the text. What engines
might read in two ways is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from policycheck.engines.direct_values import RefusedError, refused

Test = Callable[[str], bool]
MAX_STATES = 4000
MAX_REPEAT = 1000  # counts within counts multiply; other engines stop there as well
MAX_REMEMBERED = 10_000

_DIGITS = frozenset("0123456789")
_CLASSES = {
    "d": _DIGITS,
    "w": _DIGITS | frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"),
    "s": frozenset("\t\n\f\r "),
}
_SPECIAL = frozenset("{)*+?|")


@dataclass(frozen=True, slots=True)
class _Char:
    test: Test


@dataclass(frozen=True, slots=True)
class _End:
    """`start` or `end` of the text."""

    mark: str


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: list[_Tree]


@dataclass(frozen=True, slots=True)
class _Choice:
    parts: list[_Tree]


@dataclass(frozen=True, slots=True)
class _Repeat:
    part: _Tree
    least: int
    most: int | None


_Tree = _Char | _End | _Sequence | _Choice | _Repeat


def pattern(text: str) -> Test:
    """Whether a whole text matches the pattern. Raises RefusedError for a pattern outside the language."""
    parser = _Parser(text)
    tree = parser.alternatives(0)
    if parser.index < len(text):
        raise parser.refuse()
    return _Machine(tree).matches


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.index = 0

    def refuse(self) -> RefusedError:
        return refused(f"the pattern `{self.text}`")

    def peek(self) -> str:
        return self.text[self.index] if self.index < len(self.text) else ""

    def take(self) -> str:
        char = self.peek()
        if not char:
            raise self.refuse()
        self.index += 1
        return char

    def alternatives(self, depth: int) -> _Tree:
        if depth > 50:
            raise self.refuse()
        parts = [self.sequence(depth)]
        while self.peek() == "|":
            self.index += 1
            parts.append(self.sequence(depth))
        return parts[0] if len(parts) == 1 else _Choice(parts)

    def sequence(self, depth: int) -> _Tree:
        parts = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.repeated(self.atom(depth)))
        return _Sequence(parts)

    def atom(self, depth: int) -> _Tree:
        char = self.take()
        if char == "(":
            if self.peek() == "?":
                raise self.refuse()
            inner = self.alternatives(depth + 1)
            if self.take() != ")":
                raise self.refuse()
            return inner
        if char == "[":
            return _Char(self.members())
        if char == ".":
            return _Char("\n".__ne__)
        if char == "^":
            return _End("start")
        if char == "$":
            return _End("end")
        if char == "\\":
            return _Char(self.escaped().__contains__)
        if char in _SPECIAL:
            raise self.refuse()
        return _Char(char.__eq__)

    def escaped(self) -> frozenset[str]:
        char = self.take()
        if char in _CLASSES:
            return _CLASSES[char]
        if not char.isascii() or char.isalnum() or char == "_":
            raise self.refuse()
        return frozenset(char)

    def members(self) -> Test:
        """The inside of `[...]`, behind its first bracket."""
        negated = self.peek() == "^"
        self.index += negated
        singles: set[str] = set()
        ranges: list[tuple[str, str]] = []
        first = True
        while first or self.peek() != "]":
            low = self.member()
            if self.peek() == "-" and self.text[self.index + 1 : self.index + 2] not in ("]", ""):
                self.index += 1
                high = self.member()
                if len(low) > 1 or len(high) > 1 or min(low) > min(high):
                    raise self.refuse()
                ranges.append((min(low), min(high)))
            else:
                singles |= low
            first = False
        self.index += 1

        def test(char: str) -> bool:
            inside = char in singles or any(low <= char <= high for low, high in ranges)
            return inside is not negated

        return test

    def member(self) -> frozenset[str]:
        char = self.take()
        if char == "[" and self.peek() in (":", ".", "="):
            raise self.refuse()
        return self.escaped() if char == "\\" else frozenset(char)

    def repeated(self, part: _Tree) -> _Tree:
        char = self.peek()
        if char not in ("*", "+", "?", "{"):
            return part
        if isinstance(part, _End):
            raise self.refuse()
        self.index += 1
        least, most = self.counts() if char == "{" else {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        # How greedy a repetition is does not change whether the whole text matches.
        if self.peek() == "?":
            self.index += 1
        if self.peek() in ("*", "+", "?", "{"):
            raise self.refuse()
        return _Repeat(part, least, most)

    def counts(self) -> tuple[int, int | None]:
        end = self.text.find("}", self.index)
        low, comma, high = self.text[self.index : max(end, self.index)].partition(",")
        numbers = [number for number in (low, high) if number]
        if not low or any(not (n.isascii() and n.isdigit() and len(n) <= 3) for n in numbers):
            raise self.refuse()
        self.index = end + 1
        least = int(low)
        most = least if not comma else int(high) if high else None
        if most is not None and most < least:
            raise self.refuse()
        return least, most


class _Machine:
    """The pattern as states. A text is read once, with all states it can be in at a time; what a set of
    states becomes at a character is remembered."""

    def __init__(self, tree: _Tree) -> None:
        self._tests: list[Test | None] = []
        self._marks: list[str] = []  # "" or the end of the text that has to be here
        self._next: list[list[int]] = []
        self._last = self._state()
        self._first = self._add(tree, self._last, 1)
        self._known: dict[tuple[frozenset[int], str], frozenset[int]] = {}
        self._begin = self._closure([self._first], "start")

    def matches(self, text: str) -> bool:
        states, known = self._begin, self._known
        for char in text:
            found = known.get((states, char))
            if found is None:
                if len(known) > MAX_REMEMBERED:
                    known.clear()
                found = known[states, char] = self._step(states, char)
            states = found
            if not states:
                return False
        marks = {"start", "end"} if not text else {"end"}
        return self._last in self._closure(states, *marks)

    def _step(self, states: frozenset[int], char: str) -> frozenset[int]:
        found = []
        for state in states:
            test = self._tests[state]
            if test is not None and test(char):
                found += self._next[state]
        return self._closure(found)

    def _closure(self, states: Iterable[int], *marks: str) -> frozenset[int]:
        """All that is reached without reading. States that wait for a mark stay, until it comes."""
        seen: set[int] = set()
        waiting = list(states)
        while waiting:
            state = waiting.pop()
            if state in seen:
                continue
            seen.add(state)
            if self._tests[state] is None and (not self._marks[state] or self._marks[state] in marks):
                waiting += self._next[state]
        return frozenset(seen)

    def _state(self, test: Test | None = None, mark: str = "") -> int:
        if len(self._tests) >= MAX_STATES:
            raise refused("a pattern as large as this")
        self._tests.append(test)
        self._marks.append(mark)
        self._next.append([])
        return len(self._tests) - 1

    def _add(self, tree: _Tree, after: int, times: int) -> int:
        """Adds the states of a tree that go on to `after`; answers the first of them."""
        if isinstance(tree, _Sequence):
            for part in reversed(tree.parts):
                after = self._add(part, after, times)
            return after
        if isinstance(tree, _Repeat):
            return self._repeat(tree, after, times)
        if isinstance(tree, _Choice):
            state = self._state()
            self._next[state] = [self._add(part, after, times) for part in tree.parts]
            return state
        state = self._state(tree.test) if isinstance(tree, _Char) else self._state(mark=tree.mark)
        self._next[state] = [after]
        return state

    def _repeat(self, tree: _Repeat, after: int, times: int) -> int:
        part, least, most = tree.part, tree.least, tree.most
        times *= max(least, most or 0, 1)
        if times > MAX_REPEAT:
            raise refused("a pattern that repeats what it repeats")
        if most is None:
            loop = self._state()
            self._next[loop] = [self._add(part, loop, times), after]
            after = loop
        else:
            end = after
            for _ in range(most - least):
                state = self._state()
                self._next[state] = [self._add(part, after, times), end]
                after = state
        for _ in range(least):
            after = self._add(part, after, times)
        return after
