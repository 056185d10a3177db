"""Replicates as values again, and ones that no run has."""

from typing import Any

import pytest

from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.design.replicates import replicate_values, unused
from paribus_sweeps.design.table import Column
from tests.sweeps.design.follow_up_cases import ran, table


def column(*replicates: dict[str, Any]) -> Column:
    runs = [ran("8 1:1 coarse", replicate=held, id=f"{at}") for at, held in enumerate(replicates)]
    found = table(*runs).replicate
    assert found is not None
    return found


class TestReplicateValues:
    @pytest.mark.parametrize(
        "held",
        [{"seed": 0}, {"seed": 1.5}, {"seed": "a, b=1"}, {"fold": "x", "seed": 7}, {"s": True}],
    )
    def test_a_label_is_read_back(self, held: dict[str, Any]) -> None:
        made = column(held)

        assert replicate_values(made.name, made.labels[0]) == held

    def test_a_key_that_a_run_lacks_is_left_out(self) -> None:
        made = column({"fold": 1}, {"fold": 1, "seed": 0})

        assert [replicate_values(made.name, label) for label in made.labels] == [
            {"fold": 1, "seed": 0},
            {"fold": 1},
        ]
        assert replicate_values("seed", UNSET) == {}

    def test_a_text_in_quotes_stays_a_text(self) -> None:
        assert replicate_values("seed", '"0"') == {"seed": '"0"'}

    def test_what_is_no_number_as_we_write_it_stays_a_text(self) -> None:
        assert replicate_values("seed", "1e3") == {"seed": "1e3"}


class TestUnused:
    def test_the_next_whole_numbers(self) -> None:
        assert unused(column({"seed": 0}, {"seed": 7}, {}), 2) == ["8", "9"]

    def test_other_values_are_left_to_whoever_makes_the_run(self) -> None:
        assert unused(column({"seed": "a"}), 2) == ["new 1", "new 2"]
        assert unused(column({"fold": 0, "seed": 0}), 1) == ["new 1"]
        assert unused(column({"seed": True}), 1) == ["new 1"]
