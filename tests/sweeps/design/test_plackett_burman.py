"""Plackett-Burman designs: orthogonal in all sizes, and aliased by thirds as R says."""

import csv
import itertools
from fractions import Fraction
from typing import Any

import pytest

from paribus_sweeps.design.grids import count, expand
from paribus_sweeps.design.plackett_burman import (
    hadamard_columns,
    partial_aliases,
    settings,
)
from paribus_sweeps.errors import InvalidSpec
from paribus_sweeps.spec import Design, SweepSpec
from paribus_sweeps.spec.design_types import PLACKETT_BURMAN_RUNS
from tests.sweeps.textbook import HERE, cases

R_SAYS = [case for _, case in cases("alias_matrix", "plackett_burman")]
NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def spec_of(factors: int, **keys: Any) -> SweepSpec:
    levels = {NAMES[i]: {"levels": [0, 1]} for i in range(factors)}
    return SweepSpec.from_config(
        {"design": {"type": "plackett_burman", "factors": levels, **keys}}
    )


def design_of(factors: int, **keys: Any) -> Design:
    design = spec_of(factors, **keys).design
    assert design is not None
    return design


def shares(design: Design) -> dict[tuple[str, tuple[str, str]], Fraction | float]:
    return {(alias.effect, alias.of): alias.coefficient for alias in partial_aliases(design)}


class TestMatrices:
    @pytest.mark.parametrize("runs", PLACKETT_BURMAN_RUNS)
    def test_columns_are_balanced_and_orthogonal_in_every_size(self, runs: int) -> None:
        columns = hadamard_columns(runs)

        assert len(columns) == runs - 1
        assert {column.bit_count() for column in columns} == {runs // 2}
        # Two columns agree in half of the runs: where their exclusive or is 0.
        assert {(a ^ b).bit_count() for a, b in itertools.combinations(columns, 2)} == {runs // 2}

    @pytest.mark.parametrize("runs", PLACKETT_BURMAN_RUNS)
    def test_the_last_run_is_all_baselines(self, runs: int) -> None:
        assert all(not column >> (runs - 1) & 1 for column in hadamard_columns(runs))

    @pytest.mark.parametrize(
        ("runs", "row"),
        # Plackett & Burman 1946, as printed in Montgomery, chapter 8.
        [
            (12, "++-+++---+-"),
            (20, "++--++++-+-+----++-"),
            (24, "+++++-+-++--++--+-+----"),
        ],
    )
    def test_the_first_run_is_the_published_row(self, runs: int, row: str) -> None:
        signs = ["+" if column & 1 else "-" for column in hadamard_columns(runs)]

        assert "".join(signs) == row


class TestSettings:
    def test_twelve_runs_are_those_of_the_cast_fatigue_experiment(self) -> None:
        with (HERE / "data" / "cast_fatigue.csv").open(encoding="utf-8") as file:
            published = {
                tuple("1" if run[name] == "1" else "0" for name in NAMES[:11])
                for run in csv.DictReader(file)
            }

        found = [tuple(setting.values()) for setting in settings(design_of(11))]

        assert set(found) == published
        assert found[-1] == ("0",) * 11

    def test_each_level_of_each_two_factors_meets_equally_often(self) -> None:
        rows = list(settings(design_of(7, runs=12)))

        for one, other in itertools.combinations(NAMES[:7], 2):
            met = [(row[one], row[other]) for row in rows]
            assert {met.count(pair) for pair in itertools.product("01", repeat=2)} == {3}

    def test_the_baseline_is_the_low_level(self) -> None:
        factors = {name: {"levels": [0, 1], "baseline": 1} for name in "ABCDE"}
        spec = SweepSpec.from_config({"design": {"type": "plackett_burman", "factors": factors}})

        assert set(expand(spec)[-1].setting.values()) == {"1"}

    def test_it_stands_in_a_sweep_replicate_by_replicate(self) -> None:
        spec = spec_of(11, replicates={"seed": [0, 1]})

        assert count(spec) == len(expand(spec)) == 24

    def test_settings_are_kept_apart_by_other_columns(self) -> None:
        # The first five columns of the design of 24 runs repeat two settings; other five do not.
        first = hadamard_columns(24)[:5]

        assert len({tuple(c >> run & 1 for c in first) for run in range(24)}) == 22
        assert len({tuple(row.values()) for row in settings(design_of(5, runs=24))}) == 24

    def test_what_must_repeat_is_refused_with_the_number(self) -> None:
        # Any four columns of the design of 12 runs repeat one setting (Box & Tyssedal 1996).
        with pytest.raises(InvalidSpec) as caught:
            expand(spec_of(4, runs=12))

        assert "/design/runs: 12 runs of 4 factors would repeat settings: 11 are different" in str(
            caught.value
        )
        assert "take fewer runs, or fractional_factorial or full_factorial" in str(caught.value)


class TestPartialAliases:
    @pytest.mark.parametrize("case", R_SAYS, ids=lambda c: str(len(c["model"]["terms"])))
    def test_thirds_are_those_of_r(self, case: dict[str, Any]) -> None:
        (_, *fitted), (_, *rows) = case["expected"]["fitted"], case["expected"]["matrix"]
        letter = {name.removesuffix("[-1]"): NAMES[at] for at, name in enumerate(fitted)}
        found = shares(design_of(len(fitted), runs=12))

        for effect, row in zip(letter.values(), rows, strict=True):
            for (one, other), told in zip(case["omitted"], row, strict=True):
                # R counts the first level +1: a main effect has the opposite sign of ours.
                share = found.pop((effect, (letter[one], letter[other])), Fraction(0))
                assert float(share) == pytest.approx(-told, abs=1e-12)
        assert found == {}

    def test_each_of_eleven_main_effects_holds_a_third_of_all_other_pairs(self) -> None:
        found = shares(design_of(11))

        # 11 effects, each with C(10, 2) = 45 pairs of two others
        assert len(found) == 11 * 45
        assert {abs(share) for share in found.values()} == {Fraction(1, 3)}

    def test_in_a_power_of_two_whole_interactions_are_held(self) -> None:
        # Eight runs of 7 factors are the regular fraction: each effect holds three pairs.
        found = shares(design_of(7, runs=8))

        assert len(found) == 7 * 3
        assert {abs(share) for share in found.values()} == {1}

    def test_shares_are_what_the_runs_themselves_give(self) -> None:
        design = design_of(19, runs=20)
        rows = [{n: 1 if label == "1" else -1 for n, label in s.items()} for s in settings(design)]

        for (effect, (one, other)), share in shares(design).items():
            product = sum(row[effect] * row[one] * row[other] for row in rows)
            assert share == Fraction(product, 20)
