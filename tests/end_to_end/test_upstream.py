"""Paribus A drives a sweep on server B, a second Paribus, through the real client.

`wandb agent`s know B alone. Both are killed with kill -9 on the way, and each trial is done once.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.harness import KEY, PROGRAM, Bench, until

QUICK_DRIVER = {
    "PARIBUS_DRIVER_INTERVAL_SECONDS": "0.3",
    "PARIBUS_DRIVER_BACKOFF_SECONDS": "1",
    "PARIBUS_DRIVER_RESEND_SECONDS": "5",
    "PARIBUS_WANDB_REQUESTS_PER_MINUTE": "3000",
}
DESIGN = {
    "name": "story",
    "project": "lab",
    "program": str(PROGRAM),
    "metric": {"name": "loss", "goal": "minimize"},
    "design": {
        "type": "full_factorial",
        # In the alphabet's order, which is the one that the wandb client writes a config in.
        "factors": {"batch": {"levels": [8, 64]}, "lr": {"levels": [0.1, 0.2]}},
        "replicates": {"seed": [0, 1]},
    },
}


class Pair:
    """Two services: B, the server whose agents do the work; A, which drives them."""

    def __init__(self, directory: Path) -> None:
        for name in ("a", "b"):
            (directory / name).mkdir()
        self.b = Bench(directory / "b")
        self.a = Bench(directory / "a")

    def start(self) -> None:
        self.b.serve()
        self.serve_a()

    def serve_a(self) -> None:
        self.a.serve(PARIBUS_WANDB_BASE_URL=self.b.url, PARIBUS_WANDB_API_KEY=KEY, **QUICK_DRIVER)

    def kill_a(self) -> None:
        assert self.a.service is not None
        self.a.service.kill()

    def kill_b(self) -> None:
        assert self.b.service is not None
        self.b.service.kill()

    def close(self) -> None:
        self.a.close()
        self.b.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    try:
        pair.start()
        yield pair
    finally:
        pair.close()


def states(bench: Bench, sweep: str) -> list[str]:
    return [trial["state"] for trial in bench.trials(sweep)]


def answers(bench: Bench, sweep: str, kind: str) -> Any:
    return bench.get(f"/sweeps/{sweep}/{kind}")


class TestTwoServices:
    def test_every_trial_once_though_both_are_killed_and_both_answer_alike(
        self, pair: Pair
    ) -> None:
        a, b = pair.a, pair.b
        launched = a.post("/sweeps", DESIGN)
        sweep = launched["id"]
        assert launched["tracking"] == "upstream"
        assert launched["links"]["wandb"] == f"{b.url}/paribus/lab/sweeps/{sweep}"
        agents = [b.agent(sweep), b.agent(sweep)]
        until(lambda: len(b.started()) == 2, what="two programs' start")

        pair.kill_a()
        first = sorted(b.started())
        b.release(first)
        until(lambda: len(b.started()) > 2, what="a run that waited there while A was dead")
        pair.serve_a()
        until(lambda: states(a, sweep).count("finished") == 2, what="A sees what was done")
        pair.kill_b()
        until(lambda: a.get(f"/sweeps/{sweep}")["upstream"]["problem"], what="A says B is down")
        b.serve()
        pair.kill_a()
        pair.serve_a()
        b.release()
        until(lambda: a.sweep_state(sweep) == "finished", seconds=180, what="the end")

        assert [agent.wait() for agent in agents] == [0, 0]
        self.assert_each_once(pair, sweep)
        self.assert_they_answer_alike(pair, sweep)
        self.assert_the_key_is_nowhere(pair)

    def assert_each_once(self, pair: Pair, sweep: str) -> None:
        assert states(pair.a, sweep) == ["finished"] * 8
        assert [trial["attempts"] for trial in pair.a.trials(sweep)] == [1] * 8
        ours = {run["wandb_id"] for run in pair.a.runs(sweep)}
        theirs = {run["wandb_id"]: run for run in pair.b.runs(sweep)}
        assert ours == set(theirs) == set(pair.b.started())
        assert {run["state"] for run in theirs.values()} == {"finished"}
        settings = [
            tuple(
                pair.b.get(f"/runs/{run['id']}")["config"][key] for key in ("lr", "batch", "seed")
            )
            for run in theirs.values()
        ]
        assert len(set(settings)) == 8

    def assert_they_answer_alike(self, pair: Pair, sweep: str) -> None:
        best_a, best_b = (answers(side, sweep, "best") for side in (pair.a, pair.b))
        assert best_a["best"][0]["wandb_id"] == best_b["best"][0]["wandb_id"]
        assert best_a["best"][0]["value"] == best_b["best"][0]["value"] == 0.1 + 8 / 1000
        for kind, key in (("contrasts", "contrasts"), ("effects", "effects")):
            ours, theirs = (answers(side, sweep, kind) for side in (pair.a, pair.b))
            assert len(numbers(ours[key])) > 10, kind
            assert numbers(ours[key]) == numbers(theirs[key]), kind

    def assert_the_key_is_nowhere(self, pair: Pair) -> None:
        held = subprocess.run(
            ["grep", "-rl", KEY, str(pair.a.home)], capture_output=True, text=True, check=False
        )
        assert held.stdout == ""


def numbers(value: Any, path: str = "") -> dict[str, float]:
    """Every number in an answer, by where it stands."""
    if isinstance(value, dict):
        found: dict[str, float] = {}
        for key, inner in value.items():
            found |= numbers(inner, f"{path}/{key}")
        return found
    if isinstance(value, list):
        found = {}
        for place, inner in enumerate(value):
            found |= numbers(inner, f"{path}/{place}")
        return found
    return {path: value} if isinstance(value, int | float) else {}
