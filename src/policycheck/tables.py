"""Evidence table schemas: what columns a table has and what may stand in them.

Goes in: a JSON Schema document of one row with the `x-` keywords of docs/authoring.md. Comes out: a
`TableSchema` with its child tables, or faults. Never reads a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from policycheck.cells import DATED, CellError, compile_cell
from policycheck.documents import Document, Fields
from policycheck.errors import FaultList, nearest
from policycheck.model import Column, ColumnType, RowRule, TableSchema
from policycheck.source import Place

NAME = re.compile(r"[a-z][a-z0-9_]*")
DRAFT = "https://json-schema.org/draft/2020-12/schema"
_FORMATS = {"date": ColumnType.DAY, "partial-date": ColumnType.DAYS, "instant": ColumnType.INSTANT}
_TYPES = {"string": ColumnType.TEXT, "integer": ColumnType.INT, "boolean": ColumnType.BOOL}
# Keywords that mean something for one kind of column only, and would be silently idle on another.
_ONLY_FOR = {
    "minimum": (ColumnType.INT,),
    "maximum": (ColumnType.INT,),
    "enum": (ColumnType.TEXT,),
    "minLength": (ColumnType.TEXT,),
    "pattern": (ColumnType.TEXT,),
    "x-references": (ColumnType.TEXT, ColumnType.INT),
    "x-may-be-future": DATED,
    "items": (ColumnType.SET,),
    "uniqueItems": (ColumnType.SET,),
}


# --- schemas --------------------------------------------------------------------------------------


def read_table_schema(document: Document, name: str, faults: FaultList) -> TableSchema | None:
    """The table `name` that a JSON Schema document describes, or None where it cannot be used.

    Lists of objects become `children`: tables `<name>_<column>` that begin with this table's key
    columns. Their own `key` is empty, since nothing identifies their rows.
    Adds faults PC320 (table), PC321 (column), PC322 (key), PC323 (required or null), PC324 (reference).
    """
    before = len(faults)
    fields = Fields(document, (), faults, f"the schema of `{name}`")
    if not NAME.fullmatch(name):
        hint = "use lower case letters, digits and `_`"
        faults.add("PC320", f"`{name}` is not a table name", fields.place(), hint)
    fields.choice("$schema", [DRAFT])
    _is_object(fields, faults)
    columns, lists = _columns(fields, faults)
    key = fields.texts("x-key")
    _check_key(key, columns, fields, faults)
    max_age = fields.integer("x-max-age-days", minimum=1, maximum=36500)
    by_name = {column.name: column for column in columns}
    parents = tuple(by_name[part] for part in key if part in by_name)
    title, about = fields.text("title"), fields.text("description")
    children = tuple(_child(entry, name, parents, max_age, faults) for entry in lists)
    rules = tuple(
        RowRule(rule.text("name"), rule.text("expression"), rule.text_place("expression"))
        for rule in _closed(fields.each("x-rules", "a row rule"), ("name", "expression"))
    )
    fields.close()
    if len(faults) > before:
        return None
    counts = tuple(_count_column(entry) for entry in lists)
    place = document.place(())
    return TableSchema(
        name, title, about, columns + counts, key, max_age, rules, children=children, place=place
    )


def _closed(entries: list[Fields], known: Sequence[str]) -> list[Fields]:
    """The entries, each checked for keys other than the `known` ones."""
    for entry in entries:
        for name in known:
            entry.has(name)
        entry.close()
    return entries


def _is_object(fields: Fields, faults: FaultList) -> None:
    fields.choice("type", ["object"])
    if fields.boolean("additionalProperties"):
        hint = "say `false`, so that a misspelt column cannot hide"
        faults.add("PC320", f"{fields.noun} lets any column in", fields.place("additionalProperties"), hint)


def _columns(fields: Fields, faults: FaultList) -> tuple[tuple[Column, ...], list[Fields]]:
    """The plain columns, and the entries of list columns that become child tables."""
    required = fields.texts("required")
    plain: list[Column] = []
    lists: list[Fields] = []
    for name, entry in fields.entries("properties", "a column"):
        entry.noun = f"the column `{name}`"
        if not NAME.fullmatch(name):
            hint = "use lower case letters, digits and `_`"
            faults.add("PC321", f"`{name}` is not a column name", entry.place(), hint)
        items = entry.raw("items")
        if isinstance(items, dict) and items.get("type") == "object":
            lists.append(entry)
            _check_nullable(name, _types(entry)[1], required, entry, faults)
            continue
        column = _column(name, entry, faults)
        plain.append(column)
        _check_nullable(name, column.nullable, required, entry, faults)
        if name in required and column.example is None:
            hint = 'add `"examples": [...]`; a pack\'s example rows take the first one'
            faults.add("PC321", f"the required column `{name}` has no example", entry.place(), hint)
    names = {column.name for column in plain} | {_list_name(entry) for entry in lists}
    for name in required:
        if name not in names:
            words = f"`required` names `{name}`, which is not a column"
            faults.add("PC323", words, fields.place("required"), nearest(name, names))
    for entry in lists:
        if f"{_list_name(entry)}_count" in names:
            words = f"the column name `{_list_name(entry)}_count` is taken by the length of the list"
            faults.add("PC321", words, entry.place(), "rename the column")
    if not names:
        faults.add("PC320", f"{fields.noun} has no column", fields.place(), "add some under `properties`")
    return tuple(plain), lists


def _check_nullable(
    name: str, nullable: bool, required: Sequence[str], entry: Fields, faults: FaultList
) -> None:
    if nullable and name in required:
        hint = "remove null from the column, or the column from `required`"
        faults.add("PC323", f"the column `{name}` is required and may be null", entry.place(), hint)
    if not nullable and name not in required:
        hint = "let it be null, or name it in `required`"
        faults.add("PC323", f"the column `{name}` is neither required nor null", entry.place(), hint)


def _types(entry: Fields) -> tuple[str, bool]:
    """The JSON type (an enum without one is a string) and whether null is allowed."""
    stated, enum = entry.raw("type"), entry.raw("enum")
    names = [stated] if isinstance(stated, str) else stated if isinstance(stated, list) else []
    kinds = [name for name in names if name != "null"]
    if not names and isinstance(enum, list):
        return "string", None in enum
    null = "null" in names and (not isinstance(enum, list) or None in enum)
    return (kinds[0] if len(kinds) == 1 and isinstance(kinds[0], str) else ""), null


def _column(name: str, entry: Fields, faults: FaultList) -> Column:
    kind, nullable = _types(entry)
    format_ = entry.choice("format", list(_FORMATS), None)
    items = entry.fields("items", f"the members of `{name}`", None) if kind == "array" else None
    if kind == "array":
        type_ = ColumnType.SET
    elif format_ and kind == "string":
        type_ = _FORMATS[format_]
    elif kind in _TYPES and not format_:
        type_ = _TYPES[kind]
    else:
        hint = "a column is a string, integer, boolean or array, and dates are strings; each may be null"
        faults.add("PC321", f"the column `{name}` has no type that is read", entry.place("type"), hint)
        type_ = ColumnType.TEXT
    for keyword, types in _ONLY_FOR.items():
        if entry.has(keyword) and type_ not in types:
            words = f"`{keyword}` means nothing for the column `{name}`, which holds {type_.value}"
            faults.add("PC321", words, entry.place(keyword), "remove it")
    worded = _members(name, items, entry, faults) if type_ is ColumnType.SET else entry
    examples = entry.raw("examples", [None])
    column = Column(
        name,
        type_,
        nullable,
        description=entry.text("description", ""),
        enum=_enum(worded, faults) if worded else (),
        minimum=entry.integer("minimum", None),
        maximum=entry.integer("maximum", None),
        references=_reference(entry, faults),
        unit=entry.text("x-unit", ""),
        example=examples[0] if isinstance(examples, list) and examples else None,
        may_be_future=entry.boolean("x-may-be-future", False),
        min_length=worded.integer("minLength", 0, minimum=0) if worded else 0,
        pattern=_pattern(worded, faults) if worded else "",
    )
    entry.text("title", "")
    entry.close()
    if worded and worded is not entry:
        worded.close()
    return column


def _members(name: str, items: Fields | None, entry: Fields, faults: FaultList) -> Fields | None:
    """The schema of a set's members; they are texts and unique."""
    if items is None or _types(items) != ("string", False):
        words = f"the members of `{name}` are not texts"
        hint = 'write `"items": {"type": "string"}`; a list of numbers is no column'
        faults.add("PC321", words, entry.place("items"), hint)
    if not entry.boolean("uniqueItems", False):
        hint = 'write `"uniqueItems": true`'
        faults.add("PC321", f"the column `{name}` is a list and not a set", entry.place(), hint)
    return items


