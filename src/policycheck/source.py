"""Where a thing stands: a path, a line, a column, and the line of text itself.

Goes in: a path and the text read from it. Comes out: a `Place` that every fault, finding and
exception carries. Never opens a file.
"""

from __future__ import annotations

from msgspec import Struct


class Place(Struct, frozen=True, order=True):
    """A spot in a file. `line` and `column` count from 1; 0 means the file as a whole.

    `excerpt` is the text of the line, kept so that an error can show it with a caret.
    """

    path: str
    line: int = 0
    column: int = 0
    excerpt: str = ""

    def __str__(self) -> str:
        parts = [self.path]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)

    def with_caret(self) -> str:
        """The excerpt and a caret under the column, or nothing where there is no excerpt."""
        if not self.excerpt or not self.line:
            return ""
        text = self.excerpt.replace("\t", " ").rstrip("\n")
        start = max(0, self.column - 60) if self.column > 100 else 0
        shown = text[start : start + 110]
        gutter = str(self.line)
        caret = " " * max(0, self.column - 1 - start) + "^" if self.column else ""
        blank = " " * len(gutter)
        lines = [f" {blank} |", f" {gutter} | {shown}"]
        if caret:
            lines.append(f" {blank} | {caret}")
        return "\n".join(lines)


def place_in(path: str, text: str, line: int, column: int = 1) -> Place:
    """The place at `line`:`column` of `text`, with its line of text as the excerpt."""
    lines = text.split("\n")
    excerpt = lines[line - 1] if 0 < line <= len(lines) else ""
    return Place(path, line, column, excerpt[:4096])
