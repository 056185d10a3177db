"""Sweeps that real clients drive: the controller, `sweep-scheduler`, and a script that enqueues.

It earns its time: each of them decides by itself when its sweep is at its end.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.events import list_events
from paribus_service.store.states import RunState, SweepState, TrialState
from paribus_service.store.tables import Run, Sweep, Trial
from tests.protocol.live import CLIENT_SECONDS, LiveService, wait_for

_ROOT = Path(__file__).parents[2]
_FOUND = os.environ.get("PARIBUS_WANDB_SWEEPS", _ROOT / ".venv-wandb-sweeps")
WITH_SWEEPS = str(Path(_FOUND, "bin", "python"))
_OLD = _ROOT / ".venv-wandb-0.21"
ENTRY = '\\"schedule\\": [{'  # in the body of a request, text in a text

needs_sweeps = pytest.mark.skipif(
    not Path(WITH_SWEEPS).exists(),
    reason="no client with W&B's search engine here: `make test-deps` installs it into "
    ".venv-wandb-sweeps (or name another with PARIBUS_WANDB_SWEEPS)",
)
needs_old = pytest.mark.skipif(
    not Path(WITH_SWEEPS).exists() or not _OLD.exists(),
    reason="no client 0.21.4 beside W&B's search engine here: `make test-deps` installs both",
)

AGENT = """
import time, wandb
def train():
    with wandb.init() as run:
        for step in range(3):
            run.log({"loss": (run.config["lr"] - 0.2) ** 2})
        while run.config.get("endless"):
            time.sleep(0.1)
wandb.agent("SWEEP", function=train, entity="paribus", project="driven")
"""
# The second way of three that wandb_controller.py documents; `run` is the same, 5 s apart.
CONTROLLER = """
import time, wandb
print("client", wandb.__version__)
tuner = wandb.controller()
tuner.configure({"method": "grid", "metric": {"name": "loss", "goal": "minimize"},
                 "controller": {"type": "local"},
                 "parameters": {"lr": {"values": [0.1, 0.2, 0.3]}}})
print("sweep", tuner.create(), flush=True)
while not tuner.done():
    tuner.step()
    tuner.print_status()
    time.sleep(0.2)
print("done")
"""
# Three good runs, then one that is worse and would go on for ever.
STOPPING = """
import time, sweeps, wandb
def search(config, runs):
    if len(runs) == 4:
        return None
    config = {"lr": 0.9 if len(runs) == 3 else 0.2, "endless": len(runs) == 3}
    return sweeps.SweepRun(config={key: {"value": value} for key, value in config.items()})
tuner = wandb.controller()
tuner.configure_search(search)
tuner.configure_stopping("hyperband", min_iter=2)
tuner.configure_metric("loss", goal="minimize")
tuner.configure_parameter("lr", min=0.0, max=1.0)
tuner.configure_controller(type="local")
print("sweep", tuner.create(), flush=True)
while not tuner.done():
    tuner.step()
    time.sleep(0.2)
print("done")
"""
ENQUEUES = """
import wandb
sweep_id = wandb.sweep({"method": "custom", "metric": {"name": "loss", "goal": "minimize"},
                        "parameters": {"lr": {"values": [0.1, 0.2]}}},
                       entity="paribus", project="driven")
sweep = wandb.Api().sweep(f"paribus/driven/{sweep_id}")
for i in range(3):
    print("run", sweep.enqueue_run({"lr": 0.1 * (i + 1)}, display_name=f"trial {i}"))
