"""What every test shares: property tests that depend on no machine's speed, and a clean end.

A wandb client that a test kills leaves its temporary directories where it found `TMPDIR`.
"""

import os
from collections.abc import Iterator
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def own_temporary_files() -> Iterator[None]:
    """Give the processes that tests start a `TMPDIR` of this session, with a short path."""
    before = os.environ.get("TMPDIR")
    with TemporaryDirectory(prefix="paribus-tests-", ignore_cleanup_errors=True) as directory:
        os.environ["TMPDIR"] = directory  # read by children alone: tempfile remembers its own
        yield
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before
