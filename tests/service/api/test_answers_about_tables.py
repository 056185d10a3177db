"""`POST /answers/{kind}`: the same analysis for a plain table in the body."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from paribus_service.api.bodies.evidence import EvidenceOut
from paribus_service.api.questions import QUESTIONS
from tests.factories import Lab
from tests.service.api.studies import API, by_batch, study
from tests.service.api.test_conventions import make_key

ANSWERS = f"{API}/answers"


def table(**more: Any) -> dict[str, Any]:
    """2 x 2 settings under two seeds; batch makes a difference of 0.3."""
    noise = iter([0.000, 0.004, 0.009, 0.002, 0.006, 0.001, 0.003, 0.008])
    runs = [
        {"batch": b, "lr": lr, "seed": s, "loss": 0.5 - (0.3 if b == 64 else 0) + next(noise)}
        for b in (8, 64)
        for lr in (0.1, 0.2)
        for s in (0, 1)
    ]
    return {
        "factors": {"batch": {"levels": [8, 64], "baseline": 8}, "lr": {}},
        "replicate": "seed",
        "response": {"name": "loss", "goal": "minimize"},
        "runs": runs,
        "question": {"smallest_effect": 0.05},
        **more,
    }


class TestKinds:
    @pytest.mark.parametrize(("kind", "described"), QUESTIONS.items())
    def test_each_is_what_openapi_says_of_it(
        self, api: TestClient, kind: str, described: tuple[type[EvidenceOut], str]
    ) -> None:
        answer = api.post(f"{ANSWERS}/{kind}", json=table())

        assert answer.status_code == 200, answer.text
        assert (answer.json()["kind"], answer.json()["n"]) == (kind, 8)
        Draft202012Validator(described[0].model_json_schema()).validate(answer.json())

    def test_it_says_what_made_the_difference(self, api: TestClient) -> None:
        batch, lr = api.post(f"{ANSWERS}/factors", json=table()).json()["factors"]

        assert (batch["factor"], batch["verdict"]) == ("batch", "yes")
        assert (lr["factor"], lr["verdict"]) == ("lr", "no")
        assert batch["baseline"] == "8"

    def test_it_is_the_same_analysis_as_of_a_sweep(self, api: TestClient, lab: Lab) -> None:
        sweep = study(lab, values=by_batch, replicates={"seed": [0, 1]})
        of_sweep = api.get(f"{API}/sweeps/{sweep}/factors?smallest_effect=0.05").json()
        rows = [
            {"id": trial.id, **trial.setting, **trial.replicate, "loss": by_batch(trial)}
            for trial in lab.trials(sweep)
        ]
        body = table(
            runs=rows, factors={"lr": {"levels": ["0.1", "0.2"]}, "batch": {"levels": ["8", "64"]}}
        )

        of_table = api.post(f"{ANSWERS}/factors", json=body).json()

        def numbers(found: dict[str, Any]) -> list[Any]:
            return [
                [factor["factor"], c["estimate"], c["standard_error"], c["p"]]
                for factor in found["factors"]
                for c in factor["comparisons"]
            ]

        assert len(numbers(of_table)) == 2
        for ours, theirs in zip(numbers(of_table), numbers(of_sweep), strict=True):
            assert ours[0] == theirs[0]
            assert ours[1:] == pytest.approx(theirs[1:], rel=1e-9)

    def test_a_report_comes_in_words(self, api: TestClient) -> None:
        answer = api.post(f"{ANSWERS}/report?format=markdown", json=table())

        assert answer.headers["Content-Type"].startswith("text/markdown")
        assert answer.text.startswith("# Which factor made the difference to loss?")

    def test_another_kind_is_json_whatever_a_browser_accepts(self, api: TestClient) -> None:
        answer = api.post(f"{ANSWERS}/best", json=table(), headers={"Accept": "text/html"})

        assert answer.headers["Content-Type"] == "application/json"

    def test_nan_and_the_infinities_are_left_out_and_said(self, api: TestClient) -> None:
        body = table()
        body["runs"][0]["loss"], body["runs"][1]["loss"] = "NaN", "Infinity"

        answer = api.post(f"{ANSWERS}/factors", json=body)

        assert answer.json()["n"] == 6
        assert len(answer.json()["excluded"]) == 2


class TestRefusals:
    def test_every_problem_is_listed_with_its_place(self, api: TestClient) -> None:
        body = table(response={"name": "loss", "goal": "down"}, blocks=["gpu"], run=[])

        answer = api.post(f"{ANSWERS}/best", json=body)

        pointers = {problem["pointer"] for problem in answer.json()["errors"]}
        assert answer.status_code == 422
        assert {"/response/goal", "/blocks/0", "/run"} <= pointers

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"{", "not_json"),
            (b"", "not_json"),
            (b"\xff", "not_json"),
            (b"[" * 100_000, "not_json"),
            (b'{"runs": [' + b"1" * 5000 + b"]}", "not_json"),
            (
                b'{"factors": ["a"], "response": "y", "runs": [{"a": "\\ud800", "y": 1}]}',
                "not_json",
            ),
            (b"[]", "invalid"),
            (b"{}", "missing"),
        ],
    )
    def test_what_is_no_table_is_refused(self, api: TestClient, content: bytes, code: str) -> None:
        answer = api.post(
            f"{ANSWERS}/best", content=content, headers={"Content-Type": "application/json"}
        )

        assert answer.status_code == 422, answer.text
        assert code in [problem["code"] for problem in answer.json()["errors"]]

    def test_another_type_of_body_is_refused(self, api: TestClient) -> None:
        answer = api.post(f"{ANSWERS}/best", content="a,b", headers={"Content-Type": "text/csv"})

        assert answer.status_code == 415

    @pytest.mark.parametrize(
        ("question", "response", "pointer"),
        [
            ({"factors": ["bach"]}, {}, "/question/factors/0"),
            ({"transform": "logit"}, {}, None),
            ({}, {"goal": None}, "/response/goal"),
        ],
    )
    def test_a_question_that_cannot_be_asked_of_it_names_the_place(
        self, api: TestClient, question: Any, response: Any, pointer: str | None
    ) -> None:
        body = table(question=question, response={"name": "loss", "goal": "minimize", **response})
        if pointer is None:  # a share cannot be above 1
            pointer, body["runs"][0]["loss"] = "/question/transform", 2.0

        answer = api.post(f"{ANSWERS}/best", json=body)

        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer

    def test_an_unknown_kind_names_the_nearest(self, api: TestClient) -> None:
        answer = api.post(f"{ANSWERS}/bests", json=table())

        assert answer.status_code == 404
        assert "did you mean 'best'?" in answer.json()["detail"]

    def test_a_table_is_no_body_of_curves(self, api: TestClient) -> None:
        answer = api.post(f"{ANSWERS}/curves", json=table())

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_spec")
        assert "/factors" in {error["pointer"] for error in answer.json()["errors"]}

    def test_it_asks_for_a_key(self, locked_api: TestClient, lab: Lab) -> None:
        refused = locked_api.post(f"{ANSWERS}/best", json=table())
        reader = make_key(lab, "read")
        taken = locked_api.post(f"{ANSWERS}/best", json=table(), headers=reader)

        assert (refused.status_code, taken.status_code) == (401, 200)
