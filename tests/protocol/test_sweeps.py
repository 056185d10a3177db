"""Sweeps and agents, by the command line and from Python, as unmodified clients run them."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import RunState, SweepState, TrialState
from paribus_service.store.tables import Run, Sweep, Trial
from tests.protocol.live import LiveService, wait_for

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


DESIGN = """
name: by hand
design:
  type: full_factorial
  factors:
    a: {levels: [1, 2]}
    b: {levels: [x, y]}
  replicates: {seed: [0]}
parameters:
  fixed: {value: 3}
"""
FUNCTION_AGENT = """
import wandb
def train():
    with wandb.init() as run:
        run.log({"a": run.config["a"], "b": run.config["b"], "seed": run.config["seed"]})
wandb.agent("SWEEP", function=train, entity="paribus", project="sweeps", count=3)
"""
ENDLESS = """
import os, time, wandb
run = wandb.init()
while os.getppid() != 1:  # its agent is there
    run.log({"i": 1})
    time.sleep(0.1)
os._exit(1)
"""


@pytest.fixture(scope="module")
def sweep_id(live: LiveService) -> str:
    """A grid of two, registered by the command line."""
    write(live, "train.py", PROGRAM)
    return create_sweep(live, GRID)


@pytest.fixture(scope="module")
def design_id(live: LiveService) -> str:
    """A design of four, registered by the command line."""
    return create_sweep(live, DESIGN)


@pytest.fixture(scope="module")
def endless(live: LiveService) -> tuple[str, subprocess.Popen[bytes]]:
    """A sweep whose runs do not end by themselves, and the agent that is at work on it."""
    write(live, "endless.py", ENDLESS)
    sweep_id = create_sweep(live, GRID.replace("train.py", "endless.py"), project="steer")
    command = [sys.executable, "-m", "wandb", "agent", f"paribus/steer/{sweep_id}"]
    return sweep_id, live.start_process(command)


@pytest.fixture(scope="module")
def agents(
    live: LiveService, sweep_id: str, design_id: str, endless: object
) -> list[subprocess.Popen[bytes]]:
    """An agent of each kind, at work side by side until their sweeps or counts are done."""
    started = [
        live.start_process([sys.executable, "-m", "wandb", "agent", f"paribus/sweeps/{sweep_id}"]),
        live.start_client(FUNCTION_AGENT.replace("SWEEP", design_id)),
    ]
    for process in started:
        process.wait(90)
    return started


class TestAgentCommandLine:
    def test_it_ends_well(self, agents: list[subprocess.Popen[bytes]]) -> None:
        assert agents[0].returncode == 0

    def test_every_trial_ran_once(self, live: LiveService, sweep_id: str, agents: object) -> None:
        assert [trial.state for trial in trials_of(live, sweep_id)] == [TrialState.FINISHED] * 2
        assert [run.state for run in runs_of(live, sweep_id)] == [RunState.FINISHED] * 2

    def test_the_sweep_is_finished(self, live: LiveService, sweep_id: str, agents: object) -> None:
        assert sweep_of(live, sweep_id).state == SweepState.FINISHED

    def test_values_reach_the_program_and_the_config(
        self, live: LiveService, sweep_id: str, agents: object
    ) -> None:
        run = runs_of(live, sweep_id)[0]

        assert run.config["lr"] == {"value": 0.1}
        assert run.config["opt"] == {"value": {"name": "adam"}}
        assert run.config["fixed"] == {"value": 1}
        assert "--lr=0.1" in run.summary["argv"]
        assert run.summary["loss"] == 0.2

    def test_the_sweep_shows_its_best_value(
        self, live: LiveService, sweep_id: str, agents: object
    ) -> None:
        found = live.ask(
            """query($s: String!) { project(name: "sweeps") { sweep(sweepName: $s) {
            state bestLoss runCount runCountExpected
            agents { edges { node { totalRuns } } } } } }""",
            s=sweep_id,
        )["project"]["sweep"]

        assert found == {
            "state": "FINISHED",
            "bestLoss": 0.2,
            "runCount": 2,
            "runCountExpected": 2,
            "agents": {"edges": [{"node": {"totalRuns": 2}}]},
        }


class TestFunctionAgent:
    def test_count_ends_it_and_leaves_the_rest(
        self, live: LiveService, design_id: str, agents: list[subprocess.Popen[bytes]]
    ) -> None:
        finished = [t for t in trials_of(live, design_id) if t.state == TrialState.FINISHED]

        assert agents[1].returncode == 0
        assert len(finished) == 3

    def test_a_design_hands_each_setting_to_one_run(
        self, live: LiveService, design_id: str, agents: object
    ) -> None:
        found = {
            (run.summary["a"], run.summary["b"], run.summary["seed"])
            for run in runs_of(live, design_id)
            if run.state == RunState.FINISHED
        }

        assert len(found) == 3
        assert found < {(a, b, 0) for a in (1, 2) for b in ("x", "y")}
        assert len(trials_of(live, design_id)) == 4


class TestSweepCommandLine:
    def test_stop(self, live: LiveService) -> None:
        sweep_id = create_sweep(live, GRID, project="steer")

        live.wandb("sweep", "--stop", f"paribus/steer/{sweep_id}")

        assert sweep_of(live, sweep_id).state == SweepState.STOPPED

    def test_update_replaces_the_config_of_a_sweep_that_has_not_started(
        self, live: LiveService
    ) -> None:
        sweep_id = create_sweep(live, GRID, project="steer")
        write(live, "other.yaml", GRID.replace("[0.1, 0.2]", "[0.1, 0.2, 0.3]"))

        live.wandb("sweep", "--update", f"paribus/steer/{sweep_id}", "other.yaml")

        assert len(trials_of(live, sweep_id)) == 3

    def test_pause_resume_and_cancel_with_a_live_run(
        self, live: LiveService, endless: tuple[str, subprocess.Popen[bytes]]
    ) -> None:
        sweep_id, agent = endless
        wait_for(lambda: [r for r in runs_of(live, sweep_id) if r.history_lines > 5])

        live.wandb("sweep", "--pause", f"paribus/steer/{sweep_id}")
        paused = sweep_of(live, sweep_id).state
        live.wandb("sweep", "--resume", f"paribus/steer/{sweep_id}")
        resumed = sweep_of(live, sweep_id).state
        live.wandb("sweep", "--cancel", f"paribus/steer/{sweep_id}")
        agent.wait(60)

        assert (paused, resumed) == (SweepState.PAUSED, SweepState.RUNNING)
        wait_for(lambda: runs_of(live, sweep_id)[0].state == RunState.STOPPED)
        assert len(runs_of(live, sweep_id)) == 1
        assert {t.state for t in trials_of(live, sweep_id)} == {TrialState.CANCELLED}

    def test_a_mistake_is_shown_with_the_nearest_name(self, live: LiveService) -> None:
        write(live, "bad.yaml", GRID.replace("method: grid", "method: gird"))

        done = live.wandb("sweep", "--project", "steer", "bad.yaml", ok=False)

        assert done.returncode != 0
        assert "did you mean 'grid'" in done.stderr

    def test_an_unquoted_ratio_is_explained(self, live: LiveService) -> None:
        text = (
            GRID.replace("train.py", "paribus_agent.train")
            .replace("lr: {values: [0.1, 0.2]}", "train_test_ratio: {values: [1:1, 4:1]}")
            .replace("  opt: {value: {name: adam}}\n", "")
        )
        write(live, "bad.yaml", text)

        done = live.wandb("sweep", "--project", "steer", "bad.yaml", ok=False)

        assert "1:1" in done.stderr
        assert "quote" in done.stderr


class TestAgentWithoutASweep:
    def test_an_unknown_sweep_ends_the_agent_with_a_sentence(self, live: LiveService) -> None:
        done = live.wandb("agent", "paribus/sweeps/nosuchid", ok=False)

        assert done.returncode != 0
