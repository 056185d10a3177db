"""Sweeps and agents, by the command line and from Python, as unmodified clients run them."""

import json
import re
import textwrap
from pathlib import Path

import pytest

from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import AgentState, RunState, SweepState, TrialState
from paribus_service.store.tables import Run, Sweep, Trial
from tests.protocol.live import ENTITY, LiveService, wait_for

PROGRAM = """
import sys, wandb
run = wandb.init(config={"fixed": 1})
run.log({"loss": run.config["lr"] * 2, "argv": sys.argv[1:]})
run.finish()
"""
GRID = """
program: train.py
method: grid
metric: {name: loss, goal: minimize}
parameters:
  lr: {values: [0.1, 0.2]}
  opt: {value: {name: adam}}
"""


def write(live: LiveService, name: str, text: str) -> Path:
    path = live.directory / name
    path.write_text(textwrap.dedent(text))
    return path


def create_sweep(live: LiveService, text: str, *, project: str = "sweeps", more: str = "") -> str:
    """Register a sweep by `wandb sweep`; its id."""
    write(live, "sweep.yaml", text)
    done = live.wandb("sweep", "--project", project, "sweep.yaml", *more.split())
    found = re.search(r"wandb agent \S+/(\w+)", done.stderr + done.stdout)
    assert found, done.stderr + done.stdout
    return found.group(1)


def sweep_of(live: LiveService, sweep_id: str) -> Sweep:
    with live.reading() as session:
        return sweep_store.get_sweep(session, sweep_id)


def trials_of(live: LiveService, sweep_id: str) -> list[Trial]:
    with live.reading() as session:
        return list(sweep_store.list_trials(session, sweep_id))


def runs_of(live: LiveService, sweep_id: str) -> list[Run]:
    with live.reading() as session:
        return list(run_store.list_runs(session, sweep_id=sweep_id))[::-1]


class TestAgentCommandLine:
    @pytest.fixture(scope="class")
    @classmethod
    def sweep_id(cls, live: LiveService) -> str:
        """A grid of two, registered and run to its end by the command line."""
        write(live, "train.py", PROGRAM)
        sweep_id = create_sweep(live, GRID)
        live.wandb("agent", f"{ENTITY}/sweeps/{sweep_id}")
        return sweep_id

    def test_every_trial_ran_once(self, live: LiveService, sweep_id: str) -> None:
        assert [trial.state for trial in trials_of(live, sweep_id)] == [TrialState.FINISHED] * 2
        assert [run.state for run in runs_of(live, sweep_id)] == [RunState.FINISHED] * 2

    def test_the_sweep_is_finished_and_its_agent_was_sent_away(
        self, live: LiveService, sweep_id: str
    ) -> None:
        assert sweep_of(live, sweep_id).state == SweepState.FINISHED

    def test_values_reach_the_program_and_the_config(
        self, live: LiveService, sweep_id: str
    ) -> None:
        run = runs_of(live, sweep_id)[0]

        assert run.config["lr"] == {"value": 0.1}
        assert run.config["opt"] == {"value": {"name": "adam"}}
        assert run.config["fixed"] == {"value": 1}
        assert "--lr=0.1" in run.summary["argv"]
        assert run.summary["loss"] == 0.2

    def test_the_sweep_shows_its_best_value(self, live: LiveService, sweep_id: str) -> None:
        found = live.ask(
            'query($s: String!) { project(name: "sweeps") { sweep(sweepName: $s) {'
            " state bestLoss runCount runCountExpected agents { edges { node { totalRuns } } } } } }",
            s=sweep_id,
        )["project"]["sweep"]

        assert found == {
            "state": "FINISHED",
            "bestLoss": 0.2,
            "runCount": 2,
            "runCountExpected": 2,
            "agents": {"edges": [{"node": {"totalRuns": 2}}]},
        }
