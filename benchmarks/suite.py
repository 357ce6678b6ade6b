"""Which benchmarks there are, in which sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks import consent, forms, gate, many_controls, million, mutants, one_rule, retention, scaling
from benchmarks.measure import Table

M = 1_000_000


@dataclass(frozen=True)
class Sizes:
    """What was asked for on the command line."""

    full: bool = False
    rounds: int | None = None
    records: int | None = None

    def of(self, quick: Sequence[int], long: Sequence[int]) -> Sequence[int]:
        """Numbers of records to measure."""
        if self.records is not None:
            return [self.records]
        return long if self.full else quick

    def times(self, usual: int, records: int = 0) -> int:
        """Runs of each side: fewer where each takes long."""
        return self.rounds or (usual if records <= M else min(usual, 3) if records <= 10 * M else 1)


@dataclass(frozen=True)
class Benchmark:
    """One entry. `quick` and `long` say of which run it is a part."""

    words: str
    measure: Callable[[Sizes], Iterator[Table]]
    quick: bool = True
    long: bool = True


def _gate(sizes: Sizes) -> Iterator[Table]:
    yield from gate.measure(sizes.times(9))


def _one_rule(sizes: Sizes) -> Iterator[Table]:
    for records in sizes.of((10_000, M, 10 * M), (100_000,)):
        yield one_rule.measure(records, sizes.times(5, records))


def _retention(sizes: Sizes) -> Iterator[Table]:
    for records in sizes.of((M,), (10 * M,)):
        yield retention.measure(records, sizes.times(3, records))


def _consent(sizes: Sizes) -> Iterator[Table]:
    for records in sizes.of((M,), (10 * M,)):
        yield consent.measure(records, sizes.times(3, records))


def _many_controls(sizes: Sizes) -> Iterator[Table]:
    for records in sizes.of((M,), (10 * M,)):
        yield many_controls.measure(records, sizes.times(3, records))


def _million(sizes: Sizes) -> Iterator[Table]:
    for records in sizes.of((M,), (M,)):
        yield million.measure(records, sizes.times(3, records))


def _forms(sizes: Sizes) -> Iterator[Table]:
    for records in sizes.of((M,), (M,)):
        yield forms.measure(records, sizes.times(3, records))


def _hundred_million(sizes: Sizes) -> Iterator[Table]:
    records = sizes.records or 100 * M
    yield one_rule.measure_linear(records // 10, records, sizes.times(1))


def _mutants(sizes: Sizes) -> Iterator[Table]:
    yield mutants.measure(sizes.times(1))


def _scaling(sizes: Sizes) -> Iterator[Table]:
    yield from scaling.measure(sizes.records or (10 * M if sizes.full else M), sizes.times(1))


SUITE = {
    "gate": Benchmark(
        "a cold gate of 80 controls beside OPA, conftest, Rego, CEL and JSON Schema", _gate, long=False
    ),
    "one-rule": Benchmark(
        "one three-valued rule over many records beside DuckDB, Polars, msgspec, CEL, Rego", _one_rule
    ),
    "retention": Benchmark(
        "the retention controls of the shipped pack beside SQL written by hand", _retention
    ),
    "consent": Benchmark("consent before disclosure beside SQL written by hand", _consent),
    "many-controls": Benchmark("80 controls on one table beside three plans written by hand", _many_controls),
    "million": Benchmark(
        "DP-3 of the shipped pack over a million protections beside SQL written by hand", _million, long=False
    ),
    "forms": Benchmark("DP-3 over a million protections as Parquet, NDJSON and CSV", _forms, quick=False),
    "scaling": Benchmark("how time grows with records, controls and exceptions", _scaling),
    "mutants": Benchmark("the examples of the shipped pack and their mutants", _mutants, quick=False),
    "linear": Benchmark("a hundred million records beside ten million", _hundred_million, quick=False),
}
