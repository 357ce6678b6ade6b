"""Subqueries that read the row outside, turned into joins.

Goes in: a translated tree, in which every source has a name of its own. Comes out: the same tree, in which no
subquery in an expression reads a row outside. Spark answers only some of those, and plans others badly.

Where the row outside is only held against columns of the inside with `=`, the inside is grouped by these once
for all rows. Otherwise it is joined with the different values that the outside has in what it is asked for,
and grouped by those. Either way each row outside finds one row of answers or none, and what the subquery says
over no rows stands in for none.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from policycheck.engines.spark_dialect import Inline, InlineAggregate, RefusedError, answer_as

_AGGREGATES = (exp.Count, exp.Max, exp.Min, exp.Sum, exp.LogicalOr, exp.LogicalAnd, InlineAggregate)


def join_subqueries(tree: exp.Query) -> None:
    """Changes the tree in place. Raises RefusedError for a subquery that has no such form."""
    _Joiner().query(tree)


class _Joiner:
    def __init__(self) -> None:
        self._joined = 0

    def query(self, tree: exp.Expression) -> None:
        """All selects of a query, from the outside in."""
        with_ = tree.args.get("with_")
        for step in with_.expressions if with_ is not None else ():
            self.query(step.this)
        if isinstance(tree, exp.Union):
            self.query(tree.this)
            self.query(tree.expression)
        elif isinstance(tree, exp.Select):
            self._select(tree)

    def _select(self, tree: exp.Select) -> None:
        from_ = tree.args.get("from_")
        sources = [from_.this] if from_ is not None else []
        sources += [join.this for join in tree.args.get("joins") or []]
        whole = _from_of(tree)
        for node in list(_near_subqueries(tree)):
            inner = node.this
            if not _outside(inner):
                self.query(inner)
                continue
            if node.find_ancestor(exp.Join, exp.Select) is not tree:
                raise RefusedError("a subquery in ON that reads the row outside")
            self._replace(tree, node, inner, whole)
        for source in sources:
            for each in _tables_of(source):
                if isinstance(each, exp.Subquery) and isinstance(each.this, exp.Query):
                    if _outside(each.this):
                        raise RefusedError("a subquery in FROM that reads the row outside")
                    self.query(each.this)

    def _replace(
        self, tree: exp.Select, node: exp.Expression, inner: exp.Query, whole: list[exp.Expression]
    ) -> None:
        """Puts the answer of a join in the place of a subquery."""
        is_test = isinstance(node, exp.Exists)
        if not isinstance(inner, exp.Select) or any(
            inner.args.get(part) for part in ("group", "having", "qualify", "distinct", "with_")
        ):
            raise RefusedError("a subquery of more than one plain select that reads the row outside")
        item = inner.expressions[0].this
        if is_test == _is_aggregate(item):
            what = "EXISTS over an aggregate" if is_test else "a subquery of single rows"
            raise RefusedError(f"{what} that reads the row outside")
        if any(join.args.get("on") is None and not join.kind for join in tree.args.get("joins") or []):
            raise RefusedError("a subquery beside tables joined with a comma")
        over_none = _over_none(item)
        in_group = _behind_groups(tree, node)
        self._joined += 1
        name = f"joined {self._joined}"
        pairs = _equal_pairs(inner)
        joined, on = (
            _grouped(inner, pairs, is_test, name)
            if pairs is not None
            else _by_values(inner, whole, is_test, name, self._joined)
        )
        answer: exp.Expression = exp.Not(this=exp.Is(this=_column("found", name), expression=exp.Null()))
        if not is_test:
            answer = exp.Case(ifs=[exp.If(this=answer, true=_column("answer", name))], default=over_none)
        answer = exp.Paren(this=answer)
        if in_group:
            answer = Inline(template="first({0})", expressions=[answer])
        node.replace(answer)
        source = exp.Subquery(this=joined, alias=exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
        tree.append("joins", exp.Join(this=source, side="LEFT", on=on))
        self.query(joined)


# --- the two forms ------------------------------------------------------------------------------------


def _equal_pairs(inner: exp.Select) -> list[tuple[exp.Expression, exp.Expression]] | None:
    """(inside, outside) of each condition that reads the row outside; None where one has another form."""
    where = inner.args.get("where")
    pairs, rest = [], []
    for part in _conjuncts(where.this) if where is not None else ():
        if not _reads_outside(part, inner):
            rest.append(part)
            continue
        sides = [part.this, part.expression] if isinstance(part, exp.EQ) else []
        outer = [side for side in sides if _is_outside_only(side, inner)]
        own = [side for side in sides if not _reads_outside(side, inner)]
        if len(outer) != 1 or len(own) != 1:
            return None
        pairs.append((own[0], outer[0]))
    ignored = {id(column) for _, outer in pairs for column in outer.find_all(exp.Column)}
    if any(id(column) not in ignored for column in _outside(inner)):
        return None
    return pairs


def _grouped(
    inner: exp.Select, pairs: list[tuple[exp.Expression, exp.Expression]], is_test: bool, name: str
) -> tuple[exp.Select, exp.Expression]:
    """The inside, grouped by what is held against the row outside; and how the two are joined."""
    where = inner.args.get("where")
    taken = {id(own.parent) for own, _ in pairs}
    rest = [part for part in _conjuncts(where.this) if id(part) not in taken] if where is not None else []
    keys = [own.copy() for own, _ in pairs]
    on = [
        exp.EQ(this=_column(f"key {i}", name), expression=outer.copy()) for i, (_, outer) in enumerate(pairs)
    ]
    inner.set("where", exp.Where(this=_all(rest)) if rest else None)
    return _with_keys(inner, keys, is_test), _all(on)


def _by_values(
    inner: exp.Select, whole: list[exp.Expression], is_test: bool, name: str, number: int
) -> tuple[exp.Select, exp.Expression]:
    """The inside for each different row of values that it asks of the outside."""
    if any(join.side.upper() in ("RIGHT", "FULL") for join in inner.args.get("joins") or []):
        raise RefusedError("a subquery with RIGHT or FULL JOIN that reads the row outside")
    asked: dict[tuple[str, str], exp.Column] = {}
    values = f"values {number}"
    for column in _outside(inner):
        place = (column.table, column.name)
        kept = asked.setdefault(place, column.copy())
        at = list(asked).index(place)
        if kept is not column:
            column.replace(_column(f"value {at}", values))
    from_, *joins = (part.copy() for part in whole)
    items = [answer_as(each.copy(), f"value {i}") for i, each in enumerate(asked.values())]
    different = exp.Select(expressions=items, distinct=exp.Distinct(), from_=from_, joins=joins)
    source = exp.Subquery(this=different, alias=exp.TableAlias(this=exp.to_identifier(values, quoted=True)))
    first = inner.args.get("from_")
    others = [exp.Join(this=first.this, kind="CROSS")] if first is not None else []
    inner.set("joins", others + (inner.args.get("joins") or []))
    inner.set("from_", exp.From(this=source))
    on = [
        exp.NullSafeEQ(this=_column(f"key {i}", name), expression=each.copy())
        for i, each in enumerate(asked.values())
    ]
    return _with_keys(inner, [_column(f"value {i}", values) for i in range(len(asked))], is_test), _all(on)


def _with_keys(inner: exp.Select, keys: list[exp.Expression], is_test: bool) -> exp.Select:
    items = [answer_as(key.copy(), f"key {i}") for i, key in enumerate(keys)]
    items.append(answer_as(exp.true(), "found"))
    if not is_test:
        items.append(answer_as(inner.expressions[0].this.copy(), "answer"))
    inner.set("expressions", items)
    inner.set("group", exp.Group(expressions=[key.copy() for key in keys]))
    return inner


# --- what a tree holds --------------------------------------------------------------------------------


def _near_subqueries(tree: exp.Select) -> Iterator[exp.Expression]:
    """The subqueries in the expressions of a select, not those inside of these, nor those in FROM."""
    parts = [*tree.expressions, *(tree.args.get(p) for p in ("where", "group", "having", "qualify"))]
    parts += [join.args.get("on") for join in tree.args.get("joins") or []]
    for part in parts:
        if part is None:
            continue
        for node in part.walk(prune=lambda n: isinstance(n, (exp.Exists, exp.Subquery))):
            if isinstance(node, (exp.Exists, exp.Subquery)):
                yield node


def _tables_of(source: exp.Expression) -> Iterator[exp.Expression]:
    """A source and those joined to it in brackets."""
    yield source
    for join in source.args.get("joins") or []:
        yield from _tables_of(join.this)
    if isinstance(source, exp.Subquery) and isinstance(source.this, exp.Table):
        yield from _tables_of(source.this)


def _own_names(tree: exp.Expression) -> set[str]:
    """The names of all sources anywhere in a tree. No two sources of a statement share one."""
    return {each.alias for each in tree.find_all(exp.Table, exp.Subquery) if each.alias}


def _outside(tree: exp.Expression) -> list[exp.Column]:
    """The columns in a query that are of a row outside of it."""
    names = _own_names(tree)
    return [column for column in tree.find_all(exp.Column) if column.table not in names]


def _reads_outside(part: exp.Expression, inner: exp.Select) -> bool:
    names = _own_names(inner)
    return any(column.table not in names for column in part.find_all(exp.Column))


def _is_outside_only(part: exp.Expression, inner: exp.Select) -> bool:
    names = _own_names(inner)
    columns = list(part.find_all(exp.Column))
    inside = any(column.table in names for column in columns) or part.find(exp.Select) is not None
    return bool(columns) and not inside


def _is_aggregate(item: exp.Expression) -> bool:
    return any(
        isinstance(node, _AGGREGATES)
        for node in item.walk(prune=lambda n: isinstance(n, (exp.Exists, exp.Subquery, exp.Window)))
    )


def _over_none(item: exp.Expression) -> exp.Expression:
    """What an item with aggregates says over no rows."""
    holder = exp.Paren(this=item.copy())
    for node in list(holder.walk(prune=lambda n: isinstance(n, (*_AGGREGATES, exp.Filter)))):
        if isinstance(node, (*_AGGREGATES, exp.Filter)):
            counted = node.this if isinstance(node, exp.Filter) else node
            is_test = isinstance(counted, (InlineAggregate, exp.LogicalOr, exp.LogicalAnd))
            none = Inline(template="CAST(NULL AS BOOLEAN)") if is_test else exp.Null()
            node.replace(exp.Literal.number(0) if isinstance(counted, exp.Count) else none)
    return holder


def _behind_groups(tree: exp.Select, node: exp.Expression) -> bool:
    """Whether a subquery stands where a row is a group: outside of WHERE, GROUP BY and any aggregate."""
    has_groups = tree.args.get("group") is not None or any(_is_aggregate(i) for i in tree.expressions)
    place: exp.Expression | None = node
    while place is not None and place is not tree:
        if isinstance(place, (*_AGGREGATES, exp.Where, exp.Group)):
            return False
        place = place.parent
    return has_groups


def _from_of(tree: exp.Select) -> list[exp.Expression]:
    """FROM and the joins of a select as they stand."""
    from_ = tree.args.get("from_")
    return (
        [from_.copy(), *(join.copy() for join in tree.args.get("joins") or [])] if from_ is not None else []
    )


def _conjuncts(part: exp.Expression) -> Iterator[exp.Expression]:
    if isinstance(part, exp.And):
        yield from _conjuncts(part.this)
        yield from _conjuncts(part.expression)
    elif isinstance(part, exp.Paren):
        yield from _conjuncts(part.this)
    else:
        yield part


def _all(parts: list[exp.Expression]) -> exp.Expression:
    return exp.and_(*(exp.Paren(this=part.copy()) for part in parts)) if parts else exp.true()


def _column(name: str, table: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True), table=exp.to_identifier(table, quoted=True))
