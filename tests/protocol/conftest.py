from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.protocol.live import LiveService


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """One service for all tests of a module; each test uses run ids and projects of its own."""
    service = LiveService(tmp_path_factory.mktemp("live"))
    yield service
    service.close()


@pytest.fixture
def own_live(tmp_path: Path) -> Iterator[LiveService]:
    """A service for one test alone."""
    service = LiveService(tmp_path)
    yield service
    service.close()
