"""The shipped demo on another server: real BERT, real reviews, and both services killed.

What `make demo` runs, registered through Paribus A on server B; plain `wandb agent`s know B alone.

Slow (4 minutes on two quiet cores): twelve real trainings. It earns the claim that A's answers are
those that B computes from the same runs, to the last digit, and says what else differs, and why.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from paribus_sweeps import library
from tests.end_to_end.harness import BIN, Bench, Process, until
from tests.end_to_end.test_upstream import Pair, states

SWEEP = "batch-size-or-ratio-demo"
PATIENT = {
    # On two busy cores torch alone takes twenty seconds to load.
    "PARIBUS_RUN_TIMEOUT_SECONDS": "300",
    "PARIBUS_AGENT_TIMEOUT_SECONDS": "300",
}
OWN = frozenset(
    # What differs between two services that hold the same runs: addresses and versions of data …
    ["url", "data_version"]
    # … the moment at which each of them saw something; W&B tells times in milliseconds, and how
    # long a run took follows from when each side heard of it …
    + ["finished_at", "since", "hours", "hours_per_run"]
    # … and what B does not know: that there is a design, which levels it is compared with, and
    # that the sweep has done all of it (there, somebody has stopped it).
    + ["has_plan", "baseline", "state"]
)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    try:
        pair.b.serve(**PATIENT)
        pair.serve_a()
        yield pair
    finally:
        pair.close()


def trainer(b: Bench, sweep: str, number: int) -> Process:
    """A plain `wandb agent` on a host that trains."""
    environment = b.client_environment(
        HF_HUB_OFFLINE="1",
        OMP_NUM_THREADS="1",
        PARIBUS_CHECKPOINTS=str(b.home / "checkpoints"),
        NETRC=str(b.home / "netrc"),
    )
    process = Process(
        [str(BIN / "wandb"), "agent", f"paribus/imdb-demo/{sweep}"],
        env=environment,
        log=b.home / f"trainer-{number}.log",
        cwd=b.home,
    )
    b.processes.append(process)
    return process


def finished(bench: Bench, sweep: str) -> int:
    return [run["state"] for run in bench.runs(sweep)].count("finished")


def lines(bench: Bench, sweep: str) -> int:
    return sum(run["history_lines"] for run in bench.runs(sweep))


class TestTheShippedDemo:
    @pytest.mark.slow
    def test_every_training_once_and_both_sides_answer_alike(self, pair: Pair) -> None:
        a, b = pair.a, pair.b
        sweep = a.post("/sweeps", yaml.safe_load(library.load(SWEEP).text))["id"]
        agents = [trainer(b, sweep, number) for number in range(2)]

        until(lambda: finished(b, sweep) >= 1, seconds=600, what="a first training")
        pair.kill_a()
        until(lambda: finished(b, sweep) >= 3, seconds=600, what="trainings while A was dead")
        pair.serve_a()
        until(lambda: states(a, sweep).count("finished") >= 3, what="A sees what was done")
        pair.kill_b()
        until(lambda: a.get(f"/sweeps/{sweep}")["upstream"]["problem"], what="A says B is down")
        pair.kill_a()
        b.serve(**PATIENT)
        pair.serve_a()
        until(lambda: a.sweep_state(sweep) == "finished", seconds=1800, what="the end")
        until(lambda: lines(a, sweep) == lines(b, sweep), what="the last history")

        assert [agent.wait() for agent in agents] == [0, 0]
        assert [(t["state"], t["attempts"]) for t in a.trials(sweep)] == [("finished", 1)] * 12
        assert len(b.runs(sweep)) == 12
        self.assert_factors_are_judged_alike(pair, sweep)
        self.assert_importance_differs_since_b_knows_no_design(pair, sweep)
        self.assert_curves_and_what_they_show_are_the_same(pair, sweep)

    def assert_factors_are_judged_alike(self, pair: Pair, sweep: str) -> None:
        for kind in ("best", "factors", "confounding", "contrasts", "effects", "follow-ups"):
            here, there = both(pair, f"/sweeps/{sweep}/{kind}")
            assert different(here, there) <= OWN, kind
        for kind in ("best", "contrasts", "effects"):
            asked = {"response": "log_sd(train_step/grad_norm)"}
            here, there = both(pair, f"/sweeps/{sweep}/{kind}", **asked)
            assert different(here, there) <= OWN, kind
        here, there = both(pair, f"/sweeps/{sweep}/power")
        assert different(here, there) <= OWN
        best = both(pair, f"/sweeps/{sweep}/best")
        ours, theirs = (datetime.fromisoformat(side["best"][0]["finished_at"]) for side in best)
        assert timedelta() <= theirs - ours < timedelta(milliseconds=1)

    def assert_importance_differs_since_b_knows_no_design(self, pair: Pair, sweep: str) -> None:
        here, there = (side["importance"] for side in both(pair, f"/sweeps/{sweep}/importance"))

        assert here["note"].startswith("A design chose these settings")
        assert there["note"].startswith("12 finished runs: a forest takes 20")

    def assert_curves_and_what_they_show_are_the_same(self, pair: Pair, sweep: str) -> None:
        for path, query in (
            ("curves", {"keys": "eval/loss,train/loss"}),
            ("findings", {}),
            ("throughput", {}),
        ):
            here, there = both(pair, f"/sweeps/{sweep}/{path}", **query)
            assert different(here, there) <= OWN, path
        ours, theirs = (
            {run["wandb_id"]: run["id"] for run in side.runs(sweep)} for side in (pair.a, pair.b)
        )
        for name in ours:
            for kind in ("history", "throughput", "findings"):
                here = named(pair.a.get(f"/runs/{ours[name]}/{kind}"), pair.a, sweep)
                there = named(pair.b.get(f"/runs/{theirs[name]}/{kind}"), pair.b, sweep)
                assert different(here, there) <= OWN, (name, kind)


def both(pair: Pair, path: str, **query: Any) -> tuple[Any, Any]:
    """An answer of each side, its runs named by W&B's ids."""
    sweep = path.split("/")[2]
    ours, theirs = (named(side.get(path, **query), side, sweep) for side in (pair.a, pair.b))
    return ours, theirs


def named(value: Any, bench: Bench, sweep: str) -> Any:
    names = {run["id"]: run["wandb_id"] for run in bench.runs(sweep)}
    return _renamed(value, names)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {_renamed(k, names): _renamed(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if isinstance(value, str):
        for own, wandb_id in names.items():
            value = value.replace(own, wandb_id)
    return value


def different(here: Any, there: Any, key: str = "") -> set[str]:
    """The innermost keys under which two answers differ."""
    if isinstance(here, dict) and isinstance(there, dict):
        keys = here.keys() | there.keys()
        return {
            name
            for key in keys
            for name in different(here.get(key, "missing"), there.get(key, "missing"), key)
        }
    if isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        pairs = zip(here, there, strict=True)
        return {name for one, other in pairs for name in different(one, other, key)}
    return set() if here == there or (here != here and there != there) else {key}
