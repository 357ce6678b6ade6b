"""sqlglot's trees between DuckDB and Spark: read, checked against DuckDB's own parser, written.

Goes in: the text of a select that has passed the gate. Comes out: a tree that can be changed, and Spark SQL
of a changed tree. That sqlglot reads a text as DuckDB does is not taken on trust: `same_text` has the tree
written back, and DuckDB's own parser has to see the same in both.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.spark import Spark

from policycheck.engines.spark_functions import quoted
from policycheck.engines.stored import PER_WORD, UNKNOWN
from policycheck.functions import FUNCTIONS
from policycheck.scope import Parser


class RefusedError(Exception):
    """This cannot be said in Spark SQL, or not for certain with the same meaning."""


class Inline(exp.Expression):  # type: ignore[misc]
    """Spark SQL written out, with `{0}`, `{1}` for the expressions."""

    arg_types: ClassVar = {"template": True, "expressions": False}


class InlineAggregate(Inline):
    """The same over the rows of a group; NULL over none."""


class _Reader(DuckDB):  # type: ignore[misc]
    """DuckDB's dialect, in which the policy functions are no functions of another meaning."""

    class Parser(DuckDB.Parser):  # type: ignore[misc]
        FUNCTIONS: ClassVar = {k: v for k, v in DuckDB.Parser.FUNCTIONS.items() if k.lower() not in FUNCTIONS}

    class Generator(DuckDB.Generator):  # type: ignore[misc]
        TYPE_MAPPING: ClassVar = {**DuckDB.Generator.TYPE_MAPPING, exp.DataType.Type.TEXT: "VARCHAR"}
        TRANSFORMS: ClassVar = {
            **DuckDB.Generator.TRANSFORMS,
            exp.LogicalOr: lambda self, e: self.func("bool_or", e.this),
            exp.LogicalAnd: lambda self, e: self.func("bool_and", e.this),
        }


class _Writer(Spark):  # type: ignore[misc]
    """Spark's dialect, with texts spelled out and functions as their templates say."""

    class Generator(Spark.Generator):  # type: ignore[misc]
        TRANSFORMS: ClassVar = {
            **Spark.Generator.TRANSFORMS,
            Inline: lambda self, e: _filled_in(self, e),  # noqa: PLW0108 - it is below
            InlineAggregate: lambda self, e: _filled_in(self, e),  # noqa: PLW0108
            # Spark knows QUALIFY and SEMI JOIN itself, so nothing is to be rebuilt.
            exp.Select: lambda self, e: self.select_sql(e),
            exp.Literal: lambda self, e: quoted(e.name) if e.is_string else e.name,
        }


def _filled_in(generator: Any, node: exp.Expression) -> str:
    parts = [_bracketed(generator, part) for part in node.expressions]
    return f"({node.args['template'].format(*parts)})"


def _bracketed(generator: Any, part: exp.Expression) -> str:
    text = str(generator.sql(part))
    return text if isinstance(part, (exp.Column, exp.Literal, exp.Paren, Inline)) else f"({text})"


def answer_as(node: exp.Expression, name: str) -> exp.Alias:
    """An answer with its name. sqlglot's own function for that gives subqueries another form."""
    return exp.Alias(this=node, alias=exp.to_identifier(name, quoted=True))


def spark_text(tree: exp.Expression) -> str:
    """The tree as Spark SQL."""
    return str(tree.sql(dialect=_Writer, identify=True, comments=False))


# --- reading ------------------------------------------------------------------------------------------


class Reader:
    """Reads selects, each once."""

    def __init__(self, parse: Parser) -> None:
        self._parse = parse
        self._trees: dict[str, exp.Query] = {}

    def __call__(self, text: str) -> exp.Query:
        """A tree of one select, to be changed. Raises RefusedError where sqlglot does not read it as DuckDB
        does."""
        if text not in self._trees:
            self._trees[text] = _read(text, self._parse)
        return self._trees[text].copy()


def _read(text: str, parse: Parser) -> exp.Query:
    try:
        tree = sqlglot.parse_one(text, dialect=_Reader)
    except sqlglot.errors.SqlglotError as error:
        raise RefusedError(f"it cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(tree, exp.Query):
        raise RefusedError("it is no query")
    if not same_text(text, tree.sql(dialect=_Reader, comments=False), parse):
        raise RefusedError("it is read in two ways")
    return tree


def same_text(one: str, other: str, parse: Parser) -> bool:
    """Whether DuckDB's parser sees the same in both, but for where things stand."""
    return bool(_plain(json.loads(parse(one))) == _plain(json.loads(parse(other))))


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _plain(value) for key, value in node.items() if not key.startswith("query_location")}
    if kept.get("type") == "OPERATOR_NOT" and len(kept.get("children") or ()) == 1:
        (inner,) = kept["children"]
        # `NOT x IS NULL` and `x IS NOT NULL` are one thing, and so are `NOT x IN` and `x NOT IN`.
        for positive, negative in _NEGATED:
            if isinstance(inner, dict) and inner.get("type") == positive:
                return {**inner, "type": negative, "alias": kept.get("alias", "")}
    return kept


_NEGATED = (("OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"), ("COMPARE_IN", "COMPARE_NOT_IN"))


def packed_answers(total: int) -> list[str]:
    """The SELECT items that hold the answers as numbers `_w0`, `_w1`, as `stored` reads them."""
    bits = [
        f"shiftleft(CAST(coalesce(CAST(`answer {i}` AS INT), {UNKNOWN}) AS BIGINT), {2 * (i % PER_WORD)})"
        for i in range(total)
    ]
    words = [bits[i : i + PER_WORD] for i in range(0, total, PER_WORD)]
    return [f"({' | '.join(word)}) AS _w{i}" for i, word in enumerate(words)]
