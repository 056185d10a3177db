"""A case holds runs, factors and a question that fit each other."""

from typing import Any

import pytest

from paribus_sweeps.analysis.cases import Case
from paribus_sweeps.analysis.questions import Question
from paribus_sweeps.errors import UnknownFactor
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run

BATCH, LR = (
    Factor(name, (name,), (Level("1", {name: 1}), Level("2", {name: 2})))
    for name in ("batch", "lr")
)
RUNS = [
    Run(
        id=id, value=0.3, setting={"batch": "1", "lr": "2"}, blocks={"gpu_name": "T4", "host": "x"}
    )
    for id in ("b", "a")
]


def case(*factors: str, **more: Any) -> Case:
    question = Question("loss", factors=factors, waived=more.pop("waived", ()))
    return Case.of(RUNS, [BATCH, LR], question, **more)


class TestCases:
    def test_runs_stand_by_id(self) -> None:
        assert [run.id for run in case().runs] == ["a", "b"]
        assert case().table.ids == ("a", "b")

    def test_the_gpu_is_a_block_unless_another_is_named(self) -> None:
        assert [column.name for column in case().table.blocks] == ["gpu_name"]
        assert [column.name for column in case(blocks=["host"]).table.blocks] == ["host"]

    def test_lurking_and_numeric_columns_are_passed_on(self) -> None:
        table = case(lurking=["host"], numeric=["lr"], transforms={"lr": "log2"}).table

        assert [column.name for column in table.of_role("lurking")] == ["host"]
        assert (table.column("lr").is_numeric, table.column("lr").transform) == (True, "log2")

    def test_what_is_beside_the_table_is_kept(self) -> None:
        made = case(held={"epochs": 3}, notices=("a notice",), forbid=({"lr": frozenset("1")},))

        assert (made.held, made.notices) == ({"epochs": 3}, ("a notice",))
        assert made.forbid == ({"lr": frozenset("1")},)

    def test_without_names_all_factors_are_asked_about(self) -> None:
        assert case().asked == (BATCH, LR)
        assert case("lr").asked == (LR,)

    def test_a_factor_that_is_ignored_is_not_asked_about(self) -> None:
        assert case(waived=("batch",)).asked == (LR,)

    def test_a_factor_that_is_not_there_is_refused(self) -> None:
        with pytest.raises(UnknownFactor) as refused:
            case("lr", "btach")

        assert (refused.value.name, refused.value.known) == ("btach", ("batch", "lr"))
