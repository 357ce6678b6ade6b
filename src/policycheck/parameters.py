"""The values of all parameters under one profile, and whether that profile may choose them.

Goes in: a pack, a profile name. Comes out: values by name and one `ParameterChoice` each. A choice that
differs from the default, or a value that is looser than its clause, stands only on an approved memo.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from msgspec import Struct

from policycheck.errors import FaultList, InputError, nearest
from policycheck.model import Interpretation, Pack, Parameter, ParameterChoice, Profile, parameter_type
from policycheck.source import Place


class Resolved(Struct, frozen=True):
    """Parameters as one run uses them, and the memos that run stands on."""

    profile: Profile
    values: Mapping[str, Any]
    choices: tuple[ParameterChoice, ...]
    memos: tuple[Interpretation, ...]


def find_profile(pack: Pack, name: str | None) -> Profile:
    """The named profile, or the pack's default. Raises InputError (PC309) for an unknown name."""
    wanted = name or pack.default_profile
    profile = pack.profiles.get(wanted)
    if profile is None:
        faults = FaultList()
        faults.add(
            "PC309", f"the pack has no profile `{wanted}`", Place(pack.root), nearest(wanted, pack.profiles)
        )
        raise InputError(faults.faults)
    return profile


def resolve_parameters(
    pack: Pack,
    profile: Profile,
    faults: FaultList,
    overrides: Mapping[str, Any] | None = None,
    today: date | None = None,
) -> Resolved:
    """Resolves every parameter. `overrides` are an example's own values, which ask for no memo."""
    for name, choice in profile.choices.items():
        if name not in pack.parameters:
            faults.add(
                "PC309",
                f"profile `{profile.name}` sets `{name}`, which is no parameter",
                choice.place,
                nearest(name, pack.parameters),
            )
    values: dict[str, Any] = {}
    choices: list[ParameterChoice] = []
    memos: dict[str, Interpretation] = {}
    for name, parameter in pack.parameters.items():
        picked = profile.choices.get(name)
        value = parameter.value if picked is None else picked.value
        own = picked is None or (value == parameter.value and picked.memo is None)
        memo_id = parameter.memo if own or picked is None else picked.memo
        place = parameter.place if picked is None else picked.place
        if overrides and name in overrides:
            value = overrides[name]
            _check_type(parameter, value, parameter.place, faults)
        elif _check_type(parameter, value, place, faults):
            memo = pack.interpretations.get(memo_id) if memo_id else None
            _check_choice(parameter, value, picked is not None, memo_id, memo, place, faults)
            _check_memo(pack, parameter, value, memo, place, faults, today)
            if memo is not None:
                memos[memo.id] = memo
        values[name] = value
        choices.append(
            ParameterChoice(
                name,
                value,
                parameter.value,
                parameter.unit,
                str(parameter.bound),
                _within(parameter, value),
                memo_id,
            )
        )
    for name in overrides or {}:
        if name not in pack.parameters:
            faults.add("PC309", f"`{name}` is no parameter", profile.place, nearest(name, pack.parameters))
    return Resolved(profile, values, tuple(choices), tuple(memos[key] for key in sorted(memos)))


def memos_in_force(pack: Pack, resolved: Resolved, clauses: Collection[str]) -> tuple[Interpretation, ...]:
    """The memos that parameters rest on, and approved ones about these clauses that no parameter names:
    their reading is written into the controls. By id."""
    named = {parameter.memo for parameter in pack.parameters.values()}
    named |= {choice.memo for profile in pack.profiles.values() for choice in profile.choices.values()}
    memos = {memo.id: memo for memo in resolved.memos}
    for memo in pack.interpretations.values():
        if memo.approved and memo.id not in named and set(clauses) & set(memo.clauses):
            memos[memo.id] = memo
    return tuple(memos[name] for name in sorted(memos))


def _within(parameter: Parameter, value: Any) -> bool:
    return parameter_type(value) is parameter.type and parameter.bound.admits(value)


def _check_type(parameter: Parameter, value: Any, place: Place, faults: FaultList) -> bool:
    kind = parameter_type(value)
    if kind is not parameter.type:
        shown = kind.value if kind else type(value).__name__
        faults.add(
            "PC309",
            f"parameter `{parameter.name}` is {parameter.type.value}, not {shown}",
            place,
            f"its default is `{parameter.value}`",
        )
        return False
    if parameter.values is not None and value not in parameter.values:
        faults.add(
            "PC309",
            f"`{value}` is no value of parameter `{parameter.name}`",
            place,
            nearest(str(value), [str(v) for v in parameter.values]),
        )
        return False
    return True


def _check_choice(
    parameter: Parameter,
    value: Any,
    chosen: bool,
    memo_id: str | None,
    memo: Interpretation | None,
    place: Place,
    faults: FaultList,
) -> None:
    # INVARIANT: no control is looser than its clause unless an approved memo says so.
    looser = not _within(parameter, value)
    differs = chosen and value != parameter.value
    if memo_id and memo is None:
        faults.add(
            "PC310",
            f"parameter `{parameter.name}` rests on `{memo_id}`, which is no memo",
            place,
            "write interpretations/" + memo_id + ".yaml",
        )
    elif (looser or differs) and memo is None:
        why = f"is looser than its bound ({parameter.bound})" if looser else "differs from the default"
        faults.add(
            "PC310",
            f"`{value}` for parameter `{parameter.name}` {why} and names no memo",
            place,
            "keep the bound, or name an approved interpretation memo: `memo: INT-nn`",
        )
    elif memo is not None and not memo.approved and (looser or differs):
        faults.add(
            "PC310",
            f"parameter `{parameter.name}` rests on memo {memo.id}, which is not approved",
            place,
            "have the memo approved, or keep the default",
        )


def _check_memo(
    pack: Pack,
    parameter: Parameter,
    value: Any,
    memo: Interpretation | None,
    place: Place,
    faults: FaultList,
    today: date | None,
) -> None:
    """A memo licenses a value only for clauses it is about, and only once it is approved."""
    if memo is None or (_within(parameter, value) and value == parameter.value):
        return
    owner = pack.controls.get(parameter.owner or "")
    clauses = set(parameter.clauses) | set(owner.clauses if owner else ())
    if clauses and not clauses & set(memo.clauses):
        message = f"parameter `{parameter.name}` rests on memo {memo.id}, which is about other clauses"
        hint = f"name a memo about {', '.join(sorted(clauses))}, or add the clause to the memo"
        faults.add("PC310", message, place, hint)
    if today is not None and memo.approved and (memo.approved_at is None or memo.approved_at > today):
        message = f"parameter `{parameter.name}` rests on memo {memo.id}, which is not approved yet"
        faults.add("PC310", message, place, "judge at a later instant, or keep the default")
