"""Answers about sweeps that a client drives: their factors are what it varied."""

import json
from itertools import product
from typing import Any

import pytest
from fastapi.testclient import TestClient

from paribus_service.api.questions import QUESTIONS
from paribus_service.orchestration import outside
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.tables import Trial
from tests.factories import Lab, grid_config
from tests.service.api.studies import API, run_all


def driven(lab: Lab, *configs: dict[str, Any], **more: Any) -> str:
    """A sweep that declares `lr` alone, and a run of each config, all finished."""
    declared = {"lr": {"values": [0.1, 0.2]}, "seed": {"values": [0, 1, 2]}}
    sweep_id = lab.register(grid_config(**{"method": "custom", "parameters": declared, **more}))
    with lab.writing() as session:
        for config in configs:
            outside.enqueue(
                session,
                sweep_store.get_sweep(session, sweep_id),
                config,
                display_name=None,
                asked_by="a script",
                settings=lab.settings,
                now=lab.clock.now(),
            )
    run_all(lab, sweep_id, by_batch)
    return sweep_id


def by_batch(trial: Trial) -> float:
    """0.5, and 0.3 less with batch 64; under a hundredth more, another in each trial."""
    better = 0.3 if trial.args.get("batch") == 64 else 0.0
    return 0.5 - better + 0.002 * (trial.number * 7 % 5)


def configs(**levels: list[Any]) -> list[dict[str, Any]]:
    """Every combination."""
    return [dict(zip(levels, values, strict=True)) for values in product(*levels.values())]


FACTORIAL = configs(lr=[0.1, 0.2], batch=[8, 64], seed=[0, 1, 2])


class TestFactors:
    def test_a_key_that_nobody_declared_is_one_where_it_varies(
        self, api: TestClient, lab: Lab
    ) -> None:
        """12 runs of two lr, two batches and three seeds; batch makes 0.3 of difference."""
        sweep = driven(lab, *FACTORIAL)

        answer = api.get(f"{API}/sweeps/{sweep}/factors").json()

        lr, batch = answer["factors"]
        assert (lr["name"], lr["verdict"]) == ("lr", "inconclusive")
        assert (batch["name"], batch["status"], batch["verdict"]) == ("batch", "isolated", "yes")

    def test_a_seed_tells_repetitions_apart_though_it_was_declared(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep = driven(lab, *FACTORIAL)

        answer = api.get(f"{API}/sweeps/{sweep}/factors").json()

        assert answer["n"] == 12
        assert {factor["name"] for factor in answer["factors"]} == {"lr", "batch"}
        trials = api.get(f"{API}/sweeps/{sweep}/trials").json()
        assert trials["items"][1]["replicate"] == {"seed": 1}

    def test_a_declared_factor_that_stayed_as_it_was_has_not_varied(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep = driven(lab, *configs(lr=[0.1], batch=[8, 64], seed=[0, 1]))

        answer = api.get(f"{API}/sweeps/{sweep}/factors").json()

        assert answer["factors"][0]["name"] == "lr"
        assert answer["factors"][0]["status"] == "not_varied"

    def test_a_key_that_some_configs_lack_has_that_as_a_level(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep = driven(lab, *configs(lr=[0.1, 0.2], seed=[0, 1]), *configs(batch=[64], seed=[0]))

        answer = api.get(f"{API}/sweeps/{sweep}/factors").json()

        assert any("no `batch`" in notice for notice in answer["notices"])

    @pytest.mark.parametrize(
        ("more", "is_association"),
        [
            ({}, False),  # nobody knows what a script goes by
            ({"method": "bayes", "controller": {"type": "local"}}, True),
            ({"method": "random", "controller": {"type": "local"}}, True),
            ({"method": "grid", "scheduler": {"engine": "optuna"}}, True),
            ({"method": "grid", "scheduler": {"engine": "wandb"}}, False),
        ],
    )
    def test_what_a_sampler_chose_is_an_association(
        self, api: TestClient, lab: Lab, more: dict[str, Any], is_association: bool
    ) -> None:
        sweep = driven(lab, *FACTORIAL, **more)

        answer = api.get(f"{API}/sweeps/{sweep}/factors").json()

        said = "An association: the sampler chose" in answer["factors"][1]["sentence"]
        assert said == is_association

    @pytest.mark.parametrize("kind", QUESTIONS)
    def test_every_kind_is_answered(self, api: TestClient, lab: Lab, kind: str) -> None:
        sweep = driven(lab, *FACTORIAL)

        answer = api.get(f"{API}/sweeps/{sweep}/{kind}")

        assert answer.status_code == 200, answer.text

    @pytest.mark.parametrize("kind", QUESTIONS)
    def test_a_sweep_without_any_run_is_answered_too(
        self, api: TestClient, lab: Lab, kind: str
    ) -> None:
        answer = api.get(f"{API}/sweeps/{driven(lab)}/{kind}")

        assert answer.status_code == 200, answer.text


class TestWhatElseIsShown:
    def test_its_page_its_trials_and_its_runs(self, api: TestClient, lab: Lab) -> None:
        sweep = driven(lab, *FACTORIAL[:3], {"lr": 0.3})

        pages = [
            api.get(f"/lab/imdb/sweeps/{sweep}"),
            api.get(f"{API}/sweeps/{sweep}/trials"),
            api.get(f"{API}/sweeps/{sweep}"),
            api.get("/lab/imdb"),
        ]

        assert [page.status_code for page in pages] == [200] * 4
        assert "0.3" in pages[0].text

    @pytest.mark.parametrize(
        ("more", "word", "sentence"),
        [
            ({"method": "custom"}, "client", "a client that enqueues each run"),
            ({"controller": {"type": "local"}}, "controller", "a controller of the wandb client"),
            ({"scheduler": {"engine": "optuna"}}, "scheduler", "a scheduler of the wandb client"),
        ],
    )
    def test_who_drives_it(
        self, api: TestClient, lab: Lab, more: dict[str, Any], word: str, sentence: str
    ) -> None:
        sweep = driven(lab, **{"method": "grid", **more})

        page = api.get(f"/lab/imdb/sweeps/{sweep}").text

        assert api.get(f"{API}/sweeps/{sweep}").json()["driven_by"] == word
        assert f'<dd id="driver">{sentence}' in page

    def test_one_that_the_service_drives_names_no_other_driver(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep = lab.register(grid_config())

        page = api.get(f"/lab/imdb/sweeps/{sweep}").text

        assert api.get(f"{API}/sweeps/{sweep}").json()["driven_by"] == "service"
        assert 'id="driver"' not in page

    def test_the_plan_of_one_says_that_its_trials_are_not_known(self, api: TestClient) -> None:
        config = grid_config(method="bayes", controller={"type": "local"}, run_cap=7)

        answer = api.post(f"{API}/sweeps?validate_only=true", json=config)

        assert answer.status_code == 200, answer.text
        assert answer.json()["trials"] == []
        assert answer.json()["expected_trials"] == 7

    def test_a_design_follows_up_and_a_search_of_somebody_else_does_not(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep = driven(lab, *FACTORIAL)

        answer = api.post(f"{API}/sweeps/{sweep}/follow-ups", json={"set": "pairs"})

        assert answer.status_code in (409, 422), answer.text
        assert "register" in json.dumps(answer.json())
