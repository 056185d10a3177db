"""`paribus throughput`, and prices of a dry run, against a service on a real socket."""

import json
from pathlib import Path

import pytest

from paribus_service.store.engine import make_engine
from tests.factories import Lab
from tests.service.api.test_prices import PROGRAM, R4, T4, ran
from tests.service.api.test_throughput import cut_off, steps, store_cadence, two_gpus
from tests.service.cli.conftest import Served

PROJECT = "lab/imdb"


def words(text: str) -> str:
    """What was printed, wherever its lines are broken."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def story(served: Served) -> tuple[str, str]:
    """R4 on two kinds of GPU, cut off, with what the rules say of one; our own ids."""
    lab = Lab(served.data_dir)
    lab.engine.dispose()
    lab.engine = make_engine(f"sqlite:///{served.data_dir / 'paribus.db'}")
    ids = two_gpus(lab)
    store_cadence(lab, "r4", own=20.0, coarsest=40.0)
    lab.engine.dispose()
    return ids


class TestThroughput:
    def test_the_ratio_of_two_runs_is_one_pair_without_an_interval(
        self, served: Served, story: tuple[str, str]
    ) -> None:
        done = served("throughput", PROJECT)

        assert done.returncode == 0, done.stderr
        printed = words(done.stdout)
        assert "NVIDIA A100 was 3.785 times as fast as Tesla T4 (n = 1, no interval" in printed
        assert "Pairs share everything but the GPU." in printed
        assert "Training, steps per second GPU n mean least most without" in printed
        assert "run-r4-a100 NVIDIA A100 failed 4 32 17.23" in printed

    def test_a_run_says_what_was_left_out_and_what_looking_cost(
        self, served: Served, story: tuple[str, str]
    ) -> None:
        done = served("throughput", story[0])

        assert done.returncode == 0, done.stderr
        printed = words(done.stdout)
        assert printed.startswith("run-r4 on Tesla T4, failed")
        assert "training 1 8 – 4 intervals" in printed
        assert "looking (batches) 4.553 36.42 – 1 look" in printed
        assert "Left out: 1 first interval, 1 suspension," in printed
        assert "1 look took 0.0278 h, 10% of the run's time." in printed
        assert "Looking every 40 steps instead of every 20 would save 1 look" in printed
        assert "Note: the program does not log what checkpoints took" in printed

    def test_it_is_json_too(self, served: Served, story: tuple[str, str]) -> None:
        told = served.json(
            "throughput", PROJECT, "--level", "0.9", "--ignore", "versions,eval_steps"
        )

        assert (told["kind"], told["level"]) == ("throughput", 0.9)
        assert {run["id"] for run in told["runs"]} >= set(story)

    def test_checkpoints_are_shown_where_the_program_counts_them(
        self, served: Served, lab: Lab
    ) -> None:
        """5 of 50 s."""
        line = json.dumps({"_runtime": 50.0, "train/global_step": 60,
                           "time/checkpoint_seconds": 5.0})  # fmt: skip
        run_id = cut_off(lab, "checkpoints", None, *steps(8.0), line)

        printed = words(served("throughput", run_id).stdout)

        assert "run-checkpoints on an unknown device, failed" in printed
        assert "Checkpoints took 5 s, 10%." in printed

    def test_a_sweep_without_a_rate_is_1_and_no_error(self, served: Served, lab: Lab) -> None:
        done = served("throughput", lab.register())

        assert (done.returncode, done.stderr) == (1, "")
        assert "0 runs, 0 with a rate" in done.stdout

    def test_a_run_without_a_rate_is_1_and_says_why(self, served: Served, lab: Lab) -> None:
        done = served("throughput", cut_off(lab, "empty", T4))

        assert (done.returncode, done.stderr) == (1, "")
        assert "Note: no row holds _runtime: without a clock there is no rate" in done.stdout

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--role", "it"), "ROLE:KEY was expected"),
            (("--role", "global_stp:it"), "did you mean 'global_step'"),
            (("--ignore", "learning_rat"), "did you mean 'learning_rate'"),
            (("--level", "2"), "less than 1"),
        ],
    )
    def test_what_is_not_there_is_refused(
        self,
        served: Served,
        story: tuple[str, str],
        options: tuple[str, ...],
        words: str,
    ) -> None:
        done = served("throughput", PROJECT, *options)

        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr

    def test_keys_can_be_named(self, served: Served, lab: Lab) -> None:
        lines = [json.dumps({"_step": i, "_runtime": 10.0 * i, "it": i}) for i in range(5)]
        run_id = cut_off(lab, "own", T4, *lines)

        told = served.json("throughput", run_id, "--role", "global_step:it")

        assert told["run"]["training"]["step_name"] == "steps"


class TestDryRun:
    def test_hours_are_shown_for_each_kind_of_host_that_was_measured(
        self, served: Served, lab: Lab, tmp_path: Path
    ) -> None:
        """469 x 3,125 batches at 4.553 a second: 89.4 h; 9,375 steps at 10 a second, .26 h."""
        ran(lab, "priced", T4, 4.553, pool_size=50_000)
        ran(lab, "priced-short", "NVIDIA L4", 9.0, max_length=64)
        ran(lab, "priced-blind", "NVIDIA H100", 0.0)
        config = {
            "method": "grid",
            "program": PROGRAM,
            "parameters": {key: {"value": value} for key, value in R4.items()},
        }
        file = tmp_path / "sweep.json"
        file.write_text(json.dumps(config))

        done = served("launch", str(file), "--dry-run")

        assert done.returncode == 0, done.stderr
        printed = words(done.stdout)
        assert "469 evaluations" in printed
        assert (
            "on Tesla T4: about 89.7 h one after the other, 89.4 h of them (100%) looking; the "
            "longest trial 89.7 h (measured in 1 earlier run)"
        ) in printed
        assert "on NVIDIA L4: hours not known; 0 trials could be priced" in printed
        assert "nothing was measured of steps on NVIDIA L4 with" in printed
        assert "on NVIDIA H100: hours not known" in printed
