"""Figures of curves: overlay, train and eval, spread, throughput, cadence."""

import math
from dataclasses import replace

import numpy as np
import pytest

from paribus_sweeps.figures import (
    CadencePrice,
    CurveBand,
    CurveLine,
    Look,
    Mark,
    Rate,
    Spread,
    bands_of,
    cadence_phases,
    cadence_price,
    grad_norm_spread,
    lines_of,
    overlay,
    throughput,
    train_eval,
)
from tests.sweeps.figures.examples import line

RISE = Mark("overfitting", "Eval loss rose.", 50, 150)


def caption(figure):
    return " ".join(figure["layout"]["meta"]["caption"])


def names(figure):
    return [trace["name"] for trace in figure["data"] if trace["showlegend"]]


class TestOverlay:
    def test_a_smoothed_line_stands_beside_the_raw_one(self):
        smooth = line(smoothed=[0.5] * 20, smoothing="running mean over 5 points")

        raw, bold = overlay([smooth], key="loss")["data"]

        assert raw["y"] == [1 - k / 20 for k in range(20)]
        assert raw["opacity"] < 0.5
        assert bold["name"] == "R1 (smoothed)"
        assert bold["y"] == [0.5] * 20

    def test_how_it_was_smoothed_and_thinned_is_said(self):
        smooth = line(smoothed=[0.5] * 20, smoothing="running mean", stands_for=900)

        said = caption(overlay([smooth], key="loss"))

        assert "smoothed for the eye (running mean); faint: the values themselves" in said
        assert "20 of 900 points shown, spikes kept" in said

    def test_a_plain_line_says_neither(self):
        said = caption(overlay([line(stands_for=20)], key="loss"))

        assert said == "n = 1 run."

    def test_what_is_not_finite_is_a_gap_and_counted(self):
        broken = CurveLine("R1", [0, 1, 2, 3], [1.0, math.nan, math.inf, 1e301])

        figure = overlay([broken], key="loss")

        assert figure["data"][0]["y"] == [1.0, None, None, None]
        assert "3 values are NaN, infinite or beyond drawing: gaps." in caption(figure)

    def test_one_gap_is_counted_as_one(self):
        assert "1 value is NaN" in caption(
            overlay([CurveLine("R1", [0, 1], [1.0, math.nan])], key="loss")
        )

    def test_a_single_point_has_a_marker(self):
        assert "markers" in overlay([line(n=1)], key="loss")["data"][0]["mode"]

    def test_nothing_finite_is_said(self):
        broken = CurveLine("R1", [0, 1], [math.nan, math.nan])

        figure = overlay([broken], key="loss", why_empty="All values are NaN.")

        assert "All values are NaN." in figure["layout"]["annotations"][0]["text"]

    def test_a_dead_line_among_others_is_spoken_of(self):
        figure = overlay([line(), CurveLine("R2", [0], [math.nan])], key="loss")

        assert "R2: no finite value." in figure["layout"]["meta"]["description"]

    def test_a_finding_stands_at_the_nearest_point_of_its_curve(self):
        """Points stand every 10: 52 is nearest to 50, where the curve is 1 - 5 / 20."""
        mark = Mark("spikes", "3 of 900 norms.", 52)

        found = overlay([line(marks=[mark])], key="loss")["data"][-1]

        assert found["name"] == "findings (n = 1)"
        assert (found["x"], found["y"]) == ([50.0], [0.75])
        assert "3 of 900 norms." in found["hovertext"][0]

    def test_a_band_holds_least_mean_and_largest_with_n(self):
        band = CurveBand("batch 8", [0, 1], [0.5, 0.4], [0.4, 0.3], [0.6, 0.5], n=3)

        low, high, mean = overlay([], key="loss", bands=[band])["data"]

        assert (low["y"], high["y"], mean["y"]) == ([0.4, 0.3], [0.6, 0.5], [0.5, 0.4])
        assert high["fill"] == "tonexty"
        assert mean["name"] == "batch 8 (n = 3)"

    def test_k_of_n_is_visible_when_capped(self):
        said = caption(overlay([line(f"R{k}") for k in range(20)], key="loss", runs=90))

        assert "12 of 90 runs shown." in said

    def test_lines_of_a_run_beyond_the_most_are_counted(self):
        lines = [line(f"R1 · {k}") for k in range(13)]

        assert "12 of 13 lines shown." in caption(overlay(lines, key="k", drawn_runs=1))

    def test_runs_with_several_lines_are_counted_once(self):
        said = caption(overlay([line("R1 · a"), line("R1 · b")], key="a, b", drawn_runs=1, runs=7))

        assert "n = 1 run." in said
        assert "1 of 7 runs shown." in said

    def test_arrays_are_taken_too(self):
        curve = CurveLine("R1", np.arange(3.0), np.array([1.0, np.nan, 2.0]))

        assert overlay([curve, curve], key="loss")["data"][0]["y"] == [1.0, None, 2.0]


