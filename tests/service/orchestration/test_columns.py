"""Histories as columns: equal to the lines, folded or not, whatever came twice, late or anew."""

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from paribus_service.orchestration import columns
from paribus_service.orchestration.columns import ColumnCache, fold, read_histories, unfolded
from paribus_service.orchestration.packing import packed, unpacked
from paribus_service.store import curves as curve_store
from paribus_service.store.tables import HistoryColumn, StreamLine
from paribus_sweeps.analysis.histories import Column, History
from tests.factories import Lab
from tests.service.orchestration.test_responses import start


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def line(step: int, **values: Any) -> str:
    return json.dumps({"_step": step, **values})


def read(lab: Lab, name: str, *keys: str, cache: ColumnCache | None = None) -> History:
    pk = lab.run(name).pk
    with lab.reading() as session:
        return read_histories(session, [pk], keys or None, cache=cache or ColumnCache())[pk]


def fold_all(lab: Lab, name: str) -> bool:
    """One step of folding, as the observer takes it."""
    pk = lab.run(name).pk
    with lab.reading() as session:
        place = curve_store.history_places(session, [pk])[pk]
        history, until = unfolded(session, place)
    with lab.writing() as session:
        return fold(session, place, history, until=until)


def drop_lines(lab: Lab) -> None:
    with lab.writing() as session:
        session.execute(delete(StreamLine))


def values(history: History, key: str) -> list[float]:
    return history[key].values.tolist()


class TestPacking:
    @given(st.lists(st.floats(width=64), max_size=300), st.integers(0, 10**9))
    def test_every_float_comes_back_bit_for_bit(self, numbers: list[float], first: int) -> None:
        rows = np.arange(first, first + len(numbers), dtype=np.int64)
        history = History({"k": Column(rows, np.array(numbers, dtype=float))}, 0)

        back = unpacked(packed(history, first=first)[0])

        assert back.values.tobytes() == struct.pack(f"<{len(numbers)}d", *numbers)
        assert back.rows.tolist() == rows.tolist()

    def test_rows_between_which_others_lie_come_back(self) -> None:
        column = Column(np.array([7, 9, 100]), np.array([1.0, math.nan, math.inf]), others=2)

        [stored] = packed(History({"k": column}, 101), first=5)

        assert unpacked(stored).rows.tolist() == [7, 9, 100]
        assert unpacked(stored).others == 2

    def test_a_smooth_curve_takes_less_than_its_floats(self) -> None:
        values = 0.7 * np.exp(-np.arange(5000) / 2000)
        history = History({"k": Column(np.arange(5000), values)}, 5000)

        [stored] = packed(history, first=0)

        assert len(stored.numbers) < 0.9 * 8 * 5000
        assert stored.lines is None


class TestReading:
    def test_nested_keys_and_words_for_nan_are_read(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), '{"_step": 0, "a": {"b": 2}, "k": "NaN"}', line(1, k="late"))

        history = read(lab, "a")

        assert values(history, "a.b") == [2]
        assert math.isnan(values(history, "k")[0])
        assert history["k"].others == 1

    def test_the_keys_of_x_axes_come_with_any_other(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), line(0, **{"train/global_step": 10, "k": 1, "other": 2}))

        history = read(lab, "a", "k")

        assert set(history.columns) == {"_step", "train/global_step", "k"}

    def test_folded_and_new_lines_are_one(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), *(line(i, k=i) for i in range(5)))
        fold_all(lab, "a")
        lab.log("a", line(5, k=5, late=1), offset=5)

        history = read(lab, "a")

        assert values(history, "k") == [0, 1, 2, 3, 4, 5]
        assert history["late"].rows.tolist() == [5]
        assert history.rows == 6

    def test_a_folded_line_is_not_read_again(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), *(line(i, k=i) for i in range(5)))
        fold_all(lab, "a")
        drop_lines(lab)

        assert values(read(lab, "a", "k"), "k") == [0, 1, 2, 3, 4]

    def test_a_run_that_goes_on_costs_its_new_lines(self, lab: Lab) -> None:
        """The older lines are gone; what was kept of them is still there."""
        cache = ColumnCache()
        lab.log(start(lab, "a"), line(0, k=0), line(1, k=1))
        read(lab, "a", cache=cache)
        drop_lines(lab)
        lab.log("a", line(2, k=2), offset=2)

        assert values(read(lab, "a", cache=cache), "k") == [0, 1, 2]

    def test_another_key_is_read_where_one_is_kept(self, lab: Lab) -> None:
        cache = ColumnCache()
        lab.log(start(lab, "a"), line(0, k=0, m=3))
        fold_all(lab, "a")
        read(lab, "a", "k", cache=cache)

        assert values(read(lab, "a", "m", cache=cache), "m") == [3]

    def test_what_two_readers_hold_is_not_changed_by_either(self, lab: Lab) -> None:
        cache = ColumnCache()
        lab.log(start(lab, "a"), line(0, k=0))
        before = read(lab, "a", cache=cache)
        lab.log("a", line(1, k=1), offset=1)
        read(lab, "a", cache=cache)

        assert values(before, "k") == [0]


