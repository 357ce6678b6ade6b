"""Lines of plain text for a terminal and a CI log, which text from outside cannot steer.

Goes in: words, some of them from evidence or documents. Comes out: wrapped lines, hazards spelled out.
"""

from __future__ import annotations

import re
import textwrap

from policycheck.showing import clip, visible

COLUMNS = 100
TEXT_LIMIT = 400
# CI systems obey a log line that begins `::` or holds `##[` or `##vso[`; wrapping could put one there.
_CI_COMMAND = re.compile(r"(?<!\S)::|##(?=\[|vso\[)")


def wrapped(
    text: str, first: str, rest: str | None = None, *, columns: int = COLUMNS, limit: int = TEXT_LIMIT
) -> list[str]:
    """Lines of at most `columns`; a path or another long word stays whole, so that it can be copied."""
    return textwrap.wrap(
        _safe(text, limit),
        columns,
        initial_indent=first,
        subsequent_indent=" " * len(first) if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def heading(words: str) -> list[str]:
    return ["", words, "-" * len(words)]


def short_digest(digest: str) -> str:
    """The first characters of a digest, enough to compare by eye."""
    return digest.removeprefix("sha256:")[:12] or "none"


def _safe(text: str, limit: int) -> str:
    """Text from outside on one line, clipped, harmless to terminal and CI system."""
    spelled = visible(clip(text, limit))
    return _CI_COMMAND.sub(lambda match: f"[U+{ord(match.group()[0]):04X}]{match.group()[1:]}", spelled)
