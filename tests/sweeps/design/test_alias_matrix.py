"""What the estimates of main effects contain beside, against R and by hand (METHOD 2.4)."""

from fractions import Fraction
from typing import Any

import pytest

from paribus_sweeps.design import alias_matrix as module
from paribus_sweeps.design.alias_matrix import AliasMatrix, AliasRow, alias_matrix
from paribus_sweeps.design.estimability import gate
from tests.sweeps.design.small_tables import small
from tests.sweeps.textbook import cases, gate_of, label

HALF = "a b c\n1 1 2\n2 1 1\n1 2 1\n2 2 2"  # c = ab
LOW_HIGH = dict.fromkeys("abc", "12")


def matrix_of(text: str, **how: Any) -> AliasMatrix:
    return alias_matrix(gate(small(text, **how)))


class TestAgainstR:
    @pytest.mark.parametrize(("told", "case"), list(cases("alias_matrix")), ids=label)
    def test_every_coefficient(self, told: Any, case: Any) -> None:
        found = gate_of(told, case)

        made = {row.term: dict(row.contains) for row in alias_matrix(found, most_shares=99).rows}

        wanted = case["expected"]
        blocks = {block["name"] for block in told["blocks"]}
        factors = [name for name in wanted["fitted"][1:] if plain(name) not in blocks]
        assert set(made) == {plain(name) for name in factors}
        for name in factors:
            shares = wanted["matrix"][wanted["fitted"].index(name)]
            # R counts the first level as 1, we the second: the sign of a main effect turns, that
            # of a product of two does not
            assert {k: float(v) for k, v in made[plain(name)].items()} == {
                " x ".join(map(plain, pair.split(" x "))): pytest.approx(-share)
                for pair, share in zip(wanted["omitted"], shares, strict=True)
                if share
            }


def plain(name: str) -> str:
    """`A[-1]` -> `A`."""
    return name.split("[")[0]


class TestWords:
    def test_a_fraction_contains_whole_interactions(self) -> None:
        rows = matrix_of(HALF, levels=LOW_HIGH).rows

        assert [(row.term, row.contains, row.label) for row in rows] == [
            ("a", (("b x c", 1),), "full"),
            ("b", (("a x c", 1),), "full"),
            ("c", (("a x b", 1),), "full"),
        ]
        assert rows[2].sentence == "The estimate of `c` also contains `a` x `b`."

    def test_minus_a_whole_interaction(self) -> None:
        row = matrix_of("a b c\n1 1 1\n2 1 2\n1 2 2\n2 2 1", levels=LOW_HIGH).rows[2]

        assert row.sentence == "The estimate of `c` also contains minus `a` x `b`."

    def test_shares_and_what_is_more(self) -> None:
        row = AliasRow("a", "a", (("b x c", Fraction(-1, 3)), ("b x d", 0.2345678)), more=3)

        assert row.label == "partial"
        assert row.sentence == (
            "The estimate of `a` also contains -1/3 of `b` x `c`, 0.235 of `b` x `d` and 3 more."
        )
        assert row.as_dict()["contains"][1] == {
            "column": "b x d",
            "coefficient": 0.2345678,
            "text": "0.235",
        }

    def test_a_full_factorial_is_clear(self) -> None:
        rows = matrix_of("a b\n1 1\n2 1\n1 2\n2 2").rows

        assert [row.label for row in rows] == ["clear", "clear"]
        assert rows[0].sentence is None

    def test_levels_of_a_factor_of_three_are_named(self) -> None:
        # b is 2 with every level of a but the last: an unbalanced crossing
        rows = matrix_of("a b\np 1\np 2\nq 1\nq 2\nr 1").rows

        assert [row.column for row in rows] == ["a[p]", "a[q]", "b"]

    def test_a_slope_keeps_its_sign(self) -> None:
        # x = -1, 1 beside the two-level a; c is high where they agree: c = x a
        text = "x a c\n1 p lo\n1 q hi\n2 p hi\n2 q lo"
        levels = {"x": "12", "a": "pq", "c": ["lo", "hi"]}

        # in -1/1, c = -x a
        slope = matrix_of(text, levels=levels, numeric=["x"]).rows[2]
        level = matrix_of(text, levels=levels).rows[2]

        assert slope.contains == level.contains == (("x x a", -1),)

    def test_repeats_do_not_weigh_twice_as_cells(self) -> None:
        # the three cells of one factor at a time, one of them with three seeds: A is solved over
        # runs. b' = b - mean etc.: whatever it is, the same seeds everywhere change nothing
        once = "a b\n1 1\n2 1\n1 2\n2 2"
        twice = "\n".join([once, *once.splitlines()[1:]])

        assert matrix_of(twice).rows == matrix_of(once).rows


class TestLimits:
    def test_what_is_not_estimable_has_no_row(self) -> None:
        # a and b always together: only c has a row
        found = matrix_of("a b c\n1 1 1\n2 2 1\n1 1 2\n2 2 2")

        assert [row.term for row in found.rows] == ["c"]

    def test_without_any_row_no_interaction_is_looked_at(self) -> None:
        assert matrix_of("a b\n1 1\n2 2") == AliasMatrix((), 1)

    def test_a_single_factor_has_no_interaction(self) -> None:
        found = matrix_of("a\n1\n2")

        assert (found.rows[0].label, found.not_looked_at) == ("clear", 0)

    def test_interactions_beyond_the_limit_are_counted(self) -> None:
        found = gate(small(HALF, levels=LOW_HIGH))

        # four cells each: room for two of three
        assert alias_matrix(found, most_entries=8).not_looked_at == 1

    def test_batches_make_no_difference(self, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = matrix_of(HALF, levels=LOW_HIGH)
        monkeypatch.setattr(module, "_BATCH", 4)

        assert matrix_of(HALF, levels=LOW_HIGH) == whole

    def test_the_largest_are_named(self) -> None:
        told, case = next(cases("alias_matrix", "plackett_burman"))
        found = gate_of(told, case)

        row = alias_matrix(found).rows[0]

        # 45 of the 55 interactions have no part of it, or a third
        assert len(row.contains) == 4
        assert row.more == 41
        assert {abs(share) for _, share in row.contains} == {Fraction(1, 3)}
