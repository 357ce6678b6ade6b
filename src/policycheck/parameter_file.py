"""Reads one parameter, which stands in `parameters.yaml` or in the file of the control that owns it.

Goes in: the fields of its entry. Comes out: a `Parameter` as written, and faults about what it lacks or
contradicts. Which value a run uses is for `parameters`.
"""

from __future__ import annotations

import re

from policycheck.control_file import constant
from policycheck.documents import Fields
from policycheck.errors import FaultList
from policycheck.model import Bound, ColumnType, Parameter, parameter_type

NAME = re.compile(r"[a-z][a-z0-9_]*")


def read_parameter(name: str, fields: Fields, owner: str | None, faults: FaultList) -> Parameter:
    """`owner` is the control that declares it; None for one that is shared."""
    place = fields.place()
    if not NAME.fullmatch(name):
        faults.add("PC305", f"`{name}` is not a parameter name", place, "use lower case and `_`")
    value = constant(fields.raw("value"))
    kind = parameter_type(value)
    if kind is None:
        faults.add(
            "PC305",
            f"parameter `{name}` needs a `value`",
            fields.place("value"),
            "a boolean, an integer, a text, or a list of texts",
        )
        value, kind = "", ColumnType.TEXT
    one_of = fields.raw("one_of")
    subset = fields.raw("subset_of")
    bound = Bound(
        at_least=fields.integer("at_least", None) if fields.has("at_least") else None,
        at_most=fields.integer("at_most", None) if fields.has("at_most") else None,
        one_of=tuple(constant(v) for v in one_of) if isinstance(one_of, list) else None,
        subset_of=tuple(str(v) for v in subset) if isinstance(subset, list) else None,
    )
    values = fields.raw("values")
    parameter = Parameter(
        name=name,
        value=value,
        type=kind,
        bound=bound,
        place=place,
        unit=fields.text("unit", ""),
        description=fields.text("description", ""),
        clauses=fields.texts("clauses", ()),
        memo=fields.text("memo", None) if fields.has("memo") else None,
        owner=owner,
        values=tuple(constant(v) for v in values) if isinstance(values, list) else None,
    )
    fields.close()
    if bound_mismatch := _bound_mismatch(parameter):
        faults.add("PC305", bound_mismatch, place)
    return parameter


def _bound_mismatch(parameter: Parameter) -> str:
    bound, name = parameter.bound, parameter.name
    if (bound.at_least is not None or bound.at_most is not None) and parameter.type is not ColumnType.INT:
        return f"parameter `{name}` is {parameter.type.value}: `at_least` and `at_most` are for integers"
    if bound.subset_of is not None and parameter.type is not ColumnType.SET:
        return f"parameter `{name}` is {parameter.type.value}: `subset_of` is for lists of texts"
    if bound.one_of is not None and any(parameter_type(v) is not parameter.type for v in bound.one_of):
        return f"the values of `one_of` of parameter `{name}` are not all {parameter.type.value}"
    return ""
