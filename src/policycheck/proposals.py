"""The missing example: the smallest rows that tell a surviving mutant from its control.

Goes in: a control, its survivors, a bench. Comes out: for a survivor an example, found by changing one or
two cells of the examples there are, with values that occur in them and at the bounds of types and
constants. What it expects is what the control answers as it stands: whether that is right, a human says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import date, timedelta
from itertools import islice
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from policycheck.bench import AS_OF, Bench, open_stack
from policycheck.builtin_tables import BUILTIN_TABLES
from policycheck.compiled import CompiledPack
from policycheck.falsification import Answers, Changed, ControlMutants, Mutant, all_changed, parts_of
from policycheck.model import Column, ColumnType, Control, Example, Pack, Status, TableSchema
from policycheck.selftest import ExampleResult, Progress, run_case

BATCH = 100
"""So many candidates are loaded side by side."""

SINGLE, DOUBLE = 1000, 1000
"""So many candidates with one changed cell, and with two, are tried for one control."""

ROUNDS = 6  # of making a found example smaller
VALUES = 14  # of one column

Given = Mapping[str, Any]
_Edit = tuple[tuple[str | int, ...], Any]  # where in `given`, and the new value; DROP takes it away
DROP = object()
ANOTHER = object()  # a second row like this one


class Proposal(Struct, frozen=True):
    """An example that notices `mutants`; `example` states what the control as it stands answers."""

    example: Example
    mutants: tuple[str, ...]


def propose(control: Control, survivors: Sequence[Mutant], bench: Bench) -> list[Proposal]:
    """Examples for as many survivors as the search finds, each survivor in one of them."""
    found: list[Proposal] = []
    open_: dict[str, Mutant] = {mutant.id: mutant for mutant in survivors}
    for source, limit in ((_single, SINGLE), (_double, DOUBLE)):
        candidates = islice(source(control, survivors, bench), limit)
        while open_ and (batch := list(islice(candidates, BATCH))):
            hits = [ids for _, ids in _noticed(control, batch, list(open_.values()), bench)]
            # The candidate that notices most of what is open; of two alike the smaller, then the earlier.
            while ranked := [
                (-len(left), _size(batch[i].given), i)
                for i, ids in enumerate(hits)
                if (left := open_.keys() & set(ids))
            ]:
                index = min(ranked)[2]
                mutants = [open_[i] for i in hits[index] if i in open_]
                proposal = _smallest(control, batch[index], mutants, bench)
                found.append(proposal)
                for mutant_id in proposal.mutants:
                    del open_[mutant_id]
    return found


def propose_all(
    pack: Pack, found: Sequence[ControlMutants], *, progress: Progress | None = None
) -> dict[str, list[Proposal]]:
    """Examples by control for everything that survived."""
    open_ = [each for each in found if any(result.survived for result in each.results)]
    if not open_:
        return {}
    bench = Bench(pack, open_stack())
    proposed = {}
    for i, each in enumerate(open_, start=1):
        survivors = [result.mutant for result in each.results if result.survived]
        proposed[each.control] = propose(pack.controls[each.control], survivors, bench)
        if progress is not None:
            progress(i, len(open_))
    return proposed


def _noticed(
    control: Control, batch: Sequence[Example], mutants: Sequence[Mutant], bench: Bench
) -> list[tuple[ExampleResult | None, list[str]]]:
    """For each example what the control answers, and the mutants that answer otherwise."""
    found: dict[int, tuple[ExampleResult | None, list[str]]] = {}
    tried: list[Changed] = []
    compiled: CompiledPack | None = None  # the pack that `tried` changes
    for case in bench.single_cases([(control, example) for example in batch]):
        if case.compiled is None or case.unanswered or case.evidence is None or case.evidence.row_faults:
            continue  # rows that contradict each other are no example of anything else
        if case.compiled is not compiled:
            compiled = case.compiled
            tried = all_changed(mutants, compiled, bench)
        known = Answers(case, tried)
        apart = [changed for changed in tried if known.may_differ(changed)]
        if not apart:
            continue
        before = run_case(case)
        ids = [c.mutant.id for c in apart if _differs(before, run_case(case, c.compiled))]
        if not case.unanswered:
            found[id(case.example)] = (before, ids)
    return [found.get(id(example), (None, [])) for example in batch]


def _differs(before: ExampleResult, after: ExampleResult) -> bool:
    return (
        before.status is not after.status
        or before.failed != after.failed
        or before.advisories != after.advisories
    )


# --- making it smaller ----------------------------------------------------------------------------


def _smallest(control: Control, example: Example, mutants: Sequence[Mutant], bench: Bench) -> Proposal:
    """The example without what it can do without, and with what it then expects."""
    ids = {mutant.id for mutant in mutants}
    before, _ = _noticed(control, [example], mutants, bench)[0]

    def fitting(examples: Sequence[Example]) -> list[int]:
        return [
            i
            for i, (result, hit) in enumerate(_noticed(control, examples, mutants, bench))
            if ids <= set(hit) and result is not None and before is not None
            and (result.status, result.failed) == (before.status, before.failed)
        ]  # fmt: skip

    for _ in range(ROUNDS):
        # The last places first, so that taking one out does not move the others.
        places = list(_places(example.given))[::-1]
        smaller = [_with(example, [(place, DROP)]) for place in places]
        fits = fitting(smaller)
        if not fits:
            break
        together = _with(example, [(places[i], DROP) for i in fits])
        example = (
            together if fitting([together]) else smaller[min(fits, key=lambda i: _size(smaller[i].given))]
        )
    result, hit = _noticed(control, [example], mutants, bench)[0]
    if result is None or result.status is None:
        raise ValueError("a proposal was found, and is gone")
    stated = replace(
        example,
        name=f"notices {sorted(hit)[0]}",
        expect=result.status,
        failed=result.failed if result.status is Status.FAIL else None,
        advisories=result.advisories or (() if any(i.startswith("advise.") for i in hit) else None),
    )
    return Proposal(stated, tuple(hit))


def _size(given: Any) -> int:
    if isinstance(given, dict):
        return sum(1 + _size(value) for value in given.values())
    if isinstance(given, list):
        return sum(1 + _size(value) for value in given)
    return 0


def _places(given: Given) -> Iterator[tuple[str | int, ...]]:
    """Everything that can be taken out of an example: tables, rows, cells, rows of lists."""
    for table, rows in given.items():
        yield (table,)
        if isinstance(rows, list):
            for i, row in enumerate(rows):
                if len(rows) > 1:
                    yield (table, i)
                for name, value in row.items() if isinstance(row, dict) else ():
                    yield (table, i, name)
                    if isinstance(value, list):
                        for j, item in enumerate(value):
                            yield (table, i, name, j)
                            yield from ((table, i, name, j, key) for key in item if isinstance(item, dict))


# --- candidates -----------------------------------------------------------------------------------


def _single(control: Control, survivors: Sequence[Mutant], bench: Bench) -> Iterator[Example]:
    """Every example with one edit, the edits of all examples by turns, small examples first."""
    bases = sorted(
        (e for e in control.examples if all(isinstance(rows, list) for rows in e.given.values())),
        key=lambda e: _size(e.given),
    )
    values = _values(control, survivors, bench)
    waiting = [(base, _edits(base.given, values, bench)) for base in bases]
    while waiting:
        kept = []
        for base, edits in waiting:
            edit = next(edits, None)
            if edit is not None:
                yield _with(base, [edit])
                kept.append((base, edits))
        waiting = kept


def _double(control: Control, survivors: Sequence[Mutant], bench: Bench) -> Iterator[Example]:
    """Every example with two edits; a stride through the second keeps the first candidates apart."""
    bases = sorted(
        (e for e in control.examples if all(isinstance(rows, list) for rows in e.given.values())),
        key=lambda e: _size(e.given),
    )
    values = _values(control, survivors, bench)
    edits = [list(_edits(base.given, values, bench)) for base in bases]
    longest = max((len(each) for each in edits), default=0)
    for step in range(1, longest):
        for base, each in zip(bases, edits, strict=True):
            for i in range(0, len(each), 7):
                other = each[(i + step * 5 + 1) % len(each)]
                if other[0] != each[i][0]:
                    yield _with(base, [each[i], other])


def _edits(given: Given, values: Mapping[tuple[str, str], list[Any]], bench: Bench) -> Iterator[_Edit]:
    """Every change of one cell to another value, then rows taken away and rows doubled."""
    for table, rows in given.items():
        for i, row in enumerate(rows):
            yield from (((table, i, name), v) for name, v in _cells(table, row, values))
            for child in bench.pack.tables[table].children if table in bench.pack.tables else ():
                items = row.get(child.parent_column)
                for j, item in enumerate(items if isinstance(items, list) else ()):
                    where = (table, i, child.parent_column, j)
                    yield from (((*where, name), v) for name, v in _cells(child.name, item, values))
    for table, rows in given.items():
        for i, row in enumerate(rows):
            yield (table, i), DROP
            # Another row, alike but for one cell.
            yield (table, i), (ANOTHER, {})
            for name, value in _cells(table, row, values):
                yield (table, i), (ANOTHER, {name: value})


def _cells(table: str, row: Any, values: Mapping[tuple[str, str], list[Any]]) -> Iterator[tuple[str, Any]]:
    for (of, name), known in values.items():
        if of == table and isinstance(row, dict):
            for value in known:
                if value is None and name in row:
                    yield name, DROP
                elif value is not None and row.get(name) != value:
                    yield name, value


def _with(base: Example, edits: Sequence[_Edit]) -> Example:
    given: dict[str, Any] = deepcopy(dict(base.given))
    for where, value in edits:
        target: Any = given
        try:
            for step in where[:-1]:
                target = target[step]
            _edit(target, where[-1], value)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier edit has taken the place away
    return replace(base, given=given, failed=None, advisories=None)


def _edit(target: Any, last: Any, value: Any) -> None:
    if value is DROP:
        del target[last]
    elif isinstance(value, tuple) and value and value[0] is ANOTHER:
        kept = {k: v for k, v in {**target[last], **value[1]}.items() if v is not DROP}
        target.insert(last + 1, kept)
    else:
        target[last] = value


# --- values ---------------------------------------------------------------------------------------


def _values(control: Control, survivors: Sequence[Mutant], bench: Bench) -> dict[tuple[str, str], list[Any]]:
    """The values to try for each (table, column) that the changed expressions rest on."""
    compiled = bench.compiled([control.id]).controls[control.id]
    names = {mutant.name for mutant in survivors}
    parts = (compiled.applies, compiled.na_when, *compiled.expectations, *compiled.advice)
    changed = [part for part in parts if part is not None and part.name in names]
    pairs = sorted({pair for part in changed for pair in part.reads.columns})
    numbers = _numbers(control, bench)
    found = {}
    for table, name in pairs:
        schema = bench.pack.tables.get(table) or BUILTIN_TABLES.get(table)
        column = schema.column(name) if schema is not None else None
        if schema is None or column is None:
            continue
        seen = [
            *_seen(control.examples, schema, name),
            *_seen([e for c in bench.pack.controls.values() for e in c.examples], schema, name),
        ]
        known = list(dict.fromkeys([*_typed(column, numbers), *seen][: 4 * VALUES]))
        found[table, name] = known[:VALUES]
    return found


def _seen(examples: Sequence[Example], schema: TableSchema, name: str) -> Iterator[Any]:
    for example in examples:
        rows = example.given.get(schema.parent or schema.name)
        for row in rows if isinstance(rows, list) else ():
            items = [row] if schema.parent is None else row.get(schema.parent_column)
            for item in items if isinstance(items, list) else ():
                value = item.get(name) if isinstance(item, dict) else None
                if isinstance(value, (str, int)):
                    yield value


def _numbers(control: Control, bench: Bench) -> list[int]:
    """Whole numbers of the expressions and their parameters, with their neighbours."""
    texts = " ".join(text.text for _, text in parts_of(control).values())
    found = {int(digits) for digits in re.findall(r"(?<![\w'-])\d{1,9}(?![\w'-])", texts)}
    found |= {
        p.value
        for p in bench.pack.parameters.values()
        if p.type is ColumnType.INT and re.search(rf"\${p.name}\b", texts)
    }
    return sorted({n + step for n in found for step in (-1, 0, 1)})


def _typed(column: Column, numbers: Sequence[int]) -> Iterator[Any]:
    """Nothing at all, and the values at the bounds of the column's type."""
    if column.nullable:
        yield None
    if column.type is ColumnType.BOOL:
        yield from (True, False)
    elif column.type is ColumnType.INT:
        low, high = column.minimum, column.maximum
        yield from (n for n in numbers if (low is None or n >= low) and (high is None or n <= high))
        yield from (0, 1)
    elif column.type in (ColumnType.DAY, ColumnType.DAYS, ColumnType.INSTANT):
        today = date.fromisoformat(AS_OF[:10])
        later = (0, -1, 1) if column.may_be_future else (0, -1)
        yield from ((today + timedelta(days=step)).isoformat() for step in later)
    yield from column.enum


