"""Answers about a project's runs: those that no sweep made, and those of sweeps where asked."""

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from paribus_service.api.questions import QUESTIONS
from paribus_service.api.routes import document
from paribus_service.store import projects
from tests.factories import Lab
from tests.service.api.studies import API, by_batch, loose_run, study

PROJECT = f"{API}/projects/lab/imdb"


@pytest.fixture
def loose(lab: Lab) -> list[str]:
    """Four runs whose `batch` and `ratio` vary; ports and output folders vary too."""
    made = []
    for at, (batch, ratio) in enumerate([(8, "1:1"), (64, "1:1"), (8, "9:1"), (64, "9:1")]):
        config = {"batch": batch, "ratio": ratio, "output_dir": f"/out/{at}", "warmup": 0}
        made.append(loose_run(lab, f"r{at}", config, {"loss": 0.1 * at + 0.1}))
    return made


class TestKinds:
    @pytest.mark.parametrize("kind", QUESTIONS)
    def test_each_is_what_openapi_says_of_it(
        self, api: TestClient, loose: list[str], kind: str
    ) -> None:
        answer = api.get(f"{PROJECT}/{kind}?response=loss&goal=minimize")

        path = f"{API}/projects/{{entity}}/{{project}}/{kind}"
        described = document()["paths"][path]["get"]["responses"]["200"]
        schema = described["content"]["application/json"]["schema"]
        assert answer.status_code == 200, answer.text
        assert (answer.json()["kind"], answer.json()["project"]) == (kind, "lab/imdb")
        Draft202012Validator({**schema, "components": document()["components"]}).validate(
            answer.json()
        )

    def test_the_factors_are_the_settings_that_vary(
        self, api: TestClient, loose: list[str]
    ) -> None:
        answer = api.get(f"{PROJECT}/factors?response=loss").json()

        assert [factor["name"] for factor in answer["factors"]] == ["batch", "ratio"]
        assert answer["held_fixed"] == {"warmup": 0}
        assert "output_dir" in sum(answer["classes"].values(), [])

    def test_factors_and_ignore_choose(self, api: TestClient, loose: list[str]) -> None:
        chosen = api.get(f"{PROJECT}/factors?response=loss&factors=ratio").json()
        ignored = api.get(f"{PROJECT}/factors?response=loss&ignore=ratio").json()

        assert [factor["name"] for factor in chosen["factors"]] == ["ratio"]
        assert [factor["name"] for factor in ignored["factors"]] == ["batch"]

    def test_without_a_response_it_still_says_what_cannot_be_told_apart(
        self, api: TestClient, loose: list[str]
    ) -> None:
        answer = api.get(f"{PROJECT}/confounding")

        assert answer.status_code == 200
        assert answer.json()["n"] == 4

    def test_the_crashed_are_left_out_with_their_state(
        self, api: TestClient, lab: Lab, loose: list[str]
    ) -> None:
        crashed = loose_run(lab, "r9", {"batch": 8, "ratio": "1:1"}, None)

        answer = api.get(f"{PROJECT}/best?response=loss&goal=minimize").json()

        assert [(run["id"], run["state"]) for run in answer["excluded"]] == [(crashed, "failed")]


class TestWhichRuns:
    def test_those_of_sweeps_come_where_they_are_asked_for(
        self, api: TestClient, lab: Lab, loose: list[str]
    ) -> None:
        one, other = study(lab, values=by_batch), study(lab, values=by_batch)
        ask = f"{PROJECT}/confounding?response=loss"

        alone = api.get(ask).json()
        together = api.get(f"{ask}&with_sweeps=true").json()
        named = api.get(f"{ask}&sweeps={one}").json()
        both = api.get(f"{ask}&sweeps={one},{other}").json()

        assert [found["n"] for found in (alone, together, named, both)] == [4, 12, 4, 8]
        assert both["sweeps"] == [one, other]

    def test_the_sweeps_that_are_named_bring_their_metric(self, api: TestClient, lab: Lab) -> None:
        sweep = study(lab, values=by_batch)

        answer = api.get(f"{PROJECT}/best?sweeps={sweep}").json()

        assert (answer["response"], answer["goal"]) == ("loss", "minimize")

    def test_a_new_run_changes_the_answer(
        self, api: TestClient, lab: Lab, loose: list[str]
    ) -> None:
        first = api.get(f"{PROJECT}/factors?response=loss")
        loose_run(lab, "r5", {"batch": 8, "ratio": "1:1", "warmup": 0}, {"loss": 0.2})
        second = api.get(f"{PROJECT}/factors?response=loss")

        assert (first.json()["n"], second.json()["n"]) == (4, 5)
        assert first.headers["ETag"] != second.headers["ETag"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "status", "words"),
        [
            ("/projects/lab/nothing/factors?response=loss", 404, "'lab/nothing'"),
            ("/projects/lab/imdb/factors?response=loss&sweeps=nobody", 404, "'nobody'"),
            ("/projects/lab/imdb/factors?response=los", 422, "did you mean 'loss'?"),
            ("/projects/lab/imdb/factors?response=loss&factors=bach", 422, "'batch'"),
            ("/projects/lab/imdb/factors?response=loss&ignore=bach", 422, "'batch'"),
            ("/projects/lab/imdb/best?response=loss", 422, "?goal"),
            ("/projects/lab/imdb/effects", 422, "?response"),
            ("/projects/lab/imdb/curves", 422, "?keys"),
        ],
    )
    def test_each_names_what_is_wrong(
        self, api: TestClient, loose: list[str], path: str, status: int, words: str
    ) -> None:
        answer = api.get(API + path)

        assert answer.status_code == status, answer.text
        assert words in answer.text

    def test_a_sweep_of_another_project_is_not_taken(self, api: TestClient, lab: Lab) -> None:
        sweep = study(lab, values=by_batch)
        with lab.writing() as session:
            projects.ensure_project(session, "lab", "x", now=lab.clock.now())

        answer = api.get(f"{API}/projects/lab/x/factors?response=loss&sweeps={sweep}")

        assert answer.status_code == 404
        assert "it is not in lab/x" in answer.json()["detail"]
