"""Runs, their records, agents and hosts over REST."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from fastapi.testclient import TestClient

from paribus_service.orchestration.recorder import Chunk, RunUpsert, StreamReport, upsert_run
from paribus_service.store import files as file_store
from paribus_service.store import runs as run_store
from paribus_service.store.files import FileStore
from tests.factories import Lab

RUNS = "/api/v1/runs"


@pytest.fixture
def run_id(lab: Lab) -> str:
    """A finished run with history, console output and a summary."""
    wandb_id = lab.claim(lab.agent(lab.register()))
    lab.start(wandb_id, gpu="Tesla T4")
    rows = [f'{{"_step": {i}, "loss": {1 / (i + 1)}}}' for i in range(5)]
    lab.log(wandb_id, *rows, '{"_step": 5, "norm": NaN, "deep": {"x": [Infinity, -Infinity]}}')
    lab.report(wandb_id, StreamReport(output=Chunk(0, ["first", "second ü", "third"])))
    lab.finish(wandb_id, loss=0.2, worst=float("nan"))
    return lab.run(wandb_id).id


class TestShow:
    def test_a_run_shows_config_summary_and_where_it_is(
        self, api: TestClient, lab: Lab, run_id: str
    ) -> None:
        run = api.get(f"{RUNS}/{run_id}").json()

        assert run["config"] == {"lr": 0.1, "batch": 8}
        assert run["summary"] == {"loss": 0.2, "worst": "NaN"}
        assert run["state"] == "finished"
        assert run["gpu_name"] == "Tesla T4"
        assert run["path"] == f"lab/imdb/{run['wandb_id']}"
        assert run["links"]["page"] == f"http://testserver/lab/imdb/runs/{run['wandb_id']}"
        assert [a["run_id"] for a in run["attempts"]] == [run_id]

    def test_wandbs_path_finds_the_same_run(self, api: TestClient, run_id: str) -> None:
        run = api.get(f"{RUNS}/{run_id}").json()

        found = api.get(f"/api/v1/projects/lab/imdb/runs/{run['wandb_id']}")

        assert found.json() == run

    def test_an_older_attempt_stays_beside_the_newer(self, api: TestClient, lab: Lab) -> None:
        agent = lab.agent(lab.register(retry={"failed": 1}))
        first = lab.claim(agent)
        lab.start(first)
        lab.finish(first, exit_code=3)
        trial_id = lab.trial_of(first).id
        while lab.trial_of(again := lab.claim(agent)).id != trial_id:
            lab.start(again)
            lab.finish(again, loss=0.1)
        lab.start(again)
        lab.finish(again, loss=0.1)

        attempts = api.get(f"{RUNS}/{lab.run(first).id}").json()["attempts"]

        assert [(a["attempt"], a["state"]) for a in attempts] == [(1, "failed"), (2, "finished")]
        assert "exit code 3" in attempts[0]["reason"]

    def test_an_unknown_run_is_404(self, api: TestClient) -> None:
        assert api.get(f"{RUNS}/run-nothere").status_code == 404
        assert api.get("/api/v1/projects/lab/imdb/runs/nothere").status_code == 404


class TestList:
    def test_filters_narrow_it_and_pages_hold_every_run_once(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep_id = lab.register()
        agent = lab.agent(sweep_id)
        made = [lab.run(lab.run_trial(agent, loss=0.1)).id for _ in range(3)]
        lab.run_trial(lab.agent(lab.register()), loss=0.1)

        first = api.get(RUNS, params={"sweep_id": sweep_id, "page_size": 2}).json()
        rest = api.get(
            RUNS, params={"sweep_id": sweep_id, "page_token": first["next_page_token"]}
        ).json()

        assert [r["id"] for r in first["items"] + rest["items"]] == made[::-1]
        assert len(api.get(f"{RUNS}?entity=lab&project=imdb").json()["items"]) == 4
        assert api.get(f"{RUNS}?agent_id={agent}&state=failed").json()["items"] == []

    def test_half_a_project_is_refused(self, api: TestClient) -> None:
        answer = api.get(f"{RUNS}?project=imdb")

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "?entity"

    def test_an_unknown_project_is_404(self, api: TestClient) -> None:
        assert api.get(f"{RUNS}?entity=lab&project=no").status_code == 404


class TestHistory:
    def test_rows_come_as_they_were_logged_with_nan_as_a_string(
        self, api: TestClient, run_id: str
    ) -> None:
        rows = api.get(f"{RUNS}/{run_id}/history").json()["items"]

        assert rows[2] == {"_step": 2, "loss": 1 / 3}
        assert rows[5] == {"_step": 5, "norm": "NaN", "deep": {"x": ["Infinity", "-Infinity"]}}

    def test_keys_and_steps_choose(self, api: TestClient, run_id: str) -> None:
        chosen = api.get(f"{RUNS}/{run_id}/history?keys=norm").json()["items"]
        part = api.get(f"{RUNS}/{run_id}/history?min_step=1&max_step=3").json()["items"]

        assert chosen == [{"_step": 5, "norm": "NaN"}]
        assert [row["_step"] for row in part] == [1, 2]

    def test_pages_go_by_line(self, api: TestClient, run_id: str) -> None:
        url = f"{RUNS}/{run_id}/history"

        first = api.get(f"{url}?page_size=4").json()
        rest = api.get(url, params={"page_token": first["next_page_token"]}).json()

        assert [row["_step"] for row in first["items"] + rest["items"]] == [0, 1, 2, 3, 4, 5]
        assert rest["next_page_token"] is None


class TestLogs:
    def test_lines_and_the_last_of_them(self, api: TestClient, run_id: str) -> None:
        lines = api.get(f"{RUNS}/{run_id}/logs").json()["items"]
        tail = api.get(f"{RUNS}/{run_id}/logs?tail=1").json()["items"]

        assert [line["text"] for line in lines] == ["first", "second ü", "third"]
        assert tail == [{"line": 2, "text": "third"}]


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content


class TestFiles:
    @pytest.fixture
    def url(self, lab: Lab, run_id: str) -> str:
        """The run's files: one with its bytes, one only announced."""
        store = FileStore(lab.settings.effective_files_url)
        stored = asyncio.run(store.write(_chunks(b"<script>"), limit_bytes=100))
        with lab.writing() as session:
            run = run_store.get_run(session, run_id)
            row = file_store.announce_file(session, run, "media/a b.html", now=lab.clock.now())
            row.blob, row.size_bytes, row.md5 = stored.name, stored.size_bytes, stored.md5
            file_store.announce_file(session, run, "later.txt", now=lab.clock.now())
        return f"{RUNS}/{run_id}/files"

    def test_files_whose_bytes_have_come_are_listed_and_sent_as_attachments(
        self, api: TestClient, url: str
    ) -> None:
        (file,) = api.get(url).json()["items"]

        answer = api.get(file["url"])

        assert (file["name"], file["size_bytes"]) == ("media/a b.html", 8)
        assert answer.content == b"<script>"
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")

    @pytest.mark.parametrize("name", ["later.txt", "no.txt", "../../lab.db", "%2e%2e/lab.db"])
    def test_nothing_else_is_sent(self, api: TestClient, url: str, name: str) -> None:
        assert api.get(f"{url}/{name}").status_code == 404


