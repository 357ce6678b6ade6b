"""Fixtures of the suites that run the whole pipeline over the sample organisation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sample_run
from policycheck.outcomes import Assessment


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled packs of the tests stay among the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def sample_assessment() -> Assessment:
    """The sample evidence as it is shipped, under the default profile."""
    return sample_run.run(sample_run.SAMPLE)
