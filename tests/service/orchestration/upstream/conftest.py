"""Two sides for each test."""

from pathlib import Path

import pytest

from tests.service.orchestration.upstream.sides import Sides


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    return Sides(tmp_path)
