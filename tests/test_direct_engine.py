"""The direct engine gives the answers of the embedded one, row for row, or none."""

from __future__ import annotations

import pytest

import sample_run
import two_engines
from policycheck.assessment import assess
from policycheck.evidence import load_evidence
from policycheck.loading import load


@pytest.fixture(scope="module")
def trees() -> two_engines.Trees:
    _, embedded = sample_run.compiled_pack()
    return two_engines.trees_of(embedded)


def test_the_sample_evidence_is_answered_alike_row_for_row(trees: two_engines.Trees) -> None:
    compiled, embedded = sample_run.compiled_pack()
    direct = two_engines.direct_session(compiled, trees)
    embedded.clear()
    evidence = load_evidence(sample_run.SAMPLE, compiled.pack.tables, sample_run.AS_OF)
    loaded = load(compiled, evidence, embedded)

    assert load(compiled, evidence, direct) == loaded
    assert two_engines.differences(compiled, list(compiled.controls.values()), direct, embedded) == []
    assert assess(compiled, loaded, direct) == assess(compiled, loaded, embedded)
    assert direct.unanswered == []
