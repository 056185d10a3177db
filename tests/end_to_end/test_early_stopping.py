"""`early_terminate` with plain `wandb agent`s: the bad run is stopped, the good ones go on.

Earns its seconds: only a real agent shows that a decision of ours reaches a process, that it ends,
and that what is left of it is a stopped trial and no failed one.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.harness import Bench, until

PROGRAM = Path(__file__).parent / "descending_program.py"
RULE = {"type": "hyperband", "min_iter": 2, "eta": 2, "strict": True}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A service that has agents stop their runs at once, and does not wait for the runs' own poll.

    wandb 0.31.0 sends and asks every 15 s each, which is thrice as long.
    """
    bench = Bench(tmp_path)
    try:
        bench.serve(PARIBUS_STOP_ESCALATION_SECONDS="0")
        yield bench
    finally:
        bench.close()


def by_lr(bench: Bench, sweep: str) -> dict[float, dict[str, Any]]:
    return {trial["args"]["lr"]: trial for trial in bench.trials(sweep)}


class TestEarlyStopping:
    def test_a_bad_run_is_stopped_with_its_reason_and_good_ones_go_on(self, bench: Bench) -> None:
        # int(3 / 2) = 1: at a band the second of three is the threshold, and lr 5 is behind it
        sweep = bench.launch(
            program=str(PROGRAM),
            parameters={"lr": {"values": [0.1, 0.2, 5.0]}},
            early_terminate=RULE,
        )
        agents = [bench.agent(sweep) for _ in range(3)]

        until(
            lambda: by_lr(bench, sweep)[5.0]["state"] == "stopped",
            what="the stop of the run with lr 5",
        )
        others = {by_lr(bench, sweep)[lr]["state"] for lr in (0.1, 0.2)}
        bench.release()
        codes = [agent.wait() for agent in agents]

        assert others == {"running"}
        assert codes == [0, 0, 0]
        assert {lr: t["state"] for lr, t in by_lr(bench, sweep).items()} == {
            0.1: "finished",
            0.2: "finished",
            5.0: "stopped",
        }
        assert [t["attempts"] for t in bench.trials(sweep)] == [1, 1, 1]
        self.assert_told(bench, sweep)

    def assert_told(self, bench: Bench, sweep: str) -> None:
        trial = by_lr(bench, sweep)[5.0]
        events = bench.get(f"/sweeps/{sweep}/events", page_size=100)["items"]
        [told] = [event for event in events if event["kind"] == "run.stopped_early"]

        assert told["trial_id"] == trial["id"]
        assert told["reason"] == trial["reason"]
        assert "above the threshold" in told["reason"]
        assert told["facts"]["compared"] == 3
        assert told["facts"]["value"] > told["facts"]["threshold"]
