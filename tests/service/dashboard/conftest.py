"""A service in-process on a fresh database, and a browser that asks it for pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from paribus_service.app import create_app
from tests.factories import Lab
from tests.service.dashboard.site import settings_of


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """The core, for writing what pages are to show."""
    return Lab(tmp_path)


@pytest.fixture
def browser(lab: Lab) -> Iterator[TestClient]:
    """A browser at a service in development mode."""
    app = create_app(settings_of(lab, dev=True), clock=lab.clock)
    with TestClient(app, headers={"Accept": "text/html"}, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def stranger(lab: Lab) -> Iterator[TestClient]:
    """A browser without a key at a service that asks for one."""
    app = create_app(settings_of(lab, dev=False), clock=lab.clock)
    with TestClient(
        app,
        headers={"Accept": "text/html"},
        raise_server_exceptions=False,
        follow_redirects=False,
    ) as client:
        yield client
