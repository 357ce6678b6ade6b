"""A cold gate: 80 controls over 25 small tables, from the start of a process to an answer in JSON.

The same controls are written as a pack, as Rego, as CEL and as JSON Schema, all by one generator: one or
two comparisons that may be unknown, and a list of rows that are exempt. Beside them stand Python alone,
Python with what policycheck cannot do without, and two tools of the trade that cannot ask these questions
and do small work of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from benchmarks import peers
from benchmarks.evidence import GATE, check, control, counts, made, schema, write_manifest, write_pack
from benchmarks.measure import Aim, Side, Table, compare

SIDES = Path(__file__).parent / "sides"
TABLES, CONTROLS, EXEMPT = 25, 80, 8
FEW, MORE = 12, 200
"""Rows of each table: 300 records in all, as most gates have, and 5,000."""
SEED = 20260302
COLOURS = ("amber", "blue", "green", "red", "white")
FLOOR = "import click, yaml, duckdb; duckdb.connect().execute('select 1').fetchall()"
OURS, ANEW, OPA, CONFTEST = "policycheck", "policycheck --no-cache", "opa eval", "conftest"
SHIPPED = "policycheck, the shipped pack on the sample"
SLICE = ("META", "DP-1", "DP-3", "LB", "OR-1", "OR-6", "RT")
"""The controls that the aim for the shipped pack was set for; it has grown to three times as many since."""
FLOOR_NAME = "floor: click, yaml, duckdb and one query"
Row = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """One comparison of a column with a constant, in each language. `untrue` is where it is known not to
    hold.
    """

    column: str
    sql: str
    untrue: str  # in Rego and CEL, of the column as `{}`
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """One control: its table, its questions, the rows that are exempt."""

    number: int
    table: str
    questions: Sequence[Question]
    exempt: Sequence[str]

    @property
    def name(self) -> str:
        return f"GT-{self.number}"


def rows_of(random: Random, table: str, rows: int) -> list[Row]:
    """The rows of a table; one cell in twenty is not known."""

    def perhaps(value: Any) -> Any:
        return None if random.random() < 0.05 else value

    return [
        {
            "row_id": f"{table}-{i:04d}",
            **{f"n{k}": perhaps(random.randrange(100)) for k in (1, 2, 3)},
            **{f"k{k}": perhaps(random.choice(COLOURS)) for k in (1, 2)},
        }
        for i in range(rows)
    ]


def question(random: Random, column: str) -> Question:
    """A comparison that most rows pass."""
    if column.startswith("k"):
        colour = random.choice(COLOURS)
        differs = {"type": "string", "not": {"const": colour}}
        return Question(column, f"{column} <> '{colour}'", f'{{}} == "{colour}"', differs)
    if random.random() < 0.5:
        least = random.randrange(2, 12)
        return Question(
            column, f"{column} >= {least}", f"{{}} < {least}", {"type": "integer", "minimum": least}
        )
    most = random.randrange(85, 98)
    return Question(column, f"{column} <= {most}", f"{{}} > {most}", {"type": "integer", "maximum": most})


def generate(rows: int) -> tuple[dict[str, list[Row]], list[Rule]]:
    """Tables of so many rows and rules, always the same."""
    random = Random(SEED)
    tables = {f"t{i:02d}": rows_of(random, f"t{i:02d}", rows) for i in range(1, TABLES + 1)}
    rules = []
    for number in range(1, CONTROLS + 1):
        table = f"t{1 + number % TABLES:02d}"
        columns = random.sample(["n1", "n2", "n3", "k1", "k2"], random.choice((1, 2)))
        exempt = sorted(row["row_id"] for row in random.sample(tables[table], EXEMPT))
        rules.append(Rule(number, table, [question(random, each) for each in columns], exempt))
    return tables, rules


def write(folder: Path, rows: int) -> None:
    """The gate in every language: `pack` and `evidence`, and beside them what the others read."""
    tables, rules = generate(rows)
    evidence = folder / "evidence"
    evidence.mkdir()
    for name, table in tables.items():
        (evidence / f"{name}.ndjson").write_text("".join(json.dumps(row) + "\n" for row in table), "utf-8")
    write_manifest(evidence, {f"{name}.ndjson": rows for name in tables})
    write_pack(folder / "pack", {name: _schema() for name in tables}, {r.name: _control(r) for r in rules})
    (folder / "data.json").write_text(json.dumps(tables), "utf-8")
    (folder / "gate.rego").write_text(_rego(rules, "data", _summed), "utf-8")
    (folder / "conftest").mkdir()
    (folder / "conftest" / "gate.rego").write_text(_rego(rules, "input", _denied), "utf-8")
    (folder / "cel.json").write_text(json.dumps([_cel(rule) for rule in rules]), "utf-8")
    _write_catalog(folder / "trestle", rules)
    (folder / "schemas.json").write_text(json.dumps([_json_schemas(rule) for rule in rules]), "utf-8")


def _schema() -> dict[str, Any]:
    key = {"type": "string", "minLength": 1, "examples": ["row-1"]}
    numbers = {f"n{k}": {"type": ["integer", "null"], "minimum": 0} for k in (1, 2, 3)}
    colours = {f"k{k}": {"enum": [*COLOURS, None]} for k in (1, 2)}
    return schema("row_id", {"row_id": key, **numbers, **colours}, ["row_id"])


def _control(rule: Rule) -> dict[str, Any]:
    asked = " AND ".join(each.sql for each in rule.questions)
    exempt = f"exempt_{rule.number}"
    parameter = {"value": list(rule.exempt), "description": "Rows that are exempt."}
    expect = {"as_asked": f"({asked}) OR has(${exempt}, row_id)"}
    return control(rule.name, rule.table, expect, parameters={exempt: parameter})


def _rego(rules: Sequence[Rule], root: str, answer: Callable[[int, Rule], str]) -> str:
    """The rules in Rego. `answer` writes what is asked of each in the end."""
    package = "gate" if root == "data" else "main"
    parts = [f"package {package}\n"]
    for rule in rules:
        n = rule.number
        parts.append(f"exempt_{n} := {json.dumps(dict.fromkeys(rule.exempt, True))}\n")
        for each in rule.questions:
            cell = f"r.{each.column}"
            parts.append(f"untrue_{n}(r) if {{ {cell} != null; {each.untrue.format(cell)} }}\n")
            parts.append(f"open_{n}(r) if {{ {cell} == null }}\n")
        rows = f"some r in {root}.{rule.table}; not exempt_{n}[r.row_id]"
        parts.append(f"fails_{n} := [r.row_id | {rows}; untrue_{n}(r)]\n")
        parts.append(f"unknown_{n} := [r.row_id | {rows}; open_{n}(r); not untrue_{n}(r)]\n")
        parts.append(answer(n, rule))
    if root == "data":
        named = ",\n  ".join(f'"{rule.name}": answer_{rule.number}' for rule in rules)
        parts.append(f"answer := {{\n  {named}\n}}\n")
    return "".join(parts)


def _summed(n: int, rule: Rule) -> str:
    rest = f"count(data.{rule.table}) - count(fails_{n}) - count(unknown_{n})"
    return f"answer_{n} := [{rest}, count(fails_{n}), count(unknown_{n})]\n"


def _denied(n: int, rule: Rule) -> str:
    said = f'msg := sprintf("{rule.name} %s", [name])'
    return (
        f"deny contains msg if {{ some name in fails_{n}; {said} }}\n"
        f"warn contains msg if {{ some name in unknown_{n}; {said} }}\n"
    )


def _cel(rule: Rule) -> dict[str, Any]:
    """`known` asks with nulls, `present` of a record `r` that leaves out what is not known."""
    untrue = " || ".join(f"({q.column} != null && {q.untrue.format(q.column)})" for q in rule.questions)
    open_ = " || ".join(f"{q.column} == null" for q in rule.questions)
    columns = [q.column for q in rule.questions]
    fails = " || ".join(f"(has(r.{q.column}) && {q.untrue.format(f'r.{q.column}')})" for q in rule.questions)
    absent = " || ".join(f"!has(r.{column})" for column in columns)
    return {
        **{"id": rule.name, "table": rule.table, "exempt": list(rule.exempt), "columns": columns},
        **{"known": f"exempt ? 1 : ({untrue}) ? 0 : ({open_}) ? -1 : 1"},
        **{"fails": f"!exempt && ({fails})", "open": f"!exempt && ({absent})"},
    }


def _json_schemas(rule: Rule) -> dict[str, Any]:
    def both(perhaps: bool) -> dict[str, Any]:
        asked = {
            q.column: {"anyOf": [q.schema, {"type": "null"}]} if perhaps else q.schema for q in rule.questions
        }
        listed = {"properties": {"row_id": {"enum": list(rule.exempt)}}}
        return {"anyOf": [{"properties": asked, "required": list(asked)}, listed]}

    return {"id": rule.name, "table": rule.table, "surely": both(False), "perhaps": both(True)}


def _write_catalog(folder: Path, rules: Sequence[Rule]) -> None:
    """A workspace of trestle with the controls as a catalog: titles and no logic."""
    controls = [{"id": rule.name.lower(), "title": f"Control {rule.name}"} for rule in rules]
    times = {"last-modified": "2026-03-02T12:00:00+00:00", "version": "1", "oscal-version": "1.1.3"}
    group = {"id": "gt", "title": "Made-up controls", "controls": controls}
    catalog = {"uuid": "4a6f6b8e-2f6e-4d0c-9a2a-3d1f8f8f0001", "metadata": {"title": "Made up", **times}}
    (folder / ".trestle").mkdir(parents=True)
    (folder / ".trestle" / "config.ini").write_text("", "utf-8")
    (folder / "catalogs" / "made").mkdir(parents=True)
    text = json.dumps({"catalog": {**catalog, "groups": [group]}})
    (folder / "catalogs" / "made" / "catalog.json").write_text(text, "utf-8")


def said_by_opa(output: str) -> Any:
    """The answer in what `opa eval --format json` prints."""
    return json.loads(output)["result"][0]["expressions"][0]["value"]


def said_by_conftest(output: str, rows: int) -> Any:
    """Failures and warnings of conftest, counted for each control. It does not count what passes: the
    rest of the rows of a table does.
    """
    answer = {f"GT-{n}": [rows, 0, 0] for n in range(1, CONTROLS + 1)}
    for result in json.loads(output):
        for place, kind in ((1, "failures"), (2, "warnings")):
            for each in result.get(kind) or ():
                name = each["msg"].split(" ")[0]
                answer[name][place] += 1
                answer[name][0] -= 1
    return answer


def sides(folder: Path, rows: int) -> list[Side]:
    """Everything that is started, equal or not."""
    gate = check(folder / "pack", folder / "evidence")
    rego, data = str(folder / "gate.rego"), str(folder / "data.json")

    def side(package: str, name: str) -> Sequence[str] | None:
        return peers.python(package, str(SIDES / f"{name}.py"), str(folder))

    def no_answer(_: str) -> None:
        return None

    opa = ("opa", "eval", "--data", rego, "--data", data, "--format", "json", "data.gate.answer")
    conftest = ("conftest", "test", "--policy", str(folder / "conftest"), "--output", "json", data)
    custodian = ("custodian", "validate", str(SIDES / "custodian.yaml"))
    trestle = ("trestle", "validate", "-t", "catalog", "-n", "made", "-tr", str(folder / "trestle"))
    two = "two schemas a control, as a schema has two answers"
    found = [
        Side(OURS, gate, counts, GATE, note="the pack kept compiled by an earlier run"),
        Side(ANEW, [*gate, "--no-cache"], counts, GATE, note="the pack compiled in each run"),
        Side(OPA, peers.program(*opa), said_by_opa),
        Side(CONFTEST, peers.program(*conftest), partial(said_by_conftest, rows=rows), (0, 1)),
        Side("Rego (regopy, rego-cpp)", side("regopy", "rego_gate"), rounds=1, patience=120),
        Side("CEL (cel-expr-python)", side("cel-expr-python", "cel_gate")),
        Side("CEL (cel-python)", side("cel-python", "celpy_gate"), rounds=1, patience=300),
        Side("JSON Schema (jsonschema)", side("jsonschema", "jsonschema_gate"), patience=120, note=two),
    ]
    shipped = check("controls", Path("evidence"))
    part = [*shipped, *(word for name in SLICE for word in ("--only", name))]
    others = [
        (FLOOR_NAME, peers.ours("-c", FLOOR), (0,), "asks nothing of the rows"),
        ("floor: Python alone", peers.ours("-c", "pass"), (0,), ""),
        (
            "custodian validate (c7n)",
            peers.program(*custodian),
            (0,),
            "not equal work: checks one policy file",
        ),
        (
            "trestle validate",
            peers.program(*trestle),
            (0,),
            "not equal work: checks a catalog of 80 controls",
        ),
        (SHIPPED, shipped, GATE, "183 controls, three profiles compared"),
        ("policycheck, the first slice of it", part, GATE, "60 controls"),
    ]
    return found + [
        Side(name, command, no_answer, expected, group=None, note=note)
        for name, command, expected, note in others
    ]


def measure(rounds: int) -> Iterator[Table]:
    """One table for each number of rows; only the first holds what asks other questions."""
    for rows in (FEW, MORE):
        words = f"cold gate over {TABLES * rows:,} records: at most as long as"
        aims = [
            Aim(f"{words} `opa eval` on an equal gate", OURS, OPA, 1.0),
            Aim(f"{words} conftest on an equal gate", OURS, CONFTEST, 1.0),
        ]
        if rows == FEW:
            shipped = "the shipped pack on the sample: at most 3 times the floor"
            aims.append(Aim(shipped, SHIPPED, FLOOR_NAME, 3.0))
        asked = sides(made(f"gate-{rows}", write, rows), rows)
        kept = [side for side in asked if rows == FEW or side.group is not None]
        title = f"cold gate: {CONTROLS} controls over {TABLES} tables of {rows} rows"
        yield compare(title, kept, OURS, rounds, aims=aims)
