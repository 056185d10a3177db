"""A run of another server over REST: what is not here is refused by name, and where it is said."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from paribus_service.app import create_app
from paribus_service.store.tables import UpstreamSweep
from tests.factories import Lab
from tests.service.api.conftest import settings_of
from tests.service.orchestration.upstream.fake_upstream import FakeUpstream

THERE = "https://wandb.test/lab/imdb/runs/"
ROWS = [{"loss": 1.0}]


@pytest.fixture
def there() -> FakeUpstream:
    return FakeUpstream()


@pytest.fixture
def api(lab: Lab, there: FakeUpstream) -> Iterator[TestClient]:
    app = create_app(settings_of(lab), clock=lab.clock)
    with TestClient(app, raise_server_exceptions=False) as client:
        app.state.services = replace(app.state.services, upstream=there)
        yield client


def imported(api: TestClient, there: FakeUpstream) -> dict[str, dict[str, Any]]:
    """A run that finished and one that failed, as REST shows them."""
    there.add_run("done", rows=ROWS).console = ["all well"]
    there.add_run("bad", state="failed", rows=ROWS).console = ["oh", "ValueError: no GPU"]
    answer = api.post("/api/v1/imports", json={"entity": "lab", "project": "imdb"})
    assert answer.json()["is_done"], answer.text
    runs = "/api/v1/projects/lab/imdb/runs/"
    return {name: api.get(f"{runs}{name}").json() for name in ("done", "bad")}


class TestAMirroredRun:
    def test_it_leads_to_its_page_there(self, api: TestClient, there: FakeUpstream) -> None:
        run = imported(api, there)["done"]

        assert run["links"]["upstream"] == f"{THERE}done"

    def test_a_run_of_our_own_leads_nowhere_else(self, api: TestClient, lab: Lab) -> None:
        lab.start("ours")

        run = api.get(f"/api/v1/runs/{lab.run('ours').id}").json()

        assert "upstream" not in run["links"]

    def test_why_it_failed_is_in_its_log(self, api: TestClient, there: FakeUpstream) -> None:
        run = imported(api, there)["bad"]

        lines = api.get(run["links"]["logs"]).json()["items"]

        assert [json.loads(line["text"])["content"] for line in lines] == [
            "oh",
            "ValueError: no GPU",
        ]

    @pytest.mark.parametrize(
        ("path", "sentence"),
        [
            (
                "logs",
                f"the console output of this mirrored run is not offered yet; it is at {THERE}",
            ),
            ("files", f"the files of this mirrored run is not offered yet; they are at {THERE}"),
            ("files/a", f"the files of this mirrored run is not offered yet; they are at {THERE}"),
        ],
    )
    def test_what_stays_there_is_refused_by_name(
        self, api: TestClient, there: FakeUpstream, path: str, sentence: str
    ) -> None:
        run = imported(api, there)["done"]

        answer = api.get(f"/api/v1/runs/{run['id']}/{path}")

        assert (answer.status_code, answer.json()["code"]) == (422, "not_offered")
        assert f"reading {sentence}done" in answer.json()["detail"]


class TestRunsOfAnAgentThatWorksForAnotherServer:
    def test_the_filter_says_that_nobody_asks_who_made_a_run(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep, now = lab.register(), lab.clock.now()
        agent = lab.agent(sweep)
        before = api.get(f"/api/v1/runs?agent_id={agent}")
        with lab.writing() as session:
            session.add(
                UpstreamSweep(
                    sweep_id=sweep,
                    base_url="https://wandb.test",
                    entity="lab",
                    project="imdb",
                    remote_id="s1",
                    gql_id="gql",
                    url="https://wandb.test/lab/imdb/sweeps/s1",
                    way="enqueue",
                    state_there="RUNNING",
                    state_here="running",
                    created_at=now,
                    updated_at=now,
                )
            )

        answer = api.get(f"/api/v1/runs?agent_id={agent}")

        assert (before.status_code, answer.status_code) == (200, 422)
        assert f"runs of agent {agent}, which works for a W&B server" in answer.json()["detail"]
