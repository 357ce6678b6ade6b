"""Reporters: one assessment, several formats, one meaning.

A reporter turns an `Assessment` into bytes. It never changes a verdict or the exit code, and never reads a
clock, a locale or the terminal. Each member's module is imported when it renders, so that a run which
writes text does not pay for a template engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from policycheck.outcomes import Assessment

if TYPE_CHECKING:
    from policycheck.coverage import Trace


class Reporter(Protocol):
    """One format. `suffix` is the end of the file name it is written to, dot included."""

    @property
    def name(self) -> str: ...

    @property
    def suffix(self) -> str: ...

    def render(self, assessment: Assessment) -> bytes: ...


class TextReporter(Struct, frozen=True):
    """For a terminal and a CI log: the gaps first."""

    name: str = "text"
    suffix: str = ".txt"

    def render(self, assessment: Assessment) -> bytes:
        from policycheck.reporters import text

        return text.render(assessment)


class JsonReporter(Struct, frozen=True):
    """For machines: everything, under a published schema."""

    name: str = "json"
    suffix: str = ".json"

    def render(self, assessment: Assessment) -> bytes:
        from policycheck.reporters import json_report

        return json_report.render(assessment)


class HtmlReporter(Struct, frozen=True):
    """For the auditor: one page that stands alone and prints."""

    name: str = "html"
    suffix: str = ".html"

    def render(self, assessment: Assessment) -> bytes:
        from policycheck.reporters import html

        return html.render(assessment)


REPORTERS: Mapping[str, Reporter] = MappingProxyType(
    {"text": TextReporter(), "json": JsonReporter(), "html": HtmlReporter()}
)


TRACE_SUFFIXES: Mapping[str, str] = MappingProxyType({"text": ".txt", "json": ".json", "html": ".html"})


def render_trace(trace: Trace, name: str) -> bytes:
    """A trace in the format of that name, one of `TRACE_SUFFIXES`."""
    if name == "json":
        from policycheck.reporters import trace_json

        return trace_json.render(trace)
    if name == "html":
        from policycheck.reporters import trace_html

        return trace_html.render(trace)
    from policycheck.reporters import trace_text

    return trace_text.render(trace)
