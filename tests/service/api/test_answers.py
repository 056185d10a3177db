"""Answers about a sweep: each kind, its parameters, its ETag, and what it is sent as."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from paribus_service.api.questions import QUESTIONS
from paribus_service.api.routes import document
from paribus_service.app import create_app
from paribus_service.orchestration import recorder
from tests.factories import Lab, grid_config
from tests.service.api.conftest import settings_of
from tests.service.api.studies import API, by_batch, confounded, loose_run, run_all, study

SWEEPS = f"{API}/sweeps"


def validate(answer: dict[str, Any], path: str) -> None:
    """The answer is what OpenAPI says of the route."""
    responses = document()["paths"][path]["get"]["responses"]
    schema = responses["200"]["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": document()["components"]}).validate(answer)


@pytest.fixture
def factorial(lab: Lab) -> str:
    """2 x 2 settings under three seeds, all finished: batch matters and lr does not."""
    return study(lab, values=by_batch, replicates={"seed": [0, 1, 2]}, smallest_effect=0.1)


class TestKinds:
    @pytest.mark.parametrize("kind", QUESTIONS)
    def test_each_is_what_openapi_says_of_it(
        self, api: TestClient, factorial: str, kind: str
    ) -> None:
        answer = api.get(f"{SWEEPS}/{factorial}/{kind}")

        assert answer.status_code == 200, answer.text
        assert (answer.json()["kind"], answer.json()["sweep_id"]) == (kind, factorial)
        assert answer.json()["n"] == 12
        validate(answer.json(), f"{SWEEPS}/{{sweep_id}}/{kind}")

    @pytest.mark.parametrize("kind", QUESTIONS)
    def test_each_says_why_where_nothing_has_run(
        self, api: TestClient, lab: Lab, kind: str
    ) -> None:
        answer = api.get(f"{SWEEPS}/{study(lab)}/{kind}")

        assert answer.status_code == 200, answer.text
        assert answer.json()["n"] == 0
        assert answer.json()["excluded_count"] == 4
        validate(answer.json(), f"{SWEEPS}/{{sweep_id}}/{kind}")

    def test_factors_say_which_made_the_difference_and_what_they_are(
        self, api: TestClient, factorial: str
    ) -> None:
        answer = api.get(f"{SWEEPS}/{factorial}/factors").json()

        lr, batch = answer["factors"]
        assert (batch["name"], batch["status"], batch["verdict"]) == ("batch", "isolated", "yes")
        assert (lr["name"], lr["status"], lr["verdict"]) == ("lr", "isolated", "no")
        assert [level["label"] for level in batch["levels"]] == ["8", "64"]

    def test_factors_without_a_response_say_what_can_be_told_apart_and_no_verdict(
        self, api: TestClient, lab: Lab
    ) -> None:
        factors = {"lr": {"levels": [0.1, 0.2]}, "batch": {"levels": [8, 64]}}
        config = {"program": "train.py", "project": "imdb", "name": "no metric"}
        sweep = lab.register({**config, "design": {"type": "full_factorial", "factors": factors}})
        run_all(lab, sweep, by_batch)

        answer = api.get(f"{SWEEPS}/{sweep}/factors").json()

        assert [factor["verdict"] for factor in answer["factors"]] == [None, None]
        assert "name a response" in answer["factors"][0]["sentence"]

    def test_best_keeps_what_it_had_and_names_a_best_level_where_the_runs_show_one(
        self, api: TestClient, factorial: str
    ) -> None:
        answer = api.get(f"{SWEEPS}/{factorial}/best").json()

        lr, batch = answer["factors"]
        assert (batch["best_level"], lr["best_level"]) == ("64", None)
        assert batch["levels"][1]["value"] == pytest.approx(0.2, abs=0.01)  # 0.5 - 0.3
        assert answer["best"][0]["url"].startswith("http://testserver/lab/imdb/runs/")
        assert answer["configurations"]["count"] == 4

    def test_confounded_factors_get_a_sentence_and_no_number(
        self, api: TestClient, lab: Lab
    ) -> None:
        answer = api.get(f"{SWEEPS}/{confounded(lab)}/factors").json()

        assert [factor["status"] for factor in answer["factors"]] == ["confounded"] * 2
        numbers = [c["estimate"] for factor in answer["factors"] for c in factor["comparisons"]]
        assert set(numbers) <= {None}
        assert answer["moved_together"][0]["kind"] == "always_together"

    def test_follow_ups_name_the_one_run_that_separates_them(
        self, api: TestClient, lab: Lab
    ) -> None:
        answer = api.get(f"{SWEEPS}/{confounded(lab)}/follow-ups").json()["follow_ups"]

        assert answer["k"] == 1
        assert answer["runs"][0]["setting"]["lr"] in ("0.1", "0.2")
        assert answer["why_no_fewer"]

    def test_an_unknown_kind_is_404_with_the_nearest_path(self, api: TestClient) -> None:
        answer = api.get(f"{SWEEPS}/x/confoundings")

        assert answer.status_code == 404


class TestParameters:
    def test_names_are_repeated_or_have_commas_between(
        self, api: TestClient, factorial: str
    ) -> None:
        commas = api.get(f"{SWEEPS}/{factorial}/effects?factors=lr,batch&ignore=host,wave")
        repeated = api.get(
            f"{SWEEPS}/{factorial}/effects?factors=lr&factors=batch&ignore=host&ignore=wave"
        )

        assert commas.json()["question"]["waived"] == ["host", "wave"]
        assert commas.content == repeated.content

    def test_every_one_reaches_the_question(self, api: TestClient, factorial: str) -> None:
        query = (
            "response=loss&goal=maximize&factors=batch&ignore=host&blocks=&interactions=lr*batch"
            "&transform=log&denominator=100&smallest_effect=0.25&error=hc3&compare=pairwise"
            "&level=0.9&resolution=0.5&allow_crashed=true&bins=3"
        )

        answer = api.get(f"{SWEEPS}/{factorial}/best?{query}").json()

        assert answer["goal"] == "maximize"
        assert answer["question"] == {
            **answer["question"],
            "factors": ["batch"],
            "waived": ["host"],
            "interactions": [["lr", "batch"]],
            "transform": "log",
            "denominator": 100,
            "smallest_effect": 0.25,
            "error": "hc3",
            "against_baseline": False,
            "level": 0.9,
            "resolution": 0.5,
            "allow_crashed": True,
            "bins": 3,
        }

    def test_a_feature_of_a_curve_is_a_response(self, api: TestClient, lab: Lab) -> None:
        sweep = study(lab)
        agent = lab.agent(sweep)
        for shift in range(4):
            run = lab.claim(agent)
            lab.start(run)
            rows = [
                json.dumps({"_step": at, "eval/loss": 1 / (at + 1 + shift)}) for at in range(9)
            ]
            lab.log(run, *rows)
            lab.finish(run, loss=1.0)

        answer = api.get(f"{SWEEPS}/{sweep}/best?response=last(eval/loss)&goal=minimize").json()

        assert answer["response"] == "last(eval/loss)"
        assert answer["best"][0]["value"] == pytest.approx(1 / 12)  # shift 3, step 8

    @pytest.mark.parametrize(
        ("query", "pointer", "words"),
        [
            ("response=los", "?response", "did you mean 'loss'?"),
            ("response=roughnes(loss)", "?response", "roughness"),
            ("response=roughness(", "?response", ""),
            ("factors=bach", "?factors", "did you mean 'batch'?"),
            ("ignore=gpu", "?ignore", ""),
            ("blocks=gpu_nam", "?blocks", "did you mean 'gpu_name'?"),
            ("interactions=lr", "?interactions", "a*b"),
            ("interactions=lr*bach", "?interactions", "did you mean 'batch'?"),
            ("goal=down", "?goal", "'minimize'"),
            ("transform=sqrt", "?transform", "'log'"),
            ("transform=logit", "?transform", ""),
            ("level=1", "?level", ""),
            ("smallest_effect=0", "?smallest_effect", ""),
            ("smallest_effect=inf", "?smallest_effect", ""),
            ("bins=0", "?bins", ""),
            ("factor=lr", "?factor", "did you mean 'factors'?"),
        ],
    )
    def test_what_is_wrong_is_said_with_its_name(
        self, api: TestClient, lab: Lab, query: str, pointer: str, words: str
    ) -> None:
        sweep = study(lab, values=lambda trial: 10 * by_batch(trial))

        answer = api.get(f"{SWEEPS}/{sweep}/effects?{query}")

        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer
        assert words in answer.text

    def test_a_sweep_without_a_metric_asks_for_a_response(self, api: TestClient, lab: Lab) -> None:
        sweep = lab.register(grid_config(metric=None))

        answer = api.get(f"{SWEEPS}/{sweep}/effects")

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "?response"

    def test_ranking_asks_which_way_is_better(self, api: TestClient, factorial: str) -> None:
        answer = api.get(f"{SWEEPS}/{factorial}/best?response=accuracy")

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "?goal"

    def test_an_unknown_sweep_is_404(self, api: TestClient) -> None:
        assert api.get(f"{SWEEPS}/nobody/effects").status_code == 404


class TestETag:
    def test_who_has_the_answer_is_told_so(self, api: TestClient, factorial: str) -> None:
        first = api.get(f"{SWEEPS}/{factorial}/best")
        again = api.get(
            f"{SWEEPS}/{factorial}/best", headers={"If-None-Match": first.headers["ETag"]}
        )

        assert first.headers["ETag"].startswith(f'"{first.json()["data_version"]}-')
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]

    def test_another_question_has_another_one(self, api: TestClient, factorial: str) -> None:
        one = api.get(f"{SWEEPS}/{factorial}/best").headers["ETag"]
        other = api.get(f"{SWEEPS}/{factorial}/best?factors=lr").headers["ETag"]

        assert one != other

    def test_a_finished_run_changes_the_answer(self, api: TestClient, lab: Lab) -> None:
        sweep = study(lab)
        agent = lab.agent(sweep)
        lab.run_trial(agent, loss=0.4)
        first = api.get(f"{SWEEPS}/{sweep}/best")
        lab.run_trial(agent, loss=0.3)
        second = api.get(f"{SWEEPS}/{sweep}/best")

        assert (first.json()["n"], second.json()["n"]) == (1, 2)
        assert first.headers["ETag"] != second.headers["ETag"]

    def test_a_late_summary_a_rename_and_a_deletion_change_it_too(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep = study(lab)
        run_id = lab.run_trial(lab.agent(sweep), loss=0.4)
        url = f"{SWEEPS}/{sweep}/best"
        seen = [api.get(url)]
        lab.finish(run_id, loss=0.2)
        seen.append(api.get(url))
        with lab.writing() as session:
            told = recorder.RunUpsert(
                run_id=lab.run(run_id).id,
                entity="lab",
                project="imdb",
                wandb_id=run_id,
                display_name="renamed",
            )
            recorder.upsert_run(session, told, now=lab.clock.now())
        seen.append(api.get(url))
        with lab.writing() as session:
            recorder.delete_run(session, session.merge(lab.run(run_id)), now=lab.clock.now())
        seen.append(api.get(url))

        assert [answer.json()["n"] for answer in seen] == [1, 1, 1, 0]
        assert seen[1].json()["best"][0]["value"] == 0.2
        assert seen[2].json()["best"][0]["name"] == "renamed"
        assert len({answer.headers["ETag"] for answer in seen}) == 4

    def test_runs_that_changed_while_one_asked_are_a_conflict(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep = study(lab)
        agent = lab.agent(sweep)
        lab.run_trial(agent, loss=0.4)
        seen = api.get(f"{SWEEPS}/{sweep}/best").json()["data_version"]
        same = api.get(f"{SWEEPS}/{sweep}/best?data_version={seen}")
        lab.run_trial(agent, loss=0.3)
        answer = api.get(f"{SWEEPS}/{sweep}/best?data_version={seen}")

        assert same.status_code == 200
        assert (answer.status_code, answer.json()["code"]) == (409, "data_changed")
        assert answer.json()["data_version"] != seen


class TestReport:
    def url(self, sweep: str, query: str = "") -> str:
        return f"{SWEEPS}/{sweep}/report{query}"

    def test_it_is_json_unless_something_else_is_asked(
        self, api: TestClient, factorial: str
    ) -> None:
        answer = api.get(self.url(factorial))

        assert answer.headers["Content-Type"] == "application/json"
        assert {"factors", "confounding", "effects", "follow_ups", "best"} <= set(answer.json())

    @pytest.mark.parametrize(
        ("query", "accept", "kind"),
        [
            ("?format=markdown", "*/*", "text/markdown"),
            ("?format=html", "application/json", "text/html"),
            ("?format=json", "text/html", "application/json"),
            ("", "text/markdown", "text/markdown"),
            ("", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "text/html"),
            ("", "application/json, text/html", "application/json"),
            ("", "image/png", "application/json"),
        ],
    )
    def test_format_wins_over_accept(
        self, api: TestClient, factorial: str, query: str, accept: str, kind: str
    ) -> None:
        answer = api.get(self.url(factorial, query), headers={"Accept": accept})

        assert answer.headers["Content-Type"].partition(";")[0] == kind
        assert answer.headers["Vary"] == "Accept"

    def test_in_words_it_says_what_the_values_say(self, api: TestClient, factorial: str) -> None:
        told = api.get(self.url(factorial)).json()
        markdown = api.get(self.url(factorial, "?format=markdown")).text
        page = api.get(self.url(factorial, "?format=html"))

        assert markdown.startswith("# Which factor made the difference to loss?")
        assert f"Data version `{told['data_version']}`" in markdown
        assert page.text.startswith("<!doctype html>")
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")

    def test_a_name_in_it_never_becomes_markup(self, api: TestClient, lab: Lab) -> None:
        for at in range(4):
            loose_run(lab, f"r{at}", {"a<script>b": at % 2}, {"loss": 0.1 * at})

        page = api.get(f"{API}/projects/lab/imdb/report?response=loss&format=html").text

        assert "<script>" not in page
        assert "a&lt;script&gt;b" in page

    def test_another_format_is_refused(self, api: TestClient, factorial: str) -> None:
        assert api.get(self.url(factorial, "?format=pdf")).status_code == 422


class TestCache:
    def test_a_service_that_keeps_nothing_answers_all_the_same(self, lab: Lab) -> None:
        sweep = study(lab, values=by_batch)
        with TestClient(create_app(settings_of(lab, answer_cache_bytes=0))) as bare:
            first, second = (bare.get(f"{SWEEPS}/{sweep}/effects") for _ in range(2))

        assert first.content == second.content

    def test_links_are_those_of_the_address_that_was_asked(
        self, api: TestClient, factorial: str
    ) -> None:
        url = f"{SWEEPS}/{factorial}/best"
        ours = api.get(url).json()["best"][0]["url"]
        other = api.get(url, headers={"Host": "elsewhere:8080"}).json()["best"][0]["url"]

        assert ours.startswith("http://testserver/")
        assert other.startswith("http://elsewhere:8080/")
