"""Patterns of `full_match`, matched in time linear in the text whatever the pattern.

Goes in: a pattern of the small language the gate lets through. Comes out: a test of whole texts. The
classes are ASCII, `.` is anything but a line feed, `^` and `$` are the ends of the text. What engines
might read in two ways is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

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


# Adds the states of a part of the pattern to a machine: takes the state to go on to and how often the part is
# repeated by now, and answers the first state.
_Part = Callable[["_Machine", int, int], int]


def pattern(text: str) -> Test:
    """Whether a whole text matches the pattern. Raises RefusedError for a pattern outside the language."""
    parser = _Parser(text)
    whole = parser.alternatives(0)
    if parser.index < len(text):
        raise parser.refuse()
    return _Machine(whole).matches


# --- parts ----------------------------------------------------------------------------------------------


def _char(test: Test) -> _Part:
    return lambda machine, after, times: machine.state(test, "", [after])


def _end(mark: str) -> _Part:
    """`start` or `end` of the text."""
    return lambda machine, after, times: machine.state(None, mark, [after])


def _sequence(parts: list[_Part]) -> _Part:
    def add(machine: _Machine, after: int, times: int) -> int:
        for part in reversed(parts):
            after = part(machine, after, times)
        return after

    return add


def _choice(parts: list[_Part]) -> _Part:
    def add(machine: _Machine, after: int, times: int) -> int:
        return machine.state(None, "", [part(machine, after, times) for part in parts])

    return add


def _repeated(part: _Part, least: int, most: int | None) -> _Part:
    def add(machine: _Machine, after: int, times: int) -> int:
        times *= max(least, most or 0, 1)
        if times > MAX_REPEAT:
            raise refused("a pattern that repeats what it repeats")
        if most is None:
            loop = machine.state(None, "", [])
            machine.next[loop] = [part(machine, loop, times), after]
            after = loop
        else:
            end = after
            for _ in range(most - least):
                after = machine.state(None, "", [part(machine, after, times), end])
        for _ in range(least):
            after = part(machine, after, times)
        return after

    return add


# --- reading --------------------------------------------------------------------------------------------


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

    def alternatives(self, depth: int) -> _Part:
        if depth > 50:
            raise self.refuse()
        parts = [self.sequence(depth)]
        while self.peek() == "|":
            self.index += 1
            parts.append(self.sequence(depth))
        return parts[0] if len(parts) == 1 else _choice(parts)

    def sequence(self, depth: int) -> _Part:
        parts = []
        while self.peek() not in ("", "|", ")"):
            end = self.peek() in ("^", "$")
            parts.append(self.repeated(self.atom(depth), end))
        return _sequence(parts)

    def atom(self, depth: int) -> _Part:
        char = self.take()
        if char == "(":
            if self.peek() == "?":
                raise self.refuse()
            inner = self.alternatives(depth + 1)
            if self.take() != ")":
                raise self.refuse()
            return inner
        if char == "[":
            return _char(self.members())
        if char == ".":
            return _char("\n".__ne__)
        if char == "^":
            return _end("start")
        if char == "$":
            return _end("end")
        if char == "\\":
            return _char(self.escaped().__contains__)
        if char in _SPECIAL:
            raise self.refuse()
        return _char(char.__eq__)

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

    def repeated(self, part: _Part, end: bool) -> _Part:
        char = self.peek()
        if char not in ("*", "+", "?", "{"):
            return part
        if end:
            raise self.refuse()
        self.index += 1
        least, most = self.counts() if char == "{" else {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        # How greedy a repetition is does not change whether the whole text matches.
        if self.peek() == "?":
            self.index += 1
        if self.peek() in ("*", "+", "?", "{"):
            raise self.refuse()
        return _repeated(part, least, most)

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


# --- matching -------------------------------------------------------------------------------------------


class _Machine:
    """The pattern as states. A text is read once, with all states it can be in at a time; what a set of
    states becomes at a character is remembered."""

    def __init__(self, whole: _Part) -> None:
        self._tests: list[Test | None] = []
        self._marks: list[str] = []  # "", or the end of the text that has to be here
        self.next: list[list[int]] = []
        self._last = self.state(None, "", [])
        self._begin = self._closure([whole(self, self._last, 1)], "start")
        self._known: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def state(self, test: Test | None, mark: str, after: list[int]) -> int:
        """A new state, which goes on after a character, at a mark or (with neither) at once."""
        if len(self._tests) >= MAX_STATES:
            raise refused("a pattern as large as this")
        self._tests.append(test)
        self._marks.append(mark)
        self.next.append(after)
        return len(self._tests) - 1

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
        marks = ("end",) if text else ("start", "end")
        return self._last in self._closure(states, *marks)

    def _step(self, states: frozenset[int], char: str) -> frozenset[int]:
        found = []
        for state in states:
            test = self._tests[state]
            if test is not None and test(char):
                found += self.next[state]
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
                waiting += self.next[state]
        return frozenset(seen)
