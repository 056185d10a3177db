"""The API in-process, over the same database and clock as a `Lab`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from paribus_service.app import create_app
from paribus_service.settings import Settings
from tests.factories import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def settings_of(lab: Lab, **more: object) -> Settings:
    """Settings of a service over the lab's database; nothing in it looks by itself."""
    given = {
        "data_dir": lab.settings.data_dir,
        "database_url": str(lab.engine.url),
        "watchdog_interval_seconds": 3600,
        "observer_interval_seconds": 0,
        "dev": True,
        **more,
    }
    return Settings(**given)  # type: ignore[arg-type]


@pytest.fixture
def api(lab: Lab) -> Iterator[TestClient]:
    """A client of a service in development mode."""
    app = create_app(settings_of(lab), clock=lab.clock)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def locked_api(lab: Lab) -> Iterator[TestClient]:
    """A client without a key, of a service that asks for one."""
    app = create_app(settings_of(lab, dev=False), clock=lab.clock)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
