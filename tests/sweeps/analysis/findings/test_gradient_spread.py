"""What a factor did to the spread of the gradient norm."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest

from paribus_sweeps.analysis.findings.gradient_ratios import (
    Overall,
    dispersion_test,
    overall,
    ratios_of,
)
from paribus_sweeps.analysis.findings.gradient_spread import COMPARISONS
from paribus_sweeps.analysis.findings.rules import declared
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.findings.watching import comparisons_of
from tests.sweeps.analysis.findings.runs_beside import bad_histories, seen


def run(id, batch, *, sd=0.1, steps=None, every=1, seed=0, level=1.0, loss=True, **more):
    """Gradient norms with a known sd of their logarithm; 3,200 examples by default."""
    chance = random.Random(f"{batch} {seed} {sd}")
    steps = steps or 3_200 // batch
    rows = []
    for step in range(every, steps + 1, every):
        row = {"train/global_step": step, "train/grad_norm": level * math.exp(chance.gauss(0, sd))}
        if loss:
            row["train/loss"] = 0.7 - 0.4 * step * batch / 3_200
        rows.append(row)
    facts = {
        "setting": {"batch": str(batch)},
        "replicate": {"seed": seed},
        "examples_per_step": float(batch),
    }
    return seen(id, rows, COMPARISONS, **{**facts, **more})


def limits(factor):
    return Thresholds.of(declared(COMPARISONS), {"gradient_spread.factor": factor})


def told(*runs):
    return list(comparisons_of(runs, rules=COMPARISONS))


class TestRatios:
    def test_they_are_high_over_low(self):
        """Ln g: 0, 1, 2, 3, 4 against 0, 2, … 8: twice the sd; e^8 / e^4; e^4 / e^2."""
        low, high = np.exp(np.arange(5.0)), np.exp(2 * np.arange(5.0))

        found = ratios_of(low, high)

        assert found.sd_log == pytest.approx(2)
        assert found.maximum == pytest.approx(math.exp(4))
        assert found.median == pytest.approx(math.exp(2))
        assert found.variance == pytest.approx(np.var(high) / np.var(low))

    def test_a_higher_level_is_no_wider_spread(self):
        g = np.exp(np.arange(5.0))

        assert ratios_of(g, 10 * g).sd_log == pytest.approx(1)
        assert ratios_of(g, 10 * g).variance == pytest.approx(100)

    def test_a_norm_of_0_has_no_logarithm(self):
        found = ratios_of(np.arange(5.0), np.arange(1.0, 6.0))

        assert found.sd_log is None
        assert found.maximum == pytest.approx(5 / 4)

    def test_four_points_have_no_spread(self):
        assert ratios_of(np.arange(1.0, 5.0), np.arange(1.0, 5.0)).sd_log is None

    def test_what_does_not_vary_has_no_ratio(self):
        assert ratios_of(np.ones(5), np.arange(1.0, 6.0)).variance is None


class TestOverall:
    def test_it_is_the_geometric_mean_with_a_t_interval_on_logarithms(self):
        """Ratios 2 and 8: exp((ln 2 + ln 8) / 2) = 4; s = ln 4 / sqrt 2, t(1, .975) = 12.7062."""
        found = overall([2.0, 8.0])

        half = 12.706204736 * math.log(4) / 2
        assert found is not None
        assert (found.n, found.ratio) == (2, pytest.approx(4))
        assert found.low == pytest.approx(math.exp(math.log(4) - half), rel=1e-8)
        assert found.high == pytest.approx(math.exp(math.log(4) + half), rel=1e-8)
        assert not found.is_clear

    def test_one_pair_has_no_interval(self):
        found = overall([4.0])

        assert found is not None
        assert (found.ratio, found.low, found.high, found.is_clear) == (
            pytest.approx(4), None, None, False,
        )  # fmt: skip

    def test_without_a_pair_there_is_nothing(self):
        assert overall([]) is None

    def test_a_factor_of_two_is_held_either_way(self):
        """Ln 1 ± .1 and 1 ± .2 or so: .7 to 1.4; .4 to 1.1 holds a half."""

        def about(low, high):
            return Overall(3, math.sqrt(low * high), low, high)

        assert not about(0.7, 1.4).holds(2)
        assert about(0.4, 1.1).holds(2)
        assert about(0.9, 2.5).holds(2)
        assert not about(2.1, 2.5).holds(2)

    def test_ratios_far_apart_do_not_overflow(self):
        found = overall([1e-300, 1e300])

        assert found is not None
        assert found.high is not None
        assert math.isfinite(found.high)


class TestDispersion:
    def test_one_cell_of_each_level_is_enough(self):
        """s² of 1, 2, 3 is 1 and of 2, 6, 10 is 16; trigamma(1) = pi² / 6, twice.

        Z = ln 16 / sqrt(pi² / 3) = 2.7726 / 1.8138 = 1.5286; p = .1264.
        """
        found = dispersion_test([((1, 2, 3), (2, 6, 10))])

        assert found.z == pytest.approx(math.log(16) / math.sqrt(math.pi**2 / 3))
        assert found.p == pytest.approx(0.12636, abs=1e-4)

    def test_contexts_add_up(self):
        """Two like it: twice the difference over sqrt 2 times the sd."""
        one = dispersion_test([((1, 2, 3), (2, 6, 10))])
        two = dispersion_test([((1, 2, 3), (2, 6, 10))] * 2)

        assert two.z == pytest.approx(one.z * math.sqrt(2))
        assert two.contexts == 2


class TestAFactor:
    def test_a_wider_spread_at_one_level_is_found_over_three_seeds(self):
        """Sd of ln g .5 at batch 8 and .1 at 64: a fifth."""
        runs = [
            one
            for seed in range(3)
            for one in (run(f"a{seed}", 8, sd=0.5, seed=seed), run(f"b{seed}", 64, seed=seed))
        ]

        (found,) = told(*runs)

        assert (found.status, found.factor) == ("found", "batch")
        by = found.numbers["examples"]
        assert by["sd_log"]["n"] == 3
        assert by["points"] == 50
        assert by["sd_log"]["low"] < 0.2 < by["sd_log"]["high"] < 1
        assert found.numbers["over_seeds"]["contexts"] == 1

    def test_most_pairs_have_the_first_word_and_each_ratio_its_n(self):
        """Examples of a step are known of one pair of three: its ratio has no interval."""
        unknown = {"examples_per_step": None, "loss": False}
        runs = [
            run(f"{batch} {seed}", batch, sd=0.5 if batch == 8 else 0.1, seed=seed, loss=False)
            if seed == 0
            else run(f"{batch} {seed}", batch, sd=0.5 if batch == 8 else 0.1, seed=seed, **unknown)
            for seed in (0, 1, 2)
            for batch in (8, 64)
        ]

        (found,) = told(*runs)

        assert found.status == "found"
        assert "(1 pair) at equally many examples seen" in found.sentence
        assert ", 3 pairs) over equally many optimizer steps" in found.sentence

    def test_pairs_that_do_not_vary_have_no_interval(self):
        """Norms of 64 are those of 8 to the power 1.1, for both seeds: METHOD 13."""
        runs = [
            seen(
                f"{batch} {seed}",
                [
                    {"train/global_step": x, "train/grad_norm": math.exp(x % 7 * power)}
                    for x in range(1, 101)
                ],
                COMPARISONS,
                setting={"batch": batch}, replicate={"seed": seed}, examples_per_step=8.0,
            )
            for seed in (0, 1)
            for batch, power in (("8", 1.0), ("64", 1.1))
        ]  # fmt: skip

        (found,) = told(*runs)

        assert found.status == "cannot_tell"
        assert "1.1 times as large (2 pairs) at equally many examples seen" in found.sentence
        assert found.sentence.endswith("no variation to make an interval from.")

    def test_equal_spreads_are_not_told_apart(self):
        runs = [
            one
            for seed in range(4)
            for one in (run(f"a{seed}", 8, seed=seed), run(f"b{seed}", 64, seed=seed))
        ]

        (found,) = told(*runs)

        assert found.status == "not_found"
        assert found.numbers["examples"]["sd_log"]["low"] < 1

    def test_an_interval_that_holds_a_factor_of_two_cannot_tell(self):
        """Two pairs: t(1, .975) = 12.7, so that noise of a few per cent is .5 to 2."""
        runs = [
            one
            for seed in range(2)
            for one in (
                run(f"a{seed}", 8, sd=0.1 * (1 + seed), seed=seed),
                run(f"b{seed}", 64, seed=seed),
            )
        ]

        (found,) = told(*runs)
        (allowed,) = told(*(replace(r, thresholds=limits(1e9)) for r in runs))

        by = found.numbers["examples"]["sd_log"]
        assert by["low"] < 0.5 < 2 < by["high"]
        assert found.status == "cannot_tell"
        assert found.sentence.endswith(
            "That holds 1, and 2 times as much or as little as well: too wide to tell."
        )
        assert "more seeds" in str(found.next_step)
        assert allowed.status == "not_found"

    def test_one_training_looked_at_twice_is_one_pair(self):
        """Two seeds, each at two cadences: two pairs, whether a factor or a block says so."""

        def at(where):
            return [
                run(f"{batch} {seed} {every}", batch, seed=seed, **of)
                for batch in (8, 64)
                for seed in (0, 1)
                for every in ("20", "200")
                for of in (where(batch, every),)
            ]

        def among_blocks(batch, every):
            return {"setting": {"batch": str(batch)}, "blocks": {"eval_steps": every}}

        def as_factor(batch, every):
            return {"setting": {"batch": str(batch), "eval_steps": every}}

        for where in (among_blocks, as_factor):
            (found,) = told(*at(where))
            assert found.numbers["pairs"] == 2
            assert "also differ in how often" not in found.sentence

    def test_seeds_that_were_looked_at_twice_are_no_more_seeds(self):
        """Three of one seed at three cadences are one value: too few for a spread."""
        runs = [
            run(f"{batch} {every}", batch, blocks={"eval_steps": every})
            for batch in (8, 64)
            for every in ("10", "20", "200")
        ]

        (found,) = told(*runs)

        assert "over_seeds" not in found.numbers

    def test_one_pair_gives_a_ratio_and_no_interval(self):
        (found,) = told(run("a", 8, sd=0.5), run("b", 64))

        assert found.status == "cannot_tell"
        assert found.runs == ("a", "b")
        assert found.numbers["examples"]["sd_log"]["low"] is None
        assert found.numbers["examples"]["sd_log"]["ratio"] < 0.5
        assert "One pair of runs: no interval" in found.sentence
        assert "over_seeds" not in found.numbers

    def test_it_warns_that_equal_epochs_are_unequal_steps(self):
        """At equally many examples batch 8 has made 64 / 8 times the steps."""
        (found,) = told(run("a", 8), run("b", 64))

        assert "At equally many examples 8 has made 8 times the optimizer steps" in found.sentence
        assert found.numbers["steps"]["points"] == 50

    def test_equal_batches_need_no_warning(self):
        (found,) = told(run("a", 8, setting={"lr": "1"}), run("b", 8, sd=0.3, setting={"lr": "2"}))

        assert "times the optimizer steps" not in found.sentence
        assert found.numbers["last_steps"] == [[400, 400]]

    def test_at_equal_train_loss_only_that_stretch_counts(self):
        """The large batch stops half way, at a loss of .5: the other's later half is left out.

        Batch 8's spread is .1 before the half and 1.0 behind it.
        """
        early, late = run("a", 8, steps=200), run("a", 8, sd=1.0)
        rows = [
            {"train/global_step": step, "train/loss": 0.7 - 0.4 * step / 400,
             "train/grad_norm": float((early if step <= 200 else late).history[
                 "train/grad_norm"].values[step - 1])}
            for step in range(1, 401)
        ]  # fmt: skip
        both = [
            seen("a", rows, COMPARISONS, setting={"batch": "8"}, examples_per_step=8.0),
            run("b", 64, steps=25, replicate={}),
        ]

        (found,) = told(*both)

        assert found.numbers["loss"]["sd_log"]["ratio"] == pytest.approx(1, abs=0.5)
        assert found.numbers["loss"]["points"] <= 25

    def test_without_a_train_loss_the_other_ways_remain(self):
        (found,) = told(run("a", 8, loss=False), run("b", 64, loss=False))

        assert found.numbers["loss"]["why_not"] == "no train loss was logged by both"
        assert found.numbers["examples"]["sd_log"] is not None

    def test_train_losses_that_never_meet_share_too_little(self):
        other = seen(
            "b",
            [{"train/global_step": x, "train/loss": 9.0, "train/grad_norm": float(x)}
             for x in range(1, 50)],
            COMPARISONS, setting={"batch": "64"}, replicate={"seed": 0}, examples_per_step=64.0,
        )  # fmt: skip

        (found,) = told(run("a", 8), other)

        assert "at equal train loss: too little" in found.numbers["loss"]["why_not"]

    def test_train_losses_elsewhere_than_the_norms_say_nothing(self):
        rows = [{"train/global_step": x, "train/grad_norm": float(x)} for x in range(1, 50)]
        rows += [{"train/global_step": 1_000, "train/loss": 0.5}]
        other = seen("b", rows, COMPARISONS, setting={"batch": "64"}, replicate={"seed": 0})

        (found,) = told(run("a", 8), other)

        assert "no stretch has both" in found.numbers["loss"]["why_not"]


class TestCadences:
    def test_at_equal_loss_the_denser_run_is_thinned_in_examples(self):
        """Batch 8 logged every 4 steps (32 examples), 64 every step: half of the former stay.

        Norms of batch 8 grow from 1 to 2 and back at each log; the last of each 64 examples is
        always the larger, so that no spread is left of them.
        """
        rows = [
            {"train/global_step": 4 * at, "train/grad_norm": 1.0 + at % 2,
             "train/loss": 0.7 - 0.4 * 4 * at * 8 / 3_200}
            for at in range(1, 101)
        ]  # fmt: skip
        low = seen("a", rows, COMPARISONS, setting={"batch": "8"}, replicate={"seed": 0},
                   examples_per_step=8.0)  # fmt: skip

        (found,) = told(low, run("b", 64))

        assert found.numbers["loss"]["points"] > 30
        assert found.numbers["loss"]["sd_log"] is None  # of equal norms there is no ratio

    def test_equal_loss_without_examples_is_refused_at_unequal_cadences(self):
        (found,) = told(
            run("a", 8, every=10, examples_per_step=None),
            run("b", 64, examples_per_step=None),
        )

        assert found.status == "cannot_tell"
        assert "unequal cadences, and examples are not known" in found.numbers["loss"]["why_not"]

    def test_examples_beyond_the_largest_float_are_not_thinned_by(self):
        rows = [
            {"train/global_step": 1e10 * x, "train/grad_norm": float(x), "train/loss": 0.5}
            for x in range(1, 20)
        ]
        other = seen("b", rows, COMPARISONS, setting={"batch": "64"}, replicate={"seed": 0},
                     examples_per_step=1e300)  # fmt: skip

        (found,) = told(run("a", 8), other)

        assert found.numbers["loss"]["why_not"] == "x reaches beyond the largest float"

    def test_a_pair_of_several_that_differs_in_cadence_is_counted(self):
        (found,) = told(
            run("a", 8, every=10, setting={"batch": "8", "logging_steps": "10"}),
            run("b", 64, setting={"batch": "64", "logging_steps": "1"}),
            run("c", 8, seed=1, setting={"batch": "8", "logging_steps": "1"}),
            run("d", 64, seed=1, setting={"batch": "64", "logging_steps": "1"}),
        )

        assert found.sentence.endswith("how often they looked or logged in 1 pair.")

    def test_unequal_logging_is_refused_over_steps_and_thinned_over_examples(self):
        """Every 10 of 400 steps at batch 8 is every 80 examples; every step of 64 examples."""
        (found,) = told(run("a", 8, every=10), run("b", 64))

        assert "unequal cadences: refused over steps" in found.numbers["steps"]["why_not"]
        assert found.numbers["examples"]["points"] <= 40

    def test_unknown_examples_and_unequal_logging_leave_nothing(self):
        (found,) = told(
            run("a", 8, every=10, examples_per_step=None, loss=False),
            run("b", 64, examples_per_step=None, loss=False),
        )

        assert found.status == "cannot_tell"
        assert "how many examples a step takes, or the step itself, is not known" in found.sentence

    def test_unknown_examples_still_allow_equal_steps(self):
        (found,) = told(run("a", 8, examples_per_step=None), run("b", 64, examples_per_step=None))

        assert "over equally many optimizer steps" in found.sentence

    def test_steps_of_the_log_are_no_optimizer_steps(self):
        """W&B's step counts calls of log, so examples seen are not known."""

        def logged(id, batch, sd):
            chance = random.Random(sd)
            rows = [{"_step": x, "grad_norm": math.exp(chance.gauss(0, sd))} for x in range(50)]
            return seen(id, rows, COMPARISONS, setting={"b": batch}, examples_per_step=8.0)

        (found,) = told(logged("a", "8", 0.1), logged("b", "64", 0.2))

        assert "or the step itself, is not known" in found.numbers["examples"]["why_not"]
        assert found.numbers["steps"]["sd_log"] is not None

    def test_a_pair_that_differs_in_cadence_as_well_is_marked(self):
        (found,) = told(
            run("a", 8, every=10, setting={"batch": "8", "logging_steps": "10"}),
            run("b", 64, setting={"batch": "64", "logging_steps": "1"}),
        )

        assert found.factor == "batch"
        assert "also differ in how often they looked or logged" in found.sentence


