"""A service on a real socket and a real browser; skipped where there is no Chromium."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from paribus_service.app import create_app
from tests.browser.chromium import Chromium
from tests.factories import Lab
from tests.service.dashboard.site import settings_of

HOW_TO_ENABLE = (
    "no chromium on this machine: `bash scripts/install-chromium.sh` enables these tests"
)


@pytest.fixture(scope="session")
def chromium_program() -> str:
    """Where Chromium is."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip(HOW_TO_ENABLE)
    return found


@pytest.fixture(scope="session")
def tab(chromium_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """One browser for all tests: starting it takes longer than they do."""
    profile = tmp_path_factory.mktemp("chromium") / "profile"
    with Chromium.start(chromium_program, profile) as started:
        yield started


@pytest.fixture
def chromium(tab: Chromium) -> Chromium:
    """The browser, as if it had just been opened."""
    tab.open("about:blank")  # the page before may ask a service that has ended
    tab.call("Network.clearBrowserCookies")
    tab.show_as(width=1280)
    tab.complaints.clear()
    return tab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """The core, for writing what pages are to show."""
    return Lab(tmp_path)


@pytest.fixture
def address(lab: Lab) -> Iterator[str]:
    """Where a service in development mode shows the lab."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        app = create_app(settings_of(lab, dev=True), clock=lab.clock)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.started, "the service was not ready within 30 seconds"
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()