print("sweep", sweep_id)
print("states", [run.state for run in wandb.Api().sweep(f"paribus/driven/{sweep_id}").runs])
"""
SCHEDULED = """
method: grid
metric: {name: loss, goal: minimize}
parameters: {lr: {values: [0.1, 0.2, 0.3]}}
scheduler: {engine: wandb}
"""


class _Driven:
    """A client that drives a sweep, and an agent that works on it once it is there."""

    def __init__(
        self,
        live: LiveService,
        *command: str,
        sweep_id: str | None = None,
        env: Mapping[str, str] = {},
    ) -> None:
        self._out = live.directory / f"driver-{len(list(live.directory.glob('driver-*')))}.txt"
        with self._out.open("wb") as out:
            self._process = subprocess.Popen(
                command,
                env=live.env | {"PYTHONWARNINGS": "ignore", "WANDB_PROJECT": "driven", **env},
                cwd=live.directory,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.sweep_id = sweep_id or self._registered()
        live.start_client(AGENT.replace("SWEEP", self.sweep_id))

    def _registered(self) -> str:
        """The sweep that the client has registered by itself."""
        pattern = re.compile(r"^sweep (\w{8})$", re.MULTILINE)
        found = wait_for(lambda: pattern.search(self._said) or self._process.poll() is not None)
        assert isinstance(found, re.Match), self._said
        return found.group(1)

    @property
    def _said(self) -> str:
        return self._out.read_text()

    def wait(self) -> str:
        """All that it said, once it has ended by itself, and well."""
        try:
            code = self._process.wait(2 * CLIENT_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
        assert code == 0, self._said
        return self._said


def sweep_of(live: LiveService, sweep_id: str) -> Sweep:
    with live.reading() as session:
        return sweep_store.get_sweep(session, sweep_id)


def trials_of(live: LiveService, sweep_id: str) -> list[Trial]:
    with live.reading() as session:
        return list(sweep_store.list_trials(session, sweep_id))


def runs_of(live: LiveService, sweep_id: str) -> list[Run]:
    with live.reading() as session:
        return list(run_store.list_runs(session, sweep_id=sweep_id))[::-1]


@pytest.fixture(scope="module")
def drivers(live: LiveService) -> dict[str, _Driven]:
    """Whatever of these is installed, side by side: each takes its time alone as well."""
    started: dict[str, _Driven] = {}
    if Path(WITH_SWEEPS).exists():
        live.faults.lose_reply(ENTRY, times=1)  # the controller writes that once more
        started["newest"] = _Driven(live, WITH_SWEEPS, "-c", CONTROLLER)
        wait_for(lambda: not live.faults.rules[0].times)
        started["stopping"] = _Driven(live, WITH_SWEEPS, "-c", STOPPING)
        for own in _OLD.glob("lib/python*/site-packages"):
            env = {"PYTHONPATH": str(own)}
            started["old"] = _Driven(live, WITH_SWEEPS, "-c", CONTROLLER, env=env)
        started["scheduler"] = _scheduled(live)
    return started


def _scheduled(live: LiveService) -> _Driven:
    """`wandb sweep`, and the command that it then tells."""
    (live.directory / "scheduled.yaml").write_text(SCHEDULED)
    done = live.wandb("sweep", "--project", "driven", "scheduled.yaml")
    found = re.search(r"wandb sweep-scheduler (\S+/(\w{8}))", done.stderr + done.stdout)
    assert found, done.stderr + done.stdout
    command = [WITH_SWEEPS, "-m", "wandb", "sweep-scheduler", "--poll-interval", "0.3"]
    return _Driven(live, *command, found.group(1), sweep_id=found.group(2))


@pytest.fixture(scope="module")
def script(live: LiveService) -> str:
    """What a script said that put three runs into the queue; one reply to it was lost."""
    live.faults.lose_reply("enqueueSweepRun", times=1)
    return live.client(ENQUEUES).stdout


@needs_sweeps
class TestController:
    def test_it_comes_to_its_end(self, live: LiveService, drivers: dict[str, _Driven]) -> None:
        said = drivers["newest"].wait()

        assert said.splitlines()[-1] == "done"
        assert "WARN" not in said
        assert sweep_of(live, drivers["newest"].sweep_id).state == SweepState.FINISHED

    def test_each_setting_ran_once(self, live: LiveService, drivers: dict[str, _Driven]) -> None:
        drivers["newest"].wait()

        sweep_id = drivers["newest"].sweep_id
        trials = trials_of(live, sweep_id)
        assert [trial.args["lr"] for trial in trials] == [0.1, 0.2, 0.3]
        assert {trial.state for trial in trials} == {TrialState.FINISHED}
        assert [run.state for run in runs_of(live, sweep_id)] == [RunState.FINISHED] * 3

    def test_a_written_schedule_whose_reply_was_lost_came_twice(
        self, live: LiveService, drivers: dict[str, _Driven]
    ) -> None:
        drivers["newest"].wait()

        written = [(body, told) for _, _, body, told in live.faults.seen if ENTRY.encode() in body]
        [lost] = [body for body, status in written if status == 502]
        assert (lost, 200) in written

    def test_the_best_run_is_found(self, live: LiveService, drivers: dict[str, _Driven]) -> None:
        drivers["newest"].wait()
        sweep = f'wandb.Api().sweep("paribus/driven/{drivers["newest"].sweep_id}")'

        told = live.client(f"import wandb\nprint({sweep}.best_run().config)").stdout

        assert "{'lr': 0.2}" in told

    def test_a_search_of_ones_own_and_the_clients_early_stop(
        self, live: LiveService, drivers: dict[str, _Driven]
    ) -> None:
        drivers["stopping"].wait()

        sweep_id = drivers["stopping"].sweep_id
        with live.reading() as session:
            events = list_events(session, sweep_id=sweep_id, limit=200)
        states = [trial.state for trial in trials_of(live, sweep_id)]
        assert states == [TrialState.FINISHED] * 3 + [TrialState.STOPPED]
        assert [event.reason for event in events if event.kind == "run.stopped_early"] == [
            "the client's controller stops it early"
        ]


@needs_old
class TestOldController:
    def test_client_0_21_drives_a_sweep_to_its_end(
        self, live: LiveService, drivers: dict[str, _Driven]
    ) -> None:
        """Its own code and packages, and the engine of the other environment."""
        said = drivers["old"].wait()

        sweep_id = drivers["old"].sweep_id
        assert "client 0.21.4" in said
        assert [trial.args["lr"] for trial in trials_of(live, sweep_id)] == [0.1, 0.2, 0.3]
        assert sweep_of(live, sweep_id).trial_counts == {"finished": 3}


@needs_sweeps
class TestSweepScheduler:
    def test_it_comes_to_its_end(self, live: LiveService, drivers: dict[str, _Driven]) -> None:
        said = drivers["scheduler"].wait()

        sweep_id = drivers["scheduler"].sweep_id
        trials = trials_of(live, sweep_id)
        assert sorted(trial.args["lr"] for trial in trials) == [0.1, 0.2, 0.3], said
        assert sweep_of(live, sweep_id).trial_counts == {"finished": 3}
        assert sweep_of(live, sweep_id).state == SweepState.STOPPED  # W&B's FINISHED, asked for


class TestScript:
    def test_the_runs_are_there_before_any_agent_is(self, script: str) -> None:
        assert "states ['pending', 'pending', 'pending']" in script

    def test_an_agent_is_given_those_runs_each_once(self, live: LiveService, script: str) -> None:
        [sweep_id] = re.findall(r"^sweep (\w+)$", script, re.MULTILINE)
        live.start_client(AGENT.replace("SWEEP", sweep_id))
        wait_for(lambda: sweep_of(live, sweep_id).trial_counts == {"finished": 3}, seconds=60)

        runs = runs_of(live, sweep_id)
        assert [run.wandb_id for run in runs] == re.findall(r"^run (\w+)$", script, re.MULTILINE)
        assert [run.display_name for run in runs] == ["trial 0", "trial 1", "trial 2"]
        assert sweep_of(live, sweep_id).state == SweepState.RUNNING  # more may come

        live.wandb("sweep", "--stop", f"paribus/driven/{sweep_id}")
        assert sweep_of(live, sweep_id).state == SweepState.STOPPED
