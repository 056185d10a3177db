"""Agents of a W&B server's sweep are shown like any, over REST and on the sweep's page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from paribus_service import app as application
from tests.service.api.conftest import settings_of
from tests.service.orchestration.upstream.sides import URL, Sides

API = "/api/v1"


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    return Sides(tmp_path)


@pytest.fixture
def api(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A client of a service over the same database; its driver never looks by itself."""
    monkeypatch.setattr(application, "open_upstream", lambda _settings: sides.there)
    monkeypatch.setattr(application, "start_driver", lambda _services: None)
    lab = sides.lab
    app = application.create_app(settings_of(lab, wandb_base_url=URL), clock=lab.clock)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def sweep(sides: Sides) -> str:
    """With an agent that runs on a known GPU, and one that has crashed."""
    sweep = sides.launch()
    sides.there.add_agent(sides.path(sweep), host="gpu-1", name="brave-1", total_runs=4)
    sides.there.add_agent(sides.path(sweep), host="gpu-2", name="late-2", state="CRASHED")
    sides.look()
    sides.there.edit(sides.take(sweep), host="gpu-1", gpu="NVIDIA H100")
    sides.look()
    return sweep


class TestOverRest:
    def test_the_list_has_them_by_state(self, api: TestClient, sweep: str) -> None:
        asked = {"sweep_id": sweep, "state": "running"}

        (agent,) = api.get(f"{API}/agents", params=asked).json()["items"]

        assert (agent["id"], agent["host"], agent["gpu_name"], agent["runs_started"]) == (
            "brave-1",
            "gpu-1",
            "NVIDIA H100",
            4,
        )

    def test_one_says_why_it_is_gone(self, api: TestClient, sweep: str) -> None:
        agent = api.get(f"{API}/agents/late-2").json()

        assert (agent["sweep_id"], agent["state"]) == (sweep, "gone")
        assert agent["reason"] == "W&B calls it CRASHED"

    def test_their_hosts_are_listed(self, api: TestClient, sweep: str) -> None:
        hosts = {host["host"]: host for host in api.get(f"{API}/hosts").json()["items"]}

        assert hosts["gpu-1"]["gpu_names"] == ["NVIDIA H100"]
        assert hosts["gpu-1"]["agents"] == {"running": 1, "stopping": 0, "gone": 0}
        assert hosts["gpu-2"]["agents"] == {"running": 0, "stopping": 0, "gone": 1}


class TestThePage:
    def test_it_lists_them_and_counts_those_at_work(self, api: TestClient, sweep: str) -> None:
        text = api.get(f"/lab/imdb/sweeps/{sweep}").text

        assert "brave-1" in text
        assert "late-2" in text
        assert "W&amp;B calls it CRASHED" in text
        assert "<dt>Agents there</dt><dd>1" in text
