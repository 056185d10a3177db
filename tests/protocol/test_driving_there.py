"""Trials of ours reach plain `wandb agent`s of another server through the real client.

A second Paribus plays the server. The newest client enqueues runs; 0.21.4 cannot, so the sweep is
driven by its controller's schedule.
"""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from paribus_service.orchestration.upstream.conversation import MODULE, Conversation
from paribus_service.orchestration.upstream.driving import Driver
from paribus_service.orchestration.upstream.launching import Launcher
from paribus_service.orchestration.upstream.messages import SweepPath
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store import upstream_sweeps
from paribus_sweeps import library
from tests.factories import Lab
from tests.protocol.live import KEY, LiveService
from tests.protocol.test_upstream_process import program as program

PROGRAM = """
import wandb
run = wandb.init()
for step in range(3):
    run.log({"loss": run.config["batch"] / 8 + 2 - step})
"""
STAND_IN = """
import wandb
run = wandb.init()
batch, seed = run.config["per_device_train_batch_size"], run.config["seed"]
share = {"1:1": 1, "4:1": 4}[run.config["train_test_ratio"]]
for step in range(3):
    run.log({"eval/loss": 1.0 / (step + 1), "train_step/grad_norm": 1.0 + step})
run.log({"holdout/loss": batch / 64 - share / 8 + seed / 1000})
"""
CONFIG = {
    "name": "there",
    "project": "driven",
    "metric": {"name": "loss", "goal": "minimize"},
    "design": {
        "type": "full_factorial",
        "factors": {"batch": {"levels": [8, 64]}},
        "replicates": {"seed": [0]},
    },
    "tracking": "upstream",
}


