"""Controls into queries: every expression through the gate, every view defined, every name resolved.

Goes in: a pack, resolved parameters, an instant, and a `Catalogue` (the engine's parser and its empty
tables). Comes out: a `CompiledPack`. A control that has not been here cannot reach an engine.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Protocol

from msgspec.structs import replace

from policycheck.builtin_tables import BUILTIN_TABLES, ORGANISATION
from policycheck.compiled import CompiledPack, CompiledView, mark, parameter_values, without_marks
from policycheck.errors import EngineError, FaultList, nearest
from policycheck.expression import (
    CheckedView,
    Parser,
    Relation,
    Scope,
    check_expression,
    check_view,
    parser_texts,
)
from policycheck.graph import closure, control_order
from policycheck.model import (
    ColumnType,
    CompiledControl,
    CompiledExpression,
    CompiledPopulation,
    Control,
    ExpressionText,
    Pack,
    Reads,
    TableSchema,
    View,
)
from policycheck.parameters import Resolved
from policycheck.populations import listing, population_texts, question_texts
from policycheck.scope import sql_literal
from policycheck.showing import placeholders
from policycheck.source import Place
from policycheck.sqltext import without_comments

REGISTER = "exceptions"
IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")


class PrimedParser(Parser, Protocol):
    def prime(self, selects: Iterable[str]) -> None:
        """Parses many selects at once; later calls with the same text answer from memory."""


class Catalogue(Protocol):
    """What the compiler asks of an engine before any data exists."""

    @property
    def parse(self) -> PrimedParser: ...

    def define_tables(self, schemas: Iterable[TableSchema]) -> None: ...

    def define_view(self, name: str, sql: str) -> list[tuple[str, ColumnType]]:
        """Binds the view and answers its columns. Raises EngineError when it does not bind."""


def compile_pack(
    pack: Pack,
    resolved: Resolved,
    as_of: datetime,
    catalogue: Catalogue,
    faults: FaultList,
    only: Collection[str] | None = None,
    *,
    template: bool = False,
) -> CompiledPack:
    """Compiles the pack, or with `only` these controls and what they depend on.

    `as_of` is UTC. Faults are gathered; what could not be compiled has no entry in the result. In a
    `template` marks stand for the parameters, so that it serves every instant and profile: the gate looks
    at their types alone. See `precompiled`.
    """
    order = control_order(pack, faults)
    wanted = set(pack.controls) if only is None else closure(pack, only)
    compiler = _Compiler(pack, resolved, as_of, catalogue, faults, template)
    compiler.define_tables()
    views = compiler.view_order(None if only is None else [pack.controls[c] for c in wanted])
    compiler.prime([pack.controls[c] for c in wanted], views)
    for name in views:
        compiler.compile_view(pack.views[name])
    controls = {}
    for control in pack.controls.values():
        if control.id in wanted and not control.all_of:
            compiled = compiler.compile_control(control)
            if compiled is not None:
                controls[control.id] = compiled
    rules = compiler.compile_row_rules()
    kept = tuple(c for c in order if c in wanted)
    return CompiledPack(pack, resolved, as_of, kept, controls, compiler.views, rules, compiler.scope)


def relation_of(schema: TableSchema) -> Relation:
    """A table as the expression gate sees it."""
    columns = {column.name: (column.type, column.nullable) for column in schema.columns}
    return Relation(schema.name, columns, None, frozenset((schema.name,)))


class _Compiler:
    def __init__(
        self,
        pack: Pack,
        resolved: Resolved,
        as_of: datetime,
        catalogue: Catalogue,
        faults: FaultList,
        template: bool,
    ) -> None:
        self.pack = pack
        self.catalogue = catalogue
        self.faults = faults
        self.tables: dict[str, TableSchema] = {**BUILTIN_TABLES, **pack.tables}
        self.views: dict[str, CompiledView] = {}
        self.broken_views: set[str] = set()
        values = parameter_values(resolved, as_of)
        self.literals = {name: sql_literal(value) for name, value in values.items()}
        self.scope = Scope(
            relations={name: relation_of(table) for name, table in self.tables.items()},
            parameters=values,
            literals={name: mark(name) for name in values} if template else self.literals,
        )
        for name in BUILTIN_TABLES:
            if name in pack.tables or name in pack.views:
                faults.add("PC304", f"the name `{name}` belongs to a built-in table", Place(pack.root))

    def define_tables(self) -> None:
        self.catalogue.define_tables(self.tables.values())

    def prime(self, controls: list[Control], views: list[str]) -> None:
        """Has everything parsed in one call, which takes a quarter of the time of one call each."""
        texts = [
            ExpressionText(rule.expression, rule.place)
            for table in self.tables.values()
            for rule in table.rules
        ]
        for control in controls:
            parts = (control.applies_when, control.na_when, *(a.when for a in control.advise))
            texts += [part for part in parts if part is not None]
            texts += [*control.expect.values(), *population_texts(control, self.pack)]
        self.catalogue.parse.prime(parser_texts(texts, [self.pack.views[name] for name in views]))

    # --- views ---

    def view_order(self, controls: list[Control] | None) -> list[str]:
        """The views these controls need, or all, each after those it reads."""
        mentions = {name: self._mentioned_views(view) for name, view in self.pack.views.items()}
        try:
            order = list(TopologicalSorter(mentions).static_order())
        except CycleError as error:
            cycle = error.args[1]
            self.faults.add(
                "PC311",
                "views read each other in a circle: " + " > ".join(cycle),
                self.pack.views[cycle[0]].place,
                "take one of these views apart",
            )
            self.broken_views.update(self.pack.views)
            return []
        if controls is None:
            return order
        needed: set[str] = set()
        words = {word for control in controls for word in _words(control, self.pack)}
        waiting = [name for name in mentions if name in words]
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting.extend(mentions[name])
        return [name for name in order if name in needed]

    def _mentioned_views(self, view: View) -> list[str]:
        words = set(IDENTIFIER.findall(without_comments(view.sql)))
        return sorted(words & (set(self.pack.views) - {view.name}))

    def compile_view(self, view: View) -> None:
        if view.base is not None and view.base not in self.tables:
            self.faults.add(
                "PC203", f"the base `{view.base}` is no table", view.place, nearest(view.base, self.tables)
            )
        checked = check_view(view, self.scope, self.catalogue.parse, self.faults)
        columns = self._bind(view, checked) if checked is not None else None
        if checked is None or columns is None:
            self.broken_views.add(view.name)
            return
        self._check_header(view, columns)
        reads = Reads(checked.tables, checked.reads, checked.parameters)
        uses = [*self._mentioned_views(view)]
        self.views[view.name] = CompiledView(
            view, checked.sql, reads, tuple(self._with_inner(uses)), self._promised(view)
        )
        shapes = {name: (kind, name not in view.not_null) for name, kind in columns.items()}
        column_reads = {name: checked.column_reads.get(name, checked.reads) for name in shapes}
        relations = {
            **self.scope.relations,
            view.name: Relation(view.name, shapes, column_reads, checked.tables),
        }
        self.scope = replace(self.scope, relations=relations)

    def _with_inner(self, uses: list[str]) -> list[str]:
        found: list[str] = []
        for name in uses:
            for inner in (*self.views[name].uses, name) if name in self.views else (name,):
                if inner not in found:
                    found.append(inner)
        return found

    def _bind(self, view: View, checked: CheckedView) -> dict[str, ColumnType] | None:
        try:
            columns = self.catalogue.define_view(view.name, without_marks(checked.sql, self.literals))
        except EngineError as error:
            for fault in error.faults:
                self.faults.add("PC206", f"view `{view.name}`: {fault.message}", view.place, fault.help)
            return None
        return {name: kind for name, kind in columns if not name.startswith("_")}

    def _promised(self, view: View) -> tuple[str, ...]:
        """Columns the header promises, but for those taken over from the base as they are."""
        base = self.tables.get(view.base) if view.base else None
        if base is None:
            return view.not_null
        sql = without_comments(view.sql)
        alias = re.search(rf"\bFROM\s+{base.name}\s+(?:AS\s+)?([a-z_]+)", sql, re.IGNORECASE)
        whole = alias is not None and f"{alias.group(1)}.*" in sql

        def vouched(name: str) -> bool:
            column = base.column(name)
            renamed = re.search(rf"\bAS\s+{name}\b", sql, re.IGNORECASE)
            return whole and column is not None and not column.nullable and renamed is None

        return tuple(name for name in view.not_null if not vouched(name))

    def _check_header(self, view: View, columns: Mapping[str, ColumnType]) -> None:
        for name in view.not_null:
            if name not in columns:
                self.faults.add(
                    "PC204",
                    f"`not null` names `{name}`, which view `{view.name}` has not",
                    view.place,
                    nearest(name, columns),
                )
        base = self.tables.get(view.base) if view.base else None
        for name in base.key if base else ():
            if name not in columns:
                self.faults.add(
                    "PC204",
                    f"view `{view.name}` lacks the key column `{name}` of its base",
                    view.place,
                    "select `<base>.*`, so that every row keeps its key",
                )

    # --- controls ---

    def compile_control(self, control: Control) -> CompiledControl | None:
        relation = self._subject(control)
        if relation is None:
            return None
        base = self._base(relation.name)
        before = len(self.faults)
        applies = self._check("applies_when", control.applies_when, relation)
        expectations = [self._check(name, text, relation) for name, text in control.expect.items()]
        advice = [self._check(a.name, a.when, relation) for a in control.advise]
        na_when = self._check("na_when", control.na_when, self.scope.relations[ORGANISATION.name])
        self._check_names(control, relation)
        self._check_rules(control)
        self._check_lists(control)
        population = self._population(control, relation) if control.population else None
        if len(self.faults) > before:
            return None
        expressions = [e for e in (applies, *expectations, *advice) if e is not None]
        reads = Reads()
        for expression in expressions:
            reads |= expression.reads
        view = self.views.get(relation.name)
        own = view.reads if view else Reads(relation.tables)
        asked = [*expressions, *([na_when] if na_when else [])]
        inventory = [population.relation] if population else []
        asked += (*population.questions, population.listed) if population else ()
        views = self._with_inner(
            [v for v in (relation.name, *inventory, *self._views_in(asked, None)) if v in self.views]
        )
        used = self._parameters_of(control, reads, views)
        observed = sorted({name for e in expressions for name in e.observes} | self._shown(control, relation))
        return CompiledControl(
            control=control,
            relation=relation.name,
            base=base.name,
            key=base.key,
            applies=applies,
            expectations=tuple(e for e in expectations if e is not None),
            advice=tuple(e for e in advice if e is not None),
            na_when=na_when,
            parameters={name: self.scope.parameters[name] for name in used},
            observed=tuple(observed),
            subject_reads=own,
            query=self._query(relation, base, applies, [e for e in expectations if e is not None]),
            views=tuple(views),
            rereads_base=self._rereads(relation.name, base.name, expressions),
            population=population,
        )

    def _population(self, control: Control, relation: Relation) -> CompiledPopulation | None:
        named = control.population
        inventory = self.scope.relations.get(named.inventory) if named else None
        if named is None:
            return None
        if inventory is None or (inventory.name in self.views and not self.views[inventory.name].view.base):
            words = f"the inventory `{named.inventory}` is no table and no view with a base table"
            self.faults.add("PC203", words, named.place, nearest(named.inventory, self.scope.relations))
            return None
        for name, where in ((named.key, relation), (named.inventory_key, inventory)):
            if name not in where.columns:
                words = f"`population` names `{name}`, which `{where.name}` has not"
                self.faults.add("PC204", words, named.place, nearest(name, where.columns))
                return None
        looked_up = listing(control, self.pack)
        known, listed = question_texts(looked_up, named)
        questions = [self._check("population", text, inventory) for text in (named.where, known)]
        asked = self._check("population", listed, relation)
        base = self._base(inventory.name)
        if asked is None:
            return None
        whole = tuple(question for question in questions if question is not None)
        checked = (named.key,) if looked_up != relation.name else ()
        return CompiledPopulation(inventory.name, base.name, base.key, whole, asked, checked)

    def _parameters_of(self, control: Control, reads: Reads, views: list[str]) -> list[str]:
        """Every parameter a verdict or its message depends on, through all views."""
        used = set(reads.parameters)
        for name in views:
            used |= self.views[name].reads.parameters
        for message in (*control.otherwise.values(), *(a.say for a in control.advise)):
            used |= set(placeholders(message)) & set(self.scope.parameters)
        return sorted(used - {"as_of", "as_of_day"})

    def _subject(self, control: Control) -> Relation | None:
        name = control.subject or ""
        if name in self.broken_views:
            return None
        relation = self.scope.relations.get(name)
        if relation is None:
            self.faults.add(
                "PC203",
                f"the subject `{name}` is no table and no view",
                control.subject_place,
                nearest(name, self.scope.relations),
            )
        elif name in self.views and self.views[name].view.base is None:
            self.faults.add(
                "PC203",
                f"view `{name}` names no base table, so it cannot be a subject",
                control.subject_place,
                "add the comment `-- base: <table>` at its top",
            )
            return None
        return relation

    def _base(self, relation: str) -> TableSchema:
        view = self.views.get(relation)
        return self.tables[view.view.base or ""] if view else self.tables[relation]

    def _check(self, name: str, text: ExpressionText | None, relation: Relation) -> CompiledExpression | None:
        if text is None:
            return None
        return check_expression(name, text, relation, self.scope, self.catalogue.parse, self.faults)

    def _check_rules(self, control: Control) -> None:
        """A rule on exceptions is about exceptions: the id of anything else could pass for one."""
        for rule in control.exceptions.rules:
            subject = self.pack.controls[rule].subject or ""
            view = self.pack.views.get(subject)
            if (view.base if view else subject) != REGISTER:
                self.faults.add(
                    "PC312",
                    f"`rules` names {rule}, which is not about the table `{REGISTER}`",
                    control.place,
                    "name controls whose subject is the register of exceptions",
                )

    def _check_lists(self, control: Control) -> None:
        """A list nobody could read has no rows either: `there is none` must not be concluded from that."""
        for expression in (control.applies_when, control.na_when, *control.expect.values()):
            for table in self.tables.values():
                if table.parent is None or expression is None:
                    continue
                named = rf"(EXISTS\s*\(\s*SELECT\s+1|count\(\*\)\s*)\s*FROM\s+{table.name}\b"
                if re.search(named, expression.text, re.IGNORECASE):
                    self.faults.add(
                        "PC209",
                        f"`{table.name}` comes from a list that may be unknown",
                        expression.place,
                        f"use any_true(...) or all_true(...), or `{table.parent_column}_count`",
                    )

    def _check_names(self, control: Control, relation: Relation) -> None:
        for name in (*control.expect, *(a.name for a in control.advise)):
            if not IDENTIFIER.fullmatch(name):
                self.faults.add("PC308", f"`{name}` is not a name", control.place, "use lower case and `_`")
        for table in control.max_age_days:
            if table not in self.tables:
                self.faults.add(
                    "PC203",
                    f"`max_age_days` names `{table}`, which is no table",
                    control.place,
                    nearest(table, self.tables),
                )
        covers = control.exceptions.covers
        if covers and relation.columns.get(covers, (None,))[0] is not ColumnType.TEXT:
            self.faults.add(
                "PC204",
                f"`covers` names `{covers}`, which is no text column of `{relation.name}`",
                control.place,
                nearest(covers, relation.columns),
            )
        known = {*relation.columns, *self.scope.parameters, "subject"}
        for message in (*control.otherwise.values(), *(a.say for a in control.advise)):
            for name in placeholders(message):
                if name not in known:
                    self.faults.add(
                        "PC204",
                        f"a message names `{{{name}}}`, which is no column and no parameter",
                        control.place,
                        nearest(name, known),
                    )

    def _shown(self, control: Control, relation: Relation) -> set[str]:
        messages = (*control.otherwise.values(), *(a.say for a in control.advise))
        names = {name for message in messages for name in placeholders(message)}
        return (names & set(relation.columns)) | ({control.exceptions.covers} - {""})

    def _query(
        self,
        relation: Relation,
        base: TableSchema,
        applies: CompiledExpression | None,
        expectations: list[CompiledExpression],
    ) -> str:
        """The query as an auditor can run it over the tables: views as CTEs, parameters as literals."""
        used = [
            name for name in (relation.name, *self._views_in(expectations, applies)) if name in self.views
        ]
        steps = [
            f"{name} AS (\n{without_comments(self.views[name].sql).strip().rstrip(';')}\n)"
            for name in self._with_inner(list(dict.fromkeys(used)))
        ]
        keys = ", ".join(f"subject.{name}" for name in base.key)
        lines = [f"SELECT {keys},", f"  ({applies.sql if applies else 'true'}) AS applies,"]
        lines += [f"  ({e.sql.strip()}) AS {e.name}," for e in expectations]
        lines[-1] = lines[-1].rstrip(",")
        lines += [f"FROM {relation.name} AS subject", f"ORDER BY {keys}"]
        return ("WITH " + ",\n".join(steps) + "\n" if steps else "") + "\n".join(lines)

    def _views_in(
        self, expectations: list[CompiledExpression], applies: CompiledExpression | None
    ) -> list[str]:
        text = " ".join(e.sql for e in (*expectations, applies) if e is not None)
        words = set(re.findall(r"[a-z_][a-z0-9_]*", text))
        return sorted(words & set(self.views))

    def _rereads(self, relation: str, base: str, expressions: list[CompiledExpression]) -> bool:
        """Whether a verdict depends on other rows of the base table than the subject's own."""
        uses = [*self.views[relation].uses, relation] if relation in self.views else []
        in_views = " ".join(without_comments(self.views[name].sql) for name in uses)
        in_expressions = " ".join(e.sql for e in expressions)
        named = re.compile(rf"\b(?:from|join)\s+{base}\b|,\s*{base}\s+(?:as\s+)?[a-z]", re.IGNORECASE)
        indirect = [name for name in self._views_in(expressions, None) if name not in uses]
        through = any(base in self.views[name].reads.tables for name in indirect)
        return through or len(named.findall(in_views)) > 1 or bool(named.search(in_expressions))

    def compile_row_rules(self) -> dict[str, tuple[CompiledExpression, ...]]:
        found = {}
        for table in self.tables.values():
            rules = [
                self._check(
                    rule.name, ExpressionText(rule.expression, rule.place), self.scope.relations[table.name]
                )
                for rule in table.rules
            ]
            if rules:
                found[table.name] = tuple(rule for rule in rules if rule is not None)
        return found


def _words(control: Control, pack: Pack) -> set[str]:
    """Every name in the texts of a control."""
    parts = [control.applies_when, control.na_when, *(advice.when for advice in control.advise)]
    parts += [*control.expect.values(), *population_texts(control, pack)]
    return {control.subject or "", *IDENTIFIER.findall(" ".join(part.text for part in parts if part))}
