"""Permutation tests: every arrangement where they are few, many where they are not."""

import csv
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from paribus_sweeps.analysis import permutation
from paribus_sweeps.analysis.effects import effects
from paribus_sweeps.analysis.models import fit
from paribus_sweeps.analysis.permutation import PermutationTest, permutation_test
from paribus_sweeps.design.model_matrix import Term
from paribus_sweeps.design.table import Table
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run

R = Path(__file__).parents[1] / "r"
EXPECTED: Any = json.loads((R / "expected/permutation.json").read_text())


def factor(name: str, *labels: str) -> Factor:
    return Factor(name, (name,), tuple(Level(label, {name: label}) for label in labels))


def table(rows: Sequence[Mapping[str, Any]], *, blocks: Iterable[str] = ()) -> Table:
    """Rows have "y" and "seed", if there is one; the rest are factors and blocks."""
    others = [key for key in rows[0] if key not in ("y", "seed", *blocks)]
    factors = [factor(key, *sorted({str(row[key]) for row in rows})) for key in others]
    runs = [
        Run(
            id=f"r{at:05d}",
            value=float(row["y"]),
            setting={key: str(row[key]) for key in others},
            blocks={key: str(row[key]) for key in blocks},
            replicate={"seed": row["seed"]} if "seed" in row else {},
        )
        for at, row in enumerate(rows)
    ]
    return Table.from_runs(runs, factors, blocks=tuple(blocks))


def permuted(found: Table, *members: str, seed: str = "tests", **more: Any) -> PermutationTest:
    return permutation_test(fit(found, **more), Term(members), seed=seed)


