"""Smoothed lines: equal to TensorBoard's, to W&B's published formula, and to plain means."""

import math

import numpy as np
import pytest

from paribus_sweeps.analysis.series.smoothing import KINDS, Smoothing
from paribus_sweeps.errors import InvalidSeries

NOISE = np.random.default_rng(5).normal(size=500) + np.linspace(5, 0, 500)
STEPS = np.arange(500.0)


def smoothed(text: str, values, x=None):
    values = np.asarray(values, dtype=float)
    how = Smoothing.parse(text)
    assert how is not None
    return how.of(np.arange(len(values), dtype=float) if x is None else np.asarray(x), values)


def as_tensorboard(values: list[float], weight: float) -> list[float]:
    """What TensorBoard draws, its steps written anew in Python.

    Source: tensorflow/tensorboard 412c86e, tensorboard/webapp/widgets/line_chart_v2/
    data_transformer.ts, classicSmoothing.
    """
    if all(value == values[0] for value in values):
        return values
    last, finite, drawn = 0.0, 0, []
    for value in values:
        if not math.isfinite(value):
            drawn.append(value)
            continue
        last = last * weight + (1 - weight) * value
        finite += 1
        drawn.append(last / (1 if weight == 1 else 1 - weight**finite))
    return drawn


def as_wandb(x: list[float], values: list[float], parameter: float) -> list[float]:
    """The sample code of docs.wandb.ai, "Smooth line plots", with 1000 for its constant."""
    weight = min(math.sqrt(parameter), 0.999)
    last, debias, drawn = 0.0, 0.0, []
    for i, value in enumerate(values):
        way = (x[i] - x[max(i - 1, 0)]) / (max(x) - min(x)) * 1000
        adjusted = weight**way
        last, debias = last * adjusted + value, debias * adjusted + 1
        drawn.append(last / debias)
    return drawn


class TestParse:
    @pytest.mark.parametrize("text", ["", "none", " none "])
    def test_nothing_smooths_nothing(self, text):
        assert Smoothing.parse(text) is None

    def test_it_is_written_as_it_is_read(self):
        assert [Smoothing.parse(t).text for t in ("ema:0.60", "mean: 5")] == ["ema:0.6", "mean:5"]

    def test_an_unknown_kind_is_refused_with_the_nearest(self):
        with pytest.raises(InvalidSeries, match="no smoothing 'emma'; did you mean 'ema'"):
            Smoothing.parse("emma:0.6")
        with pytest.raises(InvalidSeries, match="there are ema, twema, gaussian, mean"):
            Smoothing.parse("x:1")

    @pytest.mark.parametrize(
        "text",
        [
            "ema:1", "ema:-0.1", "ema:nan", "ema:", "ema", "ema:much", "twema:1.1", "gaussian:0",
            "gaussian:101", "gaussian:inf", "mean:4", "mean:0", "mean:2.5", "mean:10003", "none:1",
        ],
    )  # fmt: skip
    def test_a_number_out_of_bounds_is_refused(self, text):
        with pytest.raises(InvalidSeries, match="smoothing"):
            Smoothing.parse(text)


class TestLikeTensorBoard:
    @pytest.mark.parametrize("weight", [0.1, 0.6, 0.99, 0.999])
    def test_the_line_is_equal(self, weight):
        ours = smoothed(f"ema:{weight}", NOISE)

        np.testing.assert_allclose(ours, as_tensorboard(NOISE.tolist(), weight), rtol=1e-12)

    def test_it_is_equal_around_what_is_not_finite(self):
        values = NOISE.copy()
        values[[0, 7, 8, 499]] = [math.nan, math.inf, -math.inf, math.nan]

        ours = smoothed("ema:0.6", values)

        np.testing.assert_allclose(ours, as_tensorboard(values.tolist(), 0.6), rtol=1e-12)

    def test_by_hand(self):
        """It is s = 0.5, 1.25; 1 - a^n = 0.5, 0.75: 1 and 5/3."""
        np.testing.assert_allclose(smoothed("ema:0.5", [1, 2]), [1, 5 / 3], rtol=1e-15)

    def test_weight_zero_changes_nothing(self):
        assert smoothed("ema:0", NOISE).tolist() == NOISE.tolist()


