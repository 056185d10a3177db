"""How seldom a run could have been looked at and still have shown what it shows."""

import math

import pytest

from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.findings.coarsest_cadence import RULES, coarsest
from paribus_sweeps.analysis.findings.excursions import excursions, shown, usual_delta
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rules import declared
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.findings.watching import RunWatch
from tests.sweeps.analysis.findings.runs_beside import (
    bad_histories,
    falling,
    looks,
    rows_of,
    seen,
)


def told(points, **facts) -> Finding:
    (found,) = RunWatch(RULES).tell(seen("r", rows_of(points), RULES, **facts))
    return found


def found_of(values: list[float]):
    curve = Curve.of(enumerate(values))
    return coarsest(curve, usual_delta(curve) or 0.0, Thresholds.of(declared(RULES)))


class TestWhatIsLost:
    def test_a_line_loses_its_lowest_value_first(self):
        """From 1.0 to 0 in 100 looks; delta is .05, five looks' worth (.0505).

        The last point of m = 6's worst phase is five looks from the end: .0505 above the
        lowest. With m = 5 it is four: .0404.
        """
        found = found_of([1 - at / 99 for at in range(100)])

        assert (found.every, found.failed, found.lost, found.lost_phases) == (5, 6, "lowest", 1)

    def test_a_spike_of_one_look_is_lost_at_once(self):
        """Of two phases one has it."""
        values = [1 - at / 99 + (0.3 if at == 50 else 0) for at in range(100)]

        found = found_of(values)

        assert (found.every, found.failed, found.lost, found.lost_phases) == (
            1,
            2,
            "excursions",
            1,
        )

    def test_a_spike_of_three_looks_is_lost_at_four(self):
        values = [1 - at / 99 + (0.3 if 50 <= at < 53 else 0) for at in range(100)]

        found = found_of(values)

        assert (found.every, found.failed, found.lost) == (3, 4, "excursions")

    def test_a_fast_fall_is_lost_where_half_of_it_is_over_at_the_first_look(self):
        """Exp(-x/3): half is over behind 2.08, so a phase may begin at 2 and not at 3: m = 4."""
        found = found_of([math.exp(-at / 3) for at in range(100)])

        assert (found.every, found.failed, found.lost, found.lost_phases) == (3, 4, "fall", 1)

    def test_a_fall_within_its_noise_is_not_asked_for(self):
        """Up and down by 1 from look to look: every second look shows no rise at all."""
        found = found_of([at % 2 for at in range(20, 0, -1)] + [-0.01])

        assert found.lost == "excursions"

    def test_a_curve_that_shows_all_until_five_looks_are_left_says_so(self):
        """Ten looks, so m = 2 alone is tried; both phases see the fall and the floor."""
        found = found_of([1.0, 0.8, 0.6, 0.4, 0.2, 0, 0, 0, 0, 0])

        assert (found.every, found.failed, found.lost) == (2, None, None)

    def test_a_chart_that_only_shows_the_plateau_makes_what_is_not_there(self):
        """Small waves of .02 (delta is .05) behind a fall that the last phases leave out.

        The noise of the fall is above half of it, so that the fall is not asked for.
        """
        limits = {"looked_too_coarsely.noise_sds": 100.0}
        curve = Curve.of(enumerate([1.0, 0.0, *[0.02, 0.0] * 10]))
        asked = Thresholds.of(declared(RULES), limits)

        found = coarsest(curve, 0.05, asked)

        # m = 2: phase 1 is constant; m = 3: phase 1 goes up as much as down (the whole: 0.2/1.2).
        assert (found.every, found.failed, found.lost) == (2, 3, "created")

    def test_what_is_promised_holds_in_every_phase(self):
        """The numbers of rises, counted anew, of each cadence up to the one that is named."""
        values = [falling(20 * at) + 0.05 * math.sin(at / 9) for at in range(300)]
        curve = Curve.of(enumerate(values))
        delta = usual_delta(curve) or 0.0
        found = found_of(values)

        dense = len(excursions(curve, delta))
        assert found.every > 1
        for every in range(2, found.every + 1):
            for phase in range(every):
                assert len(excursions(shown(curve, every, phase), delta)) == dense


