"""Somebody at the command line, a service in this process, and a small W&B in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from fastapi.testclient import TestClient

from paribus_service.app import create_app
from paribus_service.cli import annotating, importing
from paribus_service.client import Client
from tests.factories import Lab
from tests.service.api.conftest import settings_of
from tests.service.orchestration.upstream.fake_upstream import FakeUpstream

LOSS = {"response": "loss", "goal": "minimize", "factors": ["lr"]}


class Desk:
    """Commands that read and write there; nobody waits for real."""

    def __init__(self, lab: Lab, there: FakeUpstream) -> None:
        self.lab, self.there = lab, there
        self.paused: list[float] = []

    def take_in(self, target: str = "lab/imdb", **chosen: Any) -> int:
        """`paribus import`; its exit code."""
        options: dict[str, Any] = {
            "filters": None,
            "entity": None,
            "project": None,
            "again": False,
            "patience_minutes": 60.0,
            "as_json": False,
        }
        return self._left(lambda: importing.run(target, **{**options, **chosen}, pause=self.pause))

    def annotate(self, target: str = "lab/imdb", **chosen: Any) -> int:
        """`paribus annotate`; its exit code."""
        options: dict[str, Any] = {
            "remove": False,
            "dry_run": False,
            "patience_minutes": 60.0,
            "as_json": False,
        }
        question = chosen.pop("question", LOSS)
        every = {**options, **chosen}
        return self._left(lambda: annotating.run(target, question, **every, pause=self.pause))

    def _left(self, command: Callable[[], None]) -> int:
        try:
            command()
        except typer.Exit as left:
            return left.exit_code
        return 0

    def pause(self, seconds: float) -> None:
        """Time passes, and nobody waits."""
        self.paused.append(seconds)
        self.lab.clock.advance(seconds)


@contextmanager
def open_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk whose commands reach the service."""
    lab, there = Lab(tmp_path), FakeUpstream()
    app = create_app(settings_of(lab), clock=lab.clock)
    with TestClient(app) as api:
        app.state.services = replace(app.state.services, upstream=there)

        def answer(request: httpx.Request) -> httpx.Response:
            said = {"content-type": request.headers.get("content-type", "application/json")}
            found = api.request(
                request.method, str(request.url), content=request.read(), headers=said
            )
            return httpx.Response(found.status_code, content=found.content)

        @contextmanager
        def service() -> Iterator[Client]:
            with Client("http://testserver", transport=httpx.MockTransport(answer)) as client:
                yield client

        monkeypatch.setattr(importing, "service", service)
        monkeypatch.setattr(annotating, "service", service)
        yield Desk(lab, there)
