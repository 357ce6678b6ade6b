"""Runs child processes and measures each: wall time, processor time, peak memory, exit code.

Goes in: `Side`s, each a command that answers the same question. Comes out: a table (a plain dict, as it
is kept in JSON) with every run, the ratios within it, and where the answers differ. Nothing here fails
for being slow.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CHILD = Path(__file__).with_name("child.py")
Answer = Any  # what JSON holds
Table = dict[str, Any]
Run = dict[str, Any]
"""One finished child: `seconds` of wall time, `processor_seconds` of all processors, `peak_mib`,
`exit_code`.
"""


class LateError(Exception):
    """A child was stopped because it took too long. The first argument: its processor time in seconds."""


class ChildError(Exception):
    """A child ended with an exit code that nobody expected. The message shows its last output."""


@dataclass(frozen=True)
class Side:
    """One way to answer. Without a `command` it is not installed. Sides of one `group` must give the same
    answer; None does other work. `rounds` and `patience` (seconds) bound what slow sides take; `answer`
    reads the output, and a `note` stands beside the result.
    """

    name: str
    command: Sequence[str] | None
    answer: Callable[[str], Answer] = json.loads
    expected: Sequence[int] = (0,)
    group: str | None = ""
    rounds: int | None = None
    patience: float = 600
    note: str = ""


@dataclass(frozen=True)
class Aim:
    """What was aimed at: the ratio of the times of `side` and `beside` is at most (or at least) `limit`.

    With another `unit` it is about `side` alone: its peak memory in MiB, or its median time in s.
    """

    words: str
    side: str
    beside: str
    limit: float
    at_least: bool = False
    unit: str = "ratio"


def run(command: Sequence[str], expected: Sequence[int], log: Path, patience: float = 3600) -> Run:
    """Runs `command` in the repository with its output in `log`, what it says on standard error beside
    it.

    None where it had not ended after `patience` seconds and was stopped. Raises ChildError on another
    exit code.
    """
    # Byte code is kept, as it is for everybody who installs a package.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    measured = subprocess.run(
        [sys.executable, "-S", str(CHILD), str(log), str(patience), *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    told: Run = json.loads(measured.stdout)
    if told.pop("late"):
        raise LateError(told["processor_seconds"])
    if told["exit_code"] not in expected:
        errors = log.with_name(log.name + ".errors").read_text("utf-8", "replace")
        shown = (log.read_text("utf-8", "replace") + errors)[-2000:]
        raise ChildError(f"exit code {told['exit_code']} of: {' '.join(command)}\n{shown}")
    return told


def apart(work: Callable[..., None], *arguments: Any) -> None:
    """Does `work` in a process of its own: what it holds in memory would count as the peak of later
    children.
    """
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise ChildError(f"exit code {process.exitcode} of {work.__module__}.{work.__name__}")


def compare(
    title: str, sides: Sequence[Side], base: str, rounds: int, *, warm: bool = True, aims: Sequence[Aim] = ()
) -> Table:
    """Runs the sides in turn, `rounds` times, so that a slow minute of the machine hits all of them.

    One more round before the others (where `warm`, and there are others) fills the file cache and writes byte
    code; it does not count. A side
    with `rounds` of its own runs in the first so many, without that one. Answers are compared before
    any time is looked at. Ratios are those to `base`.
    """
    rows = [_new_row(side) for side in sides]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "output"
        for turn in range(-1 if warm and rounds != 1 else 0, rounds):
            for side, row in zip(sides, rows, strict=True):
                own = side.rounds is not None
                wanted = 0 <= turn < (side.rounds or 0) if own else True
                if row["state"] != "measured" or not wanted:
                    continue
                try:
                    done = run(side.command or (), side.expected, log, side.patience)
                except ChildError as error:
                    row["state"], row["crash"] = "crashed", str(error)
                    continue
                except LateError as late:
                    row["state"], row["stopped_after"] = f"over {side.patience:.0f} s", late.args[0]
                    continue
                try:
                    answer = side.answer(log.read_text("utf-8", "replace"))
                except (LookupError, TypeError, ValueError) as error:
                    row["state"], row["crash"] = "crashed", f"no answer can be read: {error!r}"
                    continue
                if row["answer"] is not None and row["answer"] != answer:
                    row["differs"] = "from one run to the next"
                row["answer"] = answer
                if turn >= 0:
                    row["runs"].append(done)
    _compare_answers(rows)
    table: Table = {"title": title, "base": base, "rows": rows, "aims": []}
    for row in rows:
        row["ratio"] = ratio_of(table, row["side"], base)
    for aim in aims:
        table["aims"].append(judged(table, aim))
    for row in rows:
        row["answer"] = _shortened(row["answer"])
    return table


def judged(table: Table, aim: Aim) -> dict[str, Any]:
    """An aim with what was measured; `measured` is None where a side is not installed or was not measured."""
    runs = next(row["runs"] for row in table["rows"] if row["side"] == aim.side)
    stopped = False
    if aim.unit == "ratio":
        value = ratio_of(table, aim.side, aim.beside)
        if stopped := value is None and aim.at_least:
            value = _at_least(table, aim)
    elif not runs:
        value = None
    else:
        value = max(r["peak_mib"] for r in runs) if aim.unit == "MiB" else median(r["seconds"] for r in runs)
    met = None if value is None else value >= aim.limit if aim.at_least else value <= aim.limit
    if stopped and not met:
        met = None  # it took longer than that, and nobody knows how much
    kept = {"aim": aim.words, "measured": value, "limit": aim.limit, "at_least": aim.at_least, "met": met}
    return kept | {"unit": aim.unit, "side": aim.side, "beside": aim.beside}


def ratio_of(table: Table, side: str, beside: str) -> float | None:
    """Median ratio of wall times of runs of one round; None where either has none.

    For an aim of "so many times faster" it is the other way round: name the slower one first.
    """
    runs = {row["side"]: row["runs"] for row in table["rows"]}
    pairs = list(zip(runs.get(side, []), runs.get(beside, []), strict=False))
    return median(a["seconds"] / b["seconds"] for a, b in pairs) if pairs else None


def _at_least(table: Table, aim: Aim) -> float | None:
    """How many times as long the slower side took at least, where it was stopped.

    In processor time: of its wall time nobody knows how much it could use.
    """
    rows = {row["side"]: row for row in table["rows"]}
    stopped, runs = rows[aim.side]["stopped_after"], rows[aim.beside]["runs"]
    return stopped / median(each["processor_seconds"] for each in runs) if stopped and runs else None


def differences(table: Table) -> list[str]:
    """One line for each side that crashed or whose answer is another than that of its group."""
    crashes = [f"{table['title']}: {row['side']}: {row['crash']}" for row in table["rows"] if row["crash"]]
    return crashes + [
        f"{table['title']}: {row['side']}: {row['differs']}" for row in table["rows"] if row["differs"]
    ]


def _new_row(side: Side) -> dict[str, Any]:
    state = "measured" if side.command is not None else "not installed"
    kept = {"side": side.name, "state": state, "group": side.group, "note": side.note}
    return kept | {
        "runs": [],
        "answer": None,
        "differs": "",
        "compared": False,
        "ratio": None,
        "stopped_after": None,
        "crash": "",
    }


def _compare_answers(rows: Sequence[dict[str, Any]]) -> None:
    """Holds every answer against the first one of its group."""
    first: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["group"] is not None and row["answer"] is not None:
            right = first.setdefault(row["group"], row)
            if right is not row:
                row["compared"] = right["compared"] = True
            if row["answer"] != right["answer"]:
                said, other = _short(row["answer"]), _short(right["answer"])
                row["differs"] = f"answers {said}, where {right['side']} answers {other}"


def _short(answer: Answer) -> str:
    text = json.dumps(answer)
    return text if len(text) <= 400 else text[:400] + "..."


def _shortened(answer: Answer) -> Answer:
    """Without the names of what fails, which are many: how many were compared."""
    if isinstance(answer, dict) and "failing" in answer:
        return answer | {"failing": len(answer["failing"])}
    return answer


def describe(seconds: Sequence[float]) -> str:
    """Median and range of the wall time."""
    if len(seconds) == 1:
        return f"{seconds[0]:.2f} s"
    return f"{median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def shown(table: Table) -> str:
    """A measured table as Markdown."""
    base = f"times {table['base']}"
    head = (
        "what",
        "wall time, median (range)",
        "processor",
        "peak memory",
        base,
        "processor",
        "answer",
        "note",
    )
    rows = [head]
    for row in table["rows"]:
        runs = row["runs"]
        time_ = describe([r["seconds"] for r in runs]) if runs else row["state"]
        rows.append(
            (
                row["side"],
                time_,
                f"{median(r['processor_seconds'] for r in runs):.2f} s" if runs else "",
                f"{max(r['peak_mib'] for r in runs):.0f} MiB" if runs else "",
                f"{row['ratio']:.2f}" if row["ratio"] is not None else "",
                _processor_ratio(row, table),
                _agreement(row),
                row["note"],
            )
        )
    return markdown(rows)


def _processor_ratio(row: dict[str, Any], table: Table) -> str:
    """The ratio of processor times, which other work on the machine disturbs less."""
    base = next(each["runs"] for each in table["rows"] if each["side"] == table["base"])
    if not row["runs"] or not base:
        return ""
    here, there = (median(r["processor_seconds"] for r in runs) for runs in (row["runs"], base))
    return f"{here / there:.2f}"


def _agreement(row: dict[str, Any]) -> str:
    if row["differs"]:
        return "DIFFERS"
    if not row["runs"]:
        return ""
    return "same" if row["compared"] else "not compared"


def say(words: str) -> None:
    """A line about the progress, apart from the tables."""
    print(words, file=sys.stderr, flush=True)
