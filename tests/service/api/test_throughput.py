"""Throughput over REST: rates of runs that were cut off, by kind of GPU, and what looking cost."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from paribus_service.orchestration.recorder import RunUpsert, upsert_run
from paribus_service.store import findings as finding_store
from tests.factories import Lab

API = "/api/v1"
T4, A100 = "Tesla T4", "NVIDIA A100"
SETTING = {
    "per_device_train_batch_size": 8,
    "per_device_eval_batch_size": 8,
    "eval_steps": 20,
    "learning_rate": 2e-5,
}


def cut_off(lab: Lab, name: str, gpu: str | None, *lines: str, **config: Any) -> str:
    """A run of no sweep that was cut off behind some lines; our own id."""
    values = {key: {"value": value} for key, value in {**SETTING, **config}.items()}
    report = {"a1": {"gpu": gpu}} if gpu else {}
    values["_wandb"] = {"value": {"t": {}, "e": report}}
    told = RunUpsert(
        entity="lab", project="imdb", wandb_id=name, host="host-a", config_text=json.dumps(values)
    )
    with lab.writing() as session:
        run, _ = upsert_run(session, told, now=lab.clock.now())
        run_id = run.id
    lab.log(name, *lines)
    lab.finish(name, exit_code=1)
    return run_id


def steps(seconds: float, *, first: int = 0, rows: int = 6) -> list[str]:
    """A row each ten steps, these seconds apart."""
    return [
        json.dumps({"_step": i, "_runtime": i * seconds, "train/global_step": 10 * (first + i)})
        for i in range(rows)
    ]


def look(rate: float, *, step: int = 60, at: float = 1000.0, seconds: float = 100.0) -> str:
    return json.dumps({
        "_step": 99, "_runtime": at, "train/global_step": step,
        "eval/runtime": seconds, "eval/steps_per_second": rate,
        "eval/samples_per_second": 8 * rate,
    })  # fmt: skip


def two_gpus(lab: Lab) -> tuple[str, str]:
    """R4 on a T4 and on an A100, both cut off: eval rates 4.553 and 17.233."""
    t4 = cut_off(lab, "r4", T4, *steps(10.0), look(4.553))
    a100 = cut_off(lab, "r4-a100", A100, *steps(2.5), look(17.233))
    return t4, a100


def asked(api: TestClient, path: str, **parameters: Any) -> dict[str, Any]:
    answer = api.get(f"{API}{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


class TestRun:
    def test_a_run_that_was_cut_off_has_rates_and_says_what_was_dropped(
        self, lab: Lab, api: TestClient
    ) -> None:
        """Ten steps each 10 s behind the first; a look of 100 s in 1,000 s."""
        run_id = cut_off(lab, "r4", T4, *steps(10.0), look(4.553))

        told = asked(api, f"/runs/{run_id}/throughput")

        run = told["run"]
        assert (told["kind"], told["run_id"], run["gpu_name"]) == ("throughput", run_id, T4)
        assert run["state"] == "failed"
        assert run["training"]["steps_per_second"] == pytest.approx(1.0)
        assert run["training"]["examples_per_second"] == pytest.approx(8.0)
        assert run["training"]["first_dropped"] == 1
        assert run["evaluation"]["steps_per_second"] == pytest.approx(4.553)
        assert run["times"]["looking_share"] == pytest.approx(0.1)
        assert run["times"]["checkpoints"] is None
        assert "they count as training" in run["times"]["notes"][0]
        assert run["looks"]["eval_steps"] == 20
        assert run["looks"]["sentence"] == "1 look took 0.0278 h, 10% of the run's time."
        assert run["url"].endswith("/lab/imdb/runs/r4")

    def test_a_run_without_history_has_reasons_in_place_of_numbers(
        self, lab: Lab, api: TestClient
    ) -> None:
        run_id = cut_off(lab, "empty", None)

        run = asked(api, f"/runs/{run_id}/throughput")["run"]

        assert run["training"]["steps_per_second"] is None
        assert run["training"]["notes"] == [
            "no row holds _runtime: without a clock there is no rate"
        ]
        assert run["looks"]["sentence"] == "No look is known."

    @pytest.mark.parametrize(
        "line",
        [
            '{"_step": 0, "_runtime": "NaN", "train/global_step": 1e300}',
            '{"_runtime": 1e300, "eval/runtime": "Infinity"}',
            '{"_runtime": [1], "train/global_step": "soon", "eval/runtime": {"a": 1}}',
        ],
    )
    def test_whatever_was_logged_there_is_an_answer(
        self, lab: Lab, api: TestClient, line: str
    ) -> None:
        run_id = cut_off(lab, "odd", T4, line, line, *steps(10.0), line)

        assert asked(api, f"/runs/{run_id}/throughput")["run"]["gpu_name"] == T4

    def test_a_key_can_be_named(self, lab: Lab, api: TestClient) -> None:
        lines = [json.dumps({"_step": i, "_runtime": 10.0 * i, "it": i}) for i in range(5)]
        run_id = cut_off(lab, "own", T4, *lines)

        plain = asked(api, f"/runs/{run_id}/throughput")["run"]["training"]
        named = asked(api, f"/runs/{run_id}/throughput", role="global_step:it")["run"]["training"]

        assert plain["step_name"] == "W&B steps"
        assert (named["step_name"], named["last_step"]) == ("steps", 4)

    @pytest.mark.parametrize(
        ("role", "words"),
        [("global_stp:it", "did you mean 'global_step'"), ("it", "expected ROLE:VALUE")],
    )
    def test_a_role_that_is_none_is_refused(
        self, lab: Lab, api: TestClient, role: str, words: str
    ) -> None:
        run_id = cut_off(lab, "r4", T4)

        answer = api.get(f"{API}/runs/{run_id}/throughput", params={"role": role})

        assert answer.status_code == 422
        assert words in answer.text

    def test_who_has_it_is_told_so_until_the_run_goes_on(self, lab: Lab, api: TestClient) -> None:
        run_id = cut_off(lab, "r4", T4, *steps(10.0))
        path = f"{API}/runs/{run_id}/throughput"
        etag = api.get(path).headers["etag"]

        again = api.get(path, headers={"If-None-Match": etag})
        lab.log("r4", look(4.553), offset=6)
        later = api.get(path, headers={"If-None-Match": etag})

        assert (again.status_code, later.status_code) == (304, 200)

    def test_so_is_who_has_a_projects(self, lab: Lab, api: TestClient) -> None:
        two_gpus(lab)
        path = f"{API}/projects/lab/imdb/throughput"
        etag = api.get(path).headers["etag"]

        again = api.get(path, headers={"If-None-Match": etag})
        other = api.get(f"{path}?level=0.9", headers={"If-None-Match": etag})
        lab.log("r4", look(4.553), offset=7)
        later = api.get(path, headers={"If-None-Match": etag})

        assert [one.status_code for one in (again, other, later)] == [304, 200, 200]

    def test_a_run_that_is_not_there_is_404(self, api: TestClient) -> None:
        assert api.get(f"{API}/runs/run-nope/throughput").status_code == 404


class TestProject:
    def test_two_runs_that_were_cut_off_are_one_pair_and_no_interval(
        self, lab: Lab, api: TestClient
    ) -> None:
        """17.233 / 4.553 = 3.785 (DESIGN 1, 8); ten steps in 10 and in 2.5 s: 4."""
        t4, a100 = two_gpus(lab)

        told = asked(api, "/projects/lab/imdb/throughput")

        [looking], [training] = told["evaluation"]["ratios"], told["training"]["ratios"]
        assert looking["ratio"] == pytest.approx(3.785, abs=5e-4)
        assert (looking["n"], looking["low"], looking["high"]) == (1, None, None)
        assert "n = 1, no interval" in looking["sentence"]
        assert (looking["device"], looking["against"]) == (A100, T4)
        assert [(p["runs"], p["against"]) for p in looking["pairs"]] == [([a100], [t4])]
        assert looking["matched"] == "everything but the GPU"
        assert training["ratio"] == pytest.approx(4)
        assert (told["n"], told["project"], told["level"]) == (2, "lab/imdb", 0.95)

    def test_each_kind_of_gpu_has_its_n_and_mean(self, lab: Lab, api: TestClient) -> None:
        two_gpus(lab)
        cut_off(lab, "again", T4, *steps(5.0), seed=1)

        told = asked(api, "/projects/lab/imdb/throughput")["training"]

        assert [(gpu["gpu_name"], gpu["n"], gpu["mean"]) for gpu in told["gpus"]] == [
            (A100, 1, pytest.approx(4.0)),
            (T4, 2, pytest.approx(1.5)),
        ]
        assert told["unit"] == "steps per second"

    def test_runs_that_differ_in_more_are_no_pair_unless_that_is_ignored(
        self, lab: Lab, api: TestClient
    ) -> None:
        cut_off(lab, "a", T4, *steps(10.0), **{"software.torch": "2.8"})
        cut_off(lab, "b", A100, *steps(2.5), **{"software.torch": "2.9"})
        path = "/projects/lab/imdb/throughput"

        [strict] = asked(api, path)["training"]["ratios"]
        [loose] = asked(api, path, ignore="versions")["training"]["ratios"]

        assert (strict["n"], strict["ratio"]) == (0, None)
        assert asked(api, path)["notices"][0].startswith("Runs are paired where every setting")
        assert (loose["n"], loose["ratio"]) == (1, pytest.approx(4))

    def test_batch_sizes_are_compared_by_examples(self, lab: Lab, api: TestClient) -> None:
        cut_off(lab, "a", T4, *steps(10.0))
        cut_off(lab, "b", T4, *steps(40.0), per_device_train_batch_size=64)

        told = asked(api, "/projects/lab/imdb/throughput")["training"]

        assert told["unit"] == "examples per second"
        assert (told["gpus"][0]["least"], told["gpus"][0]["most"]) == (
            pytest.approx(8), pytest.approx(16),
        )  # fmt: skip

    def test_a_key_that_no_run_has_is_refused_with_the_nearest(
        self, lab: Lab, api: TestClient
    ) -> None:
        two_gpus(lab)

        answer = api.get(f"{API}/projects/lab/imdb/throughput", params={"ignore": "learning_rat"})

        assert answer.status_code == 422
        assert "did you mean 'learning_rate'" in answer.text

    def test_runs_come_page_by_page_and_speeds_of_all_with_each(
        self, lab: Lab, api: TestClient
    ) -> None:
        t4, a100 = two_gpus(lab)
        path = "/projects/lab/imdb/throughput"

        first = asked(api, path, page_size=1)
        second = asked(api, path, page_size=1, page_token=first["next_page_token"])

        assert [[run["id"] for run in page["runs"]] for page in (first, second)] == [[t4], [a100]]
        assert second["next_page_token"] is None
        assert first["training"] == second["training"]

    def test_a_project_without_runs_has_no_speeds(self, lab: Lab, api: TestClient) -> None:
        lab.register()

        told = asked(api, "/projects/lab/imdb/throughput")

        assert (told["n"], told["runs"], told["training"]["gpus"]) == (0, [], [])

    def test_a_parameter_that_is_none_is_refused(self, lab: Lab, api: TestClient) -> None:
        two_gpus(lab)

        answer = api.get(f"{API}/projects/lab/imdb/throughput", params={"levl": 0.9})

        assert answer.status_code == 422
        assert "level" in answer.text


class TestSweep:
    def run(self, lab: Lab, agent: str, gpu: str, seconds: float, *, exit_code: int) -> str:
        name = lab.claim(agent)
        lab.start(name, gpu=gpu)
        lab.log(name, *steps(seconds))
        lab.finish(name, exit_code=exit_code)
        return lab.run(name).id

    def test_every_attempt_counts_also_one_that_was_cut_off(
        self, lab: Lab, api: TestClient
    ) -> None:
        sweep = lab.register(retry={"failed": 1})
        first = self.run(lab, lab.agent(sweep), T4, 10.0, exit_code=1)
        second = self.run(lab, lab.agent(sweep), A100, 5.0, exit_code=0)

        told = asked(api, f"/sweeps/{sweep}/throughput")

        assert [run["id"] for run in told["runs"]] == [first, second]
        assert [gpu["gpu_name"] for gpu in told["training"]["gpus"]] == [A100, T4]
        assert (told["sweep_id"], told["state"], told["n"]) == (sweep, "running", 2)

    def test_attempts_at_one_trial_are_a_pair(self, lab: Lab, api: TestClient) -> None:
        """10 and 5 s for ten steps."""
        sweep = lab.register(retry={"failed": 1}, parameters={"seed": {"values": [7]}})
        self.run(lab, lab.agent(sweep), T4, 10.0, exit_code=1)
        self.run(lab, lab.agent(sweep), A100, 5.0, exit_code=0)

        [found] = asked(api, f"/sweeps/{sweep}/throughput")["training"]["ratios"]

        assert (found["n"], found["ratio"]) == (1, pytest.approx(2))
        assert found["matched"] == "everything but the GPU"

    def test_trials_that_differ_in_the_seed_alone_are_paired_and_labelled(
        self, lab: Lab, api: TestClient
    ) -> None:
        sweep = lab.register(parameters={"lr": {"value": 1}, "seed": {"values": [7, 8]}})
        self.run(lab, lab.agent(sweep), T4, 10.0, exit_code=0)
        self.run(lab, lab.agent(sweep), A100, 5.0, exit_code=0)

        [found] = asked(api, f"/sweeps/{sweep}/throughput")["training"]["ratios"]

        assert (found["n"], found["matched"]) == (1, "everything but the GPU and the seed")

    def test_trials_of_two_settings_are_no_pair(self, lab: Lab, api: TestClient) -> None:
        sweep = lab.register(parameters={"lr": {"values": [1, 2]}})
        self.run(lab, lab.agent(sweep), T4, 10.0, exit_code=0)
        self.run(lab, lab.agent(sweep), A100, 5.0, exit_code=0)

        [found] = asked(api, f"/sweeps/{sweep}/throughput")["training"]["ratios"]

        assert (found["n"], found["ratio"]) == (0, None)

    def test_a_sweep_that_is_not_there_is_404(self, api: TestClient) -> None:
        assert api.get(f"{API}/sweeps/nope/throughput").status_code == 404


class TestCoarser:
    def test_the_coarsest_cadence_that_shows_the_same_is_priced(
        self, lab: Lab, api: TestClient
    ) -> None:
        """What the rules stored says every 40 would do: 50 steps are 3 looks at 20, 2 at 40."""
        run_id = cut_off(lab, "r4", T4, *steps(10.0), look(4.553))
        store_cadence(lab, "r4", own=20.0, coarsest=40.0)

        looks = asked(api, f"/runs/{run_id}/throughput")["run"]["looks"]

        assert looks["coarser"]["price"]["evaluations"] == 2
        assert looks["coarser"]["evaluations"] == 1
        assert looks["coarser"]["hours"] == pytest.approx(100 / 3600)
        assert looks["coarser"]["sentence"].startswith(
            "Looking every 40 steps instead of every 20"
        )


def store_cadence(lab: Lab, name: str, *, own: float, coarsest: float) -> None:
    """What the observer stores of the rule `coarsest_cadence`."""
    document = {"numbers": {"own_cadence": own, "coarsest_cadence": coarsest}, "x_name": "steps"}
    now = lab.clock.now()
    stored = finding_store.Stored("coarsest_cadence", 1, "found", None, document, now)
    with lab.writing() as session:
        mark = finding_store.Mark("1", "1")
        finding_store.replace_findings(session, lab.run(name).pk, [stored], mark, now=now)
