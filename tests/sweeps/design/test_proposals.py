"""Proposed runs in words."""

import pytest

from paribus_sweeps.design.proposals import (
    EquallyGood,
    ProposedRun,
    counted,
    df_left,
    more_runs,
    named_runs,
    named_terms,
    quoted,
)


def run(number: int = 1, **blocks: str) -> ProposedRun:
    return ProposedRun({"batch": str(number)}, blocks)


class TestProposedRun:
    @pytest.mark.parametrize(
        ("blocks", "words"),
        [
            ({}, "batch=1"),
            ({"gpu_name": "T4"}, "batch=1 on T4"),
            ({"host": "a", "gpu_name": "T4"}, "batch=1 on host=a, gpu_name=T4"),
        ],
    )
    def test_it_says_what_and_where(self, blocks: dict[str, str], words: str) -> None:
        assert str(run(**blocks)) == words


class TestWords:
    def test_the_first_few_runs_are_named(self) -> None:
        assert named_runs([run(1), run(2)]) == "batch=1; batch=2"
        assert named_runs([run(n) for n in range(6)], most=1) == "batch=0; and 5 more"

    def test_names_are_quoted_many_are_counted(self) -> None:
        assert quoted(["a"]) == "`a`"
        assert named_terms(["a", "b", "c"]) == "`a`, `b` and `c`"
        assert named_terms(list("abcdefg")) == "7 terms"
        assert named_terms([]) == "0 terms"

    def test_one_is_singular(self) -> None:
        assert (counted(1, "run"), counted(2, "run")) == ("1 run", "2 runs")
        assert (more_runs(1), more_runs(3)) == ("One more run", "3 more runs")

    def test_what_the_degrees_of_freedom_mean(self) -> None:
        assert df_left(1) == "1 degree of freedom would be left for an interval."
        assert df_left(0).endswith("seeds are next.")


class TestEquallyGood:
    def test_how_many_there_are(self) -> None:
        assert EquallyGood(3, True, ()).sentence == "It is one of 3 sets that are equally good."
        assert "at least 3" in EquallyGood(3, False, ()).sentence
        assert EquallyGood(1, True, ()).sentence == "No other set of this size is as good."
        assert EquallyGood(1, False, ()).sentence == EquallyGood(0, True, ()).sentence == ""