class TestSilence:
    def test_another_seed_is_no_pair(self):
        (found,) = told(run("a", 8, seed=0), run("b", 64, seed=1))

        assert found.status == "cannot_tell"
        assert "No two runs that logged gradient norms differ in `batch` alone" in found.sentence

    def test_two_factors_at_once_are_no_pair(self):
        """R1 and R2 of the story: batch and ratio moved together."""
        found = told(
            run("r1", 8, setting={"batch": "8", "ratio": "1:1"}),
            run("r2", 64, setting={"batch": "64", "ratio": "4:1"}),
        )

        assert [f.status for f in found] == ["cannot_tell", "cannot_tell"]

    def test_one_level_is_no_factor(self):
        assert told(run("a", 8), run("b", 8, seed=1)) == []

    def test_runs_without_norms_are_left_out(self):
        assert told(seen("a", [], COMPARISONS, setting={"batch": "8"}), run("b", 64)) == []

    def test_a_few_norms_are_too_few(self):
        (found,) = told(run("a", 8, steps=4), run("b", 64))

        assert "fewer than 5 gradient norms" in found.sentence

    def test_norms_under_two_names_are_not_compared(self):
        other = seen(
            "b", [{"train/global_step": x, "grad_norm": 1.0} for x in range(9)], COMPARISONS,
            setting={"batch": "64"}, replicate={"seed": 0},
        )  # fmt: skip

        (found,) = told(run("a", 8), other)

        assert "one logged train/grad_norm over steps, the other grad_norm over" in found.sentence

    def test_a_norm_of_0_is_said_to_have_no_logarithm(self):
        rows = [{"train/global_step": x, "train/grad_norm": float(x % 7)} for x in range(1, 401)]
        low = seen("a", rows, COMPARISONS, setting={"batch": "8"}, replicate={"seed": 0},
                   examples_per_step=8.0)  # fmt: skip

        (found,) = told(low, run("b", 64, loss=False))

        assert found.sentence == (
            "`batch`, 8 against 64: at 50 points of each the sd of ln gradient norm has no ratio "
            "(a norm of 0 has no logarithm, and equal norms have no spread); no train loss was "
            "logged by both."
        )

    def test_norms_near_the_largest_float_raise_nothing(self):
        """The mean of the middle two is beyond it; warnings are errors here."""
        rows = [{"train/global_step": x, "train/grad_norm": 1.7e308} for x in range(1, 51)]
        huge = seen("b", rows, COMPARISONS, setting={"batch": "64"}, replicate={"seed": 0},
                    examples_per_step=64.0)  # fmt: skip

        (found,) = told(run("a", 8), huge)

        assert found.status == "cannot_tell"

    def test_runs_that_share_no_examples_share_too_little(self):
        late = seen(
            "b", [{"train/global_step": x, "train/grad_norm": float(x)} for x in range(900, 950)],
            COMPARISONS, setting={"batch": "64"}, replicate={"seed": 0}, examples_per_step=64.0,
        )  # fmt: skip

        (found,) = told(run("a", 8), late)

        assert found.status == "cannot_tell"
        assert "they share 0 points: too little to tell" in found.sentence

    def test_ways_that_disagree_are_told(self):
        """Batch 64 spreads more in the steps that both made, and less over all examples."""
        chance = random.Random(3)
        rows = [
            {"train/global_step": x, "train/grad_norm": math.exp(
                chance.gauss(0, 0.02 if x <= 50 else 1.5))}
            for x in range(1, 401)
        ]  # fmt: skip
        low = seen("a", rows, COMPARISONS, setting={"batch": "8"}, replicate={"seed": 0},
                   examples_per_step=8.0)  # fmt: skip

        (found,) = told(low, run("b", 64, sd=0.3))

        assert "disagree on which level spreads more" in found.sentence

    @pytest.mark.parametrize("name", bad_histories())
    def test_bad_input_raises_nothing(self, name):
        rows = [
            {("train/grad_norm" if key == "eval/loss" else key): value for key, value in r.items()}
            for r in bad_histories()[name]
        ]
        for each in (64.0, 1e300, 0.0, math.inf, None):
            odd = seen("b", rows, COMPARISONS, setting={"batch": "64"}, replicate={"seed": 0},
                       examples_per_step=each)  # fmt: skip
            for found in told(run("a", 8), odd):
                assert found.as_dict()["status"] in ("found", "not_found", "cannot_tell")