# --- as text --------------------------------------------------------------------------------------


def example_text(example: Example) -> str:
    """The example as it stands under `examples:` in a control file."""
    lines = [f"  - name: {_flow(example.name)}"]
    if example.profile is not None:
        lines.append(f"    profile: {_flow(example.profile)}")
    if example.parameters:
        lines.append(f"    parameters: {_flow(dict(example.parameters))}")
    if example.as_of is not None:
        lines.append(f"    as_of: {_flow(example.as_of)}")
    lines.append("    given:" if example.given else "    given: {}")
    for table, rows in example.given.items():
        if isinstance(rows, list) and rows:
            lines += [f"      {table}:", *(f"        - {_flow(row)}" for row in rows)]
        else:
            lines.append(f"      {table}: {_flow(rows)}")
    lines.append(f"    expect: {example.expect.value}")
    if example.failed is not None:
        lines.append(f"    failed: {_flow(list(example.failed))}")
    if example.advisories is not None:
        lines.append(f"    advisories: {_flow(list(example.advisories))}")
    return "\n".join(lines)


def _flow(value: Any) -> str:
    """One value on one line, quoted where the strict reader asks for it."""
    import yaml

    plain = [list(value) if isinstance(value, tuple) else value]
    text: str = yaml.safe_dump(
        plain, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True
    )
    return text.strip()[1:-1]
