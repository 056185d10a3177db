"""Whole-plot factors are tested against units, and not against runs."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paribus_sweeps.analysis.effects import effects
from paribus_sweeps.analysis.strata import NOT_OFFERED, Stratum, strata
from paribus_sweeps.design.table import Table
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run

R = Path(__file__).parents[1] / "r"
CASES: Any = json.loads((R / "expected/split_plot.json").read_text())["cases"]
EXPECTED = next(case["expected"] for case in CASES if case["what"] == "strata")


def factor(name: str, labels: Iterable[str]) -> Factor:
    return Factor(name, (name,), tuple(Level(label, {name: label}) for label in labels))


def table(
    rows: Sequence[Mapping[str, Any]],
    *,
    blocks: Iterable[str] = (),
    lurking: Iterable[str] = (),
    **more: Any,
) -> Table:
    """Rows have "y" and "seed", if there is one; the rest are factors, blocks and lurking keys."""
    held = (*blocks, *lurking)
    others = [key for key in rows[0] if key not in ("y", "seed", *held)]
    runs = [
        Run(
            id=f"r{at:05d}",
            value=row["y"],
            setting={key: str(row[key]) for key in others},
            blocks={key: str(row[key]) for key in held},
            replicate={"seed": row["seed"]} if "seed" in row else {},
        )
        for at, row in enumerate(rows)
    ]
    factors = [factor(key, sorted({str(row[key]) for row in rows})) for key in others]
    return Table.from_runs(runs, factors, blocks=tuple(blocks), lurking=tuple(lurking), **more)


def oats(*, keep: Callable[[Mapping[str, str]], bool] = bool, **roles: Any) -> Table:
    names = [name for of_role in roles.values() for name in of_role]
    with (R / "data/oats.csv").open() as lines:
        read = [row for row in csv.DictReader(lines) if keep(row)]
    keys = ("variety", "nitrogen", *names)
    return table(
        [{**{k: row[k] for k in keys}, "y": float(row["yield"])} for row in read], **roles
    )


def only(found: Sequence[Stratum]) -> Stratum:
    (made,) = found
    return made


def hosts(*, per_level: int = 3, cadences: int = 2, noise: float = 0.1) -> list[dict[str, Any]]:
    """Batch is changed between hosts only, cadence within them; hosts differ."""
    rng = np.random.default_rng(3)
    host_effects = rng.normal(size=2 * per_level)
    return [
        {
            "batch": batch,
            "cadence": cadence,
            "host": f"h{batch}{at}",
            "y": float(host_effects[per_level * batch + at] + noise * rng.normal() + cadence),
        }
        for batch in (0, 1)
        for at in range(per_level)
        for cadence in range(cadences)
    ]


class TestOats:
    def test_variety_is_tested_against_plots_within_blocks(self) -> None:
        expected = EXPECTED["with_complete_blocks"]
        found = only(strata(oats(blocks=["block"], lurking=["plot"])))

        assert (found.factor, found.block, found.kind) == ("variety", "plot", "whole_plot")
        assert found.within == ("block",)
        assert (found.df1, found.df2) == (expected["df"], expected["df_error"])
        assert found.f == pytest.approx(expected["F"], rel=1e-9)
        assert found.p == pytest.approx(expected["p"], rel=1e-9)
        assert found.sentence == (
            "`variety` changed only between levels of `plot` (18 of them), never within one: "
            "compared with what these differ by, and not with what runs differ by, "
            "F(2, 10) = 1.485, p = 0.272."
        )

    def test_without_blocks_it_is_tested_against_all_plots(self) -> None:
        expected = EXPECTED["with_units_only"]
        found = only(strata(oats(blocks=["plot"])))

        assert (found.df1, found.df2) == (expected["df"], expected["df_error"])
        assert found.f == pytest.approx(expected["F"], rel=1e-9)
        assert found.p == pytest.approx(expected["p"], rel=1e-9)

    def test_the_residual_of_runs_would_have_made_it_significant(self) -> None:
        # METHOD 14 (7): .27 became .04.
        made = oats(blocks=["block"], lurking=["plot"])
        wrong = effects(made, error="pooled").row("variety")

        assert wrong is not None
        assert wrong.p == pytest.approx(EXPECTED["wrong_run_residual"]["p"], rel=1e-9)
        assert wrong.p < 0.05 < 0.2 < (only(strata(made)).p or 0)

    @pytest.mark.parametrize("roles", [(["block", "plot"], []), ([], ["plot", "block"])])
    def test_the_role_of_a_column_makes_no_difference(self, roles: tuple[Any, Any]) -> None:
        found = only(strata(oats(blocks=roles[0], lurking=roles[1])))

        assert found == only(strata(oats(blocks=["block"], lurking=["plot"])))

    def test_nitrogen_changed_within_plots_and_has_no_stratum(self) -> None:
        assert strata(oats(blocks=["plot"]), factors=["nitrogen"]) == ()

    def test_a_lost_run_makes_strata_unbalanced_and_is_refused(self) -> None:
        found = only(strata(oats(keep=lambda row: row["run"] != "r007", blocks=["plot"])))

        assert (found.f, found.df1, found.p) == (None, None, None)
        assert found.note == NOT_OFFERED
        assert found.sentence == (
            "`variety` changed only between levels of `plot` (18 of them), never within one; "
            "unbalanced strata need REML, which is not offered yet."
        )

    def test_a_lost_plot_leaves_an_exact_test(self) -> None:
        found = only(strata(oats(keep=lambda r: r["plot"] != "I.Victory", blocks=["plot"])))

        assert (found.df1, found.df2) == (2, 14)  # 17 plots - 3 varieties
        assert found.p is not None


class TestUnits:
    def test_seeds_in_one_host_are_no_replicates_of_the_host(self) -> None:
        rows = [{**row, "seed": at} for at, row in enumerate(hosts(cadences=3))]
        for row in rows:
            del row["cadence"]
        found = only(strata(table(rows, lurking=["host"])))
        by_hand = [
            np.mean([row["y"] for row in rows if row["host"] == host])
            for host in sorted({row["host"] for row in rows})
        ]
        low, high = np.array(by_hand[:3]), np.array(by_hand[3:])
        # Two means of three: F is the square of Student's t with 4 df.
        t = (high.mean() - low.mean()) / (((low.var(ddof=1) + high.var(ddof=1)) / 3) ** 0.5)

        assert (found.df1, found.df2) == (1, 4)
        assert found.f == pytest.approx(t**2, rel=1e-9)

    def test_the_seed_itself_can_be_the_unit(self) -> None:
        rows = [{**row, "seed": row["host"]} for row in hosts()]
        for row in rows:
            del row["host"]
        found = only(strata(table(rows)))

        assert (found.factor, found.block, found.df2) == ("batch", "seed", 4)

    def test_the_coarsest_unit_counts(self) -> None:
        rows = [
            {**row, "session": f"{row['host']}-{row['cadence'] // 2}"} for row in hosts(cadences=4)
        ]
        found = only(strata(table(rows, lurking=["session", "host"])))

        assert found.block == "host"

    def test_sessions_inside_a_declared_host_do_not_unbalance_it(self) -> None:
        rows = [
            {**row, "session": f"{row['host']}-{row['cadence'] // 2}"} for row in hosts(cadences=4)
        ]

        assert only(strata(table(rows, blocks=["session", "host"]))).p is not None

    def test_one_name_for_two_equal_columns_is_enough(self) -> None:
        rows = [{**row, "address": f"a{row['host']}"} for row in hosts()]

        assert only(strata(table(rows, lurking=["host", "address"]))).block == "host"

    def test_a_level_of_its_own_for_each_run_is_no_unit(self) -> None:
        rows = [{**row, "job": str(at)} for at, row in enumerate(hosts())]

        assert strata(table(rows, lurking=["job"])) == ()

    def test_a_factor_that_changed_within_units_has_no_stratum(self) -> None:
        rows = [{"a": a, "host": h, "y": a + h + 0.5 * a * h} for a in (0, 1) for h in range(3)]

        assert strata(table(rows, lurking=["host"])) == ()

    def test_no_run_no_stratum(self) -> None:
        assert strata(Table.from_runs([], [factor("a", ["1", "2"])])) == ()

    def test_two_whole_plot_factors_are_adjusted_for_each_other(self) -> None:
        rng = np.random.default_rng(4)
        rows = [
            {"a": a, "b": b, "c": c, "host": f"{a}{b}{at}", "y": 5 * b + rng.normal()}
            for a in (0, 1)
            for b in (0, 1)
            for at in (0, 1)
            for c in (0, 1, 2)
        ]
        found = strata(table(rows, lurking=["host"]))

        # 8 hosts - 4 cells of a x b: the interaction stands in the model of hosts too.
        assert [(s.factor, s.df1, s.df2) for s in found] == [("a", 1, 4), ("b", 1, 4)]
        assert found[1].p is not None
        assert found[1].p < 0.01

    def test_interactions_that_too_few_units_carry_are_said_to_be_left_out(self) -> None:
        rows = [
            {
                "a": a,
                "b": b,
                "host": f"{a}{b}{at}",
                "seed": f"{a}{b}{at}{s}",
                "y": float((a + 2 * b + 3 * at + s) % 5),
            }
            for a, b, many in ((0, 0, 2), (0, 1, 1), (1, 0, 1), (1, 1, 1))
            for at in range(many)
            for s in (0, 1)
        ]
        found = strata(table(rows, lurking=["host"]))

        assert [s.df2 for s in found] == [2, 2]  # 5 hosts - 3 parameters
        assert found[0].note == (
            "2 residual df are too few to fit interactions: interactions are assumed zero."
        )

    def test_a_block_that_crosses_units_has_to_be_balanced_too(self) -> None:
        even = [{**row, "gpu": str(row["cadence"] % 2)} for row in hosts(cadences=4)]
        odd = [{**row, "gpu": str(at % 3 % 2)} for at, row in enumerate(hosts(cadences=4))]

        assert only(strata(table(even, blocks=["gpu"], lurking=["host"]))).p is not None
        assert only(strata(table(odd, blocks=["gpu"], lurking=["host"]))).note == NOT_OFFERED

    def test_a_number_is_compared_on_its_values(self) -> None:
        rows = [
            {"lr": lr, "host": f"{lr}-{at}", "warmup": w, "y": float((7 * lr + 3 * at + w) % 4)}
            for lr in (1, 2, 4)
            for at in (0, 1)
            for w in (0, 1)
        ]
        found = only(strata(table(rows, lurking=["host"], numeric=["lr"])))

        assert (found.df1, found.df2) == (1, 4)  # a slope over 6 hosts


class TestNoError:
    def test_one_unit_for_each_level(self) -> None:
        found = only(strata(table(hosts(per_level=1), lurking=["host"])))

        assert (found.kind, found.f, found.p) == ("no_error", None, None)
        assert found.sentence == (
            "Each level of `batch` has one `host` only: there is no error that `batch` could be "
            "compared with, however many runs there are in each."
        )
        assert found.note == "needs a second `host` at a level of `batch`"

    def test_one_declared_unit_for_each_combination(self) -> None:
        rows = [
            {"a": a, "b": b, "host": f"{a}{b}", "seed": s, "y": float((a + 2 * b + s) % 3)}
            for a in (0, 1)
            for b in (0, 1)
            for s in (0, 1)
        ]
        found = strata(table(rows, blocks=["host"]))

        assert [s.kind for s in found] == ["no_error", "no_error"]
        assert found[0].sentence.startswith("Each combination of `a` and `b` has one `host` only")
        # What nobody declared may follow from the setting, as the number of steps does.
        assert strata(table(rows, lurking=["host"])) == ()

    def test_too_few_units(self) -> None:
        rows = [
            {"a": a, "site": site, "host": f"{site}{a}", "seed": s, "y": float((a + s) % 3)}
            for a, site in ((0, "x"), (1, "x"), (0, "y"))
            for s in (0, 1)
        ]
        found = only(strata(table(rows, blocks=["site"], lurking=["host"])))

        assert (found.df1, found.df2, found.p) == (1, 0, None)
        assert found.note == "3 levels of `host` leave no degree of freedom for an error"

    def test_units_that_do_not_differ(self) -> None:
        rows = [{**row, "y": float(row["batch"] + row["cadence"])} for row in hosts()]
        found = only(strata(table(rows, lurking=["host"])))

        assert (found.f, found.p) == (None, None)
        assert found.note == (
            "the levels of `host` do not differ: there is no error to compare with"
        )

    def test_a_factor_that_moved_along_with_another_between_units(self) -> None:
        rows = [{**row, "warmup": row["batch"]} for row in hosts()]
        found = strata(table(rows, lurking=["host"]))

        assert [(s.factor, s.p) for s in found] == [("batch", None), ("warmup", None)]
        assert found[0].note == "it cannot be told apart from `warmup`"


class TestError:
    def test_where_hosts_differ_and_batch_does_nothing_p_is_seldom_small(self) -> None:
        rng = np.random.default_rng(11)
        rows = hosts(per_level=4)
        right, wrong = [], []
        for _ in range(200):
            effect = {host: rng.normal() for host in sorted({row["host"] for row in rows})}
            made = table(
                [{**row, "y": effect[row["host"]] + 0.3 * rng.normal()} for row in rows],
                lurking=["host"],
            )
            tested = effects(made, interactions="none", error="pooled").row("batch")
            right.append(only(strata(made)).p)
            wrong.append(tested.p if tested else None)

        # 200 tests at 5 %: mean 10, sd 3.1; 20 would be more than three of them above.
        assert sum((p or 1) < 0.05 for p in right) < 20
        assert sum((p or 1) < 0.05 for p in wrong) > 30


class TestAsDict:
    def test_it_is_plain_json(self) -> None:
        found = only(strata(oats(blocks=["plot"])))

        assert json.loads(json.dumps(found.as_dict())) == {
            "factor": "variety",
            "block": "plot",
            "kind": "whole_plot",
            "within": [],
            "f": found.f,
            "df1": 2,
            "df2": 15,
            "p": found.p,
            "sentence": found.sentence,
            "note": None,
        }
