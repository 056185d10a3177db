"""A run's rows as columns: nothing is dropped, nothing is joined."""

import math
import sys
from decimal import Decimal
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.analysis import histories
from paribus_sweeps.analysis.histories import (
    EMPTY,
    Column,
    History,
    HistoryBuilder,
    as_number,
    is_dense,
    places_in,
    scalars_of,
    shared_rows,
)

NAN = math.nan
ROWS = st.lists(
    st.dictionaries(st.sampled_from("abc"), st.floats(allow_nan=False) | st.text(max_size=2)),
    max_size=12,
)


def column(*pairs: tuple[int, float], others: int = 0) -> Column:
    rows = np.array([row for row, _ in pairs], dtype=np.int64)
    return Column(rows, np.array([value for _, value in pairs], dtype=float), others)


def pairs(found: Column) -> list[tuple[int, float]]:
    return list(zip(found.rows.tolist(), found.values.tolist(), strict=True))


class TestColumn:
    def test_what_stands_behind_a_row(self):
        found = column((0, 5.0), (3, 6.0), (7, 7.0))

        assert pairs(found.after(3)) == [(7, 7.0)]
        assert pairs(found.after(-1)) == pairs(found)
        assert len(found.after(7)) == 0

    def test_two_are_joined_in_order(self):
        found = column((0, 5.0), others=1).joined(column((4, 6.0), others=2))

        assert (pairs(found), found.others) == ([(0, 5.0), (4, 6.0)], 3)

    def test_one_part_alone_is_itself(self):
        part = column((0, 5.0))

        assert Column.of_parts([part]) is part


class TestHistory:
    def test_each_key_holds_its_rows(self):
        history = History.of_rows([{"loss": 0.7}, {"loss": 0.6, "lr": 0.1}, {}])

        assert pairs(history["loss"]) == [(0, 0.7), (1, 0.6)]
        assert pairs(history["lr"]) == [(1, 0.1)]
        assert history.rows == 3

    def test_a_key_that_no_row_holds_is_empty(self):
        history = History.of_rows([{"loss": 0.7}])

        assert history["accuracy"] is EMPTY
        assert "accuracy" not in history
        assert "loss" in history

    def test_a_key_that_holds_no_number_is_not_in_it(self):
        history = History.of_rows([{"note": "warm"}, {"note": "cold"}])

        assert "note" not in history
        assert history["note"].others == 2

    def test_another_key_along_is_what_the_same_row_holds(self):
        history = History.of_rows([{"loss": 1.0, "_step": 4}, {"loss": 2.0}, {"_step": 6}])

        found = history.along("loss", "_step")

        assert found[0] == 4.0
        assert math.isnan(found[1])

    def test_along_a_key_that_was_never_logged_there_is_nothing(self):
        history = History.of_rows([{"loss": 1.0}, {"loss": 2.0}])

        assert np.isnan(history.along("loss", "_step")).all()

    def test_behind_the_last_row_of_the_other_there_is_nothing(self):
        history = History.of_rows([{"_step": 1}, {"loss": 2.0}])

        assert np.isnan(history.along("loss", "_step")).all()

    @settings(deadline=None)
    @given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)), st.sampled_from([1, 1_000]))
    def test_rows_are_found_among_others_dense_or_not(self, rows, held, apart):
        mine, others = sorted(rows), sorted(held)

        found = places_in(apart * np.array(mine, dtype=int), apart * np.array(others, dtype=int))

        expected = [others.index(row) if row in held else -1 for row in mine]
        assert found.tolist() == expected

    def test_carried_is_the_last_one_before_or_in_the_row(self):
        rows = [{"loss": 1.0}, {"epoch": 0.5}, {"loss": 2.0}, {"loss": 3.0, "epoch": 1.0}]
        history = History.of_rows(rows)

        found = history.carried("loss", "epoch")

        assert math.isnan(found[0])
        assert found[1:].tolist() == [0.5, 1.0]

    def test_carried_from_a_key_that_was_never_logged_there_is_nothing(self):
        assert np.isnan(History.of_rows([{"loss": 1.0}]).carried("loss", "epoch")).all()

    def test_a_curve_over_another_key_takes_the_last_of_each_step(self):
        rows = [
            {"loss": 1.0, "s": 10},
            {"loss": 2.0, "s": 20},
            {"loss": 3.0, "s": 20},
            {"loss": 9.0},
        ]

        curve = History.of_rows(rows).curve("loss", "s")

        assert (curve.x.tolist(), curve.values.tolist()) == ([10, 20], [1, 3])
        assert (curve.overlaps, curve.unplaced) == (1, 1)

    def test_a_curve_over_nothing_is_over_the_number_of_its_row(self):
        curve = History.of_rows([{"a": 0.0}, {"loss": 1.0}, {"loss": 2.0}]).curve("loss")

        assert curve.x.tolist() == [1, 2]


