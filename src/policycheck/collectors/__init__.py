"""Collectors: each turns what one tool printed into rows of one evidence table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from policycheck.collectors.collection import Collection, Collector, RawDocument
from policycheck.collectors.luks import LuksCollector
from policycheck.collectors.tls import TlsCollector

# The members, by the name a person types. A new collector is a new line here.
COLLECTORS: Mapping[str, Callable[[], Collector]] = {
    "luks": LuksCollector,
    "tls": TlsCollector,
}

__all__ = ["COLLECTORS", "Collection", "Collector", "LuksCollector", "RawDocument", "TlsCollector"]
