"""Runs stand in an order that they have on every server."""

from paribus_sweeps.design.table import Table
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run


def _run(own_id: str, wandb_id: str, value: float) -> Run:
    setting, replicate = {"lr": "0.1"}, {"seed": wandb_id}
    return Run(own_id, setting, value, wandb_id=wandb_id, replicate=replicate)


class TestPlace:
    def test_it_follows_the_id_that_every_server_knows(self) -> None:
        runs = [_run("run-z", "a", 1.0), _run("run-a", "b", 2.0), _run("run-m", "b", 3.0)]

        assert sorted(runs[::-1], key=lambda run: run.place) == runs

    def test_our_own_ids_move_no_row_of_a_table(self) -> None:
        """The last digit of a sum depends on its order, and they are drawn at random."""
        factor = Factor("lr", ("lr",), (Level("0.1", {"lr": 0.1}), Level("0.2", {"lr": 0.2})))
        here = [_run("run-z", "a", 1.0), _run("run-a", "b", 2.0)]
        there = [_run("run-1", "a", 1.0), _run("run-2", "b", 2.0)]

        tables = [Table.from_runs(runs, [factor]) for runs in (here, there)]

        assert [list(table.values) for table in tables] == [[1.0, 2.0]] * 2
