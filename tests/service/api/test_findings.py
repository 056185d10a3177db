"""Findings over REST: of a run, of a sweep, of a project; stored, fresh, or still to come."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from paribus_service.app import create_app
from paribus_service.dependencies import Services
from paribus_service.orchestration import finding_answers
from tests.factories import Lab
from tests.service.api.conftest import settings_of
from tests.service.orchestration.test_responses import start

OWN = ["tests.service.orchestration.small_rules:RULES"]


@pytest.fixture
def api(lab: Lab) -> Iterator[TestClient]:
    app = create_app(settings_of(lab, finding_rules=OWN), clock=lab.clock)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def log(lab: Lab, name: str, *values: Any, offset: int = 0) -> str:
    """A run with values of k; our own id."""
    lines = [json.dumps({"_step": offset + i, "k": v}) for i, v in enumerate(values)]
    lab.log(name, *lines, offset=offset)
    return lab.run(name).id


def look(api: TestClient, lab: Lab) -> None:
    lab.clock.advance(5)
    services: Services = api.app.state.services  # type: ignore[attr-defined]
    services.observer.look()


def get(api: TestClient, path: str, **query: Any) -> dict[str, Any]:
    answer = api.get(f"/api/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def finding(run: dict[str, Any], rule: str) -> dict[str, Any]:
    [found] = [f for f in run["findings"] if f["rule"] == rule]
    return dict(found)


class TestOfARun:
    def test_rules_are_asked_where_nothing_is_stored(self, api: TestClient, lab: Lab) -> None:
        run = log(lab, start(lab, "a"), 1, 20)

        found = get(api, f"/runs/{run}/findings")

        high = finding(found["runs"][0], "high")
        assert high["status"] == "found"
        assert high["steps"] == [0, 1]
        assert high["since"] is None
        assert found["counts"]["high"] == {"found": 1, "not_found": 0, "cannot_tell": 0}

    def test_what_the_observer_stored_says_since_when(self, api: TestClient, lab: Lab) -> None:
        run = log(lab, start(lab, "a"), 1, 20)
        look(api, lab)

        found = get(api, f"/runs/{run}/findings")

        assert finding(found["runs"][0], "high")["since"] == "2026-11-23T12:00:05+00:00"

    def test_what_was_stored_of_fewer_lines_is_not_shown(self, api: TestClient, lab: Lab) -> None:
        run = log(lab, start(lab, "a"), 20)
        look(api, lab)
        log(lab, "a", 30, offset=1)

        found = get(api, f"/runs/{run}/findings")

        assert finding(found["runs"][0], "high")["numbers"]["above"] == 2

    def test_each_rule_says_what_it_is_and_by_which_numbers(
        self, api: TestClient, lab: Lab
    ) -> None:
        run = log(lab, start(lab, "a"), 1)

        found = get(api, f"/runs/{run}/findings")

        [rule] = [rule for rule in found["rules"] if rule["name"] == "high"]
        assert rule["thresholds"] == [
            {"name": "high.limit", "value": 10, "default": 10, "reason": "ten is high here"}
        ]
        assert (rule["about"], rule["section"], rule["reads"]) == ("run", "tests", ["k"])

    def test_a_run_without_history_has_findings_that_say_so(
        self, api: TestClient, lab: Lab
    ) -> None:
        start(lab, "a")

        found = get(api, f"/runs/{lab.run('a').id}/findings")

        assert finding(found["runs"][0], "named")["status"] == "cannot_tell"

    def test_the_same_findings_are_304(self, api: TestClient, lab: Lab) -> None:
        run = log(lab, start(lab, "a"), 1)
        etag = api.get(f"/api/v1/runs/{run}/findings").headers["etag"]

        again = api.get(f"/api/v1/runs/{run}/findings", headers={"If-None-Match": etag})
        log(lab, "a", 50, offset=1)
        later = api.get(f"/api/v1/runs/{run}/findings", headers={"If-None-Match": etag})

        assert (again.status_code, later.status_code) == (304, 200)


class TestWhatIsAsked:
    def test_only_some_statuses_and_rules(self, api: TestClient, lab: Lab) -> None:
        run = log(lab, start(lab, "a"), 20)

        by_status = get(api, f"/runs/{run}/findings", status="found")
        by_rule = get(api, f"/runs/{run}/findings", rule="high,named")

        assert [f["rule"] for f in by_status["runs"][0]["findings"]] == ["high"]
        assert [f["rule"] for f in by_rule["runs"][0]["findings"]] == ["high", "named"]
        assert by_status["counts"]["fails"]["cannot_tell"] == 1

    def test_another_threshold_counts_for_this_answer(self, api: TestClient, lab: Lab) -> None:
        run = log(lab, start(lab, "a"), 20)
        look(api, lab)

        found = get(api, f"/runs/{run}/findings", threshold="high.limit:50")

        assert finding(found["runs"][0], "high")["status"] == "not_found"
        assert finding(get(api, f"/runs/{run}/findings")["runs"][0], "high")["status"] == "found"

    def test_a_key_can_be_named(self, api: TestClient, lab: Lab) -> None:
        run = log(lab, start(lab, "a"), 20)

        found = get(api, f"/runs/{run}/findings", role="eval_loss:k")

        assert finding(found["runs"][0], "named")["sentence"] == "it is k"

    @pytest.mark.parametrize(
        ("query", "pointer", "hint"),
        [
            ({"rule": "hihg"}, "?rule", "high"),
            ({"threshold": "high.limt:3"}, "?threshold", "high.limit"),
            ({"threshold": "high.limit:-3"}, "?threshold", "0 to inf"),
            ({"threshold": "high.limit:many"}, "?threshold", "a number was expected"),
            ({"threshold": "high.limit"}, "?threshold", "THRESHOLD:VALUE"),
            ({"role": "eval_los:k"}, "?role", "eval_loss"),
            ({"role": ":k"}, "?role", "ROLE:VALUE"),
            ({"status": "fond"}, "?status", "found"),
        ],
    )
    def test_what_is_not_there_is_refused_with_what_is(
        self, api: TestClient, lab: Lab, query: dict[str, str], pointer: str, hint: str
    ) -> None:
        run = log(lab, start(lab, "a"), 20)

        answer = api.get(f"/api/v1/runs/{run}/findings", params=query)

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"].startswith(pointer)
        assert hint in answer.text


class TestEvents:
    def test_what_came_is_an_event_of_the_run(self, api: TestClient, lab: Lab) -> None:
        run = log(lab, start(lab, "a"), 20)
        look(api, lab)

        first = get(api, f"/runs/{run}/events", page_size=1)
        rest = get(api, f"/runs/{run}/events", page_token=first["next_page_token"])

        kinds = [event["kind"] for page in (first, rest) for event in page["items"]]
        assert kinds.count("finding.created") == 1
        assert rest["next_page_token"] is None

    def test_a_run_that_is_not_there_is_404(self, api: TestClient) -> None:
        assert api.get("/api/v1/runs/run-none/events").status_code == 404


class TestOfASweep:
    def test_runs_that_count_are_listed_with_their_comparisons(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep = lab.register()
        agent = lab.agent(sweep)
        names = [lab.claim(agent)]
        lab.start(names[0])
        log(lab, names[0], 20)
        lab.finish(names[0])
        names.append(lab.run_trial(agent))

        found = get(api, f"/sweeps/{sweep}/findings")
        only = get(api, f"/sweeps/{sweep}/findings", rule="beside")

        assert {run["wandb_id"] for run in found["runs"]} == set(names)
        [beside] = only["comparisons"]
        assert beside in found["comparisons"]
        assert "'lr': '0.1'" in beside["sentence"]
        assert set(beside["runs"]) == {run["id"] for run in found["runs"]}

    def test_pages_follow_one_another(self, api: TestClient, lab: Lab) -> None:
        for name in "abc":
            log(lab, start(lab, name), 20)

        first = get(api, "/projects/lab/imdb/findings", page_size=2)
        second = get(
            api, "/projects/lab/imdb/findings", page_size=2, page_token=first["next_page_token"]
        )

        shown = [run["wandb_id"] for page in (first, second) for run in page["runs"]]
        assert shown == ["a", "b", "c"]
        assert second["next_page_token"] is None

    def test_too_many_new_runs_follow_at_the_next_look(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(finding_answers, "MOST_EVALUATED", 1)
        for name in "ab":
            log(lab, start(lab, name), 20)
            lab.finish(name)
        lab.clock.advance(3 * 86_400)

        first = get(api, "/projects/lab/imdb/findings")
        look(api, lab)
        second = get(api, "/projects/lab/imdb/findings")

        assert [run["is_pending"] for run in first["runs"]] == [False, True]
        assert "yet to look at 1 of 2 runs" in first["notices"][0]
        assert [run["is_pending"] for run in second["runs"]] == [False, False]

    def test_very_many_runs_are_not_compared_at_once(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(finding_answers, "MOST_COMPARED", 1)
        for name in "ab":
            log(lab, start(lab, name), 20)

        found = get(api, "/projects/lab/imdb/findings")

        assert found["comparisons"] == []
        assert "2 runs are more than the 1" in found["notices"][0]

    def test_a_sweep_that_is_not_there_is_404(self, api: TestClient) -> None:
        assert api.get("/api/v1/sweeps/none/findings").status_code == 404


class TestOfCurvesInARequest:
    def test_runs_that_no_service_knows_are_read(self, api: TestClient) -> None:
        body = {"runs": [{"id": "R1", "history": [{"k": 1}, {"k": 20}]}], "rules": ["high"]}

        answer = api.post("/api/v1/answers/curves", json=body)

        assert answer.status_code == 200, answer.text
        [run] = answer.json()["runs"]
        assert finding(run, "high")["status"] == "found"

    def test_what_is_wrong_is_named_with_its_place(self, api: TestClient) -> None:
        body = {"runs": [{"id": "R1"}, 3], "rules": ["hihg"]}

        answer = api.post("/api/v1/answers/curves", json=body)

        assert answer.status_code == 422
        pointers = {error["pointer"] for error in answer.json()["errors"]}
        assert pointers == {"/rules/0", "/runs/0/history", "/runs/1"}

    def test_what_is_no_json_is_refused(self, api: TestClient) -> None:
        headers = {"content-type": "application/json"}
        answer = api.post("/api/v1/answers/curves", content=b"[1", headers=headers)

        assert answer.status_code == 422


class TestKeys:
    @pytest.mark.parametrize("question", ["findings", "throughput", "curves?keys=k", "best"])
    @pytest.mark.parametrize("project", ["imdb", "none"])
    def test_who_brings_no_key_does_not_learn_which_projects_there_are(
        self, locked_api: TestClient, lab: Lab, question: str, project: str
    ) -> None:
        start(lab, "a")

        answer = locked_api.get(f"/api/v1/projects/lab/{project}/{question}")

        assert answer.status_code == 401