class TestFindingsOnCurves:
    """Points of `line()` stand at 0, 10 … 190."""

    def test_one_beyond_the_drawn_range_is_left_out_and_counted(self):
        marks = [Mark("spikes", "A spike.", 191), Mark("plateau", "Still.", -9, -1)]

        figure = overlay([line(marks=marks)], key="loss")

        assert names(figure) == ["R1"]
        assert "2 findings lie outside what is drawn and are not marked." in caption(figure)

    def test_one_that_reaches_into_the_range_stands_where_the_range_begins(self):
        figure = overlay([line(marks=[Mark("plateau", "Still.", -9, 30)])], key="loss")

        assert figure["data"][-1]["x"] == [0]
        assert "not marked" not in caption(figure)

    def test_one_that_begins_before_what_is_looked_at_is_counted(self):
        marks = [Mark("plateau", "Still.", -9, 30), Mark("spikes", "A spike.", 20)]

        figure = overlay([line(marks=marks)], key="loss", looked_at=(0, 190))

        assert figure["data"][-1]["x"] == [20]
        assert "1 finding lies outside what is drawn and is not marked." in caption(figure)

    def test_where_nothing_but_nan_follows_is_drawn(self):
        """NaN from 200 on: the finding begins there, behind the last point that can be drawn."""
        broken = replace(line(marks=[Mark("non finite", "NaN.", 200)]), undrawn=[200.0, 210.0])

        figure = overlay([broken], key="loss")

        assert figure["data"][-1]["x"] == [190]

    def test_the_range_is_that_of_all_lines(self):
        short = line("R1", n=3, marks=[Mark("truncated", "It was cut off.", 60)])

        assert overlay([short, line("R2")], key="loss")["data"][-1]["x"] == [20]
        assert "1 finding lies outside" in caption(overlay([short], key="loss"))

    def test_one_about_two_keys_is_one(self):
        mark = Mark("overfitting", "Eval rose.", 50)

        figure = overlay([line("a", marks=[mark]), line("b", marks=[mark])], key="a, b")

        assert figure["data"][-1]["name"] == "findings (n = 1)"
        assert len(figure["data"][-1]["x"]) == 2

    def test_beyond_the_most_they_are_counted(self):
        marks = [Mark("spikes", f"Spike {k}.", k) for k in range(30)]

        figure = overlay([line(marks=marks)], key="loss")

        assert figure["data"][-1]["name"] == "findings (n = 20)"
        assert "20 of 30 findings shown." in caption(figure)

    def test_beside_a_band_without_a_line_there_are_none(self):
        band = CurveBand("batch 8", [0], [0.5], [0.4], [0.6], n=3)
        empty = CurveLine("R1", [], [], marks=[RISE])

        figure = overlay([empty], key="loss", bands=[band])

        assert "findings" not in " ".join(names(figure))
        assert "1 finding lies outside what is drawn" in caption(figure)

    def test_a_line_of_gaps_holds_none(self):
        broken = CurveLine("R1", [0, 100], [math.nan, math.nan], marks=[RISE])

        figure = overlay([broken, line("R2")], key="loss")

        assert "1 finding lies outside what is drawn" in caption(figure)