class TestStop:
    def test_a_live_run_is_asked_to_stop_and_hears_the_reason(
        self, api: TestClient, lab: Lab
    ) -> None:
        wandb_id = lab.claim(lab.agent(lab.register()))
        lab.start(wandb_id)

        answer = api.post(f"{RUNS}/{lab.run(wandb_id).id}:stop", json={"reason": "diverged"})

        assert answer.status_code == 200
        assert answer.json()["stop_requested_at"] == "2026-11-23T12:00:00Z"
        assert lab.report(wandb_id) is True

    def test_one_that_has_ended_cannot(self, api: TestClient, run_id: str) -> None:
        answer = api.post(f"{RUNS}/{run_id}:stop")

        assert answer.status_code == 409
        assert answer.json()["state"] == "finished"


class TestFleet:
    def test_agents_show_how_they_fare(self, api: TestClient, lab: Lab) -> None:
        sweep_id = lab.register()
        agent = lab.agent(sweep_id, host="gpu-1")
        lab.run_trial(agent, loss=0.1)

        (listed,) = api.get(f"/api/v1/agents?sweep_id={sweep_id}&state=running").json()["items"]

        assert listed == api.get(f"/api/v1/agents/{agent}").json()
        assert (listed["host"], listed["runs_started"]) == ("gpu-1", 1)

    def test_hosts_count_their_agents(self, api: TestClient, lab: Lab) -> None:
        sweep_id = lab.register()
        for host in ("b", "a", "b"):
            lab.agent(sweep_id, host=host)

        hosts = api.get("/api/v1/hosts").json()["items"]

        assert [(h["host"], h["agents"]["running"]) for h in hosts] == [("a", 1), ("b", 2)]


def test_a_run_that_no_sweep_made_is_shown_too(api: TestClient, lab: Lab) -> None:
    told = RunUpsert(
        entity="lab",
        project="free project",
        wandb_id="solo",
        config_text=json.dumps({"a": {"value": 1}, "_wandb": {"value": {}}}),
        host="h",
    )
    with lab.writing() as session:
        upsert_run(session, told, now=lab.clock.now())

    run = api.get("/api/v1/projects/lab/free%20project/runs/solo").json()

    assert run["config"] == {"a": 1}
    assert run["attempts"] == []
    assert run["links"]["page"] == "http://testserver/lab/free%20project/runs/solo"
