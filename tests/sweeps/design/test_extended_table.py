"""Tables with runs that do not exist yet."""

import numpy as np
import pytest

from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.design.estimability import gate
from paribus_sweeps.design.extended_table import (
    as_if_finished,
    open_rows,
    pair_count,
    relative_variances,
    with_cells,
    with_wave,
)
from tests.sweeps.design.follow_up_cases import BATCH, RATIO, grid, ran, table

TWO = (BATCH, RATIO)


class TestWithWave:
    def test_runs_so_far_are_earlier(self) -> None:
        found, wave = with_wave(table("8 1:1", factors=TWO))

        assert wave.labels == ("earlier", "follow-up")
        assert found.column("wave").observed == ("earlier",)

    def test_a_factor_of_that_name_is_not_touched(self) -> None:
        odd = (BATCH, RATIO.__class__("wave", ("wave",), RATIO.levels))

        found, wave = with_wave(table("8 1:1", factors=odd))

        assert wave.name == "next wave"
        assert found.column("wave").role == "factor"

    def test_a_block_of_that_name_gets_a_further_label(self) -> None:
        run = ran("8 1:1", TWO, blocks={"wave": "follow-up"})

        found, wave = with_wave(table(run, factors=TWO, blocks=["wave"]))

        assert wave.labels == ("follow-up", "next follow-up")
        assert len(found.columns) == 3


class TestOpenRows:
    def test_those_that_are_still_to_end(self) -> None:
        runs = [ran("8 1:1", TWO, state=s) for s in ("failed", "finished", "queued", "running")]

        assert open_rows(table(*runs, factors=TWO)).tolist() == [False, False, True, True]

    def test_they_count_as_if_they_had_finished_where_most_runs_are(self) -> None:
        runs = [ran("8 1:1", TWO, gpu="T4"), ran("64 1:1", TWO, state="queued")]
        asked = table(*runs, factors=TWO)
        gpu = asked.column("gpu_name")

        found = as_if_finished(asked, open_rows(asked), [gpu], np.array([gpu.labels.index("T4")]))

        assert len(found) == 2
        assert found.column("gpu_name").observed == ("T4",)
        assert UNSET in gpu.labels


class TestWithCells:
    def test_one_finished_run_for_each_cell(self) -> None:
        asked = table(ran("8 1:1", TWO, seed=0), factors=TWO)

        found = with_cells(asked, ["batch", "ratio"], np.array([[1, 0], [1, 1]]), ["0", "new 1"])

        assert found.ids[1:] == ("+000000", "+000001")
        assert found.column("batch").codes.tolist() == [0, 1, 1]
        assert found.replicate is not None
        assert found.replicate.labels == ("0", "new 1")
        assert bool(found.usable.all())


class TestPairCount:
    def test_runs_that_differ_in_one_factor(self) -> None:
        assert pair_count(table(*grid(TWO), factors=TWO), "batch", None) == 2

    def test_three_levels_make_three_pairs(self) -> None:
        asked = table("8 1:1", "64 1:1", "128 1:1", factors=TWO)

        assert pair_count(asked, "batch", None) == 3

    def test_the_wave_is_in_no_key(self) -> None:
        asked, wave = with_wave(table("8 1:1", factors=TWO))
        later = with_cells(asked, ["batch", "ratio", "wave"], np.array([[1, 0, 1]]), [None])

        assert pair_count(later, "batch", wave.name) == 1
        assert pair_count(later, "batch", None) == 0

    def test_seeds_are(self) -> None:
        runs = [ran("8 1:1", TWO, seed=0), ran("64 1:1", TWO, seed=1)]

        assert pair_count(table(*runs, factors=TWO), "batch", None) == 0


class TestRelativeVariances:
    def test_of_means_of_two_and_of_one(self) -> None:
        runs = [ran("8 1:1", TWO, id="1"), ran("8 1:1", TWO, id="2"), ran("64 1:1", TWO, id="3")]
        found = gate(table(*runs, factors=TWO))

        made = relative_variances(found, np.vstack([found.contrast("batch", "8", "64")]))

        assert made == [pytest.approx(1 / 2 + 1)]

    def test_what_is_not_estimable_has_none(self) -> None:
        found = gate(table("8 1:1", "64 4:1", factors=TWO))

        assert relative_variances(found, found.contrast("batch", "8", "64")[None, :]) == [None]