class TestLinesOfAnAnswer:
    @staticmethod
    def series(run="run-1", name="R1", key="loss", missing=None):
        values = {"x": [0.0, 1.0], "y": [0.5, 0.4], "smoothed": None, "stands_for": 2}
        more = {"not_finite": {"x": []}, "missing": missing}
        return {"run": run, "name": name, "key": key, **values, **more}

    def answer(self, *series, bands=()):
        return {"series": list(series), "bands": list(bands), "smoothing": None}

    def test_a_run_is_called_by_its_name(self):
        found = lines_of(self.answer(self.series(), self.series("run-2", "R2")))

        assert [one.name for one in found] == ["R1", "R2"]

    def test_of_several_keys_by_the_key_too(self):
        found = lines_of(self.answer(self.series(), self.series(key="lr")))

        assert [one.name for one in found] == ["R1 · loss", "R1 · lr"]

    def test_two_runs_of_one_name_by_their_ids(self):
        found = lines_of(self.answer(self.series(), self.series("run-2")))

        assert [one.name for one in found] == ["R1 (run-1)", "R1 (run-2)"]

    def test_a_run_without_a_point_is_no_line(self):
        assert lines_of(self.answer(self.series(missing="loss was never logged"))) == []

    def test_a_finding_stands_on_the_keys_that_it_is_about(self):
        told = self.answer(self.series(), self.series(key="lr"))

        found = lines_of(told, {"run-1": [(["loss"], RISE)]})

        assert [one.marks for one in found] == [[RISE], []]

    def test_bands_carry_the_key_of_several(self):
        numbers = {"x": [0.0], "mean": [2.0], "min": [1.0], "max": [4.0], "n": 3}
        bands = [
            {"label": "batch=8", "key": "loss", **numbers, "missing": None},
            {"label": "batch=8", "key": "lr", "missing": "never logged"},
        ]

        [one] = bands_of(self.answer(self.series(), bands=bands))
        [of_two] = bands_of(self.answer(self.series(), self.series(key="lr"), bands=bands))

        assert (one.name, of_two.name) == ("batch=8", "batch=8 · loss")


class TestOfACurvesAnswer:
    LINE = {
        "name": "R1", "x": [0.0, 1.0], "y": [0.5, 0.4], "smoothed": None, "stands_for": 90,
        "not_finite": {"x": [2.0]},
    }  # fmt: skip

    def test_a_line_keeps_what_it_stands_for(self):
        line = CurveLine.of_series(self.LINE, smoothing="ema:0.6", marks=[RISE])

        assert (line.name, line.counted, line.smoothing) == ("R1", "2 points for 90", None)
        assert line.marks == [RISE]

    def test_a_smoothed_line_keeps_how(self):
        smooth = {**self.LINE, "smoothed": [0.5, 0.45]}

        line = CurveLine.of_series(smooth, name="seed 0", smoothing="ema:0.6")

        assert (line.name, line.smoothing, line.smoothed) == ("seed 0", "ema:0.6", [0.5, 0.45])

    def test_a_band_reaches_from_min_to_max(self):
        found = {"label": "batch 8", "x": [0.0], "mean": [2.0], "min": [1.0], "max": [4.0], "n": 3}

        band = CurveBand.of_series(found)

        assert (band.name, band.low, band.mean, band.high, band.n) == (
            "batch 8", [1.0], [2.0], [4.0], 3,
        )  # fmt: skip


class TestMark:
    DOCUMENT = {
        "status": "found", "rule": "plateau", "label": "eval_loss", "sentence": "Still.",
        "steps": [5, 9],
    }  # fmt: skip

    def test_a_finding_becomes_a_mark(self):
        assert Mark.of_finding(self.DOCUMENT) == Mark("plateau: eval loss", "Still.", 5.0, 9.0)

    @pytest.mark.parametrize(
        "change", [{"status": "cannot_tell"}, {"steps": None}, {"steps": [None, 3]}]
    )
    def test_what_is_not_found_or_has_no_place_is_none(self, change):
        assert Mark.of_finding({**self.DOCUMENT, **change}) is None

    @pytest.mark.parametrize("label", [None, "plateau"])
    def test_a_label_that_says_no_more_is_left_out(self, label):
        mark = Mark.of_finding({**self.DOCUMENT, "label": label})

        assert mark is not None
        assert mark.word == "plateau"


