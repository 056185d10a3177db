"""What no candidate tells, the cells that would, and the entries that forbid them."""

from typing import Any

import pytest

from paribus_sweeps.design import impossible as module
from paribus_sweeps.design.impossible import impossible_terms
from paribus_sweeps.design.proposals import Impossible
from paribus_sweeps.design.table import Table
from tests.sweeps.design.follow_up_cases import (
    BATCH,
    RATIO,
    cells_of,
    factor,
    plan_of,
    ran,
    table,
    three_runs,
)

TWO = (BATCH, RATIO)
CORNER = ("8 1:1", "64 1:1", "8 4:1")


def found_in(asked: Table, **request: object) -> dict[str, Impossible]:
    plan = plan_of(asked, **request)
    return {item.term: item for item in impossible_terms(plan, plan.candidates())}


class TestImpossibleTerms:
    def test_the_term_the_cell_and_the_entry_are_named(self) -> None:
        found = found_in(
            table(*CORNER, factors=TWO),
            factors=["batch x ratio"],
            forbidden=[{"ratio": "4:1", "batch": ["64"]}],
        )["batch x ratio"]

        assert cells_of(found.cells) == ["64 4:1"]
        assert found.forbidden_by == ({"ratio": ("4:1",), "batch": ("64",)},)
        assert found.sentence == (
            "`batch x ratio` can never be told: every run that would tell it is forbidden: "
            "batch=64, ratio=4:1. Forbidden by: ratio=4:1, batch=64."
        )
        assert found.as_dict()["forbidden_by"] == [{"ratio": ["4:1"], "batch": ["64"]}]

    def test_of_two_entries_only_the_one_responsible_is_named(self) -> None:
        three = (factor("a", "1", "2", "3"), factor("b", "1", "2"))

        found = found_in(
            table("1 1", "1 2", factors=three), forbidden=[{"a": "2"}, {"a": "3", "b": "1"}]
        )

        assert list(found) == ["a"]
        assert found["a"].contrasts == (("1", "2"),)
        assert found["a"].forbidden_by == ({"a": ("2",)},)
        assert "`a` (2 against 1) can never be told" in found["a"].sentence

    def test_what_can_be_told_is_not_named(self) -> None:
        assert found_in(three_runs()) == {}

    def test_a_cell_that_crashed_in_every_attempt(self) -> None:
        crashed = ran("64 4:1", TWO, state="failed")

        found = found_in(table(*CORNER, crashed, factors=TWO), factors=["batch x ratio"])

        assert found["batch x ratio"].reasons == ("crashed",)
        assert found["batch x ratio"].forbidden_by == ()
        assert (
            "ended without a value in every attempt: batch=64, ratio=4:1."
            in found["batch x ratio"].sentence
        )
        assert "never" not in found["batch x ratio"].sentence  # it may be tried again
        assert "allow_crashed" in found["batch x ratio"].sentence

    def test_many_cells_are_counted(self) -> None:
        wide = (factor("a", "1", "2"), factor("b", *map(str, range(9))))

        found = found_in(table("1 0", factors=wide), factors=["a"], forbidden=[{"a": "2"}])

        assert (found["a"].cell_count, len(found["a"].cells)) == (9, 6)
        assert "; and 3 more. Forbidden by: a=2." in found["a"].sentence

    def test_cells_that_tell_only_together(self) -> None:
        # 2 x 2 with its interaction, only 8 1:1 has run: no cell alone tells the interaction
        found = found_in(
            table("8 1:1", factors=TWO),
            factors=["batch x ratio"],
            candidates=[{"batch": "8", "ratio": "1:1"}],
        )

        assert found["batch x ratio"].cell_count == 3
        assert found["batch x ratio"].reasons == ("not a candidate",)

    def test_a_grid_too_large_to_list_proves_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "MOST_CELLS", 1)

        found = found_in(three_runs(), candidates=[])["batch"]

        assert not found.is_proven
        assert found.sentence == (
            "No run that was looked at tells `batch` (64 against 8); there were too many to look "
            "at all."
        )

    @pytest.mark.parametrize("forbidden", [[], [{"batch": "8"}]])
    def test_a_level_that_was_never_declared_has_no_cell(self, forbidden: Any) -> None:
        runs = [ran("8", (BATCH,), gpu="T4"), ran("9", (BATCH,), gpu="A100")]

        found = found_in(
            table(*runs, factors=(BATCH,)),
            factors=["batch"],
            blocks={"gpu_name": "T4"},
            forbidden=forbidden,
        )

        assert found["batch"].sentence == (
            "`batch` (9 against 8) can never be told: no run of the declared levels would tell it."
        )
