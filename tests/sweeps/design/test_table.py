"""Runs laid out as codes: order, missing keys, repeats, what is no value."""

import math

import numpy as np
import pytest

from paribus_sweeps.design.table import Column, Table, cell_keys
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run
from tests.sweeps.small_tables import factor, run, table

BATCH = factor("batch", (64, 8), baseline="8")


class TestLayingOut:
    def test_rows_stand_in_the_order_of_ids(self) -> None:
        found = table([run(2, 0.2, batch=8), run(1, 0.1, batch=64)], [BATCH])

        assert found.ids == ("r00001", "r00002")
        assert found.values.tolist() == [0.1, 0.2]

    def test_declared_levels_come_first_then_what_runs_hold_beside_them(self) -> None:
        runs = [run(at, 0.1, batch=level) for at, level in enumerate((128, None, 16, 8))]

        found = table(runs, [BATCH]).column("batch")

        assert found.labels == ("64", "8", "16", "128", "<unset>")
        assert found.observed == ("8", "16", "128", "<unset>")
        assert found.declared == 2
        assert found.numbers is None  # <unset> is no number

    def test_a_level_of_several_keys_or_of_a_flag_is_no_number(self) -> None:
        bundle = Factor("how", ("a", "b"), (Level("fine", {"a": 1, "b": 2}),))
        flag = factor("fp16", (True, False))

        found = table([run(0, 0.1, how="fine", fp16=True)], [bundle, flag])

        assert [column.numbers for column in found.factors] == [None, None]

    def test_numbers_are_looked_at_on_their_scale(self) -> None:
        found = table([run(0, 0.1, lr=4)], [factor("lr", (4, 0))], transforms={"lr": "log2"})

        assert found.column("lr").transformed().tolist() == [2.0, -math.inf]

    def test_a_name_has_no_place_on_a_scale(self) -> None:
        column = table([run(0, 0.1, opt="sgd")], [factor("opt", ("sgd",))]).column("opt")

        with pytest.raises(ValueError, match="opt: not every level is a number"):
            column.transformed()

    def test_blocks_that_no_run_has_are_left_out(self) -> None:
        runs = [run(0, 0.1, batch=8, blocks={"host": "a"}), run(1, 0.1, batch=8)]

        found = Table.from_runs(runs, [BATCH], blocks=("gpu_name",), lurking=("host",))

        assert found.blocks == ()
        assert [column.labels for column in found.of_role("lurking")] == [("<unset>", "a")]

    def test_several_replicate_keys_are_one(self) -> None:
        runs = [
            Run("a", {"batch": "8"}, 0.1, replicate={"seed": 0, "fold": 1}),
            Run("b", {"batch": "8"}, 0.1, replicate={"seed": 0}),
        ]

        found = Table.from_runs(runs, [BATCH]).replicate

        assert found is not None
        assert found.name == "fold, seed"
        assert found.labels == ("fold=1, seed=0", "fold=<unset>, seed=0")

    def test_a_column_that_is_not_there(self) -> None:
        with pytest.raises(KeyError, match="lr"):
            table([], [BATCH]).column("lr")


class TestValues:
    @pytest.mark.parametrize(
        ("value", "why"),
        [
            (None, "the response was not logged"),
            (math.nan, "the response is nan"),
            (math.inf, "the response is inf"),
            (-1e200, "the response is -1e+200: too large to be squared"),
        ],
    )
    def test_what_is_none_says_why(self, value: float | None, why: str) -> None:
        found = table([run(0, value, batch=8), run(1, 0.1, batch=8)], [BATCH])

        assert found.reasons == (why, "")
        assert found.usable.tolist() == [False, True]
        assert len(found.finished()) == 1

    def test_of_a_run_that_did_not_finish_there_is_none(self) -> None:
        runs = [
            run(0, 0.1, batch=8, state="crashed", reason="exit 1"),
            run(1, 0.1, batch=8, state="running"),
        ]

        found = table(runs, [BATCH])

        assert found.reasons == ("crashed: exit 1", "running")
        assert not found.usable.any()

    def test_another_response_keeps_what_was_said(self) -> None:
        found = table([run(at, 0.1, batch=8) for at in range(3)], [BATCH])

        made = found.with_values(np.array([1.0, math.nan, 1e-300]))

        assert made.reasons == ("", "the response is nan", "")
        assert made.values[[0, 2]].tolist() == [1.0, 0.0]  # too small to be squared


class TestRepeats:
    def test_of_one_setting_and_seed_are_averaged(self) -> None:
        runs = [run(at, value, batch=8, seed=0) for at, value in enumerate((0.1, 0.2, 0.6))]

        found = table([*runs, run(9, 0.5, batch=8, seed=1)], [BATCH]).averaged()

        assert found.values == pytest.approx([0.3, 0.5])
        assert found.ids == ("r00000", "r00009")
        assert found.repeats == 2

    def test_without_a_replicate_key_each_run_counts(self) -> None:
        runs = [run(at, 0.1 * at, batch=8) for at in range(3)]

        assert len(table(runs, [BATCH]).averaged()) == 3


class TestCellKeys:
    def test_are_equal_where_all_codes_are(self) -> None:
        columns = [Column("a", ("x", "y"), np.array([0, 1, 0, 1])),
                   Column("b", ("p", "q"), np.array([0, 0, 0, 1]))]  # fmt: skip

        assert cell_keys(columns).tolist() == [0, 2, 0, 3]
        assert cell_keys([], rows=3).tolist() == [0, 0, 0]

    def test_do_not_overflow(self) -> None:
        """40 columns of 10 labels make 10^40 cells."""
        draw = np.random.default_rng(0)
        labels = tuple(map(str, range(10)))
        codes = draw.integers(0, 10, (40, 30))
        codes[:, 29] = codes[:, 0]
        columns = [Column(str(at), labels, row) for at, row in enumerate(codes)]

        keys = cell_keys(columns)

        assert len(np.unique(keys)) == 29
        assert keys[29] == keys[0]


class TestNames:
    """Sentences call a run what people call it."""

    def table(self, *runs: Run) -> Table:
        return Table.from_runs(runs, [Factor("f", ("f",), (Level("a", {}), Level("b", {})))])

    def test_a_run_is_called_by_its_name(self) -> None:
        table = self.table(Run("run-1", {"f": "a"}, 1.0, name="R1", wandb_id="w1"))

        assert table.called("run-1") == "R1"

    def test_without_one_by_the_id_of_wandb_then_by_ours(self) -> None:
        table = self.table(
            Run("run-1", {"f": "a"}, 1.0, wandb_id="w1"), Run("r2", {"f": "b"}, 1.0)
        )

        assert (table.called("run-1"), table.called("r2")) == ("w1", "r2")

    def test_names_that_several_have_are_told_apart(self) -> None:
        table = self.table(
            Run("run-1", {"f": "a"}, 1.0, name="R", wandb_id="w1"),
            Run("r2", {"f": "b"}, 1.0, name="R"),
        )

        assert (table.called("run-1"), table.called("r2")) == ("R (w1)", "R (r2)")
