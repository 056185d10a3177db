"""Bad input to questions: an answer with a reason, or a 4xx with key and value; never a 5xx."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from paribus_service.api.questions import QUESTIONS
from paribus_service.store.tables import Trial
from tests.factories import Lab
from tests.service.api.studies import API, by_batch, loose_run, run_all, study

SWEEPS = f"{API}/sweeps"
ABOUT_VALUES = [kind for kind in QUESTIONS if kind not in ("confounding", "follow-ups")]


class TestOfASweep:
    @pytest.mark.parametrize("kind", QUESTIONS)
    def test_a_factor_that_is_asked_about_and_ignored(
        self, api: TestClient, lab: Lab, kind: str
    ) -> None:
        sweep = study(lab, values=by_batch)

        answer = api.get(f"{SWEEPS}/{sweep}/{kind}?factors=lr,batch&ignore=lr")

        assert answer.status_code == 422
        [problem] = answer.json()["errors"]
        assert (problem["pointer"], problem["code"]) == ("?ignore", "asked_and_ignored")
        assert "'lr'" in problem["message"]

    def test_a_factor_with_the_name_of_a_block_is_told_apart_by_its_own_levels(
        self, api: TestClient, lab: Lab
    ) -> None:
        """All ran on one T4; `gpu_name` is what the program was given, a or b."""
        factors = {"gpu_name": {"levels": ["a", "b"]}, "wave": {"levels": [1, 2]}}
        sweep = study(lab, factors=factors, replicates={"seed": [0, 1, 2]})
        run_all(
            lab,
            sweep,
            lambda trial: (trial.setting["gpu_name"] == "a") + 0.001 * (trial.number % 5),
            gpu="T4",
        )

        answer = api.get(f"{SWEEPS}/{sweep}/report").json()

        told = {found["factor"]: found for found in answer["factors"]}
        assert told["gpu_name"]["status"] == "isolated"
        assert [c["matched_pairs"] for c in told["gpu_name"]["comparisons"]] == [6]
        assert told["wave"]["comparisons"][0]["matched_pairs"] == 6
        assert answer["effects"]["model"].count("gpu_name") == 1
        assert any("`gpu_name` is a factor here" in notice for notice in answer["notices"])

    @pytest.mark.parametrize("kind", QUESTIONS)
    def test_a_response_that_no_run_has_names_the_nearest(
        self, api: TestClient, lab: Lab, kind: str
    ) -> None:
        sweep = study(lab, values=by_batch)

        answer = api.get(f"{SWEEPS}/{sweep}/{kind}?response=losss&goal=minimize")

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["code"] == "unknown_response"
        assert answer.json()["errors"][0]["hint"] == "did you mean 'loss'?"

    @pytest.mark.parametrize("kind", QUESTIONS)
    def test_a_response_that_half_the_runs_lack_leaves_them_out(
        self, api: TestClient, lab: Lab, kind: str
    ) -> None:
        sweep = study(lab, replicates={"seed": [0, 1]})
        agent = lab.agent(sweep)
        for at in range(8):
            run = lab.claim(agent)
            lab.start(run)
            lab.finish(run, **({"f1": 0.1 * at} if at % 2 else {"loss": 0.1}))

        answer = api.get(f"{SWEEPS}/{sweep}/{kind}?response=f1&goal=maximize").json()

        assert (answer["n"], answer["excluded_count"]) == (4, 4)
        assert "f1 is not in its summary" in answer["excluded"][0]["reason"]

    @pytest.mark.parametrize("kind", QUESTIONS)
    def test_a_constant_response_is_answered(self, api: TestClient, lab: Lab, kind: str) -> None:
        sweep = study(lab, values=lambda _: 0.5, replicates={"seed": [0, 1]})

        answer = api.get(f"{SWEEPS}/{sweep}/{kind}")

        assert answer.status_code == 200, answer.text
        assert answer.json()["n"] == 8

    @pytest.mark.parametrize("kind", QUESTIONS)
    def test_one_run_is_answered(self, api: TestClient, lab: Lab, kind: str) -> None:
        sweep = study(lab)
        lab.run_trial(lab.agent(sweep), loss=0.5)

        answer = api.get(f"{SWEEPS}/{sweep}/{kind}")

        assert answer.status_code == 200, answer.text
        assert answer.json()["n"] == 1

    @pytest.mark.parametrize("kind", QUESTIONS)
    def test_where_all_crashed_each_run_says_so(
        self, api: TestClient, lab: Lab, kind: str
    ) -> None:
        sweep = study(lab, values=lambda _: None)

        answer = api.get(f"{SWEEPS}/{sweep}/{kind}")

        assert answer.status_code == 200, answer.text
        assert [run["state"] for run in answer.json()["excluded"]] == ["failed"] * 4

    @pytest.mark.parametrize("kind", QUESTIONS)
    def test_nan_and_infinite_values_are_left_out_with_the_value(
        self, api: TestClient, lab: Lab, kind: str
    ) -> None:
        sweep = study(lab, replicates={"seed": [0, 1]})
        values = iter([0.4, float("nan"), float("inf"), -float("inf"), 0.3, 0.2, 0.1, 0.5])
        run_all(lab, sweep, lambda _: next(values))

        answer = api.get(f"{SWEEPS}/{sweep}/{kind}")

        assert answer.status_code == 200, answer.text
        assert answer.json()["n"] == 5
        assert {"NaN", "Infinity"} <= {
            word for run in answer.json()["excluded"] for word in run["reason"].split()
        }

    def test_a_text_where_a_number_was_expected_is_said(self, api: TestClient, lab: Lab) -> None:
        sweep = study(lab)
        lab.run_trial(lab.agent(sweep), loss="low")

        answer = api.get(f"{SWEEPS}/{sweep}/effects").json()

        assert "low" in [r for r in answer["excluded"] if r["state"] == "finished"][0]["reason"]

    def test_the_text_32_and_the_number_32_are_two_levels(self, api: TestClient, lab: Lab) -> None:
        for at in range(4):
            config = {"batch": "32" if at % 2 else 32, "lr": 0.1 * (at // 2)}
            loose_run(lab, f"r{at}", config, {"loss": 0.1 * at})

        answer = api.get(f"{API}/projects/lab/imdb/factors?response=loss").json()

        [batch] = [factor for factor in answer["factors"] if factor["name"] == "batch"]
        assert {level["label"] for level in batch["levels"]} == {"32", "number 32"}
        assert any("the text 32" in notice for notice in answer["notices"])


class TestOfMuch:
    """More factors and levels than a model holds, given as a plain table."""

    def ask(self, api: TestClient, kind: str, columns: dict[str, list[Any]]) -> Any:
        count = len(next(iter(columns.values())))
        runs = [
            {**{name: values[at] for name, values in columns.items()}, "y": at * 7919 % 101 / 101}
            for at in range(count)
        ]
        body = {"factors": list(columns), "response": {"name": "y", "goal": "minimize"}}
        return api.post(f"{API}/answers/{kind}", json={**body, "runs": runs})

    @pytest.mark.parametrize("kind", ["factors", "confounding", "importance"])
    def test_five_hundred_factors_are_answered_or_refused_with_the_reason(
        self, api: TestClient, kind: str
    ) -> None:
        columns = {
            f"f{factor}": [(run * (factor + 3) // 7) % 2 for run in range(40)]
            for factor in range(500)
        }

        answer = self.ask(api, kind, columns)

        assert answer.status_code in (200, 422), answer.text[:500]
        if answer.status_code == 422:
            assert answer.json()["errors"][0]["code"] == "too_large"

    @pytest.mark.parametrize("kind", QUESTIONS)
    def test_ten_thousand_levels_are_answered_or_refused_with_the_factor(
        self, api: TestClient, kind: str
    ) -> None:
        answer = self.ask(
            api,
            kind,
            {"name": [f"n{at}" for at in range(10_000)], "b": [at % 2 for at in range(10_000)]},
        )

        assert answer.status_code in (200, 422), answer.text[:500]
        if answer.status_code == 422:
            [problem] = answer.json()["errors"]
            assert problem["code"] == "too_large"
            assert "`name`" in problem["message"]

    @pytest.mark.parametrize("kind", QUESTIONS)
    def test_columns_on_the_edge_of_being_equal_are_answered(
        self, api: TestClient, kind: str
    ) -> None:
        numbers = [float(at) for at in range(30)]
        near = [x + (1e-9 if at % 3 else 0) for at, x in enumerate(numbers)]

        answer = self.ask(api, kind, {"a": numbers, "b": near})

        assert answer.status_code == 200, answer.text[:500]


class TestTheLimitsOfASweep:
    @pytest.mark.parametrize("kind", ABOUT_VALUES)
    def test_a_crashed_corner_is_answered(self, api: TestClient, lab: Lab, kind: str) -> None:
        def but_one_corner(trial: Trial) -> float | None:
            return None if trial.setting == {"lr": "0.2", "batch": "64"} else by_batch(trial)

        sweep = study(lab, values=but_one_corner, replicates={"seed": [0, 1]})

        answer = api.get(f"{SWEEPS}/{sweep}/{kind}")

        assert answer.status_code == 200, answer.text
        assert (answer.json()["n"], answer.json()["excluded_count"]) == (6, 2)
