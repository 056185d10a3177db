"""The same service, spoken to by client 0.21.4, whose Python part still asks GraphQL itself."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import RunState, TrialState
from tests.protocol.live import LiveService

_FOUND = os.environ.get("PARIBUS_OLD_WANDB", Path(__file__).parents[2] / ".venv-wandb-0.21")
OLD = str(Path(_FOUND, "bin", "python"))
pytestmark = pytest.mark.skipif(
    not Path(OLD).exists(),
    reason="no client 0.21.4 here: `make test-deps` installs it into .venv-wandb-0.21 "
    "(or name another with PARIBUS_OLD_WANDB)",
)

RUN = """
import wandb
assert wandb.__version__.startswith("0.21."), wandb.__version__
run = wandb.init(project="old", id="r", config={"a": 1}, resume="allow")
for i in range(5):
    run.log({"i": i})
run.finish()
"""
SWEEP = """
import wandb
def train():
    with wandb.init() as run:
        run.log({"loss": run.config["lr"]})
sweep = wandb.sweep(
    {"method": "grid", "metric": {"name": "loss", "goal": "minimize"},
     "parameters": {"lr": {"values": [0.1, 0.2]}}}, project="old")
print("sweep", sweep)
wandb.agent(sweep, function=train, project="old", count=2)
print("best", wandb.Api().sweep("old/" + sweep).best_run().config["lr"])
"""


@pytest.fixture(scope="module")
def sweeping(live: LiveService) -> subprocess.CompletedProcess[str]:
    return live.client(SWEEP, python=OLD)


class TestOldClient:
    def test_a_run_and_its_resume(self, live: LiveService) -> None:
        for _ in range(2):
            live.client(RUN, python=OLD)

        run = live.run("old", "r")
        assert [(row["_step"], row["i"]) for row in live.history(run)] == [
            (i, i % 5) for i in range(10)
        ]
        assert (run.state, run.config["a"]) == (RunState.FINISHED, {"value": 1})

    def test_a_sweep_and_its_agent(
        self, live: LiveService, sweeping: subprocess.CompletedProcess[str]
    ) -> None:
        found = re.search(r"sweep (\w{8})$", sweeping.stdout, re.MULTILINE)
        assert found, sweeping.stdout

        with live.reading() as session:
            trials = sweep_store.list_trials(session, found.group(1))
            runs = run_store.list_runs(session, sweep_id=found.group(1))
        assert [trial.state for trial in trials] == [TrialState.FINISHED] * 2
        assert len(runs) == 2

    def test_the_best_run_by_its_public_api(
        self, sweeping: subprocess.CompletedProcess[str]
    ) -> None:
        assert "best 0.1" in sweeping.stdout

    def test_login_and_the_command_line(self, live: LiveService) -> None:
        (live.directory / "old.yaml").write_text(
            "program: t.py\nmethod: grid\nparameters:\n  lr: {values: [1, 2]}\n"
        )

        done = live.wandb("sweep", "--project", "old", "old.yaml", python=OLD)

        assert re.search(r"wandb agent paribus/old/\w{8}", done.stderr + done.stdout)
