"""Imports over REST: by turns, told as they stand, refused in a sentence."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from paribus_service.app import create_app
from paribus_service.errors import UpstreamFailed, UpstreamRefusedKey, UpstreamUnreachable
from paribus_service.orchestration.upstream.messages import RunPath
from paribus_service.store import findings as finding_store
from paribus_service.store import runs as run_store
from paribus_service.store.engine import session_scope
from tests.factories import Lab
from tests.service.api.conftest import settings_of
from tests.service.orchestration.upstream.fake_upstream import FakeUpstream

IMPORTS = "/api/v1/imports"
BODY = {"entity": "lab", "project": "imdb"}
ROWS = [{"loss": 1.0}, {"loss": 0.5}]


@pytest.fixture
def there() -> FakeUpstream:
    return FakeUpstream()


@pytest.fixture
def api(lab: Lab, there: FakeUpstream) -> Iterator[TestClient]:
    app = create_app(settings_of(lab), clock=lab.clock)
    with TestClient(app, raise_server_exceptions=False) as client:
        app.state.services = replace(app.state.services, upstream=there)
        yield client


def ask(api: TestClient, **more: Any) -> dict[str, Any]:
    answer = api.post(IMPORTS, json={**BODY, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


class TestImporting:
    def test_a_small_project_is_here_after_one_request(
        self, api: TestClient, there: FakeUpstream
    ) -> None:
        there.add_run("r1", config={"lr": 0.1}, summary={"loss": 0.5}, rows=ROWS)

        found = ask(api)

        assert (found["state"], found["is_done"]) == ("idle", True)
        assert (found["total"], found["listed"], found["runs"], found["pending"]) == (1, 1, 1, 0)
        run = api.get("/api/v1/projects/lab/imdb/runs/r1").json()
        assert (run["state"], run["summary"]) == ("finished", {"loss": 0.5})
        rows = api.get(f"/api/v1/runs/{run['id']}/history").json()["items"]
        assert [row["loss"] for row in rows] == [1.0, 0.5]

    def test_a_long_one_goes_on_with_the_next_request(
        self, api: TestClient, there: FakeUpstream
    ) -> None:
        for i in range(3):
            there.add_run(f"r{i}", rows=ROWS)
        first = api.post(IMPORTS, json=BODY, params={"seconds": 0}).json()
        address = f"{IMPORTS}/{first['id']}:continue"
        seen = [(first["state"], first["pending"])]

        while not (found := api.post(address, params={"seconds": 0}).json())["is_done"]:
            seen.append((found["state"], found["pending"]))

        # a question a request: the list, who is gone (nobody: nothing to ask), three histories
        assert seen == [("checking", 3), ("reading", 3), ("reading", 2), ("reading", 1),
                        ("reading", 0)]  # fmt: skip
        assert api.get(f"{IMPORTS}/{first['id']}").json() == found

    def test_again_it_takes_in_what_changed(self, api: TestClient, there: FakeUpstream) -> None:
        run = there.add_run("r1", rows=ROWS)
        first = ask(api)
        there.log(run, {"loss": 0.1})

        found = ask(api)

        assert found["id"] == first["id"]
        assert api.get("/api/v1/projects/lab/imdb/runs/r1").json()["history_lines"] == 3

    def test_continuing_what_is_through_begins_nothing(
        self, api: TestClient, there: FakeUpstream
    ) -> None:
        there.add_run("r1")
        first = ask(api)
        before = len(there.calls)

        api.post(f"{IMPORTS}/{first['id']}:continue")

        assert len(there.calls) == before

    def test_it_may_go_to_another_project_here(self, api: TestClient, there: FakeUpstream) -> None:
        there.add_run("r1")

        found = ask(api, into_entity="us", into_project="old")

        assert (found["into_entity"], found["into_project"]) == ("us", "old")
        assert api.get("/api/v1/projects/us/old/runs/r1").status_code == 200

    def test_a_filter_chooses_runs(self, api: TestClient, there: FakeUpstream) -> None:
        there.add_run("r1", tags=["good"])
        there.add_run("r2", tags=["bad"])

        found = ask(api, filters={"tags": "good"})

        assert (found["runs"], found["filters"]) == (1, {"tags": "good"})

    def test_runs_that_are_here_already_are_left_and_told(
        self, api: TestClient, lab: Lab, there: FakeUpstream
    ) -> None:
        lab.start("r1")
        there.add_run("r1", config={"lr": 1})

        found = ask(api)

        assert (found["runs"], found["skipped"]) == (0, 1)
        [skip] = found["skipped_runs"]
        assert skip["wandb_id"] == "r1"
        assert "is here already, and was not mirrored" in skip["reason"]

    def test_rules_read_old_curves_without_being_asked(
        self, api: TestClient, there: FakeUpstream
    ) -> None:
        """The observer looks at runs that were heard from lately; this one was, a year ago."""
        long_ago = datetime(2025, 1, 1, tzinfo=UTC)
        rows = [{"train/loss": 1.0 / (i + 1)} for i in range(50)]
        there.add_run("r1", rows=rows)
        there.edit(there.run_table[RunPath("lab", "imdb", "r1")], heartbeat_at=long_ago)
        ask(api)
        services = api.app.state.services  # type: ignore[attr-defined]

        services.observer.look()

        with session_scope(services.engine, reads_only=True) as session:
            run = run_store.get_run_at(session, "lab", "imdb", "r1")
            assert run.heartbeat_at == long_ago
            assert run.pk in finding_store.marks(session, [run.pk])

    def test_every_import_is_listed(self, api: TestClient, there: FakeUpstream) -> None:
        there.add_run("r1")
        ids = [ask(api)["id"], ask(api, into_project="two")["id"]]

        assert [one["id"] for one in api.get(IMPORTS).json()["items"]] == ids


class TestTrouble:
    def test_without_a_server_it_is_said_what_to_set(self, lab: Lab) -> None:
        with TestClient(create_app(settings_of(lab), clock=lab.clock)) as api:
            answer = api.post(IMPORTS, json=BODY)

        assert answer.status_code == 422
        assert "PARIBUS_WANDB_BASE_URL" in answer.json()["detail"]

    def test_a_project_that_is_not_there_leaves_none_here(
        self, api: TestClient, there: FakeUpstream
    ) -> None:
        answer = api.post(IMPORTS, json=BODY)

        assert answer.status_code == 404
        assert "has no project 'lab/imdb'" in answer.json()["detail"]
        assert api.get(IMPORTS).json()["items"] == []
        assert api.get("/api/v1/runs?entity=lab&project=imdb").status_code == 404

    def test_a_key_without_rights_is_said(self, api: TestClient, there: FakeUpstream) -> None:
        there.fail(UpstreamRefusedKey("https://wandb.test", "list runs", "permission denied"))

        answer = api.post(IMPORTS, json=BODY)

        assert answer.status_code == 502
        assert "PARIBUS_WANDB_API_KEY" in answer.json()["detail"]

    def test_a_filter_that_the_server_refuses_leaves_nothing_here(
        self, api: TestClient, there: FakeUpstream
    ) -> None:
        there.add_run("r1")
        there.fail(UpstreamFailed("https://wandb.test", "list runs", "bad filter"), on="runs")

        answer = api.post(IMPORTS, json={**BODY, "filters": {"$odd": 1}})

        assert (answer.status_code, api.get(IMPORTS).json()["items"]) == (502, [])

    def test_a_server_that_goes_down_is_told_with_the_time_to_wait(
        self, api: TestClient, lab: Lab, there: FakeUpstream
    ) -> None:
        there.add_run("r1", rows=ROWS)
        there.fail(UpstreamUnreachable("https://wandb.test", "read", "down"), on="history")

        found = ask(api)

        assert (found["is_done"], found["retry_after_seconds"]) == (False, 2.0)
        assert "cannot be reached: down" in found["problem"]
        lab.clock.advance(2)
        assert api.post(f"{IMPORTS}/{found['id']}:continue").json()["is_done"]

    def test_a_name_that_is_a_path_of_ours_needs_another_one(
        self, api: TestClient, there: FakeUpstream
    ) -> None:
        there.add_run("r1", entity="api")

        answer = api.post(IMPORTS, json={"entity": "api", "project": "imdb"})

        assert answer.status_code == 422
        [problem] = answer.json()["errors"]
        assert problem["pointer"] == "/into_entity"
        assert problem["hint"] == "into_entity (--entity) names another entity for it here"

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "/entity"),
            ({"entity": "", "project": "p"}, "/entity"),
            ({**BODY, "filters": [1]}, "/filters"),
            ({**BODY, "filter": {}}, "/filter"),
        ],
    )
    def test_a_body_that_is_odd_is_refused_where(
        self, api: TestClient, body: dict[str, Any], pointer: str
    ) -> None:
        answer = api.post(IMPORTS, json=body)

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer

    @pytest.mark.parametrize("number", [77, 2**63])
    def test_an_import_that_is_not_there_is_said(self, api: TestClient, number: int) -> None:
        assert api.get(f"{IMPORTS}/{number}").status_code == 404
        assert api.post(f"{IMPORTS}/{number}:continue").status_code == 404

    def test_reading_is_not_enough_to_import(self, lab: Lab) -> None:
        app = create_app(settings_of(lab, dev=False), clock=lab.clock)
        with TestClient(app) as locked:
            assert locked.post(IMPORTS, json=BODY).status_code == 401
