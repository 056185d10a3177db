"""The null space as sentences, shape by shape (METHOD 2.1)."""

import itertools
import json
import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.design import pairwise, products, relation_facts
from paribus_sweeps.design.alias_facts import AliasFact
from paribus_sweeps.design.aliasing import alias_facts
from paribus_sweeps.design.confounding import named
from paribus_sweeps.design.equations import Equation, Piece
from paribus_sweeps.design.estimability import gate
from paribus_sweeps.design.number_ties import Tie, larger_ties, ties
from paribus_sweeps.design.table import Table
from tests.sweeps.design.small_tables import small

APART = "Their separate effects cannot be told apart; only the joint change can be estimated."


def facts_of(text: str, **how: Any) -> tuple[AliasFact, ...]:
    return facts_in(small(text, **how))


def facts_in(table: Table) -> tuple[AliasFact, ...]:
    return alias_facts(table.averaged(), gate(table))


def kinds(facts: Sequence[AliasFact]) -> list[tuple[str, tuple[str, ...]]]:
    return [(fact.kind, fact.members) for fact in facts]


class TestNothingToSay:
    def test_a_full_factorial_says_nothing(self) -> None:
        cells = itertools.product("12", "abc", ["T4", "A100"])
        lines = "\n".join(" ".join(cell) for cell in cells)

        assert facts_of(f"batch optimizer gpu_name\n{lines}") == ()

    def test_one_factor_at_a_time_with_its_baseline_says_nothing(self) -> None:
        assert facts_of("a b c\n1 1 1\n2 1 1\n1 2 1\n1 1 2") == ()

    def test_no_run_says_nothing(self) -> None:
        assert facts_of("a b state\n1 1 failed\n2 2 failed") == ()

    def test_numbers_on_a_grid_are_not_tied(self) -> None:
        grid = "lr batch\n1 8\n1 16\n2 8\n2 16\n4 8"

        assert facts_of(grid, numeric=["lr", "batch"]) == ()


class TestPairs:
    def test_a_constant(self) -> None:
        (fact,) = facts_of("lr a\n2e-5 1\n2e-5 2")

        assert fact.sentence == "`lr` never varied (always 2e-5) in all 2 finished runs."

    def test_a_bijection(self) -> None:
        (fact,) = facts_of("batch ratio\n16 2:1\n64 4:1\n16 2:1")

        assert fact.sentence == (
            "`batch` and `ratio` always changed together (16 with 2:1, 64 with 4:1) in all 3 "
            f"finished runs. {APART}"
        )
        assert (fact.factors, fact.blocks, fact.count) == (("batch", "ratio"), (), 3)

    def test_a_bijection_of_numbers_says_what_is_constant(self) -> None:
        # 1.25e-6 x batch: the linear-scaling rule
        (fact,) = facts_of("lr batch\n1e-5 8\n2e-5 16\n4e-5 32")

        assert fact.sentence.endswith(
            f"{APART} log2(lr) - log2(batch) is constant in every finished run: lr/batch = "
            "1.25e-06."
        )

    def test_with_a_block(self) -> None:
        (fact,) = facts_of("batch gpu_name\n8 T4\n64 A100")

        assert fact.sentence.startswith("`batch` is confounded with gpu_name: ")
        assert (fact.factors, fact.blocks) == (("batch",), ("gpu_name",))

    def test_a_function(self) -> None:
        (fact,) = facts_of("optimizer gpu_name\nadam T4\nsgd T4\nlion A100")

        assert (fact.kind, fact.members) == ("decided_by", ("optimizer", "gpu_name"))

    def test_a_factor_that_decides_many_says_it_once(self) -> None:
        # four columns of two levels, all functions of the four values of `a`, no two the same
        table = "a b c d e\n1 1 1 1 1\n2 1 1 2 2\n3 1 2 1 2\n4 2 1 1 2"

        fact = facts_of(table)[0]

        assert fact.members == ("a", "b", "c", "d", "e")
        assert fact.sentence.startswith(
            "`a` decides `b`, `c`, `d` and `e` in all 4 finished runs: each of its 4 values "
            "occurs with one value of theirs."
        )

    def test_each_group_once_and_in_the_order_of_the_method(self) -> None:
        # k is constant, b follows a, g is decided by a; nothing is left for the other shapes
        facts = facts_of("k a b g\n0 x p 1\n0 y q 1\n0 z r 2\n0 x p 1")

        assert kinds(facts) == [
            ("constant", ("k",)),
            ("always_together", ("a", "b")),
            ("decided_by", ("a", "g")),
        ]

    def test_that_they_hold_is_asked_of_all_rows_and_not_of_the_first_ones(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pairwise, "_FIRST_ROWS", (2, 4))
        alike = "a b x\n1 p 1\n2 q 2\n1 p 3\n2 q 5\n1 p 8\n"

        assert kinds(facts_of(alike, numeric=["x"])) == [("always_together", ("a", "b"))]
        assert facts_of(f"{alike}1 q 13", numeric=["x"]) == ()


