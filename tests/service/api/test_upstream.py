"""Sweeps on a W&B server, over REST."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from paribus_service import app as application
from paribus_service.errors import UpstreamBusy, UpstreamError, UpstreamRefusedKey
from paribus_service.orchestration.upstream.launching import Launcher
from tests.factories import Lab, grid_config
from tests.service.api.conftest import settings_of
from tests.service.orchestration.upstream.fake_upstream import FakeUpstream
from tests.service.orchestration.upstream.sides import URL, design_config, unreachable

SWEEPS = "/api/v1/sweeps"


@pytest.fixture
def there() -> FakeUpstream:
    return FakeUpstream(base_url=URL, entity="team")


@pytest.fixture
def api(lab: Lab, there: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A client of a service that works with `there`; its driver never looks by itself."""
    monkeypatch.setattr(application, "open_upstream", lambda _settings: there)
    monkeypatch.setattr(application, "start_driver", lambda _services: None)
    app = application.create_app(settings_of(lab, wandb_base_url=URL), clock=lab.clock)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def states_there(there: FakeUpstream) -> list[str]:
    return [sweep.seen.state for sweep in there.sweep_table.values()]


class TestRegistering:
    def test_the_answer_leads_to_wandbs_own_page(self, api: TestClient) -> None:
        answer = api.post(SWEEPS, json=design_config())

        sweep = answer.json()
        assert answer.status_code == 201
        assert sweep["tracking"] == "upstream"
        assert sweep["links"]["wandb"] == f"{URL}/team/imdb/sweeps/{sweep['id']}"
        assert sweep["agent_command"] == f"wandb agent team/imdb/{sweep['id']}"
        assert (sweep["entity"], sweep["trial_counts"]["queued"]) == ("team", 4)
        assert sweep["upstream"] | {"looked_at": None} == {
            "base_url": URL,
            "path": f"team/imdb/{sweep['id']}",
            "url": f"{URL}/team/imdb/sweeps/{sweep['id']}",
            "way": "enqueue",
            "state": "PENDING",
            "agents": 0,
            "looked_at": None,
            "problem": None,
            "problem_since": None,
        }

    def test_a_preview_asks_no_server(self, api: TestClient, there: FakeUpstream) -> None:
        answer = api.post(SWEEPS, json=design_config(), params={"validate_only": True})

        assert answer.status_code == 200
        assert len(answer.json()["trials"]) == 4
        assert there.calls == []

    def test_what_says_nothing_goes_there_since_a_server_is_named(
        self, api: TestClient, there: FakeUpstream
    ) -> None:
        sweep = api.post(SWEEPS, json=grid_config()).json()

        assert (sweep["tracking"], sweep["upstream"]["way"]) == ("upstream", "own")
        assert sweep["driven_by"] == "wandb_server"
        assert states_there(there) == ["PENDING"]

    def test_an_embedded_sweep_stays_here(self, api: TestClient, there: FakeUpstream) -> None:
        sweep = api.post(SWEEPS, json=grid_config(tracking="embedded")).json()

        assert (sweep["tracking"], sweep["upstream"]) == ("embedded", None)
        assert "wandb" not in sweep["links"]
        assert there.calls == []

    def test_one_idempotency_key_registers_once(
        self, api: TestClient, there: FakeUpstream
    ) -> None:
        key = {"Idempotency-Key": "one"}

        first = api.post(SWEEPS, json=design_config(), headers=key)
        again = api.post(SWEEPS, json=design_config(), headers=key)

        assert first.json() == again.json()
        assert states_there(there) == ["PENDING"]

    def test_a_server_that_is_down_leaves_no_sweep(
        self, api: TestClient, there: FakeUpstream
    ) -> None:
        there.fail(unreachable(), on="server")

        answer = api.post(SWEEPS, json=design_config())

        assert answer.status_code == 503
        assert "connection refused" in answer.json()["detail"]
        assert api.get(SWEEPS).json()["items"] == []

    def test_a_server_that_limits_rates_says_how_long_to_wait(
        self, api: TestClient, there: FakeUpstream
    ) -> None:
        there.fail(UpstreamBusy(URL, "say who it is", 29.5), on="server")

        answer = api.post(SWEEPS, json=design_config())

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")

    def test_an_id_that_is_taken_here_is_taken_back_there(
        self, api: TestClient, lab: Lab, there: FakeUpstream
    ) -> None:
        api.post(SWEEPS, json=design_config())
        there.sweep_table.clear()
        there._numbers = iter(range(1, 100))  # type: ignore[assignment]

        answer = api.post(SWEEPS, json=design_config())
        list(Launcher(lab.engine, lab.settings, lab.clock, there).take_back())

        assert answer.status_code == 409
        assert states_there(there) == ["CANCELED"]

    def test_yaml_is_taken_too(self, api: TestClient) -> None:
        text = yaml.safe_dump(design_config())

        answer = api.post(SWEEPS, content=text, headers={"Content-Type": "application/yaml"})

        assert answer.json()["tracking"] == "upstream"


