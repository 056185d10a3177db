"""What a plan costs by kind of host, from the rates that earlier runs of its program had there."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from paribus_service.orchestration import measured_rates
from paribus_service.orchestration.recorder import RunUpsert, upsert_run
from tests.factories import Lab

T4, A100 = "Tesla T4", "NVIDIA A100"
PROGRAM = "paribus_agent.train"
R4 = {
    "data_set": "stanfordnlp/imdb",
    "train_test_ratio": "1:1",
    "per_device_train_batch_size": 8,
    "per_device_eval_batch_size": 8,
    "num_train_epochs": 3,
    "eval_steps": 20,
    "save_steps": 20,
}


def ran(
    lab: Lab,
    name: str,
    gpu: str,
    rate: float,
    *,
    over: bool = True,
    program: str = PROGRAM,
    **config: Any,
) -> None:
    """A run of ten steps a second, cut off, that looked at `rate` batches a second."""
    held = {**R4, **config}
    values = {key: {"value": value} for key, value in held.items()}
    values["_wandb"] = {"value": {"t": {}, "e": {"a1": {"gpu": gpu}}}}
    told = RunUpsert(
        entity="lab",
        project="imdb",
        wandb_id=name,
        host="host-a",
        program=program,
        config_text=json.dumps(values),
    )
    with lab.writing() as session:
        upsert_run(session, told, now=lab.clock.now())
    rows = [{"_runtime": 1.0 * i, "train/global_step": 10 * i} for i in range(6)]
    look = {"_runtime": 8.0, "eval/runtime": 3.0, "eval/steps_per_second": rate}
    lab.log(name, *(json.dumps(row) for row in (*rows, look)))
    if over:
        lab.finish(name, exit_code=1)


def priced(api: TestClient, **more: Any) -> dict[str, Any]:
    parameters = {key: {"value": value} for key, value in {**R4, **more}.items()}
    config = {"method": "grid", "program": PROGRAM, "parameters": parameters}
    answer = api.post("/api/v1/sweeps?validate_only=true", json=config)
    assert answer.status_code == 200, answer.text
    price: dict[str, Any] = answer.json()["price"]
    return price


class TestHosts:
    def test_r4s_looks_are_89_hours_on_a_t4_and_24_on_an_a100(
        self, lab: Lab, api: TestClient
    ) -> None:
        """469 x 3,125 batches at 4.553 a second are 89.4 h; at 17.233, 23.6 h.

        9,375 steps at 10 a second are .26 h more.
        """
        ran(lab, "r4", T4, 4.553)
        ran(lab, "r4-a100", A100, 17.233)

        price = priced(api)

        assert price["evaluations"] == 469
        a100, t4 = price["hosts"]
        assert (t4["gpu_name"], t4["runs"], a100["gpu_name"]) == (T4, 1, A100)
        assert t4["looking_hours"] == pytest.approx(89.4, abs=0.05)
        assert a100["looking_hours"] == pytest.approx(23.6, abs=0.05)
        assert t4["training_hours"] == pytest.approx(9375 / 10 / 3600)
        assert t4["looking_share"] == pytest.approx(89.42 / (89.42 + 0.26), abs=0.001)
        assert price["notes"] == []

    def test_where_nothing_was_measured_there_are_no_hours_and_it_says_so(
        self, api: TestClient
    ) -> None:
        price = priced(api)

        assert price["hosts"] == []
        assert price["notes"] == ["hours need rates that were measured on your hosts"]

    def test_another_batch_size_is_reckoned_by_examples_and_said(
        self, lab: Lab, api: TestClient
    ) -> None:
        ran(lab, "r4", T4, 4.553)

        [t4] = priced(api, per_device_train_batch_size=64)["hosts"]

        assert t4["training_hours"] == pytest.approx(1173 * 8 / 10 / 3600)
        assert "suppose the examples a second that were measured with 8 x 1" in t4["notes"][0]

    def test_a_rate_of_another_length_says_nothing(self, lab: Lab, api: TestClient) -> None:
        ran(lab, "short", T4, 4.553, max_length=64)

        [t4] = priced(api)["hosts"]

        assert (t4["hours"], t4["trials_priced"]) == (None, 0)
        assert "nothing was measured of steps on Tesla T4 with" in t4["notes"][0]

    @pytest.mark.parametrize(
        "other",
        [{"program": "other.py"}, {"over": False}, {"gpu_count": 2}],
    )
    def test_runs_of_others_under_way_or_on_several_gpus_do_not_count(
        self, lab: Lab, api: TestClient, other: dict[str, Any]
    ) -> None:
        ran(lab, "r4", T4, 4.553, **other)

        assert priced(api)["hosts"] == []

    def test_runs_of_sweeps_of_the_program_count(self, lab: Lab, api: TestClient) -> None:
        parameters = {key: {"value": value} for key, value in R4.items()}
        sweep = lab.register({"method": "grid", "program": PROGRAM, "project": "imdb",
                              "parameters": parameters})  # fmt: skip
        name = lab.claim(lab.agent(sweep))
        ran(lab, name, T4, 4.553, program="elsewhere/train.py")

        assert [host["gpu_name"] for host in priced(api)["hosts"]] == [T4]

    def test_of_many_alike_the_newest_are_read(
        self, lab: Lab, api: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two of three, and of all kinds no more than three."""
        monkeypatch.setattr(measured_rates, "RUNS_OF_A_KIND", 2)
        monkeypatch.setattr(measured_rates, "MOST_READ", 3)
        for i, gpu in enumerate((A100, T4, A100, T4, T4)):
            ran(lab, f"r{i}", gpu, 4.0 + i)

        a100, t4 = priced(api)["hosts"]

        assert (a100["runs"], t4["runs"]) == (1, 2)