class TestNumbers:
    def test_a_ratio(self) -> None:
        text = "lr batch\n1e-5 8\n2e-5 16\n4e-5 32\n8e-5 64"
        on_logs = {"lr": "log2", "batch": "log2"}

        (fact,) = facts_of(text, numeric=["lr", "batch"], transforms=on_logs)

        assert fact.kind == "numeric"
        assert fact.sentence == (
            "log2(lr) - log2(batch) is constant in every finished run: lr/batch = 1.25e-06. No "
            "two finished runs differ in one of `lr` and `batch` alone: their separate effects "
            "cannot be told apart."
        )

    def test_a_sum(self) -> None:
        # 2 x 1 + 8 = 2 x 2 + 6 = 2 x 4 + 2 = 10
        (fact,) = facts_of("x z\n1 8\n2 6\n4 2", numeric=["x", "z"])

        assert fact.sentence.startswith("2*x + z is constant in every finished run: 10.")

    def test_a_product_of_three(self) -> None:
        # batch x steps / epochs = 100, no two of them tied
        text = "steps batch epochs\n100 8 8\n200 8 16\n100 16 16\n400 4 16\n200 4 8"

        (fact,) = facts_of(text)

        assert (fact.kind, fact.members) == ("numeric", ("steps", "batch", "epochs"))
        assert "steps x batch/epochs = 100" in fact.sentence

    def test_a_tie_is_said_once_although_both_scales_have_it(self) -> None:
        # c = a + b and, of these four settings, also a function of logarithms
        text = "a b c\n1 1 2\n1 2 3\n2 1 3\n2 2 4"

        facts = facts_of(text, numeric=["a", "b", "c"])

        assert [fact.members for fact in facts if fact.kind == "numeric"] == [("a", "b", "c")]

    def test_a_tie_holds_in_other_runs_or_not(self) -> None:
        table = "x z\n1 8\n2 6\n4 2"
        (fact,) = facts_of(table, numeric=["x", "z"])

        assert fact.holds(small(table))
        assert not fact.holds(small("x z\n1 8\n2 6\n4 3"))

    def test_a_ratio_does_not_hold_where_a_number_has_no_logarithm(self) -> None:
        text = "lr batch\n1 8\n2 16\n4 32"
        logs = {"lr": "log2", "batch": "log2"}
        (fact,) = facts_of(text, numeric=["lr", "batch"], transforms=logs)

        assert not fact.holds(small(f"{text}\n0 8"))

    def test_it_is_no_news_that_two_levels_lie_on_a_line(self) -> None:
        # any two points do: 1 -> 8, 3 -> 10 has no weights of one on either scale
        (fact,) = facts_of("x z\n1 8\n3 9")

        assert fact.sentence.endswith(APART)

    def test_texts_are_not_tied(self) -> None:
        assert ties(small("a b\nx 1\ny 2").factors) == []

    def test_labels_that_are_one_number_are_no_slope(self) -> None:
        # "2", "2.0" and "02" are three labels of one number; text "2" in runs of one config each
        table = small("x a\n2 1\n2.0 2\n02 1", numeric=["x"])

        assert ties(table.factors) == []
        assert gate(table).status("x").df == 0
        assert all(fact.kind != "relation" for fact in facts_in(table))

    def test_three_powers_in_the_words_of_the_method(self) -> None:
        tie = Tie("log2", (("a", Fraction(2)), ("b", Fraction(-1)), ("c", Fraction(-1))), 1.0)

        assert tie.text == (
            "2*log2(a) - log2(b) - log2(c) is constant in every finished run: a^2/(b x c) = 2"
        )

    def test_a_product_beyond_what_a_number_can_hold(self) -> None:
        tie = Tie("log2", (("a", Fraction(1)), ("b", Fraction(1))), 1100.0)

        assert tie.text.endswith("a x b = 2^1100")

    def test_three_points_on_a_plane_are_no_tie(self) -> None:
        # three settings of three numbers always lie on one
        assert list(larger_ties(small("a b c\n1 5 3\n2 9 4\n7 2 8").factors)) == []


