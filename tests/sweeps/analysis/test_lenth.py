"""Effects of unreplicated designs: Lenth's margins on a textbook's data.

Expected numbers: tests/sweeps/r/lenth.R, which is not needed to run these.
"""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.analysis.lenth import lenth

EXPECTED = json.loads(
    (Path(__file__).parents[1] / "r" / "expected" / "lenth.json").read_text("utf-8")
)
KEYS = ("s0", "pse", "df", "margin", "simultaneous_margin")


class TestLenth:
    @pytest.mark.parametrize("name", ["filtration", "filtration90", "seven"])
    def test_margins_and_labels_are_those_of_the_formula(self, name: str) -> None:
        case = EXPECTED[name]

        made = lenth(case["effects"], level=case["level"])

        assert [getattr(made, key) for key in KEYS] == pytest.approx(
            [case[key] for key in KEYS], rel=1e-9
        )
        assert [effect.label for effect in made.effects] == case["labels"]
        assert [effect.value for effect in made.effects] == case["effects"]

    def test_the_filtration_rates_of_montgomery(self) -> None:
        # Montgomery 8e, section 6.5: A, D, AC, AD stand out and C is active by its plot;
        # PSE 2.625 from the ten smallest of fifteen effects, whose median is 1.75
        case = EXPECTED["filtration"]

        made = lenth(case["effects"])

        assert made.pse == pytest.approx(1.5 * 1.75)
        labels = dict(zip(case["names"], (e.label for e in made.effects), strict=True))
        assert [n for n in labels if labels[n] == "active"] == ["A", "D", "A:C", "A:D"]
        assert [n for n in labels if labels[n] == "possibly active"] == ["C"]

    def test_it_says_what_it_rests_on(self) -> None:
        assert lenth([0.1, 0.2, 3.0]).note == "needs effect sparsity"

    @pytest.mark.parametrize("effects", [[], [1.0], [1.0, 2.0]])
    def test_fewer_than_three_contrasts_say_nothing(self, effects: list[float]) -> None:
        made = lenth(effects)

        assert made.note == "fewer than 3 contrasts"
        assert [getattr(made, key) for key in KEYS] == [None] * 5
        assert [(e.value, e.label) for e in made.effects] == [(v, None) for v in effects]

    @pytest.mark.parametrize("effects", [[0.0] * 5, [0, 0, 0, 4, 5], [1e-17, -1e-17, 0, 1, 2]])
    def test_effects_of_zero_show_no_noise(self, effects: list[float]) -> None:
        made = lenth(effects)

        assert made.note == "half of the effects are 0: there is no noise to see"
        assert {effect.label for effect in made.effects} == {None}
        assert made.margin is None

    @pytest.mark.parametrize("bad", [math.nan, math.inf])
    def test_only_finite_effects_are_taken(self, bad: float) -> None:
        with pytest.raises(ValueError, match="finite"):
            lenth([1.0, 2.0, bad])

    @pytest.mark.parametrize("level", [0, 1])
    def test_a_level_lies_between_0_and_1(self, level: float) -> None:
        with pytest.raises(ValueError, match="between 0 and 1"):
            lenth([1.0, 2.0, 3.0], level=level)

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.integers(-999, 999).filter(bool), min_size=3, max_size=15), st.randoms())
    def test_signs_order_and_unit_change_no_label(
        self, effects: list[int], random: object
    ) -> None:
        order = list(range(len(effects)))
        random.shuffle(order)

        made = lenth(effects)
        moved = lenth([-0.25 * effects[i] for i in order])

        assert [e.label for e in moved.effects] == [made.effects[i].label for i in order]
        assert moved.margin == pytest.approx(made.margin / 4)

    def test_the_answer_is_plain_json(self) -> None:
        json.dumps(lenth([0.1, 0.2, 3.0]).as_dict(), allow_nan=False)
        json.dumps(lenth([]).as_dict(), allow_nan=False)
