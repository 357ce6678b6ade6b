"""What of a pack cannot be asked of Spark, all of it, before anything is judged.

Goes in: a compiled pack and an engine. Comes out: nothing, or InputError with every control and view that has
no form in Spark SQL, and why. INVARIANT: nothing is left out of a run or answered by another engine.
"""

from __future__ import annotations

from collections.abc import Iterator

from policycheck.builtin_tables import BUILTIN_TABLES, ORGANISATION
from policycheck.compiled import CompiledPack
from policycheck.engines.spark import SparkEngine
from policycheck.errors import Fault, InputError
from policycheck.model import CompiledControl
from policycheck.source import Place

HINT = "write it another way, or judge with --engine duckdb"


def check_askable(compiled: CompiledPack, engine: SparkEngine) -> None:
    """Raises InputError PC624 for every view and expression that Spark cannot be asked."""
    engine.define_tables([*BUILTIN_TABLES.values(), *compiled.pack.tables.values()])
    views = {name: view.sql for name, view in compiled.views.items()}
    places = {f"view `{name}`": view.view.place for name, view in compiled.views.items()}
    questions: dict[str, list[tuple[str, str]]] = {}
    for table, rules in compiled.row_rules.items():
        for rule in rules:
            what = f"a rule of the table `{table}`: `{rule.name}`"
            questions.setdefault(table, []).append((what, rule.sql))
    for control in compiled.controls.values():
        for relation, what, sql in _asked(control):
            places[what] = control.control.place
            questions.setdefault(relation, []).append((what, sql))
    refused = engine.refusals(views, questions)
    if refused:
        raise InputError(
            Fault("PC624", f"{what} cannot be asked of Spark: {why}", places.get(what, Place("pack")), HINT)
            for what, why in refused
        )


def _asked(control: CompiledControl) -> Iterator[tuple[str, str, str]]:
    """(relation, what, expression) of everything a control asks."""
    name = control.control.id
    if control.na_when is not None:
        yield ORGANISATION.name, f"`na_when` of {name}", control.na_when.sql
    for part in control.asked:
        yield control.relation, f"`{part.name}` of {name}", part.sql
    if control.population is not None:
        for question in control.population.questions:
            yield control.population.relation, f"`{question.name}` of the population of {name}", question.sql
