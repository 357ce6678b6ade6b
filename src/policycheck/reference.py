"""The reference of a pack as Markdown: a page for each control, and the matrix of clauses and frameworks.

Goes in: a pack with its examples, the pack compiled under its default profile, and which mutants were
counted. Comes out: text by file name, the same for the same pack. Every word of it comes from the pack, so it
cannot say another thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policycheck.compiled import CompiledPack
from policycheck.model import CompiledControl, Control, Example, Pack, Parameter, Reference
from policycheck.mutant_counts import MutantCounts
from policycheck.showing import json_value, one_line, value_text

INDEX = "README.md"
FRAMEWORKS = ("HITRUST CSF", "HIPAA", "GDPR", "NIST SP 800-53 r5", "PCI DSS 4.0.1")
"""The columns of the matrix, in this order; every other framework shares the last one."""
NOT_COUNTED = "How many mutants these examples notice was not counted since something behind it changed."


def reference_pages(
    pack: Pack, compiled: CompiledPack, counts: Mapping[str, MutantCounts] | None = None
) -> dict[str, str]:
    """Every page by file name: `<ID>.md` for each control and `README.md` for the matrix.

    `counts` are those that hold for the pack as it is; without any, no page speaks of mutants.
    """
    pages = {f"{control.id}.md": _page(control, pack, compiled, counts) for control in pack.controls.values()}
    return pages | {INDEX: _matrix(pack)}


# --- one control ----------------------------------------------------------------------------------


def _page(
    control: Control, pack: Pack, compiled: CompiledPack, counts: Mapping[str, MutantCounts] | None
) -> str:
    parts = [_head(control), _question(control)]
    found = compiled.controls.get(control.id)
    if found is not None:
        parts.append(_evidence(control, found, compiled))
        parts.append(_parameters(found, pack))
    noticed = [] if found is None or counts is None else [str(counts.get(control.id, NOT_COUNTED))]
    parts += [
        _examples(control.examples, noticed),
        _section("What to do about a gap", [one_line(control.remediation)]),
    ]
    parts.append(_section("References", [f"- {_cited(each)}" for each in control.references]))
    return "\n".join(part for part in parts if part)


def _head(control: Control) -> str:
    facts = [
        ("clauses", ", ".join(control.clauses)),
        ("severity", control.severity.value),
        ("tags", ", ".join(control.tags)),
        ("exceptions", _exceptions(control)),
        ("rests on", ", ".join(_link(each) for each in control.requires)),
    ]
    rows = [f"| {name} | {_cell(words)} |" for name, words in facts if words]
    lines = [f"# {control.id}: {_cell(control.title)}", "", "| | |", "|---|---|", *rows, ""]
    return "\n".join([*lines, one_line(control.rationale), ""])


def _exceptions(control: Control) -> str:
    path = control.exceptions
    if not path.allowed:
        return "" if control.all_of else "none allowed"
    return (
        f"allowed for what `{path.covers}` names, judged by {', '.join(_link(each) for each in path.rules)}"
    )


def _question(control: Control) -> str:
    if control.all_of:
        members = ", ".join(_link(each) for each in control.all_of)
        return _section("What it asks", [f"The worst status of its members: {members}."])
    lines = [f"Of every row of `{control.subject}`:", ""]
    if control.applies_when is not None:
        lines += ["It is in scope when", "", *_sql(control.applies_when.text), ""]
    for name, text in control.expect.items():
        lines += [f"Expected, `{name}`:", "", *_sql(text.text), ""]
        if name in control.otherwise:
            lines += [f"Otherwise: {_cell(control.otherwise[name])}", ""]
    for advice in control.advise:
        lines += [f"Remark `{advice.name}`: {_cell(advice.say)}", "", *_sql(advice.when.text), ""]
    if control.na_when is not None:
        lines += [
            "It does not apply to an organisation of which this holds",
            "",
            *_sql(control.na_when.text),
            "",
        ]
    return _section("What it asks", lines[:-1])


def _evidence(control: Control, found: CompiledControl, compiled: CompiledPack) -> str:
    """The tables and columns a verdict depends on, through all views."""
    pairs: set[tuple[str, str]] = set(found.subject_reads.columns)
    tables: set[str] = {found.base, *found.subject_reads.tables}
    parts = [found.applies, found.na_when, *found.expectations, *found.advice]
    for part in parts:
        if part is not None:
            pairs |= part.reads.columns
            tables |= part.reads.tables
    lines = ["| table | column | holds | at most |", "|---|---|---|---|"]
    for name in sorted(tables & compiled.pack.tables.keys()):
        schema = compiled.pack.tables[name]
        days = compiled.max_age_days(control, name)
        columns = [
            column for column in schema.columns if (name, column.name) in pairs or column.name in schema.key
        ]
        for column in columns:
            unit = f" ({column.unit})" if column.unit else ""
            lines.append(
                f"| `{name}` | `{column.name}` | {_cell(column.description)}{unit} | {days} days old |"
            )
    built_in = sorted(tables - compiled.pack.tables.keys())
    if built_in:
        lines += [
            "",
            f"It also reads what the tool itself knows: {', '.join(f'`{each}`' for each in built_in)}.",
        ]
    return _section("Evidence it needs", lines if len(lines) > 2 else lines[3:])


def _parameters(found: CompiledControl, pack: Pack) -> str:
    if not found.parameters:
        return ""
    profiles = list(pack.profiles.values())
    names = " | ".join(f"`{profile.name}`" for profile in profiles)
    lines = [
        f"| parameter | default | {names} | bound of the clause |",
        "|---|---|" + "---|" * (len(profiles) + 1),
    ]
    for name in found.parameters:
        parameter = pack.parameters[name]
        values = [
            _shown(profile.choices[name].value, parameter) if name in profile.choices else ""
            for profile in profiles
        ]
        memo = f"; outside it by {parameter.memo}" if not parameter.bound.admits(parameter.value) else ""
        cells = [f"`{name}`", _shown(parameter.value, parameter), *values, _cell(f"{parameter.bound}{memo}")]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "An empty cell is the default.", ""]
    lines += [f"- `{each}`: {_cell(pack.parameters[each].description)}" for each in found.parameters]
    return _section("Parameters", lines)


def _shown(value: Any, parameter: Parameter) -> str:
    unit = f" {parameter.unit}" if parameter.unit else ""
    return _cell(f"{value_text(json_value(value))}{unit}")


def _examples(examples: Sequence[Example], noticed: Sequence[str]) -> str:
    lines = ["| example | status | what fails |", "|---|---|---|"]
    for example in examples:
        setting = f" (profile `{example.profile}`)" if example.profile else ""
        failed = ", ".join(f"`{name}`" for name in example.failed or ())
        lines.append(f"| {_cell(example.name)}{setting} | {example.expect.value} | {failed} |")
    lines += ["", *noticed] if noticed else []
    return _section("Examples and boundary cases", lines) if examples else ""


# --- the matrix -----------------------------------------------------------------------------------


def _matrix(pack: Pack) -> str:
    head = ["clause", "controls", *FRAMEWORKS, "other"]
    lines = [
        f"# {pack.title}: clauses, controls, frameworks",
        "",
        "Generated from the pack by `make docs`. A reference marked (?) could not be verified at its source.",
        "",
        f"| {' | '.join(head)} |",
        "|" + "---|" * len(head),
    ]
    by_clause: dict[str, list[Control]] = {}
    for control in pack.controls.values():
        for clause in control.clauses:
            by_clause.setdefault(clause, []).append(control)
    for clause in sorted(by_clause, key=_natural):
        controls = by_clause[clause]
        cells = [clause, ", ".join(_link(control.id) for control in controls), *_cited_by_framework(controls)]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *_titles(pack.controls)]
    return "\n".join(lines) + "\n"


def _titles(controls: Mapping[str, Control]) -> Iterator[str]:
    yield from ("## Controls", "", "| control | severity | title |", "|---|---|---|")
    for control in controls.values():
        yield f"| {_link(control.id)} | {control.severity.value} | {_cell(control.title)} |"


def _cited_by_framework(controls: Sequence[Control]) -> list[str]:
    """One cell for each framework, and one for all others, which names them."""
    found: dict[str, list[str]] = {name: [] for name in (*FRAMEWORKS, "other")}
    for reference in dict.fromkeys(each for control in controls for each in control.references):
        mark = "" if reference.verified else " (?)"
        if reference.framework in FRAMEWORKS:
            found[reference.framework].append(f"{reference.id}{mark}")
        else:
            found["other"].append(f"{reference.framework} {reference.id}{mark}")
    return [_cell(", ".join(cited)) for cited in found.values()]


# --- Markdown -------------------------------------------------------------------------------------


def _natural(name: str) -> tuple[str, tuple[int, ...], str]:
    section, _, rest = name.partition("-")
    return section, tuple(int(part) for part in rest.split(".") if part.isdecimal()), name


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {title}", "", *lines, ""]) if lines else ""


def _sql(text: str) -> list[str]:
    return ["```sql", *text.strip().splitlines(), "```"]


def _link(control_id: str) -> str:
    return f"[{control_id}]({control_id}.md)"


def _cited(reference: Reference) -> str:
    mark = "" if reference.verified else " (not verified)"
    return f"{_cell(reference.framework)} {_cell(reference.id)}{mark}"


_MARKUP = str.maketrans({"|": "\\|", "<": "&lt;", ">": "&gt;"})


def _cell(text: str) -> str:
    """Text of one line that no Markdown table takes apart, and no page for markup."""
    return one_line(text).translate(_MARKUP)
