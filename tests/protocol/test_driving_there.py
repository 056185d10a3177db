"""Trials of ours reach plain `wandb agent`s of another server through the real client.

A second Paribus plays the server. The newest client enqueues runs; 0.21.4 cannot, so the sweep is
driven by its controller's schedule.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from paribus_service.orchestration.upstream.conversation import Conversation
from paribus_service.orchestration.upstream.driving import Driver
from paribus_service.orchestration.upstream.launching import Launcher
from paribus_service.orchestration.upstream.messages import SweepPath
from paribus_service.store import runs as run_store
from paribus_service.store import upstream_sweeps
from tests.factories import Lab
from tests.protocol.live import KEY, LiveService
from tests.protocol.test_upstream_process import program as program

PROGRAM = """
import wandb
run = wandb.init()
for step in range(3):
    run.log({"loss": run.config["batch"] / 8 + 2 - step})
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

    def look_until(self, state: str, sweep: str) -> None:
        deadline = time.monotonic() + 90
        while self.lab.sweep(sweep).state != state:
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