class TestWithoutAServer:
    def test_the_key_is_answered_with_what_to_set(self, tmp_path: Path) -> None:
        lab = Lab(tmp_path)
        app = application.create_app(settings_of(lab), clock=lab.clock)

        with TestClient(app, raise_server_exceptions=False) as client:
            answer = client.post(SWEEPS, json=design_config())

        assert answer.status_code == 422
        assert "PARIBUS_WANDB_BASE_URL" in answer.json()["detail"]


class TestThePage:
    def page(self, api: TestClient, sweep: dict[str, Any]) -> str:
        return api.get(f"/{sweep['entity']}/{sweep['project']}/sweeps/{sweep['id']}").text

    def test_it_says_where_the_sweep_is_and_links_there(self, api: TestClient) -> None:
        sweep = api.post(SWEEPS, json=design_config()).json()

        page = self.page(api, sweep)

        assert f'href="{URL}/team/imdb/sweeps/{sweep["id"]}"' in page
        assert f"WANDB_BASE_URL={URL}" in page

    def test_it_says_why_a_sweep_does_not_go_on(self, api: TestClient, lab: Lab) -> None:
        sweep = api.post(SWEEPS, json=design_config()).json()
        with lab.writing() as session:
            known = session.merge(lab.sweep(sweep["id"])).upstream
            assert known is not None
            known.problem, known.problem_since = "the server is down", lab.clock.now()

        assert "the server is down" in self.page(api, sweep)
        shown = api.get(f"{SWEEPS}/{sweep['id']}").json()["upstream"]
        assert shown["problem"] == "the server is down"


class TestTheServer:
    URL = "/api/v1/upstream"

    def test_it_is_asked_who_it_is_and_nothing_is_written(
        self, api: TestClient, there: FakeUpstream
    ) -> None:
        answer = api.get(self.URL)

        assert answer.json() == {
            "base_url": URL,
            "version": "0.60.0",
            "username": "ada",
            "entity": "team",
            "client_version": "0.31.0",
            "way": "enqueue",
        }
        assert there.calls == ["server"]

    def test_one_that_takes_no_runs_from_outside_is_driven_by_its_controller(
        self, api: TestClient, there: FakeUpstream
    ) -> None:
        there.facts = replace(there.facts, can_enqueue=False)

        assert api.get(self.URL).json()["way"] == "controller"

    @pytest.mark.parametrize(
        ("error", "status"),
        [(UpstreamRefusedKey(URL, "say who it is", "403"), 502), (unreachable(), 503)],
    )
    def test_its_trouble_is_the_answers(
        self, api: TestClient, there: FakeUpstream, error: UpstreamError, status: int
    ) -> None:
        there.fail(error, on="server")

        answer = api.get(self.URL)

        assert (answer.status_code, answer.json()["detail"]) == (status, str(error))

    def test_a_service_that_works_alone_says_what_to_set(self, lab: Lab) -> None:
        with TestClient(application.create_app(settings_of(lab), clock=lab.clock)) as client:
            answer = client.get(self.URL)

        assert answer.status_code == 422
        assert "PARIBUS_WANDB_BASE_URL and PARIBUS_WANDB_API_KEY" in answer.json()["detail"]
