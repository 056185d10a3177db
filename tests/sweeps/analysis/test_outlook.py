"""How many more runs would settle it, and whether that is true."""

import itertools
from typing import Any

import pytest

from paribus_sweeps.analysis import power
from paribus_sweeps.analysis.outlook import Outlook
from tests.sweeps.small_tables import asked, factor, run, table

CELLS = list(itertools.product((8, 64), range(6)))
WOBBLE = (0.0, 0.1, -0.1, 0.05, -0.05, 0.02)


def of(effect: float = 0.0, *, seeds: int = 6, own_seed: bool = True, **question: Any) -> Outlook:
    """The outlook of batch, in some seeds."""
    runs = [
        run(at, effect * (batch == 64) + WOBBLE[seed] * (1 if batch == 8 else -1),
            batch=batch, seed=seed if own_seed else at)
        for at, (batch, seed) in enumerate(CELLS)
        if seed < seeds
    ]  # fmt: skip
    found = asked(table(runs, [factor("batch", (8, 64))]), **question).answers[0].outlook
    assert found is not None
    return found


class TestOfPairs:
    def test_the_least_difference_that_is_seen_four_times_out_of_five(self) -> None:
        found = of()

        assert (found.unit, found.n) == ("pairs", 6)
        assert found.detectable is not None
        assert found.spread_planned is not None
        made = power.power_of_pairs(6, found.detectable, found.spread_planned)
        assert made == pytest.approx(0.8, abs=1e-4)

    def test_without_a_smallest_effect_a_table_stands_for_the_number(self) -> None:
        found = of()

        assert found.needed is None
        assert [row["effect_in_sd"] for row in found.as_dict()["without_pilot"]][:3] == [
            0.5, 0.8, 1.0
        ]  # fmt: skip
        assert "name the difference that matters" in found.sentence

    def test_the_fewest_pairs_are_the_fewest(self) -> None:
        """With one pair fewer the power is below .8."""
        found = of(smallest_effect=0.15, hours_per_run=0.5)

        assert found.needed is not None
        assert found.spread_planned is not None
        shown = [
            power.power_of_pairs(n, 0.15, found.spread_planned)
            for n in (found.needed - 1, found.needed)
        ]
        assert shown[1] >= 0.8
        assert found.more_runs == 2 * (found.needed - 6)
        assert found.gpu_hours == found.more_runs * 0.5
        assert f"{found.more_runs} more runs (about" in found.sentence

    def test_hours_that_were_not_measured_are_not_made_up(self) -> None:
        found = of(smallest_effect=0.15)

        assert found.gpu_hours is None
        assert "hours per run not measured" in found.sentence

    def test_enough_that_did_not_settle_it(self) -> None:
        """At the edge of what matters: neither a yes nor a no, however many there are."""
        found = of(smallest_effect=2.0)

        assert found.more_runs == 0
        assert "as many as these settle 2 four times out of five" in found.sentence

    def test_more_than_a_hundred_thousand_is_no_advice(self) -> None:
        found = of(smallest_effect=1e-6)

        assert (found.needed, found.more_runs) == (None, None)
        assert "would take more than 100,000 runs" in found.sentence


class TestOfTheModel:
    def test_counts_runs(self) -> None:
        found = of(own_seed=False, smallest_effect=0.1)

        assert found.unit == "runs"
        assert found.n == 12
        assert found.needed is not None
        assert found.needed % 2 == 0  # whole replicates of two settings
        assert found.more_runs == found.needed - 12

    def test_an_estimate_of_nothing_has_a_spread_all_the_same(self) -> None:
        """Both means are 0: the spread is that of the runs, 2 df."""
        runs = [run(at, value, batch=(8, 64)[at // 2]) for at, value in enumerate((-1, 1, 1, -1))]

        found = asked(table(runs, [factor("batch", (8, 64))])).answers[0].outlook

        assert found is not None
        assert found.spread == pytest.approx(2**0.5)  # 4 / 2 df


class TestOfNothing:
    def test_one_pair_tells_no_spread(self) -> None:
        found = of(seeds=1)

        assert (found.n, found.spread, found.detectable) == (1, None, None)
        assert found.without_pilot
        assert "one more seed at every setting" in found.sentence
