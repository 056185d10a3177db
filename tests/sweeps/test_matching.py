"""Counting matched pairs: which runs differ in one factor alone."""

from typing import Any

from paribus_sweeps.design.matching import MatchedPairs, matched_pairs
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run

BATCH = Factor("batch", ("batch",), (Level("8", {"batch": 8}), Level("64", {"batch": 64})))
RATIO = Factor("ratio", ("ratio",), (Level("1:1", {"ratio": "1:1"}), Level("4:1", {})))
RATE = Factor("lr", ("lr",), (), kind="continuous")


def run(batch: str, ratio: str, seed: int = 0, **more: Any) -> Run:
    setting = {"batch": batch, "ratio": ratio}
    given: dict[str, Any] = {"value": 0.5, "blocks": {"gpu_name": "T4"}, **more}
    return Run(id=f"{batch}{ratio}{seed}", setting=setting, replicate={"seed": seed}, **given)


def count(runs: list[Run]) -> dict[str, MatchedPairs]:
    return {found.factor: found for found in matched_pairs([BATCH, RATIO, RATE], runs)}


class TestMatchedPairs:
    def test_a_factorial_pairs_every_seed_in_every_context(self) -> None:
        runs = [run(b, r, s) for b in ("8", "64") for r in ("1:1", "4:1") for s in (0, 1, 2)]

        found = count(runs)

        # 3 seeds x 2 levels of the other factor
        assert (found["batch"].pairs, found["batch"].contexts) == (6, 2)
        assert "6 matched pairs" in found["batch"].sentence
        assert "lr" not in found

    def test_factors_that_moved_together_have_none(self) -> None:
        found = count([run("8", "1:1"), run("64", "4:1")])

        assert found["batch"].pairs == found["ratio"].pairs == 0
        assert "No two of the 2 finished runs differ in `batch` alone" in found["batch"].sentence

    def test_another_seed_or_gpu_is_no_partner(self) -> None:
        assert count([run("8", "1:1", 0), run("64", "1:1", 1)])["batch"].pairs == 0
        other = {"gpu_name": "A100"}
        assert count([run("8", "1:1"), run("64", "1:1", blocks=other)])["batch"].pairs == 0

    def test_one_pair_is_singular(self) -> None:
        sentence = count([run("8", "1:1"), run("64", "1:1")])["batch"].sentence

        assert sentence.startswith("1 matched pair of finished runs")
        assert "1 setting of everything else" in sentence

    def test_a_repeat_of_a_run_is_no_further_pair(self) -> None:
        assert count([run("8", "1:1"), run("8", "1:1"), run("64", "1:1")])["batch"].pairs == 1

    def test_unfinished_runs_and_runs_without_value_are_left_out(self) -> None:
        crashed = run("64", "1:1", state="failed", value=None)
        silent = run("64", "1:1", value=None)

        assert count([run("8", "1:1"), crashed, silent])["batch"].pairs == 0

    def test_nothing_finished_says_so(self) -> None:
        found = count([])["batch"]

        assert found.sentence == "No run has finished yet, so nothing can be told of `batch`."
        assert found.as_dict()["pairs"] == 0

    def test_a_run_whose_loss_is_no_number_is_none(self) -> None:
        runs = [run("8", "1:1"), run("64", "1:1", value=float("nan"))]

        assert count(runs)["batch"].pairs == 0