def _enum(entry: Fields, faults: FaultList) -> tuple[str, ...]:
    words = entry.raw("enum")
    if words is None and not entry.has("enum"):
        return ()
    texts = [word for word in words if word is not None] if isinstance(words, list) else []
    if (
        not texts
        or not all(isinstance(word, str) and word for word in texts)
        or len(set(texts)) != len(texts)
    ):
        hint = "list the texts that may stand there, each once"
        faults.add("PC321", f"`enum` of {entry.noun} is not a list of texts", entry.place("enum"), hint)
        return ()
    return tuple(texts)


def _pattern(entry: Fields, faults: FaultList) -> str:
    """The inside of a pattern that is anchored at both ends, so that it speaks of the whole text."""
    text = entry.text("pattern", "")
    if not text:
        return ""
    try:
        re.compile(text)
    except re.error as error:
        faults.add("PC321", f"the pattern cannot be read: {error}", entry.place("pattern"), "mend it")
        return ""
    if not (text.startswith("^") and text.endswith("$")) or "|" in text:
        hint = "write `^...$`, without `|`"
        faults.add("PC321", "the pattern does not speak of the whole text", entry.place("pattern"), hint)
        return ""
    return text[1:-1]


def _reference(entry: Fields, faults: FaultList) -> tuple[str, str] | None:
    text = entry.text("x-references", None)
    if text is None:
        return None
    table, _, column = text.partition(".")
    if not NAME.fullmatch(table) or not NAME.fullmatch(column):
        words = f"`{text[:60]}` is not a reference"
        faults.add("PC324", words, entry.place("x-references"), "write `table.column`")
        return None
    return table, column


