"""A run beside one that was looked at more often: what its cadence hid, or made."""

import math
import random

import pytest

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.looks import COMPARISONS
from paribus_sweeps.analysis.findings.watching import comparisons_of
from tests.sweeps.analysis.findings.runs_beside import (
    A100,
    T4,
    bad_histories,
    falling,
    looks,
    rows_of,
    seen,
)

COARSE, FINE = {"batch": "8", "eval_steps": "200"}, {"batch": "8", "eval_steps": "20"}


def told(*runs, **limits):
    """Findings by label, of runs given as (id, points, facts)."""
    asked = [seen(run, rows_of(points), COMPARISONS, **facts) for run, points, facts in runs]
    return list(comparisons_of(asked, rules=COMPARISONS))


def by_label(findings: list[Finding]) -> dict[str | None, Finding]:
    return {found.label: found for found in findings}


def coarse(f=falling, until=3_000, **facts):
    return ("r1", looks(f, 200, until), {"setting": COARSE, "name": "R1", **facts})


def fine(f=falling, until=3_000, **facts):
    return ("r4", looks(f, 20, until), {"setting": FINE, "name": "R4", **facts})


class TestTheStory:
    """R1 looked every 200 steps, R4 every 20; the fall was over before step 200."""

    def test_the_fall_was_over_before_the_first_look(self):
        """F(x) = .3 + .4 exp(-x/60): (e^-1/3 - e^-10/3) / (e^-1/3 - e^-50) = .950."""
        found = by_label(told(coarse(), fine()))["fall_over"]

        share = 1 - math.exp(-200 / 60) / math.exp(-20 / 60)
        assert found.status == "found"
        assert found.numbers["share"] == pytest.approx(share, abs=1e-9)
        assert found.steps == (20, 200)
        assert found.sentence.startswith("95% of the fall that R4 shows since step 20 (0.2866; ")
        assert "was over when R1 looked first, at 200" in found.sentence

    def test_a_run_looked_at_once_saw_nothing_of_the_fall(self):
        """A Trainer looks at the last step, whatever the cadence is.

        The common range is that step alone, so METHOD's share is (v_0 - v) / (v_0 - v) = 1.
        """
        found = by_label(told(coarse(until=200), fine()))["fall_over"]

        assert (found.status, found.numbers["share"]) == ("found", 1.0)
        assert found.numbers["common_range"] == [200, 200]
        assert found.sentence.startswith("100% of the fall that R4 shows since step 20")
        assert "R1 has no value behind that look: all of the fall up to it counts as over." in (
            found.sentence
        )

    def test_a_partner_that_ended_at_the_first_look_is_told_to_have(self):
        found = by_label(told(coarse(), fine(until=200)))["fall_over"]

        assert (found.status, found.numbers["share"]) == ("found", 1.0)
        assert "R4 has no value behind that look" in found.sentence

    def test_cadences_among_blocks_are_no_other_training(self):
        """Runs of a project carry `eval_steps` among their blocks."""
        found = by_label(
            told(
                coarse(setting={"batch": "8"}, blocks={"eval_steps": "200"}),
                fine(setting={"batch": "8"}, blocks={"eval_steps": "20"}),
            )
        )["fall_over"]

        assert found.numbers["unlike"] == []
        assert "matched with it in everything but how often it looked" in found.sentence

    def test_only_the_coarse_run_is_flagged(self):
        flagged = {f.runs[0] for f in told(coarse(), fine()) if f.status == "found"}

        assert flagged == {"r1"}

    def test_equal_losses_differ_by_exactly_nothing(self):
        """Steps 200, 400, … 3,000: 15 points."""
        found = by_label(told(coarse(), fine()))["fall_over"]

        assert found.numbers["points_in_common"] == 15
        assert found.numbers["largest_difference"] == 0.0
        assert "At the 15 points that both have, their values are equal." in found.sentence

    def test_a_training_that_looking_changed_is_told(self):
        found = by_label(told(coarse(lambda x: falling(x) + 0.028), fine()))["fall_over"]

        assert found.numbers["largest_difference"] == pytest.approx(0.028)
        assert "differ by up to 0.028: looking changed the training" in found.sentence

    def test_another_gpu_and_seed_are_named(self):
        """And then nothing follows from values that differ."""
        found = by_label(
            told(
                coarse(blocks={"gpu_name": A100}, replicate={"seed": 0}),
                fine(lambda x: falling(x) + 0.01, blocks={"gpu_name": T4}, replicate={"seed": 1}),
            )
        )["fall_over"]

        assert found.status == "found"
        assert (
            f"of the same setting, but seed 0 against 1 and gpu_name {A100} against {T4}"
            in found.sentence
        )
        assert "looking changed" not in found.sentence

    def test_the_partner_that_is_most_alike_is_taken(self):
        """The other seed looked more often, and is not asked."""
        other = ("r5", looks(falling, 10, 3_000), {"setting": {**FINE, "eval_steps": "10"},
                 "replicate": {"seed": 1}})  # fmt: skip
        found = told(coarse(replicate={"seed": 0}), fine(replicate={"seed": 0}), other)

        assert [f.runs for f in found if f.label == "fall_over"] == [("r1", "r4"), ("r4", "r5")]

    def test_a_run_cut_off_early_shares_too_little_for_a_fraction(self):
        """R4 ends at 900: R1's looks at 200, 400, 600, 800."""
        found = by_label(told(coarse(), fine(until=900, state="interrupted")))

        assert found["fall_over"].status == "found"
        for label in ("hidden", "made"):
            assert found[label].status == "cannot_tell"
            assert "share 4 coarse points: they share too little to tell" in found[label].sentence
            assert "hidden_fraction" not in found[label].numbers

    def test_a_monotone_curve_hides_nothing_and_nothing_is_made(self):
        found = by_label(told(coarse(), fine()))

        assert found["hidden"].status == "not_found"
        assert "has no rise" in found["hidden"].sentence
        assert found["made"].status == "not_found"
        assert found["made"].numbers["rescaled_fraction"] == 0


