"""Annotations over REST: asked for, shown, planned, taken back, refused in a sentence."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from paribus_service.app import create_app
from paribus_service.errors import UpstreamRefusedKey, UpstreamUnreachable
from paribus_service.orchestration.upstream.launching import Launcher
from tests.factories import Lab
from tests.service.api.conftest import settings_of
from tests.service.api.test_conventions import make_key
from tests.service.orchestration.upstream.fake_upstream import FakeUpstream
from tests.service.orchestration.upstream.sides import design_config

URL = "https://wandb.test"
ANNOTATIONS = "/api/v1/projects/lab/imdb/annotations"
QUESTION = {"response": "loss", "goal": "minimize", "factors": ["lr"]}


@pytest.fixture
def there() -> FakeUpstream:
    return FakeUpstream()


@pytest.fixture
def api(lab: Lab, there: FakeUpstream) -> Iterator[TestClient]:
    settings = settings_of(lab)
    app = create_app(settings, clock=lab.clock)
    with TestClient(app, raise_server_exceptions=False) as client:
        launcher = Launcher(lab.engine, settings, lab.clock, there)
        app.state.services = replace(app.state.services, upstream=there, launcher=launcher)
        yield client


@pytest.fixture
def imported(api: TestClient, there: FakeUpstream) -> TestClient:
    """Three runs of a factor."""
    for number, lr in enumerate((0.1, 0.2, 0.4)):
        there.add_run(f"r{number}", config={"lr": lr}, summary={"loss": lr}, tags=["mine"])
    answer = api.post("/api/v1/imports", json={"entity": "lab", "project": "imdb"})
    assert answer.status_code == 200, answer.text
    return api


def annotate(api: TestClient, **more: Any) -> dict[str, Any]:
    answer = api.post(ANNOTATIONS, json=QUESTION, params=more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def launch(api: TestClient, **query: Any) -> Any:
    config = yaml.safe_dump(design_config())
    kind = {"content-type": "application/yaml"}
    return api.post("/api/v1/sweeps", content=config, headers=kind, params=query)


class TestAnnotatingAProject:
    def test_what_was_written_is_told(self, imported: TestClient, there: FakeUpstream) -> None:
        found = annotate(imported)

        assert (found["state"], found["is_done"], found["project"]) == ("idle", True, "lab/imdb")
        assert (found["total"], found["done"], found["annotated"], found["left"]) == (3, 3, 3, 0)
        assert found["question"] == {**QUESTION, "ignore": []}
        first = found["runs"][0]
        assert (first["wandb_id"], first["summary_keys"], first["tags"], first["has_notes"]) == (
            "r0", ["paribus/best_for"], ["paribus:best"], True,
        )  # fmt: skip
        assert imported.get(ANNOTATIONS).json() == found

    def test_a_long_one_goes_on_with_the_next_request(self, imported: TestClient) -> None:
        found = annotate(imported, seconds=0)
        seen = [found["done"]]

        while not found["is_done"]:
            address = f"/api/v1/annotations/{found['id']}:continue"
            found = imported.post(address, params={"seconds": 0}).json()
            seen.append(found["done"])

        # One run that is written to a request; the last one finds that none is left.
        assert seen == [1, 2, 3, 3]

    def test_a_plan_writes_nothing(self, imported: TestClient, there: FakeUpstream) -> None:
        answer = imported.post(ANNOTATIONS, json=QUESTION, params={"validate_only": True})

        plan = answer.json()
        assert (plan["total"], plan["looked_at"], len(plan["runs"])) == (3, 3, 3)
        assert plan["runs"][0]["summary"] == {"paribus/best_for": "lr=0.1"}
        assert plan["runs"][0]["notes"][0] == "The best run of all."
        assert there.written == []
        assert imported.get(ANNOTATIONS).status_code == 404

    def test_it_is_taken_back(self, imported: TestClient, there: FakeUpstream) -> None:
        annotate(imported)

        found = imported.delete(ANNOTATIONS).json()

        assert (found["state"], found["annotated"], found["runs"]) == ("idle", 0, [])
        assert all(run.seen.tags == ["mine"] for run in there.run_table.values())


class TestAnnotatingASweep:
    def test_its_description_counts_as_well(self, api: TestClient, there: FakeUpstream) -> None:
        sweep = launch(api).json()["id"]

        found = api.post(f"/api/v1/sweeps/{sweep}/annotations").json()
        shown = api.get(f"/api/v1/sweeps/{sweep}/annotations").json()
        back = api.delete(f"/api/v1/sweeps/{sweep}/annotations").json()

        assert (found["sweep_id"], found["sweep_is_annotated"]) == (sweep, True)
        assert shown == found
        assert back["sweep_is_annotated"] is False

    def test_its_page_says_what_stands_there(self, api: TestClient, there: FakeUpstream) -> None:
        sweep = launch(api, annotate=True).json()["id"]
        address, row = f"/lab/imdb/sweeps/{sweep}", r'<dd id="annotated">(.*?)</dd>'
        waiting = re.findall(row, api.get(address).text)

        api.post(f"/api/v1/sweeps/{sweep}/annotations")
        early = re.findall(row, api.get(address).text)
        api.delete(f"/api/v1/sweeps/{sweep}/annotations")

        assert waiting == ["to be written once it has ended"]
        assert early == [
            "what Paribus says stands in its description there; to be written once it has ended"
        ]
        assert re.findall(row, api.get(address).text) == []

    def test_at_the_launch_it_waits_for_the_sweeps_end(
        self, api: TestClient, there: FakeUpstream
    ) -> None:
        made = launch(api, annotate=True)

        assert made.status_code == 201, made.text
        found = api.get(f"/api/v1/sweeps/{made.json()['id']}/annotations").json()
        assert (found["state"], found["at_the_end"], found["is_done"]) == ("waiting", True, True)
        assert there.written == []

    def test_without_asking_there_is_none(self, api: TestClient) -> None:
        sweep = launch(api).json()["id"]

        answer = api.get(f"/api/v1/sweeps/{sweep}/annotations")

        assert answer.status_code == 404
        assert "nobody has asked for one" in answer.json()["detail"]

    def test_a_launch_that_is_tracked_here_is_refused_and_makes_nothing(
        self, api: TestClient
    ) -> None:
        config = yaml.safe_dump(design_config(tracking="embedded"))

        answer = api.post(
            "/api/v1/sweeps",
            content=config,
            headers={"content-type": "application/yaml"},
            params={"annotate": True},
        )

        assert answer.status_code == 422
        assert "the sweep is tracked here" in answer.json()["detail"]
        assert api.get("/api/v1/sweeps").json()["items"] == []


class TestWhatIsRefused:
    def test_a_sweep_that_is_tracked_here(self, api: TestClient, lab: Lab) -> None:
        sweep = lab.register()

        for answer in (
            api.post(f"/api/v1/sweeps/{sweep}/annotations"),
            api.delete(f"/api/v1/sweeps/{sweep}/annotations"),
        ):
            assert answer.status_code == 422
            assert f"sweep {sweep} is tracked here" in answer.json()["detail"]

    def test_a_project_of_runs_that_nobody_imported(self, api: TestClient, lab: Lab) -> None:
        lab.register()

        answer = api.post(ANNOTATIONS, json={})

        assert answer.status_code == 422
        assert "project lab/imdb is tracked here" in answer.json()["detail"]

    @pytest.mark.parametrize(
        "path",
        ["sweeps/nosuch/annotations", "projects/a/b/annotations", "annotations/7:continue"],
    )
    def test_what_there_is_not(self, api: TestClient, path: str) -> None:
        assert api.post(f"/api/v1/{path}").status_code == 404

    @pytest.mark.parametrize(
        "body",
        [{"respons": "loss"}, {"response": ""}, {"goal": "best"}, {"factors": "lr"}, []],
    )
    def test_a_body_that_it_does_not_take(self, imported: TestClient, body: Any) -> None:
        assert imported.post(ANNOTATIONS, json=body).status_code == 422

    def test_a_factor_that_there_is_not(self, imported: TestClient, there: FakeUpstream) -> None:
        answer = imported.post(ANNOTATIONS, json={**QUESTION, "factors": ["lrr"]})

        assert answer.status_code == 422
        assert "did you mean 'lr'?" in answer.json()["detail"]
        assert there.written == []

    def test_a_key_without_rights_there(self, imported: TestClient, there: FakeUpstream) -> None:
        refused = UpstreamRefusedKey(URL, "annotate run lab/imdb/r0", "permission denied")
        there.fail(refused, on="annotate_run")

        answer = imported.post(ANNOTATIONS, json=QUESTION)

        assert answer.json()["code"] == "upstream_refused_key"
        assert imported.get(ANNOTATIONS).json()["problem"] == str(refused)

    def test_a_server_that_is_down_meanwhile_is_told(
        self, imported: TestClient, there: FakeUpstream
    ) -> None:
        down = UpstreamUnreachable(URL, "annotate", "connection refused")
        there.fail(down, on="annotate_run")

        found = annotate(imported)

        assert (found["state"], found["problem"]) == ("writing", str(down))
        assert found["retry_after_seconds"] == 2.0

    def test_a_service_without_a_server(self, api: TestClient, lab: Lab) -> None:
        with TestClient(create_app(settings_of(lab), clock=lab.clock)) as lonely:
            found = lonely.post(ANNOTATIONS)
            again = lonely.post("/api/v1/annotations/1:continue")

        assert (found.status_code, again.status_code) == (404, 404)

    def test_a_service_that_works_with_no_server_any_more(
        self, imported: TestClient, lab: Lab
    ) -> None:
        found = annotate(imported)
        with TestClient(create_app(settings_of(lab), clock=lab.clock)) as lonely:
            answers = (
                lonely.post(ANNOTATIONS),
                lonely.post(f"/api/v1/annotations/{found['id']}:continue"),
            )

        assert [answer.json()["code"] for answer in answers] == ["upstream_not_configured"] * 2

    def test_a_number_that_no_annotation_can_have(self, api: TestClient) -> None:
        answer = api.post(f"/api/v1/annotations/{2**63}:continue")

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    def test_nobody_without_a_key(self, locked_api: TestClient) -> None:
        for method, path in (("POST", ANNOTATIONS), ("DELETE", ANNOTATIONS), ("GET", ANNOTATIONS)):
            assert locked_api.request(method, path).status_code == 401

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", ANNOTATIONS),
            ("DELETE", ANNOTATIONS),
            ("POST", f"{ANNOTATIONS}?validate_only=true"),
            ("POST", "/api/v1/sweeps/x1y2/annotations"),
            ("DELETE", "/api/v1/sweeps/x1y2/annotations"),
            ("POST", "/api/v1/annotations/1:continue"),
        ],
    )
    def test_a_key_that_may_only_read(
        self, locked_api: TestClient, lab: Lab, method: str, path: str
    ) -> None:
        reader = make_key(lab, "read")

        assert locked_api.request(method, path, headers=reader).status_code == 403
        assert locked_api.get(ANNOTATIONS, headers=reader).status_code == 404
