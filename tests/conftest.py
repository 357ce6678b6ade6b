"""Fixtures of the suites that run the whole pipeline over the sample organisation."""

from __future__ import annotations

import pytest

import sample_run
from policycheck.model import Assessment


@pytest.fixture(scope="session")
def sample_assessment() -> Assessment:
    """The sample evidence as it is shipped, under the default profile."""
    return sample_run.run(sample_run.SAMPLE)
