"""What `wandb.Api()` reads of a sweep: its runs, the best one, its agents."""

from tests.protocol_api.conftest import Live

_SCRIPT = """
config = {
    "method": "grid", "metric": {"name": "val/loss", "goal": "minimize"}, "name": "mine",
    "parameters": {"lr": {"values": [0.3, 0.1]}},
}
sweep_id = wandb.sweep(config, project="swept")

def train():
    with wandb.init() as run:
        for step in range(3):
            run.log({"val/loss": run.config["lr"] / (step + 1)})

wandb.agent(sweep_id, function=train, project="swept")
with wandb.init(project="swept", id="outside") as run:
    run.log({"val/loss": 1e-9})

api = wandb.Api()
path = f"paribus/swept/{sweep_id}"
sweep = api.sweep(path)
out["id"] = sweep.id == sweep_id
out["state"] = sweep.state
out["runs"] = [run.config["lr"] for run in sweep.runs]
out["expected"] = sweep.expected_run_count
out["order"] = sweep.order
out["best"] = sweep.best_run().config["lr"]
out["best_of_maximum"] = sweep.best_run(order="-summary_metrics.val/loss").config["lr"]
out["sweeps"] = [s.id == sweep_id for s in api.project("swept", entity="paribus").sweeps()]
out["filtered"] = len(api.runs("paribus/swept", filters={"sweep": sweep_id}))
out["all"] = len(api.runs("paribus/swept"))
out["of_run"] = sweep.runs[0].sweep.id == sweep_id
agents = list(sweep.agents())
out["agents"] = [len(agents), len(list(agents[0].runs())) if agents else None]
"""


def test_a_sweep_is_read_back_with_its_best_run_and_its_agents(live: Live) -> None:
    out = live.client(_SCRIPT)

    assert out["id"]
    assert out["state"] == "FINISHED"
    assert sorted(out["runs"]) == [0.1, 0.3]
    assert out["expected"] == 2
    assert out["order"] == "+summary_metrics.val/loss"
    assert out["best"] == 0.1  # the still better one is no run of the sweep
    assert out["best_of_maximum"] == 0.3
    assert out["sweeps"] == [True]
    assert (out["filtered"], out["all"]) == (2, 3)
    assert out["of_run"]
    assert out["agents"] == [1, 2]


def test_a_sweep_without_a_name_is_named_by_its_id(live: Live) -> None:
    out = live.client(
        """
config = {"method": "random", "parameters": {"lr": {"values": [0.3, 0.1]}}}
sweep_id = wandb.sweep(config, project="nameless")
sweep = wandb.Api().sweep(f"paribus/nameless/{sweep_id}")
out["name"] = sweep.name == sweep_id
"""
    )

    assert out["name"]