def published(file: str, runs: Sequence[str], keys: Sequence[str], y: str) -> list[dict[str, Any]]:
    with (R / "data" / f"{file}.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["run"] in runs]
    return [{**{key: row[key] for key in keys}, "y": row[y]} for row in rows]


def one_way(*groups: Sequence[float]) -> Table:
    return table([{"a": at, "y": y} for at, ys in enumerate(groups) for y in ys])


def fit_and_share(
    y: np.ndarray, reduced: np.ndarray, full: np.ndarray, orders: Iterable[Sequence[int]]
) -> float:
    """Freedman and Lane as they wrote it: add the residuals, fit both models, compare F."""

    def rss(columns: np.ndarray, values: np.ndarray) -> float:
        fitted = columns @ np.linalg.lstsq(columns, values, rcond=None)[0]
        return float(np.sum((values - fitted) ** 2))

    def f(values: np.ndarray) -> float:
        return (rss(reduced, values) - rss(full, values)) / rss(full, values)

    fitted = reduced @ np.linalg.lstsq(reduced, y, rcond=None)[0]
    left = y - fitted
    all_f = [f(fitted + left[list(order)]) for order in orders]
    return float(np.mean(np.array(all_f) >= f(y) - 1e-9))


class TestExact:
    def test_two_groups_are_the_classical_test(self) -> None:
        expected = EXPECTED["two_groups"]["seven"]
        found = permuted(
            table(published("plantgrowth", expected["runs"], ["group"], "weight")), "group"
        )

        assert found.p == pytest.approx(expected["p"], rel=1e-12)
        assert found.f == pytest.approx(expected["F"], rel=1e-10)
        assert (found.method, found.draws) == ("exact", expected["arrangements"])
        assert found.within == ()

    def test_runs_stay_in_their_block(self) -> None:
        expected = EXPECTED["blocks"]
        rows = published("npk", expected["runs"], ["N", "block"], "yield")
        found = permuted(table(rows, blocks=["block"]), "N")

        assert found.p == pytest.approx(expected["p"], rel=1e-12)
        assert found.f == pytest.approx(expected["F"], rel=1e-10)
        assert (found.method, found.draws) == ("exact", expected["arrangements"])
        assert found.within == ("block",)

    def test_the_seed_is_a_block_where_the_model_has_it(self) -> None:
        rows = [
            {"a": a, "seed": s, "y": 10 * s + a + 0.1 * ((3 * a + 5 * s) % 7)}
            for a in (0, 1)
            for s in range(6)
        ]
        found = permuted(table(rows), "a")

        # Each of the 6 seeds has 2 runs, which may change places: 2^6. The 6 differences all
        # point one way, so that only the observed signs and their opposites are as large.
        assert (found.draws, found.within) == (64, ("seed",))
        assert found.p == pytest.approx(2 / 64)

    def test_two_factors_agree_with_every_permutation_fitted(self) -> None:
        a = np.array([0, 0, 0, 1, 1, 1, 1])
        b = np.array([0, 1, 1, 0, 0, 1, 1])
        y = np.array([1.0, 2.5, 2.2, 1.9, 2.4, 4.1, 2.8])
        rows = [{"a": i, "b": j, "y": v} for i, j, v in zip(a, b, y, strict=True)]
        found = permuted(table(rows), "a", interactions="none")

        reduced = np.column_stack([np.ones(7), b])
        orders = itertools.permutations(range(7))
        assert found.p == pytest.approx(
            fit_and_share(y, reduced, np.column_stack([reduced, a]), orders), abs=1e-12
        )
        # 7! / (1! 2! 2! 2!): two runs of one cell are one place.
        assert found.draws == 630

    def test_a_main_effect_is_not_adjusted_for_its_interaction(self) -> None:
        a, b = (np.array(x) for x in ([0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 1, 1]))
        y = np.array([1.0, 1.4, 2.5, 2.2, 1.9, 2.4, 4.1, 2.8])
        rows = [{"a": i, "b": j, "y": v} for i, j, v in zip(a, b, y, strict=True)]
        made = table(rows)
        model = fit(made, interactions="all")

        for members in (("a",), ("a", "b")):
            found = permutation_test(model, Term(members), seed="tests")
            row = effects(made, interactions="all", error="pooled").row(*members)

            assert row is not None
            assert found.f == pytest.approx(row.f, rel=1e-10)
            assert found.draws == 2520  # 8! / 2!^4

    def test_an_affine_change_of_the_response_changes_nothing(self) -> None:
        groups = [[0.1, 0.4, 0.3, 0.9], [0.7, 1.1, 0.8, 1.6]]
        moved = [[1e6 - 3e-4 * y for y in group] for group in groups]

        assert permuted(one_way(*groups), "a").p == permuted(one_way(*moved), "a").p

    def test_ties_count_as_large(self) -> None:
        # 0 0 1 | 1 1 0: of 20 arrangements the mean difference is 1/3 in 18 and 1 in 2.
        assert permuted(one_way([0, 0, 1], [1, 1, 0]), "a").p == 1.0
        assert permuted(one_way([0, 0, 0], [1, 1, 1.001]), "a").p == pytest.approx(2 / 20)

    def test_an_error_near_rounding_still_counts_the_observed_arrangement(self) -> None:
        rows = [{"a": a, "b": b, "y": 1e6 * b + a} for a in (0, 1) for b in (0, 1)]
        rows += [{"a": a, "b": b, "y": 1e6 * b + a + 1e-5} for a in (0, 1) for b in (0, 1)]
        found = permuted(table(rows), "b", interactions="none")

        assert found.p is not None
        assert found.p >= 1 / found.draws

    def test_few_arrangements_are_said_to_be_few(self) -> None:
        found = permuted(one_way([1.0, 1.1, 0.9], [5.0]), "a")

        # The single run takes 4 places; the observed one is the most extreme.
        assert (found.draws, found.p) == (4, 0.25)
        assert found.note == "4 arrangements in all: p cannot be below 0.25"


class TestRandom:
    def test_many_arrangements_are_sampled(self) -> None:
        expected = EXPECTED["two_groups"]["ten"]
        rows = published("plantgrowth", expected["runs"], ["group"], "weight")
        found = permuted(table(rows), "group")

        assert (found.method, found.draws) == ("random", 9_999)
        assert found.p is not None
        error = (expected["p"] * (1 - expected["p"]) / 9_999) ** 0.5  # binomial
        assert abs(found.p - expected["p"]) < 4 * error

    def test_the_seed_decides_the_draws(self) -> None:
        rng = np.random.default_rng(5)
        made = one_way(*rng.normal(size=(2, 12)))

        assert permuted(made, "a", seed="one") == permuted(made, "a", seed="one")
        assert permuted(made, "a", seed="one").p != permuted(made, "a", seed="two").p

    def test_pieces_do_not_change_the_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rng = np.random.default_rng(6)
        small, large = one_way(*rng.normal(size=(2, 5))), one_way(*rng.normal(size=(2, 12)))
        whole = [permuted(made, "a") for made in (small, large)]
        monkeypatch.setattr(permutation, "_CHUNK", 240)

        assert [permuted(made, "a") for made in (small, large)] == whole

    def test_random_draws_stay_in_their_block(self) -> None:
        rng = np.random.default_rng(7)
        rows = [
            {"a": a, "host": h, "y": 100 * h + (h - 0.5) * a + 0.1 * rng.normal()}
            for a in (0, 1)
            for h in range(4)
            for _ in range(4)
        ]
        found = permuted(table(rows, blocks=["host"]), "a", interactions="none")

        assert (found.method, found.within) == ("random", ("host",))
        # Dealt out over all hosts, differences of 100 would swamp the effect.
        assert found.p is not None
        assert found.p < 0.05

    def test_p_is_uniform_where_nothing_is_there(self) -> None:
        rng = np.random.default_rng(8)
        cells = [(a, b) for a in (0, 1) for b in (0, 1, 2) for _ in range(1 + (a + b) % 3)]
        p = []
        for _ in range(200):
            noise = rng.exponential(size=len(cells))
            rows = [
                {"a": a, "b": b, "y": 2 * b + y} for (a, b), y in zip(cells, noise, strict=True)
            ]
            p.append(permuted(table(rows), "a", interactions="none").p)

        # The largest distance from the uniform law that 200 values exceed once in a thousand
        # times is 1.95 / sqrt(200) (Kolmogorov).
        assert stats.kstest(p, "uniform").statistic < 1.95 / 200**0.5

    def test_p_is_small_where_something_is_there(self) -> None:
        rng = np.random.default_rng(9)

        # The least that 9,999 draws can give, since the groups do not touch.
        assert permuted(
            one_way(rng.exponential(size=12), 50 + rng.exponential(size=12)), "a"
        ).p == (1 / 10_000)


class TestNoTest:
    def test_no_residual_df(self) -> None:
        found = permuted(one_way([1.0], [2.0]), "a")

        assert (found.p, found.f, found.method, found.draws) == (None, None, None, 0)
        assert found.note == "no residual degree of freedom: there is no error to compare with"

    def test_no_variation(self) -> None:
        assert permuted(one_way([1.0, 1.0], [1.0, 1.0]), "a").note == (
            "every run has the same value: there is no variation"
        )

    def test_no_error(self) -> None:
        assert permuted(one_way([1.0, 1.0], [2.0, 2.0]), "a").note == (
            "the model fits every run exactly: there is no error to compare with"
        )

    def test_what_always_moved_with_another_factor_has_no_number(self) -> None:
        rows = [{"a": a, "b": a, "y": y} for a, y in [(0, 1.0), (0, 2.0), (1, 2.5), (1, 3.0)]]
        found = permuted(table(rows), "a")

        assert (found.p, found.f) == (None, None)
        assert found.note == "the runs hold nothing that tells of it: no number is given"

    def test_blocks_of_one_run_leave_nothing_to_permute(self) -> None:
        rows = [
            {"a": a, "seed": s, "gpu": g, "y": 3 * a + 2 * s + 7 * g + (a * s * g + s * g) % 3}
            for a, g in ((0, 0), (1, 1), (0, 1), (1, 0))
            for s in (0, 1, 2)
            if (a + g + s) % 2
        ]
        found = permuted(table(rows, blocks=["gpu"]), "a")

        assert (found.p, found.within) == (None, ("gpu", "seed"))
        assert found.note == "no run can change places with another inside its block"

    def test_very_many_runs_are_not_permuted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(permutation, "MOST_RUNS", 5)

        assert permuted(one_way([1.0, 2.0, 3.0], [2.0, 3.0, 5.0]), "a").note == (
            "not offered beyond 5 runs"
        )

    def test_a_very_large_model_is_not_permuted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(permutation, "_MOST_WORK", 100)

        assert permuted(one_way([1.0, 2.0, 3.0], [2.0, 3.0, 5.0]), "a").note == (
            "not offered for so large a model with so many runs"
        )

    def test_a_term_that_is_not_in_the_model_is_refused(self) -> None:
        with pytest.raises(KeyError):
            permuted(one_way([1.0, 2.0], [2.0, 3.0]), "b")


class TestAsDict:
    def test_it_is_plain_json(self) -> None:
        found = permuted(one_way([1.0, 2.0, 3.0], [2.5, 3.0, 5.0]), "a")

        assert json.loads(json.dumps(found.as_dict())) == {
            "term": "a",
            "p": found.p,
            "draws": 20,
            "method": "exact",
            "f": found.f,
            "within": [],
            "note": None,
        }
