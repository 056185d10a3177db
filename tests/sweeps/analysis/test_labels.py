"""Equal values share a label; a text and a number never do, unless something says so."""

import math
from typing import Any

import pytest

from paribus_sweeps.analysis.labels import (
    both_sentence,
    labelled,
    labels_of,
    number_in,
    number_of,
)


class TestLabels:
    def test_equal_numbers_share_a_label_however_they_were_written(self) -> None:
        assert labels_of([32, 32.0, 2e-5, 0.00002]) == ["32", "32", "2e-05", "2e-05"]

    def test_one_and_true_are_two_although_python_takes_them_for_one(self) -> None:
        assert labels_of([1, True, 0, False]) == ["1", "true", "0", "false"]

    def test_lists_and_mappings_are_compact_json_with_sorted_keys(self) -> None:
        assert labels_of([[1, 2.0], {"b": 1, "a": None}]) == ["[1,2]", '{"a":null,"b":1}']

    def test_a_text_keeps_its_label_and_the_number_beside_it_says_what_it_is(self) -> None:
        labels, both = labelled([32, "32", 32.0, "64"])

        assert labels == ["number 32", "32", "number 32", "64"]
        assert both == {"32": "number 32"}

    def test_what_is_neither_text_nor_number_is_called_a_value(self) -> None:
        labels, both = labelled([True, "true", None, "null", [1], "[1]"])

        assert labels == ["value true", "true", "value null", "null", "value [1]", "[1]"]
        assert list(both) == ["true", "null", "[1]"]

    def test_without_both_nothing_is_renamed(self) -> None:
        assert labelled(["a", 32]) == (["a", "32"], {})

    def test_the_sentence_names_both(self) -> None:
        assert both_sentence("batch", "32", "number 32") == (
            "`batch` is the number 32 in some runs and the text 32 in others: they are two "
            "levels, `number 32` and `32`."
        )


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "number"),
        [
            (3, 3.0),
            (0.5, 0.5),
            (True, None),
            ("3", None),
            (None, None),
            (math.nan, None),
            (math.inf, None),
            (10**400, None),
        ],
    )
    def test_only_finite_numbers_are_numbers(self, value: Any, number: float | None) -> None:
        assert number_of(value) == number

    @pytest.mark.parametrize(
        ("value", "number"),
        [("3", 3.0), ("2e-5", 2e-5), ("fast", None), ("nan", None), (4, 4.0), (None, None)],
    )
    def test_a_text_can_read_as_a_number(self, value: Any, number: float | None) -> None:
        assert number_in(value) == number
