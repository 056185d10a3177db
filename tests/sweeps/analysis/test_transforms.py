"""Scales on which a model works, and the way back."""

import math

import numpy as np
import pytest

from paribus_sweeps.analysis.transforms import (
    CannotTransform,
    Scale,
    at_ceiling,
    box_cox_hint,
    transformed,
)
from tests.sweeps.small_tables import factor, run, table

SHARES = np.array([0.0, 0.25, 1.0])


class TestScale:
    @pytest.mark.parametrize("scale", [Scale(), Scale("log"), Scale("logit"), Scale("logit", 50)])
    def test_there_and_back(self, scale: Scale) -> None:
        values = np.array([0.1, 0.5, 0.9])

        assert [scale.back(v) for v in scale.forward(values)] == pytest.approx(values)
        assert scale.has_way_back

    def test_ends_of_a_share_stay_finite_where_the_number_of_examples_is_known(self) -> None:
        found = Scale("logit", 3).forward(SHARES)

        # (k + .5) / (m + 1): .5/4 and 3.5/4
        assert found[[0, 2]] == pytest.approx([-math.log(7), math.log(7)])
        with pytest.raises(CannotTransform, match="the response 0 is not a share"):
            Scale("logit").forward(SHARES)

    def test_a_logarithm_needs_values_above_zero(self) -> None:
        with pytest.raises(CannotTransform, match="the response -2 is not above 0") as raised:
            Scale("log").forward(np.array([1, -2, math.nan]))

        assert (raised.value.transform, raised.value.value) == ("log", -2.0)

    def test_ranks_share_ties_and_have_no_way_back(self) -> None:
        scale = Scale("rank")

        assert scale.forward(np.array([5, 1, 5, math.nan]))[:3].tolist() == [2.5, 1, 2.5]
        assert scale.smallest(0.1, 1.0) is None
        with pytest.raises(ValueError, match="a rank does not say"):
            scale.back(1.0)

    def test_what_matters_is_the_shorter_step(self) -> None:
        # from 1 up to 1.5 and down to 0.5: ln 1.5 < ln 2
        assert Scale("log").smallest(0.5, 0.0) == pytest.approx(math.log(1.5))
        # down to -1 there is no step
        assert Scale("log").smallest(2.0, 0.0) == pytest.approx(math.log(3))
        assert Scale().smallest(0.5, 7.0) == pytest.approx(0.5)
        assert Scale("logit").smallest(2.0, 0.0) is None

    def test_a_table_keeps_its_runs(self) -> None:
        found = table([run(0, math.e, batch=8), run(1, None, batch=8)], [factor("batch", (8,))])

        assert transformed(found, Scale()) is found
        assert transformed(found, Scale("log")).values[0] == pytest.approx(1)
        assert transformed(found, Scale("log")).usable.tolist() == [True, False]


class TestCeiling:
    def test_more_than_a_fifth_near_a_bound(self) -> None:
        values = np.array([0.5, 0.6, 0.7, 0.99])

        assert at_ceiling(values, bounds=(0, 1), resolution=0.01 + 1e-12)
        assert not at_ceiling(np.append(values, 0.8), bounds=(0, 1), resolution=0.01)
        assert not at_ceiling(values[:0], bounds=(0, 1), resolution=0.01)


class TestBoxCox:
    def test_a_law_of_exponents_asks_for_logarithms(self) -> None:
        draw = np.random.default_rng(0)
        x = np.repeat([0, 2, 4.0], 20)
        matrix = np.column_stack([np.ones(60), x])

        found = box_cox_hint(matrix, np.exp(x + 0.2 * draw.normal(size=60)))

        assert found == (0.0,)

    @pytest.mark.parametrize("values", [[], [0.0, 1.0], [1.0, 2.0]])
    def test_says_nothing_without_positive_values_and_residuals(self, values: list[float]) -> None:
        matrix = np.column_stack([np.ones(len(values)), np.arange(len(values))])

        assert box_cox_hint(matrix, np.array(values)) is None