def _check_key(key: Sequence[str], columns: Sequence[Column], fields: Fields, faults: FaultList) -> None:
    by_name = {column.name: column for column in columns}
    if not key or len(set(key)) != len(key):
        hint = "name the columns that identify a row, each once"
        faults.add("PC322", f"{fields.noun} has no usable key", fields.place("x-key"), hint)
    for name in key:
        column = by_name.get(name)
        if column is None:
            words = f"the key names `{name}`, which is not a column"
            faults.add("PC322", words, fields.place("x-key"), nearest(name, by_name))
        elif column.nullable or column.type in (ColumnType.SET, ColumnType.BOOL):
            words = f"the key column `{name}` may be null or holds {column.type.value}"
            faults.add("PC322", words, fields.place("x-key"), "a key is a required text, number or date")


def _list_name(entry: Fields) -> str:
    return str(entry.path[-1])


def _child(
    entry: Fields, parent: str, keys: tuple[Column, ...], max_age: int, faults: FaultList
) -> TableSchema:
    """The table of a list column: the parent's key columns, then those of the listed objects."""
    name = _list_name(entry)
    about = entry.text("description", "")
    items = entry.fields("items", f"the rows of `{name}`")
    columns: tuple[Column, ...] = ()
    if _types(entry)[0] != "array":
        faults.add("PC321", f"the column `{name}` has `items` and is no array", entry.place("type"))
    if items is not None:
        _is_object(items, faults)
        columns, deeper = _columns(items, faults)
        for inner in deeper:
            faults.add(
                "PC321", "a list of objects inside another", inner.place(), "make it a table of its own"
            )
        for column in columns:
            if column.name in {key.name for key in keys}:
                words = f"`{column.name}` is also a key column of `{parent}`"
                faults.add("PC321", words, items.place("properties"), "rename it")
        items.close()
    entry.raw("examples")
    entry.close()
    title = f"{parent}: {name}"
    return TableSchema(
        f"{parent}_{name}", title, about, keys + columns, (), max_age,
        parent=parent, parent_column=name, place=entry.document.place(()),
    )  # fmt: skip


def _count_column(entry: Fields) -> Column:
    name = _list_name(entry)
    nullable = _types(entry)[1]
    return Column(f"{name}_count", ColumnType.INT, nullable, f"Number of rows in `{name}`.", minimum=0)


# --- lint -----------------------------------------------------------------------------------------


def check_table_schema(
    document: Document, schema: TableSchema, tables: Mapping[str, TableSchema], faults: FaultList
) -> None:
    """What loading does not need and a pack's own test does: adds PC324, PC325 and PC326.

    The file is valid JSON Schema, every reference leads to the key of a table, and every example may
    stand in its column.
    """
    from jsonschema import Draft202012Validator

    for error in sorted(Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(document.value),
                        key=lambda error: list(map(str, error.absolute_path))):  # fmt: skip
        place = document.place(tuple(error.absolute_path))
        faults.add("PC325", f"not a JSON Schema: {error.message[:200]}", place, "mend the keyword")
    for column in schema.columns:
        place = document.place(("properties", column.name))
        if column.references:
            _check_reference(column, tables, place, faults)
        if column.example is not None:
            try:
                compile_cell(column)(column.example)
            except CellError as error:
                words = f"the example of `{column.name}` may not stand in its column: {error}"
                faults.add("PC326", words, document.place(("properties", column.name, "examples")),
                           "mend the example")  # fmt: skip


def _check_reference(
    column: Column, tables: Mapping[str, TableSchema], place: Place, faults: FaultList
) -> None:
    table, key = column.references or ("", "")
    target = tables.get(table)
    if target is None:
        faults.add("PC324", f"`{column.name}` refers to `{table}`, which is no table", place,
                   nearest(table, tables))  # fmt: skip
    elif target.key != (key,):
        words = f"`{column.name}` refers to `{table}.{key}`, which is not that table's key"
        faults.add("PC324", words, place, f"its key is `{', '.join(target.key)}`")
    elif (other := target.column(key)) is not None and other.type is not column.type:
        words = f"`{column.name}` holds {column.type.value} and `{table}.{key}` holds {other.type.value}"
        faults.add("PC324", words, place, "give both the same type")
