"""Register over REST → two `wandb agent`s → every trial once → the same best run everywhere."""

import json
import subprocess
import sys
from typing import Any

from tests.end_to_end.harness import Bench, until

ASK_WANDB = """
import json, sys, wandb
api = wandb.Api()
sweep = api.sweep(sys.argv[1])
runs = {}
for run in sweep.runs:
    rows = list(run.scan_history())
    runs[run.id] = {"state": run.state, "config": dict(run.config), "rows": rows,
                    "summary": run.summary.get("loss")}
print(json.dumps({"best": sweep.best_run().id, "state": sweep.state, "runs": runs}))
"""


def ask_wandb(bench: Bench, sweep: str) -> Any:
    """What `wandb.Api()` says of a sweep, from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", ASK_WANDB, f"paribus/lab/{sweep}"],
        env=bench.client_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class TestSweep:
    def test_two_agents_do_every_trial_once_and_all_agree_on_the_best(self, bench: Bench) -> None:
        sweep = bench.launch()
        bench.release()

        agents = [bench.agent(sweep), bench.agent(sweep)]
        codes = [agent.wait() for agent in agents]

        assert codes == [0, 0]
        assert bench.sweep_state(sweep) == "finished"
        trials = bench.trials(sweep)
        assert [(t["state"], t["attempts"]) for t in trials] == [("finished", 1)] * 4
        assert len(bench.runs(sweep)) == 4
        self.assert_all_agree(bench, sweep)

    def assert_all_agree(self, bench: Bench, sweep: str) -> None:
        ours = bench.get(f"/sweeps/{sweep}/best")
        theirs = ask_wandb(bench, sweep)

        from_history = {
            run_id: [row["loss"] for row in run["rows"]][-1]
            for run_id, run in theirs["runs"].items()
        }
        best_id = min(from_history, key=lambda run_id: from_history[run_id])
        assert ours["best"][0]["wandb_id"] == theirs["best"] == best_id
        assert ours["best"][0]["value"] == from_history[best_id] == 0.1 + 8 / 1000
        for factor in ours["factors"]:
            for level in factor["levels"]:
                at_level = [
                    from_history[run_id]
                    for run_id, run in theirs["runs"].items()
                    if str(run["config"][factor["factor"]]) == level["level"]
                ]
                assert level["n"] == len(at_level) == 2
                assert level["value"] == min(at_level)

    def test_one_trial_and_two_agents_make_one_run(self, bench: Bench) -> None:
        sweep = bench.launch(parameters={"lr": {"value": 0.1}})
        agents = [bench.agent(sweep), bench.agent(sweep)]
        until(bench.started, what="the one run's start")

        bench.release()

        assert [agent.wait() for agent in agents] == [0, 0]
        assert len(bench.runs(sweep)) == 1
        assert bench.trials(sweep)[0]["state"] == "finished"
