"""A tree that came as JSON is checked as one that came as text."""

from typing import Any

import pytest

from paribus_sweeps.errors import InvalidSpec, Problem
from paribus_sweeps.spec.text import MAX_DEPTH, MAX_NODES
from paribus_sweeps.spec.tree import check_tree


def problems(config: dict[Any, Any]) -> tuple[Problem, ...]:
    with pytest.raises(InvalidSpec) as caught:
        check_tree(config)
    return caught.value.problems


class TestCheckTree:
    def test_a_plain_tree_passes(self) -> None:
        check_tree({"a": [1, 2.5, "x", None, True, {"b": -(2**63) + 1}], "c": (1, 2)})

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            (float("nan"), "not_finite"),
            (float("inf"), "not_finite"),
            (2**63, "range"),
            ("a\x00b", "text"),
            ("\ud800", "text"),
            (b"bytes", "type"),
            (object(), "type"),
        ],
    )
    def test_what_no_store_takes_is_refused_with_its_place(self, value: Any, code: str) -> None:
        (found,) = problems({"a": [0, value]})

        assert (found.pointer, found.code) == ("/a/1", code)

    def test_keys_are_words(self) -> None:
        assert [p.code for p in problems({1: "x", None: "y"})] == ["key_type", "key_type"]
        assert [p.code for p in problems({"a\x00": "x"})] == ["text"]

    def test_depth_is_refused_without_recursion(self) -> None:
        deep: dict[str, Any] = {}
        inner = deep
        for _ in range(100_000):
            inner["a"] = inner = {}

        assert f"more than {MAX_DEPTH} levels" in problems(deep)[-1].message

    def test_size_is_refused(self) -> None:
        found = problems({"a": list(range(MAX_NODES + 1))})

        assert f"more than {MAX_NODES:,} values" in found[-1].message

    def test_a_thousand_problems_are_twenty_sentences(self) -> None:
        assert len(problems({"a": [float("nan")] * 1000})) == 20