class TestInteractions:
    def test_minus_the_interaction(self) -> None:
        # the half fraction c = -ab
        (fact,) = facts_of("warmup lr epochs\nlong 1 3\nshort 1 5\nshort 2 3\nlong 2 5")

        assert (fact.kind, fact.members) == ("interaction", ("warmup", "lr", "epochs"))
        assert fact.sentence == (
            "`epochs` is 5 exactly when one of `warmup`, `lr` is high (short, 2) and the other "
            "low: its effect equals minus the warmup x lr interaction, and the two cannot be told "
            "apart."
        )

    def test_plus_the_interaction(self) -> None:
        # the half fraction c = ab; high is the level that is declared later
        (fact,) = facts_of("a b c\n1 1 2\n2 1 1\n1 2 1\n2 2 2", levels=dict.fromkeys("abc", "12"))

        assert fact.sentence == (
            "`c` is 2 exactly when `a`, `b` are both high (2, 2) or both low: its effect equals "
            "the a x b interaction, and the two cannot be told apart."
        )

    def test_a_full_fraction_of_four_has_none(self) -> None:
        # d = abc: only a word of length four
        cells = itertools.product((0, 1), repeat=3)
        lines = "\n".join(f"{a} {b} {c} {(a + b + c) % 2}" for a, b, c in cells)

        assert facts_of(f"a b c d\n{lines}") == ()

    def test_it_does_not_hold_where_a_third_level_is_planned(self) -> None:
        text = "a b c\n1 1 1\n2 1 2\n1 2 2\n2 2 1"
        (fact,) = facts_of(text)

        assert fact.holds(small(text))
        assert not fact.holds(small(f"{text}\n1 1 2"))
        assert not fact.holds(small(f"{text}\n1 1 3"))

    def test_a_late_run_ends_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(products, "_FIRST_ROWS", 4)

        assert facts_of("a b c\n1 1 1\n2 1 2\n1 2 2\n2 2 1\n1 1 2") == ()


