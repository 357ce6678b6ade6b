"""FROM and WHERE into rows: joins by hash, conditions as early as they may stand, lookups by key.

Goes in: the FROM tree and the conditions of a SELECT. Comes out: its rows for given rows further out. A
row in reach is a tuple with one row for each source, numbered from the left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from policycheck.engines.direct_expressions import compare
from policycheck.engines.direct_scope import Expression, Node, Query, Scope, Source, of_kind, only
from policycheck.engines.direct_values import BOOL, Outer, Row, Rows, Value, refused

Compile = Callable[[Node, Scope | None, Any], Query]
_KINDS = ("INNER", "LEFT", "RIGHT", "FULL", "OUTER", "SEMI", "ANTI")
_JOIN_PARTS = [
    "type",
    "left",
    "right",
    "condition",
    "join_type",
    "ref_type",
    "using_columns",
    "is_implicit",
    "nearest_count",
    "nearest_order_type",
]
_NOTHING: list[Row] = []


class Condition(Struct):
    """One part of an AND. `left` and `right` are set for an equality."""

    whole: Expression
    left: Expression | None = None
    right: Expression | None = None


class Leaf(Struct):
    source: Source
    mask: int


class Join(Struct):
    kind: str
    left: Leaf | Join
    right: Leaf | Join
    conditions: list[Condition]
    mask: int


Tree = Leaf | Join


# --- what stands in FROM --------------------------------------------------------------------------------


def declare(node: Node, scope: Scope, compile_query: Compile) -> Tree | None:
    """Adds the sources to the scope, and answers how they are joined; None for a SELECT without FROM."""
    kind = node.get("type")
    if kind == "EMPTY":
        return None
    if kind == "BASE_TABLE":
        return _leaf(str(node.get("alias") or _table_name(node)), _relation(node, scope), scope)
    if kind == "SUBQUERY":
        only(node, ("type", "subquery"))
        # It sees the rows further out, and not those of its neighbours.
        query = compile_query(node["subquery"]["node"], scope.parent, scope.named)
        return _leaf(str(node.get("alias")), query, scope)
    if kind == "JOIN":
        return _join(node, scope, compile_query)
    raise refused(f"`{kind}` in FROM")


def _table_name(node: Node) -> str:
    path = (node.get("qualified_name") or {}).get("path") or [node.get("table_name", "")]
    return ".".join(str(part) for part in path)


def _relation(node: Node, scope: Scope) -> Query:
    name = _table_name(node)
    only(node, ("type", "table_name", "qualified_name"))
    found = scope.named.get(name) or scope.world.relation(name)
    if found is None:
        raise refused(f"the name `{name}`, which is no table and no view")
    return found


def _leaf(alias: str, query: Query, scope: Scope) -> Leaf:
    source = Source(alias, query, len(scope.sources))
    if any(each.alias == source.alias for each in scope.sources):
        raise refused(f"the alias `{alias}`, which is used twice")
    scope.sources.append(source)
    scope.references |= query.references
    if query.fallible:
        # Another engine computes it even where the other side of a join is empty.
        scope.fallible = True
        scope.begin.append(lambda row, outer: query.rows(outer))
    return Leaf(source, 1 << source.slot)


def _join(node: Node, scope: Scope, compile_query: Compile) -> Join:
    kind = str(node.get("join_type"))
    only(node, _JOIN_PARTS)
    if node.get("ref_type") not in ("REGULAR", "CROSS") or kind not in _KINDS:
        raise refused(f"a join of the kind {node.get('ref_type')} {kind}".lower())
    start = len(scope.sources)
    left = declare(node["left"], scope, compile_query)
    middle = len(scope.sources)
    right = declare(node["right"], scope, compile_query)
    if left is None or right is None:
        raise refused("a join with nothing")
    mask = left.mask | right.mask
    conditions = conditions_of(node.get("condition"), scope)
    for name in node.get("using_columns") or []:
        conditions.append(_using(str(name), kind, scope, scope.sources[start:middle], scope.sources[middle:]))
    for condition in conditions:
        if condition.whole.fallible:
            raise refused("a join condition that can fail on some rows")
        if condition.whole.sources & ~mask:
            raise refused("a join condition over rows beside the join")
    if kind in ("RIGHT", "FULL", "OUTER") and _depends(right):
        raise refused("a right side about rows further out, all of which are kept")
    if kind in ("SEMI", "ANTI"):
        del scope.sources[middle:]  # what is only looked up is not in reach afterwards
        return Join(kind, left, right, conditions, left.mask)
    return Join(kind, left, right, conditions, mask)


def _using(name: str, kind: str, scope: Scope, left: list[Source], right: list[Source]) -> Condition:
    """`a.name = b.name`. Alone, the name then means the left one, where that is never missing."""
    sides = [[source for source in part if name in source.columns] for part in (left, right)]
    if any(len(found) != 1 for found in sides):
        raise refused(f"USING `{name}`, which does not name one column on each side")
    columns = []
    for (source,) in sides:
        names = {"class": "COLUMN_REF", "column_names": [source.alias, name]}
        columns.append(scope.compile(names))
    (first,), (second,) = sides
    if kind in ("INNER", "LEFT"):
        place = (first.slot, *first.columns[name])
        scope.merged[name] = (place, frozenset({first.slot, second.slot}))
    return Condition(compare("COMPARE_EQUAL", *columns), *columns)


def conditions_of(node: Node | None, scope: Scope) -> list[Condition]:
    """The parts of an AND, each by itself."""
    if node is None:
        return []
    if node.get("class") == "CONJUNCTION" and node["type"] == "CONJUNCTION_AND":
        return [found for each in node["children"] for found in conditions_of(each, scope)]
    if node.get("class") == "COMPARISON" and node["type"] == "COMPARE_EQUAL":
        left, right = scope.clause(node["left"]), scope.clause(node["right"])
        return [Condition(compare("COMPARE_EQUAL", left, right), left, right)]
    return [Condition(of_kind(scope.clause(node), BOOL, "a condition"))]


# --- rows of FROM ---------------------------------------------------------------------------------------


def _accepts(tree: Tree, condition: Condition) -> bool:
    """Whether rows that do not fulfil the condition may be left out below the tree already."""
    sources = condition.whole.sources
    if condition.whole.outer or not sources or condition.whole.fallible:
        return False
    if isinstance(tree, Leaf):
        return sources == tree.mask
    if tree.kind == "INNER":
        return not sources & ~tree.mask
    if tree.kind in ("LEFT", "SEMI", "ANTI"):
        return not sources & ~tree.left.mask and _accepts(tree.left, condition)
    return False


def _first_slot(tree: Tree) -> int:
    return tree.source.slot if isinstance(tree, Leaf) else _first_slot(tree.left)


def _missing(tree: Tree) -> Row:
    """The row of a side where nothing matches."""
    if isinstance(tree, Leaf):
        return ((None,) * len(tree.source.query.columns),)
    if tree.kind in ("SEMI", "ANTI"):
        return _missing(tree.left)
    return _missing(tree.left) + _missing(tree.right)


def _depends(tree: Tree) -> bool:
    """Whether the rows of a tree depend on rows further out."""
    if isinstance(tree, Leaf):
        return bool(tree.source.query.references)
    return _depends(tree.left) or _depends(tree.right) or any(each.whole.outer for each in tree.conditions)


def _rows(tree: Tree, pushed: list[Condition], scope: Scope) -> Rows:
    """The rows of a part of FROM, without the sources to the left of it."""
    rows = _leaf_rows(tree, pushed) if isinstance(tree, Leaf) else _join_rows(tree, pushed, scope)
    return rows if _depends(tree) else scope.world.memory.once(rows)


def _leaf_rows(leaf: Leaf, pushed: list[Condition]) -> Rows:
    rows, pad = leaf.source.query.rows, ((),) * leaf.source.slot
    test = _all_true(pushed)
    if test is None:
        return lambda outer: [(row,) for row in rows(outer)]
    return lambda outer: [(row,) for row in rows(outer) if test((*pad, row), outer) is True]


def _key(parts: Sequence[Expression]) -> Value:
    """The value rows are matched by; None where a part is NULL, which matches nothing."""
    values = [part.value for part in parts]
    if len(values) == 1:
        return values[0]

    def key(row: Row, outer: Outer) -> Any:
        found = tuple([value(row, outer) for value in values])
        return None if None in found else found

    return key


def _all_true(conditions: list[Condition]) -> Value | None:
    tests = [condition.whole.value for condition in conditions]
    if len(tests) <= 1:
        return tests[0] if tests else None
    if len(tests) == 2:
        first, second = tests
        return lambda row, outer: first(row, outer) is True and second(row, outer) is True

    def all_true(row: Row, outer: Outer) -> bool:
        for test in tests:  # noqa: SIM110 - a generator costs more than the tests
            if test(row, outer) is not True:
                return False
        return True

    return all_true


def _equality(condition: Condition, left: int, right: int) -> tuple[Expression, Expression] | None:
    """The two sides of an equality between sources of the left and of the right, in this order."""
    first, second = condition.left, condition.right
    if first is None or second is None or first.outer or second.outer:
        return None
    if first.sources & right:
        first, second = second, first
    apart = not first.sources & ~left and not second.sources & ~right
    return (first, second) if apart and first.sources and second.sources else None


def _join_rows(join: Join, pushed: list[Condition], scope: Scope) -> Rows:
    own, to_left, to_right = _placed(join, pushed)
    left, right = _rows(join.left, to_left, scope), _rows(join.right, to_right, scope)
    keys, rest = [], []
    for condition in own:
        sides = _equality(condition, join.left.mask, join.right.mask)
        keys.append(sides) if sides else rest.append(condition)
    matches = _matches(join, right, keys, rest, scope)
    pad = ((),) * _first_slot(join)
    kind, whole = join.kind, join.kind in ("FULL", "OUTER")
    keeps_left, keeps_right = whole or kind == "LEFT", whole or kind == "RIGHT"
    no_right, no_left = _missing(join.right), _missing(join.left)

    def rows(outer: Outer) -> list[Row]:
        found: list[Row] = []
        taken: set[int] = set()
        for row in left(outer):
            matching = matches(pad + row, outer)
            if kind in ("SEMI", "ANTI"):
                if bool(matching) is (kind == "SEMI"):
                    found.append(row)
            elif matching:
                found += [row + other for other in matching]
                if keeps_right:
                    taken.update(map(id, matching))
            elif keeps_left:
                found.append(row + no_right)
        if keeps_right:
            found += [no_left + other for other in right(outer) if id(other) not in taken]
        return found

    return rows


def _placed(join: Join, pushed: list[Condition]) -> tuple[list[Condition], list[Condition], list[Condition]]:
    """Which conditions the join tests itself, and which are left to its sides."""
    own: list[Condition] = []
    to_left: list[Condition] = []
    to_right: list[Condition] = []
    for condition in pushed if join.kind != "INNER" else []:
        to_left.append(condition)  # only such are accepted
    for condition in join.conditions + (pushed if join.kind == "INNER" else []):
        if join.kind == "INNER" and _accepts(join.left, condition):
            to_left.append(condition)
        elif join.kind in ("INNER", "LEFT", "SEMI", "ANTI") and _accepts(join.right, condition):
            to_right.append(condition)
        else:
            own.append(condition)
    return own, to_left, to_right


def _matches(
    join: Join,
    right: Rows,
    keys: list[tuple[Expression, Expression]],
    rest: list[Condition],
    scope: Scope,
) -> Callable[[Row, Outer], list[Row]]:
    """The rows of the right side that fit a row of the left side (padded to the left)."""
    test = _all_true(rest)
    pad = ((),) * _first_slot(join.right)
    if keys:
        left_key, right_key = _key([each for each, _ in keys]), _key([each for _, each in keys])
        index = _index(right, right_key, pad, scope, _depends(join.right))

        def candidates(row: Row, outer: Outer) -> list[Row]:
            return index(outer).get(left_key(row, outer), _NOTHING)

    else:

        def candidates(row: Row, outer: Outer) -> list[Row]:
            return right(outer)

    if test is None:
        return candidates
    return lambda row, outer: [each for each in candidates(row, outer) if test(row + each, outer) is True]


def _index(
    rows: Rows, key: Value, pad: Row, scope: Scope, depends: bool
) -> Callable[[Outer], dict[Any, list[Row]]]:
    """Rows by key, without those whose key is NULL."""
    held = scope.world.memory.table()

    def index(outer: Outer) -> dict[Any, list[Row]]:
        # What depends on rows further out is made again for each of them.
        if None not in held or (depends and held["for"] is not outer):
            found: dict[Any, list[Row]] = {}
            for row in rows(outer):
                value = key(pad + row, outer)
                if value is not None:
                    found.setdefault(value, []).append(row)
            held[None], held["for"] = found, outer
        answer: dict[Any, list[Row]] = held[None]
        return answer

    return index


# --- rows of FROM and WHERE -----------------------------------------------------------------------------


def chosen_rows(tree: Tree | None, conditions: list[Condition], scope: Scope) -> Rows:
    """The rows that FROM gives and WHERE keeps. Equalities with rows further out become lookups."""
    _refuse_fallible(tree, conditions, scope)
    if tree is None:
        return _filtered(lambda outer: [()], conditions)
    pushed, others = _parted(conditions, lambda each: _accepts(tree, each))
    rows = _rows(tree, pushed, scope)
    if _depends(tree):
        return _filtered(rows, others)
    plain, others = _parted(others, lambda each: bool(each.whole.sources) and not each.whole.outer)
    if plain:
        rows = scope.world.memory.once(_filtered(rows, plain))
    keyed, rest = _parted(others, lambda each: _lookup(each) is not None)
    pairs = [found for each in keyed if (found := _lookup(each)) is not None]
    if not pairs:
        return _filtered(rows, rest)
    index = _index(rows, _key([inside for inside, _ in pairs]), (), scope, False)
    outside = _key([found for _, found in pairs])
    return _filtered(lambda outer: index(outer).get(outside((), outer), _NOTHING), rest)


def _parted(
    conditions: list[Condition], test: Callable[[Condition], bool]
) -> tuple[list[Condition], list[Condition]]:
    return [each for each in conditions if test(each)], [each for each in conditions if not test(each)]


def _lookup(condition: Condition) -> tuple[Expression, Expression] | None:
    """The inner and the outer side of an equality between the two."""
    first, second = condition.left, condition.right
    if first is None or second is None:
        return None
    if first.outer:
        first, second = second, first
    inner = first.sources and not first.outer
    return (first, second) if inner and second.outer and not second.sources else None


def _filtered(rows: Rows, conditions: list[Condition]) -> Rows:
    """The rows for which all conditions are TRUE; those that read no row are asked once, and first."""
    first = _all_true([each for each in conditions if not each.whole.sources])
    test = _all_true([each for each in conditions if each.whole.sources])

    def chosen(outer: Outer) -> list[Row]:
        if first is not None and first((), outer) is not True:
            return []
        found = rows(outer)
        return found if test is None else [row for row in found if test(row, outer) is True]

    return chosen if conditions else rows


def _refuse_fallible(tree: Tree | None, conditions: list[Condition], scope: Scope) -> None:
    """Another engine may test a condition on rows that a join or another condition leaves out, and fail. It
    may even do so inside the query in FROM that gives the column.

    Over one stored table, alone, it is tested on the same rows whatever the plan.
    """
    if not any(each.whole.fallible for each in conditions):
        return
    alone = isinstance(tree, Leaf) and tree.source.query.stored and len(conditions) == 1
    if not alone or conditions[0].whole.outer or scope.parent is not None:
        raise refused("a WHERE that can fail on some rows")
