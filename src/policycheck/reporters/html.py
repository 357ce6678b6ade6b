"""The report as one HTML page for the auditor: no script, no network, prints well.

Goes in: an `Assessment`. Comes out: UTF-8 HTML5 with its style inside. Everything variable passes through one
door that spells out control characters and shortens very long text, then through autoescape. The page is
read back before it is handed over: verdicts and counts in it must be those of the assessment.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policycheck.errors import EngineError, Fault
from policycheck.model import Severity
from policycheck.outcomes import Assessment
from policycheck.reporters.document import differing, report_document
from policycheck.showing import clip, counted, location_text, one_line, value_text, visible
from policycheck.source import Place

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATES = Path(__file__).with_name("templates")
_TEMPLATE = "report.html.j2"
_TEXT_LIMIT = 2000
_FINDINGS_SHOWN = 200  # a control; a browser and a reader both give up on more
_GAP_ORDER = ("fail", "unknown")
# Only this module's own template can write these attributes: evidence never holds a bare `<`.
_SECTION = re.compile(r'<section class="control" id="([^"]*)" data-status="([a-z]+)" data-counts="([0-9 ]+)"')


def render(assessment: Assessment) -> bytes:
    """The HTML report. Raises EngineError (PC901) when the page does not say what the assessment says."""
    report = report_document(assessment)
    style, style_hash = page_style("report.css")
    page = page_template(_TEMPLATE).render(
        report=report,
        profile_title=assessment.profile.title,
        gaps=_by_gravity(report["controls"], _GAP_ORDER),
        excepted=_held(report["controls"]),
        choices={choice["name"]: choice for choice in report["parameters"]},
        known=frozenset(control["id"] for control in report["controls"]),
        shown=_FINDINGS_SHOWN,
        listed=lambda control: min(len(control["findings"]), _FINDINGS_SHOWN),
        style=style,
        style_hash=style_hash,
    )
    _verify_page(page, report)
    return page.encode("utf-8")


def page_style(*names: str) -> tuple[str, str]:
    """The style of a page and the hash by which its content security policy admits it."""
    style = "".join((_TEMPLATES / name).read_text(encoding="utf-8") for name in names)
    return style, base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")


@cache
def page_template(name: str) -> Template:
    """The compiled template. Cached: it depends on the installed files alone."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup, escape

    def show(value: Any) -> Any:
        """The one door: whatever the template prints and is not markup already."""
        if isinstance(value, Markup):
            return value
        return visible(clip(value_text(value), _TEXT_LIMIT))

    def code(text: str) -> Markup:
        """A query as written, its line feeds kept, every other hazard spelled out. Never shortened."""
        return Markup("\n").join(escape(visible(line)) for line in text.split("\n"))

    environment = Environment(autoescape=True, undefined=StrictUndefined, finalize=show,
                              trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)  # fmt: skip
    environment.filters.update(
        code=code,
        prose=one_line,
        place=location_text,
        counted=counted,
        differing=differing,
        trusted_style=Markup,
    )
    return environment.from_string((_TEMPLATES / name).read_text(encoding="utf-8"))


def _by_gravity(controls: list[dict[str, Any]], statuses: tuple[str, ...]) -> list[dict[str, Any]]:
    """Controls of these statuses in that order, the most severe first, then by id."""
    chosen = [control for control in controls if control["status"] in statuses]
    return sorted(
        chosen,
        key=lambda control: (statuses.index(control["status"]), Severity(control["severity"]).rank),
    )


def _held(controls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Controls with fails that an exception holds, whatever the control's own status."""
    return [control for control in controls if control["counts"]["excepted"] and not control["all_of"]]


def _verify_page(page: str, report: Mapping[str, Any]) -> None:
    """INVARIANT: the page shows every control once, with the verdict and counts of the assessment."""
    written = [(unescape(name), status, counts) for name, status, counts in _SECTION.findall(page)]
    meant = [
        (
            visible(control["id"]),
            control["status"],
            " ".join(str(count) for count in control["counts"].values()),
        )
        for control in report["controls"]
    ]
    if written != meant:
        raise refuse_page("the HTML report does not show the verdicts of the assessment", _TEMPLATE)


def refuse_page(words: str, template: str) -> EngineError:
    """The error for a page that was read back and says something else."""
    place = Place(str(_TEMPLATES / template))
    return EngineError([Fault("PC901", words, place, "use the JSON form, and mend the template")])
