"""Curves of a run that grows are those of its rows at once."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.analysis.findings.grown import Grown
from paribus_sweeps.analysis.histories import Column, History

STEPS = st.lists(
    st.tuples(st.sampled_from([1.0, 1.0, 1.0, 0.0, -2.0, math.nan, math.inf]), st.booleans()),
    max_size=30,
)


def run(steps: list[tuple[float, bool]]) -> History:
    rows = []
    step = 0.0
    for move, is_alone in steps:
        step = step + move if math.isfinite(move) else step
        here = step if math.isfinite(move) else move
        rows.append({"loss": here / 7} if is_alone else {"loss": 1.0 + step, "step": here})
    return History.of_rows(rows)


def same(one: object, other: object) -> bool:
    pairs = zip(vars_of(one), vars_of(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def vars_of(curve: object) -> list[object]:
    return [getattr(curve, name) for name in curve.__slots__]


class TestGrown:
    @settings(deadline=None)
    @given(STEPS, st.lists(st.integers(0, 30), max_size=3))
    def test_a_curve_is_that_of_all_rows_whatever_the_pieces(self, steps, cuts):
        grown = Grown()

        for cut in (*sorted(cuts), 30):
            history = run(steps[:cut])
            for x_key in ("step", None):
                assert same(grown.curve(history, "loss", x_key), history.curve("loss", x_key))

    @settings(deadline=None)
    @given(STEPS, st.lists(st.integers(0, 30), max_size=3))
    def test_a_key_stands_on_another_where_every_row_holds_it(self, steps, cuts):
        grown = Grown()

        for cut in (*sorted(cuts), 30):
            history = run(steps[:cut])
            mine, other = history["loss"].rows, history["step"].rows
            expected = len(mine) > 0 and set(mine) <= set(other)
            assert grown.is_inside(history, "loss", "step") == expected

    def test_rows_that_rise_go_on_and_a_step_back_ends_it(self):
        grown = Grown()
        rising = run([(1.0, False)] * 3)
        back = run([(1.0, False)] * 3 + [(-1.0, False)])

        assert grown.goes_on(rising, "loss", "step")
        assert not grown.goes_on(back, "loss", "step")

    def test_older_rows_are_not_looked_at_again(self):
        grown = Grown()
        grown.curve(run([(1.0, False)] * 3), "loss", "step")
        rows = np.arange(4)
        forged = Column(rows, np.array([1.0, math.nan, 2.0, 3.0]))
        history = History({"loss": forged, "step": Column(rows, rows + 1.0)}, 4)

        found = grown.curve(history, "loss", "step")

        assert len(found) == 4