class TestTimeWeighted:
    @pytest.mark.parametrize("parameter", [0.01, 0.6, 0.998, 1])
    def test_it_is_the_published_formula(self, parameter):
        ours = smoothed(f"twema:{parameter}", NOISE)

        theirs = as_wandb(STEPS.tolist(), NOISE.tolist(), parameter)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)

    def test_it_goes_by_the_way_between_points(self):
        x = np.sort(np.random.default_rng(6).uniform(0, 7, size=500))

        np.testing.assert_allclose(
            smoothed("twema:0.9", NOISE, x), as_wandb(x.tolist(), NOISE.tolist(), 0.9), rtol=1e-9
        )

    @pytest.mark.parametrize("x", [[3.0, 3.0], [-1.7e308, 1.7e308]])
    def test_without_a_width_the_line_is_unchanged(self, x):
        assert smoothed("twema:0.9", [1, 2], x).tolist() == [1, 2]

    def test_parameter_zero_changes_nothing(self):
        assert smoothed("twema:0", NOISE).tolist() == NOISE.tolist()


class TestMeans:
    def test_a_running_mean_by_hand(self):
        """(1+2)/2, (1+2+6)/3, (2+6+7)/3, (6+7)/2."""
        assert smoothed("mean:3", [1, 2, 6, 7]).tolist() == pytest.approx([1.5, 3, 5, 6.5])

    @pytest.mark.parametrize("window", [1, 3, 5, 499, 501, 10_001])
    def test_a_running_mean_is_the_mean_of_what_there_is(self, window):
        half = window // 2
        expected = [NOISE[max(i - half, 0) : i + half + 1].mean() for i in range(500)]

        np.testing.assert_allclose(smoothed(f"mean:{window}", NOISE), expected, rtol=1e-12)

    def test_a_spike_leaves_no_trace_behind_its_window(self):
        """A running sum that takes off what it has added would hold what rounding left: 1e284."""
        values = [1.0, 1.0, 1e300, 2.0, 3.0, 4.0, 5.0]

        assert smoothed("mean:3", values)[4:].tolist() == pytest.approx([3, 4, 4.5])

    def test_a_normal_curve_weighs(self):
        """Weights e^-(d^2/2) of sd 1, cut at 4; the ends are divided by what is there."""
        weights = [math.exp(-d * d / 2) for d in range(3)]
        expected = [
            (1 * weights[0] + 2 * weights[1] + 6 * weights[2]) / sum(weights),
            (1 * weights[1] + 2 * weights[0] + 6 * weights[1]) / (weights[0] + 2 * weights[1]),
            (1 * weights[2] + 2 * weights[1] + 6 * weights[0]) / sum(weights),
        ]

        np.testing.assert_allclose(smoothed("gaussian:1", [1, 2, 6]), expected, rtol=1e-12)


@pytest.mark.parametrize("text", ["ema:0.6", "twema:0.6", "gaussian:2", "mean:5"])
class TestEveryKind:
    def test_is_one_of_the_table(self, text):
        assert text.partition(":")[0] in KINDS

    def test_a_constant_stays_what_it_is(self, text):
        assert smoothed(text, [0.1] * 9).tolist() == [0.1] * 9

    def test_what_is_not_finite_stays_and_leaves_the_others_alone(self, text):
        values = [1.0, math.nan, 2.0, 4.0, math.inf, 3.0]

        ours = smoothed(text, values, x=[0.0, 0.5, 1.0, 2.0, 2.5, 3.0])

        assert math.isnan(ours[1])
        assert ours[4] == math.inf
        alone = smoothed(text, [1.0, 2.0, 4.0, 3.0], x=[0.0, 1.0, 2.0, 3.0])
        assert ours[[0, 2, 3, 5]].tolist() == alone.tolist()

    @pytest.mark.parametrize("values", [[], [math.nan] * 3, [7.0]])
    def test_little_or_nothing_comes_back_as_it_is(self, text, values):
        np.testing.assert_array_equal(smoothed(text, values), values)

    def test_large_values_stay_finite(self, text):
        ours = smoothed(text, [1e308, 1.5e308, -1e308, 1.7e308])

        assert np.isfinite(ours).all()

    def test_a_line_of_one_point_a_step_stays_between_its_ends(self, text):
        ours = smoothed(text, NOISE)

        assert NOISE.min() <= ours.min()
        assert ours.max() <= NOISE.max()
