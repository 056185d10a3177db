"""Rules about gradient norms: worked out by hand, in pieces as at once, and where to be silent."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.gradients import RULES
from paribus_sweeps.analysis.findings.norm_spread import Spread
from paribus_sweeps.analysis.findings.rule import Facts, Rule, Seen
from paribus_sweeps.analysis.findings.rules import declared
from paribus_sweeps.analysis.findings.spikes import medians_before
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.findings.watching import watches_of
from paribus_sweeps.analysis.histories import History

RULE: dict[str, Rule] = {rule.name: rule for rule in RULES}
KEY = "train_step/grad_norm"


def steps(values: list[float], *, first: int = 1, every: int = 1) -> list[dict[str, Any]]:
    return [
        {"train/global_step": first + every * at, KEY: value} for at, value in enumerate(values)
    ]


def seen(
    rows: list[dict[str, Any]],
    *,
    config: dict[str, Any] | None = None,
    named: dict[str, str] | None = None,
    **thresholds: float,
) -> Seen:
    given_ = {name.replace("__", "."): value for name, value in thresholds.items()}
    asked = Thresholds.of(declared(RULES), given_)
    return Seen(Facts("r1", config=config or {}), History.of_rows(rows), asked, named or {})


def tell(rule: str, rows: list[dict[str, Any]], **more: Any) -> Finding:
    return RULE[rule].watch().tell(seen(rows, **more))


def spread(values: Any, non_finite: int) -> dict[str, Any]:
    found = Spread()
    found.add(values)
    return found.numbers(non_finite)


def lognormal(n: int, *, sd: float = 0.5, seed: int = 0) -> list[float]:
    return [float(x) for x in np.random.default_rng(seed).lognormal(0.0, sd, n)]


class TestGradientSpikes:
    def test_a_value_above_ten_medians_is_a_spike(self):
        found = tell("gradient_spikes", steps([1.0] * 10 + [10.1] + [1.0] * 5))

        assert found.status == "found"
        assert found.steps == (11, 11)
        assert found.numbers["spikes"] == 1
        assert found.numbers["judged"] == 6  # 16 values, the first ten of which have too few
        assert found.numbers["largest_spike"] == 10.1
        assert found.sentence == (
            "1 of 16 values of train_step/grad_norm exceeds 10 times the median of the 50 values "
            "before it, where a lognormal with their own spread (sd of ln 0 about these medians) "
            "gives 0; the largest is 10.1 at 11, where that median is 1."
        )

    def test_ten_medians_themselves_are_none(self):
        found = tell("gradient_spikes", steps([1.0] * 10 + [10.0] + [1.0] * 5))

        assert found.status == "not_found"

    def test_only_the_last_fifty_values_count(self):
        # Before the last value: 60 of 100 and then 50 of 1. The median of all 110 is 100.
        found = tell("gradient_spikes", steps([100.0] * 60 + [1.0] * 50 + [11.0]))

        assert found.steps == (111, 111)

    def test_values_that_are_not_finite_are_no_part_of_the_median(self):
        rows = steps([1.0] * 5 + [math.nan, math.inf] * 3 + [1.0] * 5 + [11.0])

        found = tell("gradient_spikes", rows)

        assert found.steps == (17, 17)
        assert found.numbers["non_finite"] == 6

    def test_a_step_trained_anew_counts_once_by_its_last_value(self):
        rows = steps([1.0] * 12 + [50.0]) + steps([1.0] * 3, first=12)

        found = tell("gradient_spikes", rows)

        assert found.status == "not_found"
        assert found.numbers["values"] == 14

    @pytest.mark.parametrize("seed", range(5))
    def test_noise_alone_is_no_spike(self, seed):
        # ln g has sd .5: 10 times the median is 4.6 sd away, p = 2e-6 a value.
        found = tell("gradient_spikes", steps(lognormal(2_000, seed=seed)))

        assert found.status == "not_found"

    def test_a_level_that_grows_slowly_is_no_spike(self):
        found = tell("gradient_spikes", steps([1.02**n for n in range(500)]))

        assert found.status == "not_found"

    def test_few_values_cannot_tell(self):
        found = tell("gradient_spikes", steps([1.0] * 9 + [99.0]))

        assert found.status == "cannot_tell"
        assert "10 values" in found.sentence
        assert found.numbers["median"] == 1.0

    def test_a_key_of_windows_says_what_it_does_not_hold(self):
        found = tell("gradient_spikes", steps([1.0] * 20, every=200))

        assert "one step in 200" in found.sentence
        assert found.numbers["steps_between"] == 200

    def test_without_optimizer_steps_nothing_is_said_of_windows(self):
        rows = [{"_step": 10 * at, "grad_norm": 1.0} for at in range(20)]

        found = tell("gradient_spikes", rows)

        assert found.x_name == "W&B steps"
        assert "one step in" not in found.sentence

    def test_rows_without_any_step_are_numbered(self):
        found = tell("gradient_spikes", [{"grad_norm": 1.0}] * 20 + [{"grad_norm": 20.0}])

        assert found.steps == (20, 20)

    def test_a_run_without_norms_cannot_tell(self):
        found = tell("gradient_spikes", [{"loss": 1.0}])

        assert found.status == "cannot_tell"
        assert "grad_norm=KEY" in found.sentence

    def test_a_key_below_zero_is_no_norm(self):
        for rule in RULES:
            found = tell(rule.name, steps([1.0] * 40 + [-3.0]))

            assert found.status == "cannot_tell"
            assert "a norm is never below 0" in found.sentence

    def test_thresholds_can_be_set(self):
        rows = steps([1.0] * 4 + [5.0])

        found = tell("gradient_spikes", rows, gradients__spike_ratio=4, gradients__spike_least=4)

        assert found.steps == (5, 5)

    def test_more_values_are_never_asked_for_than_the_window_holds(self):
        found = tell("gradient_spikes", steps([1.0] * 4 + [50.0]), gradients__spike_window=3)

        assert found.steps == (5, 5)

    def test_at_most_twenty_steps_are_listed(self):
        rows = steps(([1.0] * 9 + [20.0]) * 30)

        found = tell("gradient_spikes", rows)

        assert found.numbers["spikes"] == 29  # the first came when nine were before it
        assert len(found.numbers["spike_steps"]) == 20
        assert found.steps == (20, 300)


class TestOwnSpread:
    def test_spikes_that_the_spread_makes_are_told_and_are_no_finding(self):
        found = tell("gradient_spikes", steps(lognormal(2_000, sd=1.0)))

        assert (found.status, found.label) == ("not_found", "within_spread")
        assert found.numbers["spikes"] > 5
        assert found.next_step is None
        assert found.steps is not None

    def test_more_than_it_makes_are_one(self):
        # Of 1,000, one in 470 makes 2; 30 are more than any Poisson of 2 gives.
        values = lognormal(1_000, sd=0.8)
        values[100:1000:30] = [30.0] * 30

        found = tell("gradient_spikes", steps(values))

        assert (found.status, found.label) == ("found", "beyond_spread")
        assert found.numbers["spread_p_count"] < 1e-6

    def test_one_that_is_too_large_for_it_is_one(self):
        # ln 1000 is 8.6 sd of .8 away. That there are some spikes is what the spread makes.
        values = lognormal(1_000, sd=0.8)
        values[500] = 1_000.0

        found = tell("gradient_spikes", steps(values))

        assert (found.status, found.label) == ("found", "beyond_spread")
        assert found.numbers["spread_p_count"] > 0.005 > found.numbers["spread_p_largest"]

    def test_the_level_is_a_threshold(self):
        # Half of the level is for the count, half for the largest: at 1, p below .5 is beyond.
        values = lognormal(1_000, sd=0.8)
        values[500] = 60.0
        found, strict = (
            tell("gradient_spikes", steps(values), gradients__spread_alpha=alpha)
            for alpha in (1.0, 0.0)
        )

        assert found.label == "beyond_spread"
        assert strict.label == "within_spread"

    def test_a_level_that_falls_is_no_spread(self):
        # Three planted; the level falls to a hundredth, which all quartiles of g would hold.
        values = [v * 0.01 ** (at / 999) for at, v in enumerate(lognormal(1_000, sd=0.3))]
        for at in (300, 600, 900):
            values[at] *= 30

        found = tell("gradient_spikes", steps(values))

        assert (found.label, found.numbers["spikes"]) == ("beyond_spread", 3)
        assert found.numbers["spread_log_sd"] == pytest.approx(0.3, abs=0.05)

    def test_norms_that_are_mostly_zero_have_none(self):
        found = tell("gradient_spikes", steps([0.0] * 40 + [1.0] + [0.0] * 20))

        assert (found.status, found.label) == ("found", "beyond_spread")
        assert found.numbers["expected_from_spread"] is None
        assert "how the norms are spread cannot be told" in found.sentence


NORMS = st.one_of(
    st.floats(0, 1e300),
    st.sampled_from([0.0, 1.0, 11.0, math.nan, math.inf]),
)
PIECES = st.lists(
    st.tuples(st.integers(-3, 3), st.lists(NORMS, max_size=40)), min_size=1, max_size=6
)


class TestInPieces:
    @settings(deadline=None)
    @given(PIECES)
    def test_pieces_give_what_all_rows_give_at_once(self, pieces):
        watches = {rule.name: watch for rule, watch in watches_of(RULES)}
        rows: list[dict[str, Any]] = []

        for back, values in pieces:
            first = (rows[-1]["train/global_step"] if rows else 0) + 1 + back
            rows += steps(values, first=first)
            for name, watch in watches.items():
                assert watch.tell(seen(rows)) == RULE[name].watch().tell(seen(rows))

    def test_another_key_is_counted_from_its_start(self):
        [(_, watch)] = watches_of([RULE["gradient_spikes"]])
        early = [{"train/global_step": at, "grad_norm": 1.0} for at in range(1, 13)]
        both = early + steps([1.0] * 12 + [20.0], first=13)

        watch.tell(seen(early))
        found = watch.tell(seen(both))

        assert found.keys == (KEY,)
        assert found.numbers["values"] == 13
        assert found.steps == (25, 25)

    def test_a_row_that_is_new_costs_no_look_at_older_ones(self):
        [(_, watch)] = watches_of([RULE["gradient_spikes"]])
        rows = steps([1.0] * 200)
        watch.tell(seen(rows))
        forged = steps([1.0] * 100 + [99.0] * 100 + [1.0])  # older rows changed: not looked at

        found = watch.tell(seen(forged))

        assert found.numbers["spikes"] == 0

    @settings(deadline=None)
    @given(
        st.lists(st.floats(0, 1e308), max_size=70),
        st.lists(st.floats(0, 1e308), max_size=70),
        st.integers(1, 60),
    )
    def test_medians_are_those_of_a_plain_loop(self, before, values, window):
        before = before[-window:]
        joined = before + values

        found = medians_before(np.array(before), np.array(values), window, 1)

        for at, median in enumerate(found):
            last = sorted(joined[: len(before) + at][-window:])
            if not last:
                assert math.isnan(median)
            else:
                expected = last[(len(last) - 1) // 2] / 2 + last[len(last) // 2] / 2
                assert median == expected


class TestGradientExplosion:
    def test_one_norm_that_is_not_finite_is_enough(self):
        found = tell("gradient_explosion", steps([1.0, math.nan, 1.0, math.inf]))

        assert (found.status, found.label) == ("found", "non_finite")
        assert found.steps == (2, 4)
        assert found.numbers["non_finite"] == 2
        assert found.sentence.startswith("2 of 4 values of train_step/grad_norm are NaN")

    def test_all_nan_is_found(self):
        found = tell("gradient_explosion", [{"grad_norm": math.nan}])

        assert (found.status, found.label, found.steps) == ("found", "non_finite", (0, 0))

    def test_fp16_is_told_that_a_few_are_expected(self):
        rows = steps([math.inf] + [1.0] * 20)

        assert (
            "a few are expected"
            in tell("gradient_explosion", rows, config={"fp16": True}).sentence
        )
        assert "expected" not in tell("gradient_explosion", rows, config={"fp16": False}).sentence

    def test_a_step_trained_anew_with_a_finite_norm_is_none(self):
        rows = steps([1.0] * 12 + [math.nan]) + steps([1.0] * 3, first=13)

        assert tell("gradient_explosion", rows).status == "not_found"

    def test_more_spikes_than_one_in_a_hundred_explode(self):
        # 2 spikes among 199 values: 1.005 %.
        rows = steps([1.0] * 97 + [20.0] + [1.0] * 100 + [20.0])

        found = tell("gradient_explosion", rows)

        assert (found.status, found.label) == ("found", "many_spikes")
        assert found.steps == (98, 199)

    def test_more_than_one_in_a_hundred_within_their_own_spread_do_not(self):
        # sd of ln g 1.5: 10 medians are 1.54 sd away, which 6 % of a lognormal exceed.
        found = tell("gradient_explosion", steps(lognormal(1_000, sd=1.5)))

        assert (found.status, found.label) == ("not_found", "within_spread")
        assert found.numbers["share"] > 0.03
        assert "more than 1.00%, where a lognormal" in found.sentence

    def test_one_in_a_hundred_does_not(self):
        found = tell("gradient_explosion", steps([1.0] * 98 + [20.0] + [1.0]))

        assert found.status == "not_found"
        assert found.numbers["share"] == 0.01

    def test_few_finite_values_cannot_tell(self):
        assert tell("gradient_explosion", steps([1.0] * 3)).status == "cannot_tell"

    def test_a_run_without_norms_cannot_tell(self):
        assert tell("gradient_explosion", []).status == "cannot_tell"


class TestVanishingGradients:
    def test_a_thousandth_of_the_first_tenth_has_vanished(self):
        found = tell("vanishing_gradients", steps([1.0] * 50 + [0.00099] * 50))

        assert found.status == "found"
        assert found.steps == (91, 100)
        assert (found.numbers["first_median"], found.numbers["last_median"]) == (1.0, 0.00099)

    def test_a_thousandth_itself_has_not(self):
        assert tell("vanishing_gradients", steps([1.0] * 50 + [0.001] * 50)).status == "not_found"

    def test_a_run_that_converges_to_a_hundredth_has_not(self):
        rows = steps([math.exp(-n / 200) for n in range(920)])  # ends at e^-4.6 = .010

        assert tell("vanishing_gradients", rows).status == "not_found"

    def test_norms_that_grow_have_not(self):
        assert tell("vanishing_gradients", steps([1.0] * 50 + [1e6] * 50)).status == "not_found"

    def test_single_small_values_at_the_end_have_not(self):
        assert tell("vanishing_gradients", steps([1.0] * 96 + [0.0] * 4)).status == "not_found"

    def test_few_values_cannot_tell(self):
        assert tell("vanishing_gradients", steps([1.0] * 29)).status == "cannot_tell"

    def test_norms_that_begin_at_zero_cannot_tell(self):
        found = tell("vanishing_gradients", steps([0.0] * 50))

        assert found.status == "cannot_tell"
        assert "nothing to fall from" in found.sentence

    def test_a_run_without_norms_cannot_tell(self):
        assert tell("vanishing_gradients", []).status == "cannot_tell"


class TestClippingActive:
    def test_most_steps_above_the_clipping_norm_are_found(self):
        found = tell(
            "clipping_active", steps([2.0] * 6 + [0.5] * 4), config={"max_grad_norm": 1.0}
        )

        assert found.status == "found"
        assert found.numbers["share"] == 0.6
        assert found.numbers["mean"] == pytest.approx(1.4)
        assert "below half" not in found.sentence  # 1 is more than .7

    def test_half_of_them_are_not(self):
        rows = steps([2.0] * 5 + [0.5] * 5)

        assert tell("clipping_active", rows, config={"max_grad_norm": 1.0}).status == "not_found"

    def test_a_clipping_norm_below_half_of_the_mean_is_said(self):
        found = tell("clipping_active", steps([8.0] * 10), config={"gradient_clip_val": 1})

        assert "below half of it" in found.sentence

    @pytest.mark.parametrize("key", ["train.max_grad_norm", "args.gradient_clip_val", "grad_clip"])
    def test_programs_name_it_as_they_like(self, key):
        assert tell("clipping_active", steps([2.0]), config={key: 1.0}).status == "found"

    def test_names_that_differ_are_not_chosen_from(self):
        config = {"a.max_grad_norm": 1.0, "b.max_grad_norm": 2.0}

        found = tell("clipping_active", steps([3.0]), config=config)

        assert found.status == "cannot_tell"

    @pytest.mark.parametrize("off", [0, None])
    def test_without_clipping_none_is_active(self, off):
        found = tell("clipping_active", steps([9.0]), config={"max_grad_norm": off})

        assert found.status == "not_found"

    @pytest.mark.parametrize("value", ["much", -1.0, math.nan, True])
    def test_a_clipping_norm_that_is_none_is_named(self, value):
        found = tell("clipping_active", steps([9.0]), config={"max_grad_norm": value})

        assert found.status == "cannot_tell"
        assert "max_grad_norm is" in found.sentence

    def test_a_config_without_one_cannot_tell(self):
        found = tell("clipping_active", steps([9.0]))

        assert found.status == "cannot_tell"
        assert "max_grad_norm, gradient_clip_val" in found.sentence

    def test_clipping_by_value_is_not_by_norm(self):
        config = {"gradient_clip_val": 0.5, "gradient_clip_algorithm": "value"}

        found = tell("clipping_active", steps([9.0]), config=config)

        assert (found.status, "by value" in found.sentence) == ("cannot_tell", True)

    def test_norms_after_clipping_are_refused(self):
        # torch: norm x max / (norm + 1e-6), a little below max for any norm above it.
        clipped = [g * 1.0 / (g + 1e-6) for g in (5.0, 2.0, 30.0)] + [0.4, 0.7]

        found = tell("clipping_active", steps(clipped), config={"max_grad_norm": 1.0})

        assert found.status == "cannot_tell"
        assert "3 of 5 values" in found.sentence

    def test_norms_that_stay_well_below_are_not_clipped(self):
        rows = steps(lognormal(200, sd=0.1))  # 7 sd below 2

        found = tell("clipping_active", rows, config={"max_grad_norm": 2.0})

        assert (found.status, found.numbers["clipped"]) == ("not_found", 0)

    def test_norms_that_are_not_finite_cannot_tell(self):
        found = tell("clipping_active", steps([math.nan] * 9), config={"max_grad_norm": 1.0})

        assert found.status == "cannot_tell"

    def test_a_run_without_norms_cannot_tell(self):
        assert tell("clipping_active", []).status == "cannot_tell"


class TestSpread:
    def test_quantiles_are_of_type_seven(self):
        # R: quantile(c(1, 2, 4, 8), type = 7) is 1.75, 3.0, 5.0 at .25, .5 and .75.
        found = spread(np.array([1.0, 2.0, 4.0, 8.0]), 3)

        assert (found["q1"], found["median"], found["q3"]) == (1.75, 3.0, 5.0)
        assert found["iqr"] == 3.25
        assert found["max"] == 8.0
        assert found["non_finite"] == 3
        assert found["quartile_coefficient"] == pytest.approx(3.25 / 6.75)
        # mean 3.75; squares 7.5625 + 3.0625 + 0.0625 + 18.0625 = 28.75, over 3.
        assert found["variance"] == pytest.approx(28.75 / 3)

    def test_the_spread_of_logarithms_is_that_of_a_lognormal(self):
        # ln 1, ln 2, ln 4, ln 8 = 0, 1, 2, 3 times ln 2; their sd is ln 2 times sqrt(5/3).
        found = spread(np.array([1.0, 2.0, 4.0, 8.0]), 0)

        log_sd = math.log(2) * math.sqrt(5 / 3)
        assert found["log_sd"] == pytest.approx(log_sd)
        assert found["lognormal_cv"] == pytest.approx(math.sqrt(math.exp(log_sd**2) - 1))

    def test_a_zero_has_no_logarithm(self):
        found = spread(np.array([0.0, 1.0]), 0)

        assert (found["log_sd"], found["lognormal_cv"]) == (None, None)

    def test_zeros_alone_have_no_quartile_coefficient(self):
        assert spread(np.zeros(3), 0)["quartile_coefficient"] is None

    def test_one_value_has_no_spread(self):
        found = spread(np.array([2.0]), 0)

        assert (found["median"], found["variance"], found["log_sd"]) == (2.0, None, None)

    def test_no_value_has_none(self):
        assert spread(np.empty(0), 2) == {"non_finite": 2}

    def test_what_is_beyond_every_float_is_none(self):
        found = spread(np.array([1e-300, 1e300]), 0)

        assert (found["variance"], found["lognormal_cv"]) == (None, None)


class TestBadInput:
    @pytest.mark.parametrize(
        "rows",
        [
            [],
            [{"grad_norm": math.nan}] * 60,
            [{"grad_norm": 1e300 if at % 2 else 1.7e308} for at in range(60)],
            [{"grad_norm": 1.0}],
            [{"grad_norm": "none"}] * 3,
            [{"_step": math.nan, "grad_norm": 1.0}] * 60,
            [{"_step": 5 - at % 7, "grad_norm": float(at)} for at in range(60)],
            [{"_step": at, "grad_norm": 0.0} for at in range(60)],
        ],
    )
    def test_each_rule_answers_in_plain_json(self, rows):
        for rule in RULES:
            found = tell(rule.name, rows, config={"max_grad_norm": 1.0})

            json.dumps(found.as_dict(), allow_nan=False)
            assert found.sentence


class TestRules:
    def test_all_are_called_rules_of_thumb(self):
        assert all(rule.is_heuristic for rule in RULES)
