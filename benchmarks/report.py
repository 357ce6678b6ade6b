"""Writes the tables of docs/performance.md, and its curves, from the JSON files of the last runs.

The page has places between `<!-- NAME -->` and `<!-- end of NAME -->`; what stands there is replaced, the
rest is left as it is. Names: `aims`, `machine`, and the names of the results.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.curve import svg
from benchmarks.measure import Table, markdown, shown

Result = Mapping[str, Any]
PLACE = re.compile(r"(<!-- ([a-z-]+) -->\n).*?(<!-- end of \2 -->)", re.S)


def write(docs: Path, results: Mapping[str, Result]) -> None:
    """Fills `performance.md` in `docs`, and writes the curves into `performance/`."""
    page = docs / "performance.md"
    texts = {"aims": aims(results.values()), "machine": machines(results.values())}
    texts |= {name: tables(result) for name, result in results.items()}

    def filled(place: re.Match[str]) -> str:
        text = texts.get(place[2], "Not measured yet.")
        return f"{place[1]}\n{text}\n\n{place[3]}"

    page.write_text(PLACE.sub(filled, page.read_text("utf-8")), "utf-8")
    folder = docs / "performance"
    folder.mkdir(exist_ok=True)
    for result in results.values():
        for table in result["tables"]:
            if "curve" in table:
                (folder / f"{table['curve']['label']}.svg").write_text(
                    svg(table["title"], *points(table)), "utf-8"
                )


def aims(results: Iterable[Result]) -> str:
    """One row for each aim that was set."""
    rows: list[Sequence[str]] = [("aim", "measured", "limit", "result", "by processor time")]
    rows += [
        (*_aim_row(aim, table), _by_processor(aim, table))
        for result in results
        for table in result["tables"]
        for aim in table["aims"]
    ]
    return markdown(rows)


def aims_as_text(table: Table) -> str:
    """The aims of one table, one line each."""
    rows = [_aim_row(aim, table) for aim in table["aims"]]
    return "".join(
        f"\n- {words}: {measured} (limit {limit}): {result}" for words, measured, limit, result in rows
    )


def _aim_row(aim: Mapping[str, Any], table: Table) -> tuple[str, str, str, str]:
    value, limit, unit = aim["measured"], aim["limit"], aim["unit"]

    def number(x: float) -> str:
        return f"{x:.2f}" if unit == "ratio" else f"{x:.0f} {unit}"

    bound = ("at least " if aim["at_least"] else "at most ") + number(limit)
    if value is None:
        states = {row["side"]: row["state"] for row in table["rows"]}
        absent = {name: states[name] for name in (aim["side"], aim["beside"]) if states[name] != "measured"}
        verdict = "missed" if "crashed" in absent.values() else "not measured"
        why = ", ".join(f"{name}: {state}" for name, state in absent.items())
        return aim["aim"], "", bound, f"{verdict}: {why or 'no run counted'}"
    if aim["met"] is None:
        return aim["aim"], f"at least {number(value)}", bound, "open: it was stopped before that showed"
    if aim["met"]:
        return aim["aim"], number(value), bound, "met"
    return aim["aim"], number(value), bound, f"missed by {abs(value - limit) / limit:.0%}"


def _by_processor(aim: Mapping[str, Any], table: Table) -> str:
    """The same ratio of processor times."""
    runs = {row["side"]: row["runs"] for row in table["rows"]}
    ours, theirs = runs[aim["side"]], runs[aim["beside"]]
    if aim["unit"] != "ratio" or not ours or not theirs:
        return ""
    here, there = (median(r["processor_seconds"] for r in each) for each in (ours, theirs))
    return f"{here / there:.2f}"


def machines(results: Iterable[Result]) -> str:
    """What the results were measured on: one line for each different set of machine, versions, day and
    commit.
    """
    lines: dict[str, list[str]] = {}
    for result in results:
        machine = result["machine"]
        versions = ", ".join(f"{name} {said}" for name, said in result["versions"].items())
        words = (
            f"{result['date']}, commit {result['commit']}: {machine['processor']}, {machine['cores']} cores, "
            f"{machine['memory_gib']} GiB, {machine['system']}; {versions}"
        )
        name = result["benchmark"] + (" (long sizes)" if result["full"] else "")
        lines.setdefault(words, []).append(name)
    return "\n".join(f"- {', '.join(names)}: {words}" for words, names in lines.items())


def tables(result: Result) -> str:
    """All tables of one result."""
    return "\n\n".join(
        f"**{table['title'][:1].upper() + table['title'][1:]}**\n\n{shown(table)}"
        for table in result["tables"]
    )


def points(table: Table) -> tuple[str, Sequence[int], Mapping[str, Sequence[float]]]:
    """Label, places and median seconds of each line of a curve."""
    curve = table["curve"]
    names, rows = curve["series"], table["rows"]
    lines = {
        name: [median(r["seconds"] for r in row["runs"]) for row in rows[i :: len(names)]]
        for i, name in enumerate(names)
    }
    return curve["label"], curve["x"], lines
