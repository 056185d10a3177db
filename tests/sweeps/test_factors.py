"""Labels tell levels apart by value, and not by how a value was written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paribus_sweeps.factors import Factor, Level, level_label


class TestLevelLabel:
    @pytest.mark.parametrize(
        ("value", "label"),
        [
            (1, "1"),
            (1.0, "1"),
            (-0.0, "0"),
            (2e-5, "2e-05"),
            (0.1 + 0.2, "0.3"),  # 0.30000000000000004: below 1e-12 relative
            (1e20, "1e+20"),
            (True, "true"),
            (None, "null"),
            ("1:1", "1:1"),
            ("", ""),
            ([1.0, 2], "[1,2]"),
            ({"b": 0.5, "a": [True, None]}, '{"a":[true,null],"b":0.5}'),
            ({"x": "é", "big": 1e20}, '{"big":1e+20,"x":"é"}'),
        ],
    )
    def test_a_value_has_one_label(self, value: object, label: str) -> None:
        assert level_label(value) == label

    @given(st.integers(-(10**14), 10**14))
    def test_a_whole_float_and_its_integer_are_one_level(self, number: int) -> None:
        assert level_label(float(number)) == level_label(number)

    @given(st.floats(1e-300, 1e300))
    def test_floats_of_almost_the_same_value_read_back_the_same(self, number: float) -> None:
        assert float(level_label(number)) == pytest.approx(number, rel=1e-11)

    @given(st.lists(st.integers(), unique=True, min_size=2, max_size=2))
    def test_different_integers_have_different_labels(self, numbers: list[int]) -> None:
        assert level_label(numbers[0]) != level_label(numbers[1])

    def test_the_order_of_keys_does_not_matter(self) -> None:
        assert level_label({"a": 1, "b": 2}) == level_label({"b": 2.0, "a": 1.0})

    @given(st.recursive(st.integers() | st.booleans(), st.lists, max_leaves=5))
    def test_labels_of_lists_are_json(self, value: object) -> None:
        assert json.loads(level_label(value)) == value


class TestFactor:
    FACTOR = Factor("lr", ("lr",), (Level("0.1", {"lr": 0.1}), Level("0.2", {"lr": 0.2})))

    def test_labels_stand_in_declared_order(self) -> None:
        assert self.FACTOR.labels == ("0.1", "0.2")

    def test_a_level_is_found_by_its_label(self) -> None:
        assert self.FACTOR.level("0.2").values == {"lr": 0.2}

    def test_an_unknown_label_is_a_key_error(self) -> None:
        with pytest.raises(KeyError, match=r"0\.3"):
            self.FACTOR.level("0.3")
