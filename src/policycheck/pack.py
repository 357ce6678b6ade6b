"""Loads a pack: a folder of controls, tables, views, parameters, profiles and interpretation memos.

Goes in: a folder. Comes out: a `Pack`, or an `InputError` that names every fault at once. Nothing is
compiled here; what a control says about columns and types is checked by the compiler.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from policycheck.clauses import check_clause_names, gaps_of, read_register
from policycheck.control_file import CONTROL_ID, constant, read_control, read_examples, without_examples
from policycheck.documents import Fields, read_json, read_yaml
from policycheck.errors import FaultList, nearest
from policycheck.memo_file import read_ambiguities, read_interpretation
from policycheck.model import (
    Ambiguity,
    Choice,
    ClauseRegister,
    Control,
    Interpretation,
    Pack,
    Parameter,
    Profile,
    TableSchema,
    View,
)
from policycheck.pack_files import PackFile, pack_digest, read_pack_files
from policycheck.parameter_file import read_parameter
from policycheck.source import Place
from policycheck.tables import read_table_schema


def load_pack(folder: Path, *, examples: bool = True, files: Sequence[PackFile] | None = None) -> Pack:
    """Reads the pack in `folder`, or these files of it. `examples=False` skips the examples, which only
    `test` and `lint` need.

    Raises InputError with every fault found.
    """
    faults = FaultList()
    if files is None:
        files = read_pack_files(folder, faults)
    pack = _PackReader(folder, files, faults, examples).read()
    faults.raise_if_any()
    return pack


class _PackReader:
    """Reads file after file and gathers faults; one method for each kind of file."""

    def __init__(self, folder: Path, files: Sequence[PackFile], faults: FaultList, examples: bool) -> None:
        self.folder = folder
        self.files = {file.inside: file for file in files}
        self.faults = faults
        self.examples = examples
        self.parameters: dict[str, Parameter] = {}
        self.tables: dict[str, TableSchema] = {}
        self.views: dict[str, View] = {}
        self.controls: dict[str, Control] = {}
        self.profiles: dict[str, Profile] = {}
        self.interpretations: dict[str, Interpretation] = {}
        self.ambiguities: dict[str, Ambiguity] = {}
        self.register: ClauseRegister | None = None

    def read(self) -> Pack:
        head = self._read_head()
        for inside, file in self.files.items():
            self._read_file(inside, file)
        self._check_references()
        self._check_guards(head["guards"])
        self._check_ambiguities()
        self._check_clauses()
        return Pack(
            name=head["name"],
            version=head["version"],
            title=head["title"],
            digest=pack_digest(self.files.values()),
            root=str(self.folder),
            default_profile=head["default_profile"],
            guards=head["guards"],
            tables=dict(sorted(self.tables.items())),
            views=dict(sorted(self.views.items())),
            controls=dict(sorted(self.controls.items(), key=lambda item: control_order(item[0]))),
            parameters=dict(sorted(self.parameters.items())),
            profiles=dict(sorted(self.profiles.items())),
            interpretations=dict(sorted(self.interpretations.items())),
            ambiguities=dict(sorted(self.ambiguities.items())),
            register=self.register,
            gaps=gaps_of(self.register, self.controls) if self.register else (),
        )

    def _read_head(self) -> dict[str, Any]:
        head: dict[str, Any] = {"name": "", "version": "", "title": "", "default_profile": "", "guards": ()}
        file = self.files.get("pack.yaml")
        if file is None:
            place = Place(str(self.folder / "pack.yaml"))
            self.faults.add(
                "PC301",
                "this is not a pack: `pack.yaml` is missing",
                place,
                "a pack folder holds pack.yaml, controls, tables and views; see docs/authoring.md",
            )
            return head
        fields = self._fields(file, "a pack")
        if fields is None:
            return head
        head["name"] = fields.text("name")
        head["version"] = fields.text("version")
        head["title"] = fields.text("title", "")
        head["default_profile"] = fields.text("default_profile")
        head["guards"] = fields.texts("guards", ())
        fields.close()
        return head

    def _read_file(self, inside: str, file: PackFile) -> None:
        top, _, rest = inside.partition("/")
        if inside == "pack.yaml":
            return
        if inside == "parameters.yaml":
            fields = self._fields(file, "the parameters")
            if fields is not None:
                for name in fields.names:
                    entry = fields.fields(name, "a parameter")
                    if entry is not None:
                        self._add_parameter(name, entry, owner=None)
                fields.close()
        elif inside == "ambiguities.yaml":
            fields = self._fields(file, "the ambiguities")
            if fields is not None:
                self.ambiguities = read_ambiguities(fields, self.faults)
        elif inside == "register.yaml":
            fields = self._fields(file, "the clause register")
            if fields is not None:
                self.register = read_register(fields, self.faults)
        elif top == "profiles" and inside.endswith(".yaml"):
            self._read_profile(file)
        elif top == "interpretations" and inside.endswith(".yaml"):
            self._read_interpretation(file)
        elif top == "tables" and inside.endswith(".schema.json"):
            schema = read_json(file.path, file.data, self.faults)
            if schema is not None:
                self._add_table(read_table_schema(schema, file.stem, self.faults))
        elif top == "views" and inside.endswith(".sql"):
            self._read_view(file)
        elif rest and "/" not in rest and CONTROL_ID.fullmatch(top) and inside.endswith(".yaml"):
            self._read_control(file, section=top)
        else:
            self.faults.add(
                "PC302",
                f"`{inside}` is not a file a pack holds",
                Place(file.path),
                "a pack holds pack.yaml, register.yaml, parameters.yaml, ambiguities.yaml, profiles/*.yaml, "
                "interpretations/*.yaml, tables/*.schema.json, views/*.sql and <SECTION>/<ID>.yaml",
            )

    def _fields(self, file: PackFile, noun: str) -> Fields | None:
        document = read_yaml(file.path, file.data, self.faults)
        if document is None:
            return None
        if not isinstance(document.value, dict):
            self.faults.add("PC303", f"{noun} is a mapping", document.place(()), "write `name: value` lines")
            return None
        return Fields(document, (), self.faults, noun)

    # --- tables and views ---

    def _add_table(self, schema: TableSchema | None) -> None:
        if schema is None:
            return
        for table in (schema, *schema.children):
            if table.name in self.tables or table.name in self.views:
                self.faults.add("PC304", f"the name `{table.name}` is taken", table.place)
            self.tables[table.name] = table

    def _read_view(self, file: PackFile) -> None:
        try:
            text = file.data.decode("utf-8")
        except UnicodeDecodeError:
            self.faults.add("PC101", "the file is not UTF-8", Place(file.path))
            return
        base: str | None = None
        not_null: tuple[str, ...] = ()
        for line in text.splitlines():
            if not line.startswith("--"):
                break
            label, _, value = line[2:].strip().partition(":")
            if label == "base":
                base = value.strip()
            elif label == "not null":
                not_null = tuple(name.strip() for name in value.split(",") if name.strip())
        if file.stem in self.tables or file.stem in self.views:
            self.faults.add("PC304", f"the name `{file.stem}` is taken", Place(file.path, 1))
        self.views[file.stem] = View(file.stem, text, base, not_null, Place(file.path, 1))

    # --- parameters, profiles, memos ---

    def _add_parameter(self, name: str, fields: Fields, owner: str | None) -> None:
        parameter = read_parameter(name, fields, owner, self.faults)
        if name in self.parameters:
            taken = self.parameters[name].place
            self.faults.add(
                "PC304",
                f"parameter `{name}` is declared twice",
                parameter.place,
                f"it stands in {taken} already; move it to parameters.yaml to share it",
            )
        self.parameters[name] = parameter

    def _read_profile(self, file: PackFile) -> None:
        fields = self._fields(file, "a profile")
        if fields is None:
            return
        name = fields.text("name")
        if name != file.stem:
            self.faults.add(
                "PC304",
                f"profile `{name}` stands in `{file.inside}`",
                fields.place("name"),
                "name the file after the profile",
            )
        choices = {}
        for parameter, entry in fields.entries("parameters", "a choice"):
            memo = entry.text("memo", None) if entry.has("memo") else None
            choices[parameter] = Choice(constant(entry.raw("value")), memo, entry.place())
            entry.close()
        self.profiles[file.stem] = Profile(name, fields.text("title", ""), choices, fields.place())
        fields.close()

    def _read_interpretation(self, file: PackFile) -> None:
        fields = self._fields(file, "an interpretation memo")
        if fields is None:
            return
        memo = read_interpretation(fields, self.faults)
        if memo.id != file.stem:
            self.faults.add(
                "PC304",
                f"memo `{memo.id}` stands in `{file.inside}`",
                fields.place("id"),
                "name the file after the memo",
            )
        self.interpretations[file.stem] = memo

    def _check_ambiguities(self) -> None:
        """What an ambiguity names exists: a misspelt memo would settle nothing."""
        for found in self.ambiguities.values():
            for key, names, known in (
                ("settled_by", found.settled_by, self.interpretations.keys()),
                ("parameters", found.parameters, self.parameters.keys()),
            ):
                noun = "memo" if key == "settled_by" else "parameter"
                for name in set(names) - known:
                    words = f"`{key}` of {found.id} names `{name}`, which is no {noun}"
                    self.faults.add("PC307", words, found.place, nearest(name, known))

    # --- controls ---

    def _read_control(self, file: PackFile, section: str) -> None:
        data = file.data if self.examples else without_examples(file.data)
        document = read_yaml(file.path, data, self.faults)
        if document is None:
            return
        if not isinstance(document.value, dict):
            self.faults.add("PC303", "a control is a mapping", document.place(()))
            return
        fields = Fields(document, (), self.faults, "a control")
        control = read_control(fields, self.faults)
        if self.examples:
            control = replace(control, examples=read_examples(fields, self.faults))
        else:
            fields.raw("examples")
        for name, entry in fields.entries("parameters", "a parameter"):
            self._add_parameter(name, entry, owner=control.id)
        fields.close()
        if control.id != file.stem or control.section != section:
            self.faults.add(
                "PC304",
                f"control `{control.id}` stands in `{file.inside}`",
                fields.place("id"),
                f"the file of this control is {control.section}/{control.id}.yaml",
            )
        self.controls[file.stem] = control

    def _check_references(self) -> None:
        for name, control in list(self.controls.items()):
            expanded = self._expand(control, "all_of", control.all_of)
            required = self._expand(control, "requires", control.requires)
            rules = self._expand(control, "exceptions.rules", control.exceptions.rules)
            self.controls[name] = replace(
                control,
                all_of=tuple(c for c in expanded if c != control.id),
                requires=tuple(c for c in required if c != control.id),
                exceptions=replace(control.exceptions, rules=rules),
            )

    def _check_guards(self, guards: Iterable[str]) -> None:
        # INVARIANT: a guard with a misspelt name must not be a guard that never closes.
        for guard in guards:
            if guard not in self.controls:
                message = f"`guards` names `{guard}`, which is no control"
                place = Place(self.files["pack.yaml"].path)
                self.faults.add("PC307", message, place, nearest(guard, self.controls))

    def _check_clauses(self) -> None:
        """Every clause somebody names is one of the register; a pack without a register has no such list."""
        if self.register is not None:
            named = [(f"`{c.id}`", c.clauses, c.clauses_place) for c in self.controls.values()]
            named += [(f"memo `{m.id}`", m.clauses, m.place) for m in self.interpretations.values()]
            named += [(f"parameter `{p.name}`", p.clauses, p.place) for p in self.parameters.values()]
            check_clause_names(self.register, named, self.faults)

    def _expand(self, control: Control, field: str, patterns: tuple[str, ...]) -> tuple[str, ...]:
        found: list[str] = []
        for pattern in patterns:
            matches = [c for c in self.controls if fnmatch.fnmatchcase(c, pattern)]
            if not matches:
                self.faults.add(
                    "PC307",
                    f"`{field}` names `{pattern}`, which is no control",
                    control.place,
                    nearest(pattern, self.controls),
                )
            found.extend(matches)
        return tuple(sorted(set(found), key=control_order))


def control_order(control_id: str) -> tuple[str, tuple[int, ...], str]:
    """Sorts DP-3.9 before DP-3.10, and a roll-up before its members."""
    section, _, rest = control_id.partition("-")
    return section, tuple(int(number) for number in re.findall(r"[0-9]+", rest)), control_id
