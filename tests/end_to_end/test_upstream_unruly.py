"""Between A and the server B is a proxy that fails in every way; A is killed besides.

`wandb agent`s work at B directly, as they would: what is between A and B is no affair of theirs.

Slow (one to four minutes each, as busy as the machine is): it earns that each trial is worked on
once by either way, with the newest client and with 0.21.4, on our side and on the agents'.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.harness import BIN, KEY, PROGRAM, Bench, Process, until
from tests.end_to_end.test_upstream import QUICK_DRIVER, Pair, states
from tests.end_to_end.unruly import Unruly
from tests.protocol.test_upstream_process import OLD

TRIALS = 12
KILLS = 3
DESIGN = {
    "name": "unruly",
    "project": "lab",
    "program": str(PROGRAM),
    "metric": {"name": "loss", "goal": "minimize"},
    "design": {
        "type": "full_factorial",
        "factors": {"batch": {"levels": [8, 64]}, "lr": {"levels": [0.1, 0.2]}},
        "replicates": {"seed": [0, 1, 2]},
    },
}


class Disturbed(Pair):
    """Two services with an unruly proxy between them."""

    between: Unruly
    settings: dict[str, str]

    def disturb(self, between: Unruly, **settings: str) -> None:
        self.between, self.settings = between, settings

    def serve_a(self) -> None:
        self.a.serve(
            PARIBUS_WANDB_BASE_URL=self.between.url,
            PARIBUS_WANDB_API_KEY=KEY,
            PARIBUS_WANDB_TIMEOUT_SECONDS="3",
            **QUICK_DRIVER,
            **self.settings,
        )

    def launch(self) -> str:
        """Ask A until the launch goes through; its id."""

        def launched() -> Any:
            answer = httpx.post(f"{self.a.url}/api/v1/sweeps", json=DESIGN, timeout=60)
            assert answer.status_code in (201, 502, 503), answer.text
            return answer.json()["id"] if answer.status_code == 201 else None

        return str(until(launched, what="a launch"))

    def close(self) -> None:
        self.between.is_over.set()
        super().close()


@pytest.fixture
def disturbed(tmp_path: Path) -> Iterator[Disturbed]:
    pair = Disturbed(tmp_path)
    try:
        pair.b.serve()
        yield pair
    finally:
        pair.close()


def agent(bench: Bench, sweep: str, number: int, *, wandb: Path) -> Process:
    """A `wandb agent` of some release, whose programs use the same one."""
    path = f"{wandb.parent}{os.pathsep}{os.environ['PATH']}"
    process = Process(
        [str(wandb), "agent", f"paribus/lab/{sweep}"],
        env=bench.client_environment(PATH=path),
        log=bench.home / f"agent-{number}.log",
        cwd=bench.home,
    )
    bench.processes.append(process)
    return process


class TestEveryTrialOnce:
    @pytest.mark.slow
    @pytest.mark.parametrize("seed", [0, 1])
    def test_by_runs_that_are_enqueued(self, disturbed: Disturbed, seed: int) -> None:
        with Unruly(disturbed.b.url, seed=seed) as between:
            disturbed.disturb(between)

            self.assert_all_goes_well(disturbed, seed, way="enqueue", wandb=BIN / "wandb")

    @pytest.mark.slow
    def test_by_a_schedule_where_the_server_takes_no_runs(self, disturbed: Disturbed) -> None:
        with Unruly(disturbed.b.url, seed=2, can_enqueue=False) as between:
            disturbed.disturb(between)

            self.assert_all_goes_well(disturbed, 2, way="controller", wandb=BIN / "wandb")

    @pytest.mark.slow
    def test_with_an_older_client_here_and_there(self, disturbed: Disturbed) -> None:
        if not OLD.exists():
            pytest.skip("no client 0.21.4 here: `make test-deps` installs it")
        with Unruly(disturbed.b.url, seed=3) as between:
            disturbed.disturb(between, PARIBUS_WANDB_PYTHON=str(OLD))

            self.assert_all_goes_well(disturbed, 3, way="controller", wandb=OLD.with_name("wandb"))

    def assert_all_goes_well(self, pair: Disturbed, seed: int, *, way: str, wandb: Path) -> None:
        a, b, between = pair.a, pair.b, pair.between
        b.release()
        pair.serve_a()
        sweep = pair.launch()
        agents = [agent(b, sweep, number, wandb=wandb) for number in range(2)]

        draws = random.Random(seed)
        for _ in range(KILLS):
            moment = between.requests + draws.randint(5, 40)
            until(lambda moment=moment: between.requests >= moment, what="the moment of a kill")
            pair.kill_a()
            pair.serve_a()
        until(lambda: a.sweep_state(sweep) == "finished", seconds=600, what="the end")

        assert [one.wait() for one in agents] == [0, 0]
        assert a.get(f"/sweeps/{sweep}")["upstream"]["way"] == way
        assert [t["attempts"] for t in a.trials(sweep)] == [1] * TRIALS
        assert states(a, sweep) == ["finished"] * TRIALS
        assert len(b.started()) == TRIALS  # programs that ever began
        assert sorted(between.faults) == sorted(Unruly.KINDS)
        self.assert_nothing_is_left_running(b, sweep)

    def assert_nothing_is_left_running(self, b: Bench, sweep: str) -> None:
        """Launches that got no answer were taken back; so were runs that did not count."""
        sweeps = {each["id"]: each["state"] for each in b.get("/sweeps")["items"]}
        until(
            lambda: (
                {each["state"] for each in b.get("/sweeps")["items"] if each["id"] != sweep}
                <= {"cancelled"}
            ),
            what=f"every other sweep's end: {sweeps}",
        )
        runs = b.runs(sweep)
        assert [run["state"] for run in runs].count("finished") == TRIALS
        assert not {run["state"] for run in runs} & {"running", "created"}
