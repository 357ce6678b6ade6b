"""Patterns of `full_match`, written anew for Java.

Goes in: a pattern of the small language the gate lets through, which DuckDB reads as RE2 does. Comes out: a
pattern of Java that matches the same texts. Only what is understood is written, every character as its code:
what the two would read differently (`.` and line ends, `\\s`, `$` before a last line feed, `&&` in a class,
possessive counts) has no way to pass.
"""

from __future__ import annotations

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
_SPECIAL = frozenset("{)*+?|")
_DEPTH = 50
_REPEATS = 1000  # counts within counts multiply; RE2 stops there as well


class PatternError(Exception):
    """The pattern is outside the language."""


def java_pattern(text: str) -> str:
    """A pattern that Java finds in exactly the texts that match `text` as a whole. Raises PatternError."""
    reader = _Reader(text)
    whole, _ = reader.alternatives(0)
    if reader.index < len(text):
        raise PatternError(f"the pattern `{text}`")
    return rf"\A(?:{whole})\z"


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.index = 0

    def fail(self) -> PatternError:
        return PatternError(f"the pattern `{self.text}`")

    def peek(self) -> str:
        return self.text[self.index : self.index + 1]

    def take(self) -> str:
        char = self.peek()
        if not char:
            raise self.fail()
        self.index += 1
        return char

    def alternatives(self, depth: int) -> tuple[str, int]:
        """What is written, and how often its counts repeat what stands in the innermost of them."""
        if depth > _DEPTH:
            raise self.fail()
        parts = [self.sequence(depth)]
        while self.peek() == "|":
            self.index += 1
            parts.append(self.sequence(depth))
        return "|".join(part for part, _ in parts), max(times for _, times in parts)

    def sequence(self, depth: int) -> tuple[str, int]:
        written, most = "", 1
        while self.peek() not in ("", "|", ")"):
            is_end = self.peek() in ("^", "$")
            atom, inside = self.atom(depth)
            count, times = self.count()
            if (count and is_end) or inside * times > _REPEATS:
                raise self.fail()
            written, most = written + atom + count, max(most, inside * times)
        return written, most

    def atom(self, depth: int) -> tuple[str, int]:
        if self.peek() == "(":
            self.index += 1
            if self.peek() == "?":
                raise self.fail()
            inner, times = self.alternatives(depth + 1)
            if self.take() != ")":
                raise self.fail()
            return f"(?:{inner})", times
        return self.single(), 1

    def single(self) -> str:
        char = self.take()
        if char == "[":
            return self.members()
        if char in ".^$":
            return {".": r"[^\n]", "^": r"\A", "$": r"\z"}[char]
        if char == "\\":
            return f"[{self.escaped()}]"
        if char in _SPECIAL:
            raise self.fail()
        return _code(char)

    def escaped(self) -> str:
        char = self.take()
        if char in _CLASSES:
            return _CLASSES[char]
        if not char.isascii() or char.isalnum() or char == "_":
            raise self.fail()
        return _code(char)

    def members(self) -> str:
        """The inside of `[...]`, behind its first bracket."""
        written = "[^" if self.peek() == "^" else "["
        self.index += len(written) - 1
        first = True
        while first or self.peek() != "]":
            low, one = self.member()
            if self.peek() == "-" and self.text[self.index + 1 : self.index + 2] not in ("]", ""):
                self.index += 1
                high, other = self.member()
                if not one or not other or one > other:
                    raise self.fail()
                written += f"{low}-{high}"
            else:
                written += low
            first = False
        self.index += 1
        return written + "]"

    def member(self) -> tuple[str, str]:
        """What is written, and the character where it is a single one."""
        char = self.take()
        if char == "[" and self.peek() in (":", ".", "="):
            raise self.fail()
        if char != "\\":
            return _code(char), char
        single = self.peek()
        return self.escaped(), "" if single in _CLASSES else single

    def count(self) -> tuple[str, int]:
        char = self.peek()
        if char not in ("*", "+", "?", "{"):
            return "", 1
        self.index += 1
        written, times = self.braces() if char == "{" else (char, 1)
        # How greedy a repetition is does not change whether the whole text matches.
        if self.peek() == "?":
            self.index += 1
        if self.peek() in ("*", "+", "?", "{"):
            raise self.fail()
        return written, times

    def braces(self) -> tuple[str, int]:
        end = self.text.find("}", self.index)
        low, comma, high = self.text[self.index : max(end, self.index)].partition(",")
        numbers = [number for number in (low, high) if number]
        if not low or any(not (n.isascii() and n.isdigit() and len(n) <= 3) for n in numbers):
            raise self.fail()
        if high and int(high) < int(low):
            raise self.fail()
        self.index = end + 1
        return "{" + low + comma + high + "}", max(int(low), int(high or 0), 1)


def _code(char: str) -> str:
    return char if char.isascii() and char.isalnum() else f"\\x{{{ord(char):X}}}"