class TestBuilder:
    def test_it_takes_the_keys_that_are_asked_for_alone(self):
        builder = HistoryBuilder(keys=["loss"])
        builder.add({"loss": 0.7, "lr": 0.1})

        assert list(builder.history().columns) == ["loss"]

    def test_it_goes_on_behind_rows_that_are_known(self):
        builder = HistoryBuilder(first=5_000)
        builder.add({"loss": 0.7})

        history = builder.history()

        assert (pairs(history["loss"]), history.rows) == ([(5_000, 0.7)], 5_001)

    def test_a_row_may_say_its_number(self):
        builder = HistoryBuilder()
        builder.add({"loss": 0.7}, number=4)
        builder.add({"loss": 0.6})

        assert pairs(builder.history()["loss"]) == [(4, 0.7), (5, 0.6)]

    def test_a_key_that_a_row_holds_twice_counts_once(self):
        """With a dot in its name, and as a key within a key: the later one."""
        history = History.of_rows([{"a.b": 1.0, "a": {"b": 2.0}}])

        assert pairs(history["a.b"]) == [(0, 2.0)]

    @settings(deadline=None)
    @given(ROWS, st.integers(0, 12))
    def test_in_pieces_it_is_what_it_is_at_once(self, rows, cut):
        first, second = rows[:cut], rows[cut:]
        later = HistoryBuilder(first=len(first))
        for row in second:
            later.add(row)
        early, whole = History.of_rows(first), History.of_rows(rows)

        for key in whole.columns:
            joined = early[key].joined(later.history()[key])
            assert (pairs(joined), joined.others) == (pairs(whole[key]), whole[key].others)


class TestScalars:
    def test_nested_keys_get_dots(self):
        assert list(scalars_of({"a": {"b": 1, "c": {"d": 2}}})) == [("a.b", 1), ("a.c.d", 2)]

    def test_media_are_values(self):
        image = {"_type": "image-file", "path": "x.png"}

        assert list(scalars_of({"sample": image})) == [("sample", image)]

    def test_media_have_no_place_and_are_counted(self):
        history = History.of_rows([{"sample": {"_type": "image-file"}}])

        assert (len(history["sample"]), history["sample"].others) == (0, 1)


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "number"),
        [
            (0.5, 0.5),
            (7, 7.0),
            ("Infinity", math.inf),
            ("-Infinity", -math.inf),
            (10**400, math.inf),
            (-(10**400), -math.inf),
            (np.float32(0.5), 0.5),
            (np.int64(7), 7.0),
        ],
    )
    def test_numbers_and_wandbs_words_for_them(self, value, number):
        assert as_number(value) == number

    def test_nan_as_wandb_writes_it(self):
        assert math.isnan(as_number("NaN") or 0.0)

    @pytest.mark.parametrize("value", [None, True, False, "0.5", "nan", [1], {}, Decimal(1)])
    def test_all_else_is_none(self, value: Any):
        assert as_number(value) is None


class TestSharedRows:
    def test_rows_that_follow_on_one_another_are_one_array(self) -> None:
        one, other = shared_rows(3, 4), shared_rows(0, 2)

        assert (one.tolist(), other.tolist()) == ([3, 4, 5, 6], [0, 1])
        assert np.shares_memory(shared_rows(3, 2), one)

    def test_another_thread_that_replaces_the_array_costs_no_row(self) -> None:
        """Between any two lines of ours another thread may leave a shorter one there."""
        code, before = shared_rows.__code__, sys.gettrace()

        def between(frame: FrameType, event: str, arg: Any) -> Any:
            histories._shared = np.arange(1, dtype=np.int64)
            return between

        sys.settrace(lambda frame, event, arg: between if frame.f_code is code else None)
        try:
            rows = shared_rows(5, 40)
        finally:
            sys.settrace(before)

        assert rows.tolist() == list(range(5, 45))

    def test_a_number_that_a_client_made_up_takes_no_room(self) -> None:
        rows = shared_rows(10**15, 2)

        assert rows.tolist() == [10**15, 10**15 + 1]

    def test_nobody_can_change_them(self) -> None:
        with pytest.raises(ValueError, match="read-only"):
            shared_rows(0, 3)[0] = 7

    @pytest.mark.parametrize(
        ("rows", "dense"), [([], True), ([5], True), ([5, 6, 7], True), ([5, 7], False)]
    )
    def test_dense_rows_have_no_hole(self, rows: list[int], dense: bool) -> None:
        assert is_dense(np.array(rows, dtype=np.int64)) is dense

    def test_parts_that_leave_no_hole_share_theirs(self) -> None:
        parts = [Column(np.array([0, 1]), np.ones(2)), Column(np.array([2]), np.ones(1))]

        joined = Column.of_parts(parts)

        assert joined.rows.tolist() == [0, 1, 2]
        assert np.shares_memory(joined.rows, shared_rows(0, 3))