def spiked(x: float) -> float:
    """Falls by a line, with a spike of .2 at steps 40, 1,040 and 2,040."""
    return 1 - x / 4_000 + (0.2 if x % 1_000 == 40 else 0)


def breathing(x: float) -> float:
    """The fall is over by step 100; then a plateau that goes up and down by .02 every 200."""
    return falling(2 * x) + (0.02 if x >= 100 and (x // 200) % 2 else 0)


class TestHidden:
    def test_a_spike_between_two_looks_is_hidden(self):
        """Steps 40, 1,040, 2,040 are the places 1, 51 and 101 from 0: all in phase 1 of 10."""
        found = by_label(told(coarse(spiked), fine(spiked)))["hidden"]

        assert found.status == "found"
        assert found.numbers["dense_excursions"] == 3
        assert found.numbers["hidden_phases"] == [0, *range(2, 10)]
        assert "would have hidden all of them in 9 of 10 phases, also in the one that R1" in (
            found.sentence
        )

    def test_a_slow_rise_shows_in_every_phase(self):
        def slow(x):
            return 1 - x / 4_000 + 0.3 * math.sin(x / 300)

        found = by_label(told(coarse(slow), fine(slow)))["hidden"]

        assert found.status == "not_found"
        assert found.numbers["hidden_fraction"] == 0

    def test_a_size_of_ones_own_decides_what_counts_as_a_rise(self):
        """The spikes are .2 high; with .25 there is none, and so nothing to hide."""
        limits = {"looked_too_coarsely.delta": 0.25}

        found = by_label(told(coarse(spiked), fine(spiked, thresholds=limits)))["hidden"]

        assert found.status == "not_found"
        assert found.numbers["delta"] == 0.25

    def test_turning_points_stand_beside_it(self):
        """The first move is up to the spike at step 40: one turn; two for each of the others."""
        found = by_label(told(coarse(spiked), fine(spiked)))["hidden"]

        assert found.numbers["turning_points"]["count"] == 5
        assert found.numbers["turning_points"]["z"] < -10

    def test_one_phase_of_many_is_not_much(self):
        """A spike .2 high and 180 steps wide: nine of ten phases see it."""

        def wide(x):
            return 1 - x / 4_000 + (0.2 if 1_000 <= x < 1_180 else 0)

        found = by_label(told(coarse(wide), fine(wide)))["hidden"]

        # The step that is missed is 1,180; R1's own phase (1,000, 1,200 …) sees 1,000.
        assert found.numbers["hidden_phases"] == [8]
        assert found.status == "not_found"
        assert "would have hidden it in 1 of 10 phases, not in the one that R1" in found.sentence

    def test_a_run_that_looked_at_the_start_is_in_the_first_phase(self):
        """From step 0 on, R1's steps 200, 400 … are places 10, 20 …: phase 0."""
        start = ("r4", looks(spiked, 20, 3_000) + [(0.0, spiked(0))], {"setting": FINE})
        found = by_label(told(coarse(spiked), start))["hidden"]

        assert found.numbers["own_phase"]["phase"] == 0


class TestMade:
    def test_a_plateau_that_fills_the_chart_is_made_by_the_cadence(self):
        """R1's looks: .30 and .32 in turn: as much up as down; R4's curve falls by .34 first."""
        found = by_label(told(coarse(breathing), fine(breathing)))["made"]

        assert found.status == "found"
        own = found.numbers["own_phase"]
        assert own["is_rescaled"]
        assert found.numbers["coarse_roughness"] == own["roughness"]  # equal losses
        assert own["roughness"] > 0.8
        assert found.numbers["dense_roughness"] < 0.5
        assert own["y_share"] < 0.1

    def test_an_irregular_curve_is_not_made_by_looking_at_it_less(self):
        """Noise around a line: rough at any cadence, and less so at a coarser one."""
        chance = random.Random(5)
        noise = [chance.gauss(0, 0.01) for _ in range(151)]

        def noisy(x):
            return 1 - x / 4_000 + noise[int(x) // 20]

        found = by_label(told(coarse(noisy), fine(noisy)))["made"]

        assert found.status == "not_found"


class TestSilence:
    def test_a_fall_that_goes_on_is_not_over(self):
        """A line from step 20 to 3,000: 180 / 2,980 at the first look."""
        found = by_label(told(coarse(lambda x: 1 - x / 4_000), fine(lambda x: 1 - x / 4_000)))

        assert found["fall_over"].status == "not_found"
        assert found["fall_over"].numbers["share"] == pytest.approx(180 / 2_980)

    def test_a_fall_within_the_noise_is_none(self):
        """Up and down by .1: the noise sd is far above the half of a fall of .2."""

        def noisy(x):
            return 0.6 if (x // 20) % 2 else 0.4

        found = by_label(told(coarse(noisy), fine(noisy)))["fall_over"]

        assert found.status == "not_found"
        assert "within 2 noise sd" in found.sentence

    def test_the_share_is_a_setting(self):
        runs = [
            seen("r1", rows_of(looks(falling, 200, 3_000)), COMPARISONS, setting=COARSE,
                 thresholds={"looked_too_coarsely.share": 0.96}),
            seen("r4", rows_of(looks(falling, 20, 3_000)), COMPARISONS, setting=FINE),
        ]  # fmt: skip

        found = by_label(comparisons_of(runs, rules=COMPARISONS))["fall_over"]

        assert found.status == "not_found"  # .950

    def test_without_a_denser_partner_it_says_so_once(self):
        other = ("r2", looks(falling, 200, 3_000), {"setting": {"batch": "64"}, "name": "R2"})

        (found,) = told(coarse(), other)

        assert found.status == "cannot_tell"
        assert found.runs == ("r1", "r2")
        assert found.sentence.startswith(
            "No run of the same setting was looked at more often than R1 and R2 (every 200 steps)"
        )

    def test_another_setting_is_no_partner(self):
        other = ("r3", looks(falling, 20, 3_000), {"setting": {**FINE, "batch": "64"}})

        assert [f.status for f in told(coarse(), other)] == ["cannot_tell"]

    def test_runs_without_an_eval_loss_are_left_out(self):
        assert told(("r1", [], {"setting": COARSE})) == []

    def test_a_partner_that_began_later_is_none(self):
        late = ("r4", [p for p in looks(falling, 20, 3_000) if p[0] >= 200], {"setting": FINE})

        found = by_label(told(coarse(), late))["fall_over"]

        assert found.status == "cannot_tell"
        assert "no earlier" in found.sentence

    def test_a_partner_that_ended_before_the_first_look_shares_no_stretch(self):
        found = by_label(told(coarse(), fine(until=180)))["fall_over"]

        assert found.status == "cannot_tell"
        assert "share no stretch of steps" in found.sentence

    def test_a_partner_that_only_rises_tells_nothing_of_a_fall(self):
        found = by_label(told(coarse(lambda x: x), fine(lambda x: x)))

        assert [found[label].status for label in ("fall_over", "hidden", "made")] == [
            "not_found", "cannot_tell", "cannot_tell",
        ]  # fmt: skip

    def test_a_fall_that_was_over_and_gone_is_not_denied(self):
        """From 1 to .5 and back before step 200: what is told is told of 200 to 400 alone."""
        rises = [(20, 1.0), (60, 0.5), (100, 0.8), (140, 1.0), (200, 1.2), (400, 1.3)]
        found = by_label(
            told(
                ("r1", [(200, 1.2), (400, 1.3)], {"setting": COARSE}),
                ("r4", rises, {"setting": FINE}),
            )
        )

        assert found["fall_over"].sentence == (
            "r4 was never below its first value from 200, where r1 looked first, to 400: no fall "
            "to be over is left."
        )

    def test_a_fall_after_a_rise_was_not_over(self):
        """1 to 1.1 at step 200, and down to .3 at 400."""
        points = [(20, 1.0), (100, 1.05), (200, 1.1), (300, 0.6), (350, 0.4), (400, 0.3)]
        found = by_label(
            told(
                ("r1", [(200, 1.1), (400, 0.3)], {"setting": COARSE}),
                ("r4", points, {"setting": FINE}),
            )
        )

        assert found["fall_over"].sentence.startswith("Nothing of the fall that r4 shows since")

    def test_more_looks_than_can_be_thinned_in_time_are_told(self):
        found = by_label(
            told(coarse(until=10_010), ("r4", looks(falling, 1, 10_010), {"setting": FINE}))
        )

        assert [found[label].status for label in ("hidden", "made")] == ["cannot_tell"] * 2
        assert found["made"].sentence == "r4 has 10,010 looks; at most 10,000 are thinned."

    def test_four_looks_have_no_noise(self):
        few = ("r4", [(20, 1.0), (70, 0.8), (120, 0.6), (450, 0.1)], {"setting": FINE})
        found = by_label(told(("r1", [(200, 0.4), (400, 0.2)], {"setting": COARSE}), few))

        assert found["fall_over"].status == "cannot_tell"
        assert "noise_sd needs at least 5" in found["fall_over"].sentence

    def test_steps_of_the_log_are_not_taken_for_optimizer_steps(self):
        def logged(run, every, setting):
            rows = [{"_step": x, "eval/loss": falling(x)} for x in range(every, 3_001, every)]
            return seen(run, rows, COMPARISONS, setting=setting)

        found = by_label(
            comparisons_of([logged("r1", 200, COARSE), logged("r4", 20, FINE)], rules=COMPARISONS)
        )

        assert "W&B steps stand for optimizer steps" in found["fall_over"].sentence
        assert found["fall_over"].x_name == "W&B steps"

    @pytest.mark.parametrize("name", bad_histories())
    @pytest.mark.parametrize("other", ["huge", "largest", "steps far apart", "rising"])
    def test_bad_input_raises_nothing(self, name, other):
        runs = [
            seen("r0", bad_histories()[name], COMPARISONS),
            seen("r1", bad_histories()[other], COMPARISONS),
            seen("r2", rows_of(looks(falling, 200, 3_000)), COMPARISONS),
        ]

        for found in comparisons_of(runs, rules=COMPARISONS):
            assert found.as_dict()["status"] in ("found", "not_found", "cannot_tell")