class TestSentences:
    def test_the_coarsest_cadence_is_in_the_runs_own_steps(self):
        """The line of above: five times 20 steps, 20 looks in place of 100."""
        found = told([(20.0 * (at + 1), 1 - at / 99) for at in range(100)])

        assert found.status == "found"
        assert found.numbers["coarsest_cadence"] == 100
        assert found.sentence == (
            "Looking every 100 steps would still have shown in every phase what looking every 20 "
            "did, with 20 looks in place of 100: at every 120, the lowest value is missed by "
            "delta or more in 1 of 6 phases."
        )

    def test_where_none_would_it_says_what_is_lost(self):
        points = [(20.0 * (at + 1), 1 - at / 99 + (0.3 if at == 50 else 0)) for at in range(100)]

        found = told(points)

        assert found.status == "not_found"
        assert found.sentence == (
            "No coarser cadence shows all that every 20 steps does: at every 40, rises are lost, "
            "or look otherwise in 1 of 2 phases."
        )

    def test_too_few_looks_to_go_further_are_told(self):
        values = [1.0, 0.8, 0.6, 0.4, 0.2, 0, 0, 0, 0, 0]

        found = told([(20.0 * at, value) for at, value in enumerate(values, 1)])

        assert found.sentence.endswith(
            "with 5 looks in place of 10; beyond it fewer than 5 looks are left to tell by."
        )

    def test_beyond_a_hundred_cadences_of_two_digits_are_tried(self):
        """A line of 2,000 looks: delta is 99.95 of them, and a phase misses up to m - 1."""
        found = found_of([1 - at / 1_999 for at in range(2_000)])

        assert (found.every, found.failed) == (100, 110)

    def test_the_trainers_look_at_the_last_step_is_no_uneven_cadence(self):
        """Looks every 5 steps of 48: ten of eleven gaps are 5, and the last is 3."""
        points = [(float(x), 1 - x / 48) for x in (*range(5, 46, 5), 48)]

        assert told(points).status != "cannot_tell"

    def test_a_longer_last_gap_is_uneven(self):
        points = [(float(x), 1 - x / 60) for x in (*range(5, 46, 5), 60)]

        assert "not evenly spaced" in told(points).sentence

    def test_a_run_that_goes_on_is_told_later(self):
        found = told(looks(falling, 20, 3_000), state="running")

        assert (found.status, found.sentence) == (
            "cannot_tell",
            "The run goes on: how often one must look at it is told when it is over.",
        )

    @pytest.mark.parametrize(
        ("points", "why"),
        [
            (looks(falling, 20, 180), "9 looks; a coarser cadence needs at least 10"),
            (looks(falling, 1, 2_001), "2,001 looks; at most 2,000 are searched"),
            ([(float(x * x), falling(x)) for x in range(20)], "not evenly spaced"),
            (looks(lambda x: x, 20, 400), "never fell below its first value"),
        ],
        ids=["few", "many", "uneven", "rising"],
    )
    def test_what_cannot_be_told_says_why(self, points, why):
        found = told(points)

        assert found.status == "cannot_tell"
        assert why in found.sentence

    def test_without_an_eval_loss_it_asks_for_one(self):
        (found,) = RunWatch(RULES).tell(seen("r", [{"loss": 1.0}], RULES))

        assert found.status == "cannot_tell"
        assert "no logged key is known as eval_loss" in found.sentence

    @pytest.mark.parametrize("name", bad_histories())
    def test_bad_input_raises_nothing(self, name):
        (found,) = RunWatch(RULES).tell(seen("r", bad_histories()[name], RULES))

        assert found.as_dict()["status"] in ("found", "not_found", "cannot_tell")