class TestTrainEval:
    EVAL = CurveLine("eval/loss", [0, 50, 100], [0.9, 0.4, 0.6])

    def test_the_lowest_eval_is_marked(self):
        figure = train_eval(line("train/loss"), self.EVAL, run="R1")

        assert names(figure) == ["train/loss", "eval/loss", "lowest eval: 0.4 at 50"]
        assert (figure["data"][-1]["x"], figure["data"][-1]["y"]) == ([50.0], [0.4])

    def test_a_finding_is_shaded_from_its_first_to_its_last_step(self):
        figure = train_eval(line("train/loss"), self.EVAL, run="R1", marks=[RISE])

        [span] = figure["layout"]["shapes"]
        assert (span["x0"], span["x1"]) == (50, 150)
        assert figure["layout"]["annotations"][0]["text"] == "▾ overfitting"
        assert "Shaded: overfitting. Eval loss rose." in caption(figure)

    def test_findings_beyond_the_most_are_counted(self):
        figure = train_eval(line("train/loss"), self.EVAL, run="R1", marks=[RISE] * 6)

        assert "4 of 6 findings shown." in caption(figure)

    def test_train_alone_says_that_eval_is_missing(self):
        figure = train_eval(line("train/loss"), None, run="R1")

        assert names(figure) == ["train/loss"] or figure["data"][0]["name"] == "train/loss"
        assert "No eval value can be drawn." in caption(figure)

    def test_eval_alone_is_drawn(self):
        figure = train_eval(CurveLine("train/loss", [0], [math.nan]), self.EVAL, run="R1")

        assert figure["data"][0]["name"] == "eval/loss"
        assert "No train value can be drawn." in caption(figure)

    def test_the_reason_stands_where_there_is_neither(self):
        figure = train_eval(None, None, run="R1", why_empty="No key is known as a loss.")

        assert "No key is known as a loss." in figure["layout"]["annotations"][0]["text"]


class TestGradNormSpread:
    def test_quartiles_are_of_type_7(self):
        """R: quantile(c(1, 2, 3, 4, 10)) gives 2, 3, 4."""
        figure = grad_norm_spread([Spread("R1", "8", [10.0, 1.0, 2.0, 3.0, 4.0])], factor="batch")

        [box] = figure["data"]
        assert (box["q1"], box["median"], box["q3"]) == ([2.0], [3.0], [4.0])
        assert (box["lowerfence"], box["upperfence"]) == ([1.0], [10.0])
        assert box["name"] == "batch 8 (n = 1)"

    def test_runs_of_one_level_stand_side_by_side(self):
        spreads = [Spread(f"R{k}", level, [1.0, 2.0]) for k, level in enumerate("abab")]

        figure = grad_norm_spread(spreads, factor="batch")

        assert [box["x"] for box in figure["data"]] == [[0, 1], [2, 3]]
        assert figure["layout"]["xaxis"]["ticktext"][:2] == ["R0 (n=2)", "R2 (n=2)"]

    def test_a_norm_of_zero_makes_the_axis_linear(self):
        axes = [
            grad_norm_spread([Spread("R1", "8", values)])["layout"]["yaxis"]["type"]
            for values in ([1.0, 2.0], [0.0, 2.0])
        ]

        assert axes == ["log", "linear"]

    def test_what_is_not_finite_is_counted(self):
        figure = grad_norm_spread([Spread("R1", "8", [1.0, math.nan, math.inf])])

        assert "2 values NaN, infinite or beyond drawing." in caption(figure)

    def test_runs_and_levels_beyond_the_most_are_counted(self):
        spreads = [Spread(f"R{k}", str(k), [1.0, 2.0]) for k in range(30)]

        figure = grad_norm_spread(spreads, factor="batch", look=Look(width=400))

        assert len(figure["data"]) == 24
        assert "24 of 30 runs shown." in caption(figure)

    def test_nothing_finite_says_why(self):
        figure = grad_norm_spread([Spread("R1", "8", [math.nan])], why_empty="All are NaN.")

        assert "All are NaN." in figure["layout"]["annotations"][0]["text"]


