"""Hyperband decides as W&B's own engine does: its results are in cases.json (make_cases.py)."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paribus_sweeps.analysis.histories import History
from paribus_sweeps.analysis.hyperband import Decision, Progress, judge
from paribus_sweeps.spec import EarlyTerminate

TOLD = json.loads(Path(__file__).with_name("cases.json").read_text())
BY_THREE = EarlyTerminate(min_iter=3)


def progress(
    *values: float, rule: EarlyTerminate = BY_THREE, goal: str = "minimize", parts: int = 1
) -> Progress:
    made = Progress(rule.bands, goal)
    for part in np.array_split(np.array(values, dtype=float), parts):
        made.take(part)
    return made


def decide(
    run: Sequence[float], *others: Sequence[float], rule: EarlyTerminate = BY_THREE, **more: Any
) -> Decision:
    """The decision on one running run beside others that have ended."""
    runs = {n: progress(*v, rule=rule, **more) for n, v in enumerate([run, *others])}
    return judge(runs, rule, running={0})[0]


class TestAsWandbsEngine:
    @pytest.mark.parametrize("parts", [1, 4], ids=["at once", "as it comes"])
    @pytest.mark.parametrize("case", TOLD["cases"], ids=range(len(TOLD["cases"])))
    def test_the_same_runs_are_stopped_for_the_same_numbers(
        self, case: dict[str, Any], parts: int
    ) -> None:
        rule = EarlyTerminate(**case["rule"])
        runs = {
            run["name"]: progress(
                *History.of_rows(run["rows"])["metric"].values,
                rule=rule,
                goal=case["goal"],
                parts=parts,
            )
            for run in case["runs"]
        }

        decisions = judge(runs, rule, running=set(case["decided"]))

        sign = -1 if case["goal"] == "maximize" else 1  # the engine turns histories over
        assert {
            name: {"band": d.band, "value": sign * d.value, "threshold": sign * d.threshold}
            for name, d in decisions.items()
        } == {name: told for name, told in case["decided"].items() if told}
        assert sorted(name for name, d in decisions.items() if d.stop) == case["stopped"]

    @pytest.mark.parametrize("case", TOLD["cases"], ids=range(len(TOLD["cases"])))
    def test_the_bands_are_the_same(self, case: dict[str, Any]) -> None:
        bands = EarlyTerminate(**case["rule"]).bands

        if case["decided"]:  # without a running run the engine shows none
            assert [band for band in bands if band <= 1000] == case["bands"]

    def test_the_engines_own_example(self) -> None:
        # Docstring of hyperband_stop_runs: max_iter 5, eta 2, s 2 → bands 1 and 2. At band 2:
        # 6, 7, 8, 9, 10; int(5 / 2) = 2 → the threshold is 8.
        rule = EarlyTerminate(max_iter=5, eta=2, s=2)
        values = {"a": (10, 9), "b": (10, 10), "c": (10, 8, 8), "d": (10, 7, 7), "e": (10, 6, 6)}
        runs = {name: progress(*logged, rule=rule) for name, logged in values.items()}

        decisions = judge(runs, rule, running={"b", "c", "d"})

        assert {name: d.stop for name, d in decisions.items()} == {
            "b": True,
            "c": False,
            "d": False,
        }
        assert {d.threshold for d in decisions.values()} == {8.0}


class TestWhatIsCompared:
    def test_a_run_that_reached_no_band_is_not_judged(self) -> None:
        runs = {"a": progress(9, 9), "b": progress(1, 1, 1)}

        assert judge(runs, BY_THREE, running={"a"}) == {}

    def test_the_first_at_a_band_has_nobody_to_be_compared_with(self) -> None:
        made = decide([9, 9, 9])

        assert (made.stop, made.threshold, made.compared, made.rank) == (False, 9.0, 1, 1)

    def test_one_that_passed_is_stopped_once_better_ones_come(self) -> None:
        # 3 values at band 3: 1, 2, 9; int(3 / 3) = 1 → the threshold is 2, rank 2
        made = decide([9, 9, 9, 9], [1, 1, 1], [2, 2, 2])

        assert (made.stop, made.threshold, made.rank, made.compared) == (True, 2.0, 2, 3)

    def test_it_is_the_last_band_that_was_reached(self) -> None:
        # band 9: 5 alone, although the other was better at band 3
        made = decide([5] * 9, [1, 1, 1])

        assert (made.band, made.stop, made.logged) == (9, False, 9)

    def test_a_tie_with_the_threshold_passes(self) -> None:
        assert not decide([2, 2, 2], [1, 1, 1], [2, 2, 2]).stop

    def test_strict_judges_the_value_at_the_band_and_not_the_best(self) -> None:
        run, other = [0.5, 0.9, 9.0, 9.0], [1.0, 1.0, 1.0]
        lenient = EarlyTerminate(min_iter=3, strict=False)

        # at band 3: 1 and 9; int(2 / 3) = 0 → the threshold is 1
        assert decide(run, other).stop
        assert decide(run, other, rule=lenient).value == 0.5
        assert not decide(run, other, rule=lenient).stop

    def test_a_good_last_value_does_not_save_a_run_that_was_behind_at_the_band(self) -> None:
        assert decide([9, 9, 9, 0.1], [1, 1, 1]).stop
        assert not decide(
            [9, 9, 9, 0.1], [1, 1, 1], rule=EarlyTerminate(min_iter=3, strict=False)
        ).stop

    def test_more_is_better_where_the_goal_says_so(self) -> None:
        assert decide([0.5] * 3, [0.9] * 3, goal="maximize").stop
        assert not decide([0.9] * 3, [0.5] * 3, goal="maximize").stop

    def test_values_that_are_not_finite_do_not_count(self) -> None:
        made = progress(math.nan, 4, math.inf, -math.inf, 3, 2)

        assert (made.logged, made.best, made.at_bands) == (3, 2.0, {3: 2.0})
        assert progress(*[math.nan] * 9).band is None

    @pytest.mark.parametrize("value", [1e300, -1e300, 0.0, 5e-324])
    def test_values_of_any_size_are_compared(self, value: float) -> None:
        assert not decide([value] * 3, [value] * 3).stop

    def test_an_eta_next_to_one_lets_everybody_pass(self) -> None:
        # 1 / (1 + 2^-52) x 5 is 5 to a float: the rank stays the last one
        made = decide(
            [9] * 3, *[[n] * 3 for n in range(4)], rule=EarlyTerminate(3, eta=1 + 2**-52)
        )

        assert (made.stop, made.rank) == (False, 5)


class TestSentence:
    def test_a_stop_says_what_was_compared_with_what(self) -> None:
        assert decide([9, 9, 9], [1, 1, 1]).sentence("loss") == (
            "hyperband, band 3: `loss` at value 3 is 9, above the threshold 1, "
            "rank 1 of 2 runs that logged 3 values"
        )

    def test_a_pass_says_so(self) -> None:
        rule = EarlyTerminate(min_iter=3, strict=False)

        assert decide([0.9] * 3, rule=rule, goal="maximize").sentence("accuracy") == (
            "hyperband, band 3: the best `accuracy` is 0.9, not below the threshold 0.9, "
            "rank 1 of 1 run that logged 3 values"
        )