class TestWhatIsLeft:
    def test_a_sum_of_levels_and_the_smallest_example(self) -> None:
        (fact,) = facts_of("batch ratio cadence\n8 1:1 coarse\n64 4:1 coarse\n64 1:1 fine")

        assert fact.sentence == (
            "In every finished run, [batch = 64] = [ratio = 4:1] + [cadence = fine], counting 1 "
            "where it holds and 0 where not: the separate effects of `batch`, `ratio` and "
            "`cadence` cannot be told apart."
        )
        assert fact.example is not None
        assert fact.example.runs == ("r1", "r2")
        assert fact.example.differ == {"batch": ("8", "64"), "ratio": ("1:1", "4:1")}

    def test_sums_of_effects_that_can_be_told_although_their_parts_cannot(self) -> None:
        # R2 - R1 = batch + ratio, R3 - R1 = batch + cadence, R2 - R3 = ratio - cadence
        (fact,) = facts_of("batch ratio cadence\n8 1:1 coarse\n64 4:1 coarse\n64 1:1 fine")

        assert fact.joint == (
            "the sum of two effects, that of `batch` (8 to 64) and that of `ratio` (1:1 to 4:1)",
            "the sum of two effects, that of `batch` (8 to 64) and that of `cadence` (coarse to "
            "fine)",
            "the difference of two effects, that of `ratio` (1:1 to 4:1) and that of `cadence` "
            "(coarse to fine)",
        )

    def test_sums_that_cannot_be_told_either_are_not_named(self) -> None:
        # all five runs but the first change two things: a + b, b + c, c + d, d + a
        (fact,) = facts_of("a b c d\np p p p\nq q p p\np q q p\np p q q\nq p p q")

        # [a = q] + [c = q] = [b = q] + [d = q]: a + c is no sum that the runs tell, a - c is
        assert fact.equations[0].text == "[a = q] + [c = q] = [b = q] + [d = q]"
        assert len(fact.joint) == 6
        assert "the difference of two effects, that of `a` (p to q) and that of `c`" in " ".join(
            fact.joint
        )

    def test_a_level_that_only_occurs_with_another_level(self) -> None:
        # 3 of b occurs with c of a only; the other levels are crossed
        (fact,) = facts_of("a b\na 1\nb 1\na 2\nb 2\nc 3")

        assert fact.equations[0].text == "[a = c] = [b = 3]"
        assert fact.example is not None
        assert fact.example.differ == {"a": ("a", "c"), "b": ("1", "3")}

    def test_several_equations_between_the_same_columns_are_one_fact(self) -> None:
        # two crosses that share nothing: of a 3 and 4 with b 3 and 4, and of e with f
        text = "a b\n1 1\n2 1\n1 2\n2 2\n3 3\n4 3\n3 4\n4 4\n5 5\n6 5\n5 6\n6 6"

        (fact,) = facts_of(text)

        # two blocks of levels beside the first: rank 12 - 1 - 2
        assert len(fact.equations) == 2
        assert "(1 more such equation between them)" in fact.sentence
        assert fact.joint == ()

    def test_indicators_are_counted_from_the_baseline(self) -> None:
        text = "a b c\nx x x\ny y x\ny x y"

        (fact,) = facts_of(text, baselines={"a": "y"})

        # 1 - [a = x] = [b = y] + [c = y]
        assert fact.equations[0].text == "[a = x] + [b = y] + [c = y] = 1"

    def test_a_number_beside_levels(self) -> None:
        # 1 = 1, 2 = 1 + 1, 3 = 1 + 2, 4 = 1 + 1 + 2; x is a slope, and decides nothing
        (fact,) = facts_of("x a b\n1 p r\n2 q r\n3 p s\n4 q s", numeric=["x"])

        assert fact.kind == "relation"
        assert fact.equations[0].text == "x = [a = q] + 2 x [b = s] + 1"

    def test_a_tie_is_not_said_again_in_levels(self) -> None:
        text = "steps batch epochs\n100 8 8\n200 8 16\n100 16 16\n400 4 16\n200 4 8"

        assert [fact.kind for fact in facts_of(text)] == ["numeric"]

    def test_blocks_among_themselves_are_no_news(self) -> None:
        table = small("a gpu_name host\n1 T4 x\n2 T4 x\n1 A100 y\n2 A100 y")

        assert facts_in(table) == ()

    def test_an_equation_with_a_block(self) -> None:
        text = "a b gpu_name\np r T4\nq s T4\nq r A100"

        (fact,) = facts_of(text)

        assert (fact.factors, fact.blocks) == (("a", "b"), ("gpu_name",))
        assert fact.sentence.endswith(
            "the separate effects of `a`, `b` and gpu_name cannot be told apart."
        )

    def test_an_example_within_one_replicate_comes_first(self) -> None:
        text = "a b c seed\np p p 0\nq q p 1\nq p q 0\nq q p 2"

        (fact,) = facts_of(text)

        assert fact.example is not None
        assert fact.example.runs == ("r1", "r3")

    def test_there_may_be_no_two_runs_that_show_it(self) -> None:
        # z is different in each run, so that no two agree outside the group of a, b and c
        text = "a b c z\np p p 1\nq q p 2\nq p q 4\np p p 7\nq q p 11"

        (fact,) = facts_of(text, numeric=["z"])

        assert fact.members == ("a", "b", "c")
        assert fact.example is None

    def test_more_relations_than_can_be_said_are_one_fact(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(relation_facts, "_MOST_RELATIONS", 1)
        # two pairs of factors, each with a level of one that only occurs with a level of the other
        text = (
            "a b c d\n1 1 1 1\n2 1 2 1\n1 2 1 2\n2 2 2 1\n3 3 1 2\n3 3 2 1\n"
            "1 1 3 3\n2 1 3 3\n1 2 2 2\n"
        )

        first, second = facts_of(text)

        assert first.members == ("a", "b")
        assert second.members == ("c", "d")
        assert second.sentence == (
            "1 more equation holds in every finished run, between levels of `c` and `d`: not all "
            "of their effects can be told apart."
        )
        assert second.holds(small(text))
        assert not second.holds(small(f"{text}1 1 3 1"))


class TestEquations:
    def test_levels_of_one_factor_with_one_coefficient_are_one_word(self) -> None:
        one = Fraction(1)
        pieces = (Piece(one, "a", "2"), Piece(one, "a", "3"), Piece(-one, "b", "2"))

        assert Equation(pieces, Fraction(0)).text == "[a = 2 or 3] = [b = 2]"

    def test_many_levels_are_counted(self) -> None:
        pieces = tuple(Piece(Fraction(1), "a", str(at)) for at in range(9))

        assert (
            Equation(pieces, Fraction(1)).text == "[a = 0 or 1 or 2 or 3 or 4 or 5 or 3 more] = 1"
        )

    def test_many_columns_are_counted(self) -> None:
        pieces = tuple(Piece(Fraction(1), f"c{at}", "1") for at in range(14))

        assert Equation(pieces, Fraction(1)).text.endswith("[c11 = 1] + 2 more terms = 1")

    def test_fractions_are_brought_to_whole_numbers(self) -> None:
        pieces = (Piece(Fraction(1), "a", "2"), Piece(Fraction(-1, 3), "b", "2"))

        assert Equation(pieces, Fraction(0)).text == "3 x [a = 2] = [b = 2]"

    def test_what_is_no_fraction_stays_as_it_is(self) -> None:
        pieces = (Piece(0.123456789, "a", "2"), Piece(Fraction(-1), "lr", transform="log2"))

        assert Equation(pieces, Fraction(0)).text == "0.123457 x [a = 2] = log2(lr)"

    def test_a_side_with_nothing_is_nothing(self) -> None:
        assert Equation((Piece(Fraction(-1), "a", "2"),), Fraction(0)).text == "[a = 2] = 0"

    def test_a_long_list_of_names_is_counted(self) -> None:
        assert named([f"c{at}" for at in range(14)]).endswith("`c11` and 2 more")


class TestAsDict:
    def test_it_is_plain_json(self) -> None:
        (fact,) = facts_of("a b c\nx x x\ny y x\ny x y")

        made = fact.as_dict()

        assert json.loads(json.dumps(made)) == made
        assert made["equations"] == ["[a = y] = [b = y] + [c = y]"]
        assert made["example"]["runs"] == ["r1", "r2"]


@st.composite
def tables(draw: st.DrawFn) -> list[str]:
    """Lines of a small table: two to four factors of two or three levels, two to nine runs."""
    levels = draw(st.lists(st.integers(2, 3), min_size=2, max_size=4))
    row = st.tuples(*(st.integers(1, most) for most in levels))
    rows = draw(st.lists(row, min_size=2, max_size=9))
    names = " ".join("abcd"[: len(levels)])
    return [names, *(" ".join(map(str, held)) for held in rows)]


class TestProperties:
    @given(tables(), st.booleans())
    @settings(max_examples=60, deadline=None)
    def test_every_relation_holds_exactly_and_no_lost_factor_is_unnamed(
        self, lines: list[str], slopes: bool
    ) -> None:
        table = small("\n".join(lines), numeric=lines[0].split() if slopes else ())

        found = gate(table)
        facts = facts_in(table)

        named_ones = {name for fact in facts for name in fact.members}
        lost = {s.term.name for s in found.statuses if s.word != "estimable"}
        assert lost <= named_ones
        for fact in facts:
            for equation in fact.equations:
                assert {exactly(equation, table, row) for row in range(len(table))} == {0}

    @given(tables(), st.randoms())
    @settings(max_examples=40, deadline=None)
    def test_sentences_do_not_depend_on_the_order_of_runs(
        self, lines: list[str], order: random.Random
    ) -> None:
        ids = list(range(1, len(lines)))
        order.shuffle(ids)

        assert facts_in(small("\n".join(lines), arrival=ids)) == facts_of("\n".join(lines))

    @given(tables(), st.randoms())
    @settings(max_examples=40, deadline=None)
    def test_what_goes_together_does_not_depend_on_the_names_of_runs(
        self, lines: list[str], order: random.Random
    ) -> None:
        held = lines[1:]
        order.shuffle(held)
        levels = {name: "123" for name in lines[0].split()}

        renamed = facts_of("\n".join([lines[0], *held]), levels=levels)

        assert kinds(renamed) == kinds(facts_of("\n".join(lines), levels=levels))


def exactly(equation: Equation, table: Table, row: int) -> Fraction:
    """What a relation comes to in one row, in rational arithmetic: 0 if it holds."""
    total = -Fraction(equation.constant)
    for piece in equation.pieces:
        column = table.column(piece.column)
        label = column.labels[column.codes[row]]
        counted = Fraction(label) if piece.label is None else Fraction(label == piece.label)
        total += Fraction(piece.coefficient) * counted
    return total