class Ours:
    """Our side: a database, and a driver that a test turns."""

    def __init__(self, directory: Path, live: LiveService, program: dict[str, Any]) -> None:
        self.lab = Lab(directory, wandb_base_url=live.url, driver_interval_seconds=0.2)
        self.upstream = Conversation(base_url=live.url, api_key=KEY, seconds=60, **program)
        lab = self.lab
        self.launcher = Launcher(lab.engine, lab.settings, lab.clock, self.upstream)
        self.driver = Driver(lab.engine, lab.settings, lab.clock, self.upstream, self.launcher)

    def launch(self, config: dict[str, Any]) -> str:
        text = yaml.safe_dump(config)
        launch = self.launcher.launch(text, entity=None, key_entity="lab", project=None)
        assert launch is not None
        with self.lab.writing() as session:
            now = self.lab.clock.now()
            return self.launcher.confirm(session, launch, text, created_by=None, now=now).id

    def look_until(self, state: str, sweep: str, *, seconds: float = 90) -> None:
        self._look_while(lambda: self.lab.sweep(sweep).state != state, sweep, seconds=seconds)

    def look_until_read(self, sweep: str, *, lines: int) -> None:
        """A sweep may have finished a look before the last of its histories is here."""
        self._look_while(lambda: self.lines(sweep) < lines, sweep, seconds=90)

    def lines(self, sweep: str) -> int:
        with self.lab.reading() as session:
            return sum(r.history_lines for r in run_store.list_runs(session, sweep_id=sweep))

    def _look_while(self, claim: Callable[[], bool], sweep: str, *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while claim():
            assert time.monotonic() < deadline, [
                (trial.state, trial.reason) for trial in self.lab.trials(sweep)
            ]
            self.lab.clock.advance(1)
            self.driver.look()
            time.sleep(0.2)  # an agent asks every 5 s; asking the server more often tells nothing

    def way(self, sweep: str) -> str:
        with self.lab.reading() as session:
            return upstream_sweeps.get(session, sweep).way


@pytest.fixture
def ours(tmp_path: Path, own_live: LiveService, program: dict[str, Any]) -> Iterator[Ours]:
    side = Ours(tmp_path, own_live, program)
    yield side
    side.upstream.close()


class TestAnAgentThere:
    def test_it_does_every_trial_once_by_either_way(
        self, ours: Ours, own_live: LiveService
    ) -> None:
        script = own_live.directory / "train.py"
        script.write_text(PROGRAM)
        sweep = ours.launch({**CONFIG, "program": str(script)})
        old = ours.upstream.server().client_version.startswith("0.21.")

        own_live.start_process(["wandb", "agent", f"paribus/driven/{sweep}"])
        ours.look_until("finished", sweep)
        ours.look_until_read(sweep, lines=2 * 3)

        assert ours.way(sweep) == ("controller" if old else "enqueue")
        assert [trial.state for trial in ours.lab.trials(sweep)] == ["finished"] * 2
        with ours.lab.reading() as session:
            runs = run_store.list_runs(session, sweep_id=sweep)
        assert sorted(run.summary["loss"] for run in runs) == [1.0, 8.0]
        assert [run.history_lines for run in runs] == [3, 3]
        assert ours.upstream.sweep(self.path(ours, sweep)).state == "FINISHED"

    def path(self, ours: Ours, sweep: str) -> SweepPath:
        with ours.lab.reading() as session:
            known = upstream_sweeps.get(session, sweep)
        return SweepPath(known.entity, known.project, known.remote_id)


class TestKeysThatAreWordsOfTheConversation:
    def test_they_reach_the_server_as_any_other(self, ours: Ours, own_live: LiveService) -> None:
        design = {
            "type": "full_factorial",
            "factors": {"id": {"levels": [1, 2]}, "value": {"levels": [3, 4]}},
            "replicates": {"error": [5]},
        }
        sweep = ours.launch({**CONFIG, "program": "train.py", "design": design})

        ours.driver.look()

        with own_live.reading() as session:
            first = min(run_store.list_runs(session, sweep_id=sweep), key=lambda run: run.pk)
        values = {key: first.config[key]["value"] for key in ("id", "value", "error")}
        assert values == {"id": 1, "value": 3, "error": 5}


class TestTheShippedDemo:
    """`batch-size-or-ratio-demo` as it is shipped; a stand-in takes its program's name."""

    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load(library.load("batch-size-or-ratio-demo").text)
        return {**config, "tracking": "upstream"}

    def test_its_first_trials_wait_there_as_laid_out(
        self, ours: Ours, own_live: LiveService
    ) -> None:
        sweep = ours.launch(self.config())

        ours.driver.look()

        # By the controller's schedule one waits there; where runs are enqueued, a queue of two.
        number = 1 if ours.way(sweep) == "controller" else 2
        trials = ours.lab.trials(sweep)
        assert [trial.state for trial in trials] == ["leased"] * number + ["queued"] * (
            12 - number
        )
        with own_live.reading() as session:
            there = run_store.list_runs(session, sweep_id=sweep)
        waiting = [
            {key: entry["value"] for key, entry in run.config.items() if key != "_wandb"}
            for run in sorted(there, key=lambda run: run.pk)
        ]
        assert waiting == [trial.args for trial in trials[:number]]
        assert {args["train_test_ratio"] for args in waiting} <= {"1:1", "4:1"}

    @pytest.mark.slow
    def test_two_agents_there_do_all_twelve_once(
        self, tmp_path: Path, own_live: LiveService
    ) -> None:
        ours = Ours(tmp_path, own_live, {"command": [sys.executable, "-m", MODULE]})
        package = own_live.directory / "stand-in" / "paribus_agent"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "train.py").write_text(STAND_IN)
        sweep = ours.launch(self.config())

        for _ in range(2):
            own_live.start_process(
                ["wandb", "agent", f"paribus/imdb-demo/{sweep}"],
                {"PYTHONPATH": str(package.parent)},
            )
        ours.look_until("finished", sweep, seconds=400)
        ours.look_until_read(sweep, lines=12 * 4)
        ours.upstream.close()

        trials = ours.lab.trials(sweep)
        assert [(trial.state, trial.attempts) for trial in trials] == [("finished", 1)] * 12
        with ours.lab.reading() as session:
            runs = {run.pk: run for run in run_store.list_runs(session, sweep_id=sweep)}
            agents = sweep_store.list_agents(session, sweep_id=sweep)
        assert len(runs) == 12
        for trial in trials:
            run = runs[trial.run_pk or 0]
            batch, ratio = (
                trial.args[key] for key in ("per_device_train_batch_size", "train_test_ratio")
            )
            expected = batch / 64 - int(ratio[0]) / 8 + trial.args["seed"] / 1000
            assert (run.summary["holdout/loss"], run.history_lines) == (expected, 4)
        assert len(agents) == 2
        assert sum(agent.runs_started for agent in agents) == 12


class TestALaunchThatWasCutOff:
    def test_its_sweep_is_found_by_its_marker_and_cancelled(self, ours: Ours) -> None:
        text = yaml.safe_dump({**CONFIG, "program": "train.py"})
        launch = ours.launcher.launch(text, entity=None, key_entity="lab", project=None)
        assert launch is not None

        ours.launcher.give_up(launch.marker)
        ours.driver.look()

        assert ours.upstream.sweep(launch.remote.path).state == "CANCELED"

    def test_a_project_that_is_not_there_has_none(self, ours: Ours) -> None:
        assert ours.upstream.find_sweeps(None, "nowhere", "paribus-launch-") == []
