"""Where the nodes of a parse tree stand in the text an author wrote.

Goes in: a text, its tokens and nodes of its tree. Comes out: stretches of the text as (first index, index
after the last). The parser gives a place to most nodes, but not the brackets around them, and to some none.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from policycheck.sqltext import NOWHERE, Node, SqlText, Token

Span = tuple[int, int]


class Spans(Struct):
    """The stretches of one text; `tokens` are all of its tokens."""

    sql: SqlText
    tokens: list[Token]
    _known: dict[int, Span] = field(default_factory=dict)

    def whole(self, node: Any) -> Span:
        """A node with everything below it, without brackets around it; (-1, -1) for nowhere."""
        if id(node) not in self._known:
            spans = []
            if isinstance(node, dict):
                at, length = node.get("query_location", NOWHERE), node.get("query_location_length", 0)
                if at < NOWHERE and length:
                    spans.append((self.sql.index_of(at), self.sql.index_of(at + length)))
                spans += [self.whole(value) for value in node.values() if isinstance(value, (dict, list))]
            else:
                spans += [self.whole(value) for value in node if isinstance(value, (dict, list))]
            spans = [span for span in spans if span[0] >= 0]
            found = (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else (-1, -1)
            self._known[id(node)] = self._balanced(*found) if isinstance(node, dict) and spans else found
        return self._known[id(node)]

    def _balanced(self, start: int, end: int) -> Span:
        """A stretch with the brackets that its tokens close or open."""
        depth = lowest = 0
        for token in self.tokens_in(start, end):
            depth += (token.text == "(") - (token.text == ")")
            lowest = min(lowest, depth)
        for _ in range(-lowest):
            start = self.token_before(start).start
        for _ in range(depth - lowest):
            end = next(t for t in self.tokens if t.start >= end).start + 1
        return start, end

    def outer(self, node: Node) -> Span:
        """A node with the brackets around it."""
        start, end = self.whole(node)
        while True:
            before = next((t for t in reversed(self.tokens) if t.start < start), None)
            after = next((t for t in self.tokens if t.start >= end), None)
            if before is None or after is None or before.text != "(" or after.text != ")":
                return start, end
            start, end = before.start, after.start + 1

    def tokens_in(self, start: int, end: int) -> list[Token]:
        return [token for token in self.tokens if start <= token.start < end]

    def token_before(self, index: int) -> Token:
        """The last token before an index. Raises IndexError where there is none."""
        return [token for token in self.tokens if token.start < index][-1]

    def text(self, span: Span) -> str:
        return self.sql.text[span[0] : span[1]]

    def whole_text(self, node: Node) -> str:
        return self.text(self.whole(node))

    def outer_text(self, node: Node) -> str:
        return self.text(self.outer(node))