class TestThroughput:
    def test_the_axis_begins_at_zero_and_means_say_their_n(self):
        """(17.233 + 16.1) / 2 = 16.6665."""
        rates = [Rate("R1", "T4", 4.553), Rate("R2", "A100", 17.233), Rate("R3", "A100", 16.1)]

        figure = throughput(rates)

        assert figure["layout"]["xaxis"]["rangemode"] == "tozero"
        assert figure["data"][1]["x"] == pytest.approx([16.6665])
        rows = [note["text"] for note in figure["layout"]["annotations"]]
        assert rows == ["T4: 4.553 steps/s, n = 1", "A100: mean 16.67 steps/s, n = 2"]

    def test_single_runs_have_no_mean(self):
        assert names(throughput([Rate("R1", "T4", 4.553, told="40 intervals")])) == ["runs"]

    def test_the_ratio_is_quoted_with_its_n(self):
        """17.233 / 4.553 = 3.785, one pair: no interval."""
        note = "A100 against T4: 3.785 times (n = 1 pair, no interval)."

        figure = throughput([Rate("R1", "T4", 4.553)], notes=[note])

        assert note in caption(figure)
        assert note in figure["layout"]["meta"]["description"]

    def test_a_rate_that_is_none_is_not_drawn(self):
        assert throughput([Rate("R1", "T4", math.nan)])["layout"]["meta"]["is_empty"]


class TestCadencePhases:
    def test_every_phase_keeps_its_own_points(self):
        """20 points, every 4: phase 1 keeps 1, 5, 9, 13 and 17, at x = 10, 50, …."""
        figure = cadence_phases(line(), every=4)

        bold = [trace for trace in figure["data"] if trace["name"] == "every 4"]
        assert len(bold) == 4
        assert bold[1]["x"] == [10.0, 50.0, 90.0, 130.0, 170.0]

    def test_the_phase_that_a_run_would_have_used_is_pointed_at(self):
        figure = cadence_phases(line(), every=4, told={3: "hidden", 0: "made"})

        titles = [note["text"] for note in figure["layout"]["annotations"]]
        assert titles == ["phase 0: made", "phase 1", "phase 2", "<b>▸ phase 3: hidden</b>"]
        assert "phase 3 (the one used): hidden" in figure["layout"]["meta"]["description"]

    def test_of_many_phases_the_used_one_is_among_the_shown(self):
        figure = cadence_phases(line(n=100), every=30)

        titles = [note["text"] for note in figure["layout"]["annotations"]]
        assert titles[-1] == "<b>▸ phase 29</b>"
        assert "12 of 30 phases shown." in caption(figure)

    def test_panels_share_their_axes(self):
        layout = cadence_phases(line(), every=4, look=Look(width=400))["layout"]

        assert {tuple(layout[f"yaxis{k}"]["range"]) for k in ("", 2, 3, 4)} == {
            tuple(layout["yaxis"]["range"])
        }
        assert layout["yaxis2"]["showticklabels"] is False

    @pytest.mark.parametrize(("every", "n"), [(1, 20), (8, 8), (0, 20)])
    def test_what_cannot_be_thinned_says_so(self, every, n):
        assert cadence_phases(line(n=n), every=every)["layout"]["meta"]["is_empty"]


class TestCadencePrice:
    def test_the_price_stands_over_the_cadence(self):
        """METHOD 9.2: eval_steps 20 of 9,375 steps, 469 evaluations."""
        prices = [CadencePrice(200, 47, 0.12), CadencePrice(20, 469, 1.2, 0.31, is_chosen=True)]

        figure = cadence_price(prices)

        assert figure["data"][0]["x"] == [20, 200]
        assert figure["data"][0]["y"] == [1.2, 0.12]
        assert figure["layout"]["meta"]["description"].startswith(
            "Every 20 steps: 469 evaluations, 1.2 GPU-hours, 31% of the run's time."
        )
        assert figure["data"][1]["x"] == [20]

    def test_without_a_measured_rate_evaluations_are_shown_and_no_time(self):
        figure = cadence_price([CadencePrice(20, 469), CadencePrice(200, 47, 0.12)])

        assert figure["data"][0]["y"] == [469.0, 47.0]
        assert "No rate was measured, so no time is told." in caption(figure)

    def test_the_coarsest_cadence_that_shows_as_much_is_ringed(self):
        figure = cadence_price([CadencePrice(20, 469), CadencePrice(200, 47, is_coarsest=True)])

        assert names(figure) == ["price", "the coarsest that shows as much"]
        assert figure["data"][1]["x"] == [200]
