"""A bench for each test, cleared away afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.harness import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    try:
        bench.serve()
        yield bench
    finally:
        bench.close()
