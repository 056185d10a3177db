"""Ratios between kinds of GPU: over pairs, with an interval only where there are several."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paribus_sweeps.analysis.device_ratio import DeviceRate, DeviceRatio, device_ratios

T4, A100, L4 = "Tesla T4", "NVIDIA A100", "NVIDIA L4"


def ratio_of(*rates: tuple[str, str, float], seed: str | None = None) -> DeviceRatio:
    """The only ratio of runs (device, what must match, rate)."""
    [found] = device_ratios(
        (DeviceRate(f"run-{i}", *rate) for i, rate in enumerate(rates)), seed=seed
    )
    return found


def of_intervals(run: str, device: str, spans: list[float]) -> DeviceRate:
    """A run of ten steps an interval."""
    counts, seconds = np.full(len(spans), 10.0), np.array(spans)
    return DeviceRate(run, device, "same", counts.sum() / seconds.sum(), counts, seconds)


class TestTheStory:
    def test_two_runs_that_were_cut_off_are_one_pair_and_no_interval(self):
        """17.233 / 4.553 = 3.785 (DESIGN 1, 8)."""
        found = ratio_of((T4, "R4", 4.553), (A100, "R4", 17.233))

        assert found.ratio == pytest.approx(3.785, abs=5e-4)
        assert (found.device, found.against, found.n) == (A100, T4, 1)
        assert (found.low, found.high, found.these_two_runs) == (None, None, None)
        assert found.sentence == (
            "NVIDIA A100 was 3.785 times as fast as Tesla T4 (n = 1, no interval: one pair says "
            "nothing of how pairs differ)."
        )

    def test_the_pair_is_told_by_its_runs(self):
        found = ratio_of((T4, "R4", 4.553), (A100, "R4", 17.233)).as_dict()

        assert found["pairs"] == [
            {"runs": ["run-1"], "against": ["run-0"], "ratio": pytest.approx(3.785, abs=5e-4)}
        ]
        assert json.loads(json.dumps(found, allow_nan=False)) == found


class TestPairs:
    def test_the_mean_is_of_logarithms_with_a_t_interval(self):
        """Of ln 2, ln 4, ln 8: mean ln 4, sd ln 2; t(2, .975) = 4.302653 (R: qt(.975, 2)).

        Half width 4.302653 x ln 2 / sqrt(3) = 1.721882, so 4 / 5.595 to 4 x 5.595.
        """
        found = ratio_of(
            *[(T4, m, 1.0) for m in "abc"], (A100, "a", 2.0), (A100, "b", 4.0), (A100, "c", 8.0)
        )

        assert (found.n, found.ratio) == (3, pytest.approx(4))
        half = 4.302652729911275 * math.log(2) / math.sqrt(3)
        assert (found.low, found.high) == (
            pytest.approx(4 * math.exp(-half)),
            pytest.approx(4 * math.exp(half)),
        )
        assert found.sentence == (
            "NVIDIA A100 was 4 times as fast as Tesla T4 (n = 3 pairs, 95% interval 0.7149 to "
            "22.38)."
        )

    def test_the_level_is_the_callers(self):
        """t(1, .75) = 1: ln 2 and ln 8 give ln 4 ± ln 2."""
        rates = [DeviceRate(f"a{m}", T4, m, 1.0) for m in "xy"]
        rates += [DeviceRate("bx", A100, "x", 2.0), DeviceRate("by", A100, "y", 8.0)]

        [found] = device_ratios(rates, level=0.5)

        assert (found.low, found.high) == (pytest.approx(2), pytest.approx(8))

    def test_equal_ratios_have_no_variation_and_no_interval(self):
        found = ratio_of((T4, "a", 1.0), (A100, "a", 3.0), (T4, "b", 2.0), (A100, "b", 6.0))

        assert (found.n, found.ratio, found.low) == (2, pytest.approx(3), None)
        assert "no variation" in found.sentence

    def test_repeats_of_one_setting_are_one_pair(self):
        """The logarithms of 2 and 8 on one side: their mean is ln 4."""
        found = ratio_of((T4, "a", 1.0), (A100, "a", 2.0), (A100, "a", 8.0), seed="s")

        assert (found.n, found.ratio) == (1, pytest.approx(4))
        assert found.pairs[0].faster == ("run-1", "run-2")
        assert found.these_two_runs is None

    def test_runs_that_differ_in_more_are_no_pair(self):
        found = ratio_of((T4, "batch 8", 1.0), (A100, "batch 64", 8.0))

        assert (found.n, found.ratio) == (0, None)
        assert found.sentence == (
            "NVIDIA A100 and Tesla T4 cannot be compared: no two runs are equal in everything "
            "but the GPU."
        )

    def test_one_kind_of_gpu_has_no_ratio(self):
        assert device_ratios([DeviceRate("a", T4, "x", 1.0), DeviceRate("b", T4, "y", 2.0)]) == []
        assert device_ratios([]) == []

    def test_each_two_kinds_are_compared_and_most_pairs_come_first(self):
        rates = [DeviceRate(f"{gpu}{m}", gpu, m, rate) for gpu, m, rate in (
            (T4, "a", 1.0), (T4, "b", 1.0), (A100, "a", 4.0), (A100, "b", 5.0), (L4, "a", 2.0),
        )]  # fmt: skip

        found = device_ratios(rates)

        assert [(one.device, one.against, one.n) for one in found] == [
            (A100, T4, 2), (A100, L4, 1), (L4, T4, 1),
        ]  # fmt: skip

    def test_a_ratio_that_no_number_holds_has_no_interval(self):
        """Two pairs whose logarithms lie 1,300 apart."""
        found = ratio_of((T4, "a", 1e-140), (A100, "a", 1e140), (T4, "b", 1.0), (A100, "b", 1.0))

        assert found.low is None
        assert "more than an interval can say" in found.sentence
        json.dumps(found.as_dict(), allow_nan=False)

    def test_rates_that_no_ratio_holds_are_said_to_be_so(self):
        """1e200 over 1e-200 is beyond the largest float."""
        found = ratio_of((T4, "a", 1e-200), (A100, "a", 1e200))

        assert (found.ratio, found.n, found.as_dict()["pairs"][0]["ratio"]) == (None, 1, None)
        assert found.sentence == (
            "NVIDIA A100 and Tesla T4 cannot be compared: their rates differ by more than a "
            "number can say."
        )

    def test_equal_rates_are_as_fast(self):
        found = ratio_of((T4, "a", 2.0), (A100, "a", 2.0))

        assert found.sentence.startswith("NVIDIA A100 was as fast as Tesla T4 (n = 1")

    @given(st.lists(st.floats(1e-3, 1e3), min_size=4, max_size=4), st.permutations(range(4)))
    def test_the_order_of_runs_does_not_matter(self, rates, order):
        runs = [
            DeviceRate(f"run-{i}", (T4, A100)[i % 2], "ab"[i // 2], rate)
            for i, rate in enumerate(rates)
        ]

        assert device_ratios([runs[i] for i in order]) == device_ratios(runs)


class TestTheseTwoRuns:
    def spans(self, usual: float, n: int = 30) -> list[float]:
        """Intervals that differ by up to a tenth of the usual one."""
        return [usual * (1 + 0.1 * math.sin(7.0 * i)) for i in range(n)]

    def two(self, *, n: int = 30, seed: str | None = "experiment") -> DeviceRatio:
        a = of_intervals("a", T4, self.spans(4.0, n))
        [found] = device_ratios([a, of_intervals("b", A100, self.spans(1.0, n))], seed=seed)
        return found

    def test_a_bootstrap_describes_them_and_nothing_else(self):
        found = self.two()

        assert (found.low, found.high) == (None, None)
        assert found.these_two_runs is not None
        assert found.these_two_runs.low < found.ratio < found.these_two_runs.high
        assert found.these_two_runs.note == "describes these two runs, not the two kinds of GPU"
        assert found.these_two_runs.blocks == (3, 3)  # 30^(1/3) = 3.1
        json.dumps(found.as_dict(), allow_nan=False)

    def test_its_draws_follow_from_the_seed(self):
        assert self.two().these_two_runs == self.two().these_two_runs
        assert self.two().these_two_runs != self.two(seed="another").these_two_runs

    def test_intervals_that_are_all_equal_vary_by_nothing(self):
        a, b = of_intervals("a", T4, [4.0] * 12), of_intervals("b", A100, [1.0] * 12)

        [found] = device_ratios([a, b], seed="s")

        assert found.these_two_runs is not None
        assert (found.these_two_runs.low, found.these_two_runs.high) == (
            pytest.approx(4), pytest.approx(4),
        )  # fmt: skip

    def test_its_spread_is_that_of_means_of_blocks(self):
        """Of n independent intervals the log rate has sd close to cv / sqrt(n).

        Two runs of 400 intervals with cv .2 each: sqrt(2) x .2 / 20 = .0141, and an interval of
        95 % is 3.92 of it wide, .0554; the bootstrap of one sample is within a fifth of that.
        """
        words = np.random.default_rng(7)
        a = of_intervals("a", T4, list(words.normal(1.0, 0.2, 400)))
        b = of_intervals("b", A100, list(words.normal(1.0, 0.2, 400)))

        [found] = device_ratios([a, b], seed="s")

        assert found.these_two_runs is not None
        width = math.log(found.these_two_runs.high / found.these_two_runs.low)
        assert width == pytest.approx(0.0554, rel=0.2)

    @pytest.mark.parametrize(("n", "seed"), [(9, "s"), (30, None)])
    def test_few_intervals_or_no_seed_draw_nothing(self, n, seed):
        assert self.two(n=n, seed=seed).these_two_runs is None

    def test_intervals_in_which_nothing_was_done_draw_nothing(self):
        none = DeviceRate("a", T4, "same", 1.0, np.zeros(20), np.ones(20))

        [found] = device_ratios([none, of_intervals("b", A100, [1.0] * 20)], seed="s")

        assert found.these_two_runs is None

    def test_it_is_right_for_more_resamples_than_fit_at_once(self):
        """9,261 intervals in blocks of 21: 441 draws each, in two pieces of up to 4 M."""
        a, b = of_intervals("a", T4, [2.0] * 9_261), of_intervals("b", A100, [1.0] * 9_261)

        [found] = device_ratios([a, b], seed="s")

        assert found.these_two_runs is not None
        assert found.these_two_runs.blocks == (21, 21)
        assert found.these_two_runs.low == pytest.approx(2)
