"""`policycheck lint`: every fault of a pack and of its evidence at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from policycheck.cli.answering import embedded_session
from policycheck.cli.options import input_options
from policycheck.cli.run import EVIDENCE, Inputs, instant_of
from policycheck.cli.screen import INTERNAL, fault_text, print_lines, say
from policycheck.errors import Fault, FaultList, InputError
from policycheck.model import AmbiguityKind
from policycheck.showing import counted

if TYPE_CHECKING:
    from datetime import datetime

    from policycheck.compiled import CompiledPack
    from policycheck.model import Pack

EVIDENCE_FAULTS = 1


@click.command()
@input_options
@click.pass_context
def lint(context: click.Context, *, inputs: Inputs) -> None:
    """Show every fault of the pack and of the evidence, each with its place, cause and next step.

    The pack is compiled under each of its profiles, or under the one of --profile. Where no --evidence is
    given and ./evidence does not exist, only the pack is looked at. Warnings name what is declared and
    never used. Whether the examples of the pack hold is the business of `policycheck test`.

    \b
    policycheck lint
    policycheck lint --pack my-policy/controls --evidence my-policy/evidence

    \b
    Exit code 0: no fault (warnings do not count)
              1: faults in the evidence only; `check` runs, and what depends on them is unknown
              2: faults in the pack; `check` does not run, or for a clause without a control, leaves the
                 gate closed
    """
    named = context.get_parameter_source("evidence_folder") is click.core.ParameterSource.COMMANDLINE
    with_evidence = named or inputs.evidence.exists()
    if not with_evidence and not inputs.quiet:
        say(f"note: there is no folder `{EVIDENCE}`, so only the pack is looked at")
    pack_faults, evidence_faults, warnings = _all_faults(inputs, with_evidence)
    lines = [line for fault in (*pack_faults, *evidence_faults) for line in fault_text(fault).split("\n")]
    lines += [line for fault in warnings for line in _as_warning(fault).split("\n")]
    lines.append(
        f"{counted(len(pack_faults), 'fault')} in the pack, {len(evidence_faults)} in the evidence; "
        f"{counted(len(warnings), 'warning')}"
    )
    print_lines(lines)
    context.exit(INTERNAL if pack_faults else EVIDENCE_FAULTS if evidence_faults else 0)


def _as_warning(fault: Fault) -> str:
    return fault_text(fault).replace(": error[", ": warning[", 1)


def _all_faults(
    inputs: Inputs, with_evidence: bool
) -> tuple[tuple[Fault, ...], tuple[Fault, ...], tuple[Fault, ...]]:
    """Faults of the pack, faults of the evidence, warnings."""
    from policycheck.evidence import manifest_in
    from policycheck.pack import load_pack

    try:
        pack = load_pack(inputs.pack)
    except InputError as error:
        if with_evidence and not inputs.quiet:
            say("note: the evidence is looked at once the pack can be read")
        return error.faults, (), ()
    faults = FaultList()
    faults.extend(pack.gaps)
    evidence_faults: tuple[Fault, ...] = ()
    _schema_faults(pack, faults)
    try:
        moment = instant_of(
            inputs,
            lambda: manifest_in(inputs.evidence, pack.tables).as_of if with_evidence else None,
        )
    except InputError as error:
        if with_evidence and error.faults[0].code.startswith("PC4"):
            return faults.faults, error.faults, ()
        raise
    compiled = [_compiled(pack, name, moment, faults) for name in _profiles(pack, inputs.profile)]
    whole = [each for each in compiled if each is not None]
    # A clause without a control keeps nothing from running: `check` leaves the gate closed for it.
    runnable = set(faults.faults) <= set(pack.gaps)
    if with_evidence:
        evidence_faults = _evidence_faults(inputs, pack, moment, runnable=runnable)
    return faults.faults, evidence_faults, _unused(pack, whole) if runnable else ()


def _profiles(pack: Pack, wanted: str | None) -> list[str]:
    from policycheck.parameters import find_profile

    find_profile(pack, wanted)  # raises where the default or the wanted profile is missing
    return [wanted] if wanted else list(pack.profiles)


def _compiled(pack: Pack, profile: str, moment: datetime, faults: FaultList) -> CompiledPack | None:
    from policycheck.compiler import compile_pack
    from policycheck.engines.duckdb import DuckDBSession
    from policycheck.parameters import resolve_parameters

    found = FaultList()
    resolved = resolve_parameters(pack, pack.profiles[profile], found)
    with DuckDBSession() as session:
        compiled = compile_pack(pack, resolved, moment, session, found)
    known = set(faults.faults)  # most faults are the same under every profile
    faults.extend(fault for fault in found.faults if fault not in known)
    return compiled if not len(found) else None


def _schema_faults(pack: Pack, faults: FaultList) -> None:
    from policycheck.documents import read_json
    from policycheck.tables import check_table_schema

    for schema in pack.tables.values():
        if schema.parent is None:
            path = Path(schema.place.path)
            document = read_json(str(path), path.read_bytes(), faults)
            if document is not None:
                check_table_schema(document, schema, pack.tables, faults)


def _evidence_faults(inputs: Inputs, pack: Pack, moment: datetime, runnable: bool) -> tuple[Fault, ...]:
    """Faults of sources and of rows; the rules of rows and bulk files need a pack that compiles."""
    from policycheck.evidence import load_evidence, row_fault_as_fault

    found = FaultList()
    try:
        evidence = load_evidence(inputs.evidence, pack.tables, moment)
    except InputError as error:
        return error.faults
    found.extend(evidence.faults)
    rows = evidence.row_faults
    if runnable:
        from policycheck.compiler import compile_pack
        from policycheck.loading import load
        from policycheck.parameters import find_profile, resolve_parameters

        faults = FaultList()
        resolved = resolve_parameters(pack, find_profile(pack, inputs.profile), faults)
        with embedded_session(inputs) as session:
            loaded = load(compile_pack(pack, resolved, moment, session, faults), evidence, session)
        rows = loaded.row_faults
        found.extend(loaded.faults)
        for source in loaded.sources:
            if not source.usable and all(source.place != fault.place for fault in loaded.faults):
                words = f"source `{source.evidence_id}`: {source.reason}"
                found.add("PC410", words, source.place, "collect it again")
    found.extend(row_fault_as_fault(fault) for fault in rows)
    return found.faults


def _unused(pack: Pack, compiled: list[CompiledPack]) -> tuple[Fault, ...]:
    """What the pack declares and no control reads under any profile: a reader would think it has effect."""
    from policycheck.clauses import overtaken_reasons

    warnings = FaultList()
    parameters: set[str] = set()
    views: set[str] = set()
    for each in compiled:
        for control in each.controls.values():
            parameters |= set(control.parameters)
            views |= set(control.views)
            if control.na_when is not None:
                parameters |= control.na_when.reads.parameters
        for rules in each.row_rules.values():
            parameters |= {name for rule in rules for name in rule.reads.parameters}
    memos = {parameter.memo for parameter in pack.parameters.values()}
    memos |= {choice.memo for profile in pack.profiles.values() for choice in profile.choices.values()}
    for name, parameter in pack.parameters.items():
        if name not in parameters:
            hint = "use it, or remove it; it has no effect"
            warnings.add("PC320", f"parameter `{name}` is not used", parameter.place, hint)
    for name, view in pack.views.items():
        if name not in views:
            warnings.add("PC320", f"view `{name}` is not used", view.place, "use it, or remove it")
    if pack.register is not None:
        for clause, control_id in overtaken_reasons(pack.register, pack.controls):
            words = f"`{clause.id}` says why no control checks it, and `{control_id}` does"
            warnings.add("PC320", words, clause.place, "remove `without_control`")
    checked = {clause for control in pack.controls.values() for clause in (control.id, *control.clauses)}
    for name, memo in pack.interpretations.items():
        # A memo that no parameter names may still explain how a control reads its clause.
        if name not in memos and not checked & set(memo.clauses):
            words = f"memo `{name}` is about no clause that is checked, and no parameter rests on it"
            warnings.add("PC320", words, memo.place, "name it where it counts, or remove it")
    _open_ambiguities(pack, warnings)
    return warnings.faults


def _open_ambiguities(pack: Pack, warnings: FaultList) -> None:
    """Contradictions that no approved memo settles, and statements that time has overtaken."""
    for found in pack.ambiguities.values():
        clauses = ", ".join(found.clauses)
        settled = any(pack.interpretations[memo].approved for memo in found.settled_by)
        if found.kind is AmbiguityKind.CONFLICT and not settled:
            words = f"{found.id}: {clauses} cannot all hold as they stand, and no approved memo settles it"
            hint = f"{found.problem} Write a memo in interpretations/ and name it in `settled_by`"
            warnings.add("PC322", words, found.place, hint)
        elif found.kind is AmbiguityKind.OUTDATED:
            words = f"{found.id}: {clauses} is outdated: {found.title}"
            warnings.add("PC323", words, found.place, f"{found.problem} Tell whoever keeps the document")