class TestLinesThatComeAgain:
    def test_a_changed_line_is_read_anew(self, lab: Lab) -> None:
        cache = ColumnCache()
        lab.log(start(lab, "a"), line(0, k=0), line(1, k=1))
        fold_all(lab, "a")
        read(lab, "a", cache=cache)

        lab.log("a", line(1, k=9), offset=1)

        assert values(read(lab, "a", cache=cache), "k") == [0, 9]

    def test_a_hole_that_is_filled_is_seen(self, lab: Lab) -> None:
        cache = ColumnCache()
        start(lab, "a")
        lab.log("a", line(0, k=0))
        lab.log("a", line(2, k=2), offset=2)
        fold_all(lab, "a")
        assert values(read(lab, "a", cache=cache), "k") == [0, 2]

        lab.log("a", line(1, k=1), offset=1)

        assert values(read(lab, "a", cache=cache), "k") == [0, 1, 2]
        assert fold_all(lab, "a")
        assert values(read(lab, "a"), "k") == [0, 1, 2]

    def test_a_repeated_request_leaves_the_same_values(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), line(0, k=0), line(1, k=1))
        fold_all(lab, "a")

        lab.log("a", line(1, k=1), offset=1)
        fold_all(lab, "a")

        assert values(read(lab, "a"), "k") == [0, 1]

    def test_lines_that_changed_while_they_were_read_are_not_folded(self, lab: Lab) -> None:
        pk = lab.run(start(lab, "a")).pk
        lab.log("a", line(0, k=0))
        with lab.reading() as session:
            place = curve_store.history_places(session, [pk])[pk]
            history, until = unfolded(session, place)
        lab.log("a", line(0, k=5))

        with lab.writing() as session:
            done = fold(session, place, history, until=until)

        assert not done
        assert values(read(lab, "a"), "k") == [5]

    def test_a_run_started_anew_has_its_new_lines_alone(self, lab: Lab) -> None:
        cache = ColumnCache()
        lab.log(start(lab, "a"), line(0, k=0), line(1, k=1))
        fold_all(lab, "a")
        read(lab, "a", cache=cache)
        lab.finish("a")

        start(lab, "a")
        lab.log("a", line(0, k=7))

        assert values(read(lab, "a", cache=cache), "k") == [7]
        assert fold_all(lab, "a")
        assert values(read(lab, "a"), "k") == [7]


class TestFolding:
    def test_a_long_history_is_folded_piece_by_piece(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(columns, "LINES_A_FOLD", 2)
        lab.log(start(lab, "a"), *(line(i, k=i) for i in range(5)))

        for folded in (2, 4, 5):
            assert fold_all(lab, "a")
            assert lab.run("a").folded_lines == folded

        drop_lines(lab)
        assert values(read(lab, "a"), "k") == [0, 1, 2, 3, 4]

    def test_a_deleted_run_takes_its_columns_along(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), line(0, k=0))
        fold_all(lab, "a")

        with lab.writing() as session:
            session.delete(session.merge(lab.run("a")))

        with lab.reading() as session:
            assert session.scalar(select(func.count()).select_from(HistoryColumn)) == 0
