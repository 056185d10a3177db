"""A frame of pandas or polars, or a mapping of columns, is asked as it is."""

import importlib
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import pytest

from paribus_sweeps.analysis.answers import answer
from paribus_sweeps.analysis.frames import ask, case_of
from paribus_sweeps.analysis.plain_tables import read_table
from paribus_sweeps.errors import InvalidSpec, UnknownColumn

COLUMNS: dict[str, list[Any]] = {
    "batch": [8, 8, 64, 64],
    "seed": [0, 1, 0, 1],
    "loss": [0.31, 0.33, 0.36, 0.39],
}


class Series:
    """What is used of a polars Series."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def to_list(self) -> list[Any]:
        return list(self._values)


class PolarsFrame:
    """What is used of a polars DataFrame: names in `columns`, a Series under each."""

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self._columns = columns

    @property
    def columns(self) -> list[str]:
        return list(self._columns)

    def __getitem__(self, name: str) -> Series:
        return Series(self._columns[name])


class NAType:
    """As pandas calls what is missing: neither equal to itself nor a truth value."""

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")


class Speed(int, Enum):
    FAST = 3


def loss(cells: list[Any]) -> list[float | None]:
    """What cells of the response are read as."""
    frame = {"batch": [8] * len(cells), "loss": cells}
    return [run.value for run in case_of(frame, factors=["batch"], response="loss").runs]


def levels(cells: list[Any]) -> list[str | None]:
    """What cells of a factor are read as."""
    frame = {"batch": cells, "loss": [0.0] * len(cells)}
    case = case_of(frame, factors=["batch"], response="loss")
    return [run.setting["batch"] for run in case.runs]


class TestFrames:
    def expected(self, kind: str) -> dict[str, Any]:
        runs = [
            dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)
        ]
        table = {"factors": ["batch"], "replicate": "seed", "runs": runs}
        return answer(
            kind, read_table({**table, "response": {"name": "loss", "goal": "minimize"}})
        )

    def asked(self, frame: Any, kind: str) -> dict[str, Any]:
        return ask(
            frame, kind, factors=["batch"], response="loss", goal="minimize", replicate="seed"
        )

    @pytest.mark.parametrize("kind", ["factors", "effects", "best"])
    def test_a_mapping_of_columns_is_a_plain_table(self, kind: str) -> None:
        assert self.asked(COLUMNS, kind) == self.expected(kind)

    def test_so_are_arrays(self) -> None:
        frame = {name: np.array(cells) for name, cells in COLUMNS.items()}

        assert self.asked(frame, "effects") == self.expected("effects")

    def test_so_is_what_polars_gives(self) -> None:
        assert self.asked(PolarsFrame(COLUMNS), "effects") == self.expected("effects")

    def test_so_is_a_frame_of_pandas(self) -> None:
        pandas = pytest.importorskip("pandas")

        assert self.asked(pandas.DataFrame(COLUMNS), "effects") == self.expected("effects")

    def test_so_is_a_frame_of_polars(self) -> None:
        polars = pytest.importorskip("polars", reason="to run it: .venv/bin/pip install polars")

        assert self.asked(polars.DataFrame(COLUMNS), "effects") == self.expected("effects")

    def test_the_first_question_is_about_all_factors(self) -> None:
        assert ask(COLUMNS, factors=["batch"], response="loss")["kind"] == "factors"

    def test_neither_is_imported(self) -> None:
        module = importlib.import_module("paribus_sweeps.analysis.frames")

        assert not {"pandas", "polars"} & set(vars(module))

    def test_pandas_own_kinds_of_cells_are_read(self) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame(
            {
                0: pandas.Categorical(["a", "b", "a", None]),
                "when": pandas.to_datetime(["2026-01-01", "2026-01-02", None, "2026-01-01"]),
                "loss": pandas.array([1, 2, pandas.NA, 4], dtype="Int64"),
            }
        )

        case = case_of(frame, factors=["0", "when"], response="loss")

        assert [run.setting["0"] for run in case.runs] == ["a", "b", "a", "<unset>"]
        assert [run.setting["when"] for run in case.runs] == [
            "2026-01-01T00:00:00",
            "2026-01-02T00:00:00",
            "<unset>",
            "2026-01-01T00:00:00",
        ]
        assert [run.value for run in case.runs] == [1, 2, None, 4]


class TestCells:
    def test_what_frames_take_for_nothing_is_nothing(self) -> None:
        assert loss([None, math.nan, np.float64("nan"), NAType(), 0.5]) == [None] * 4 + [0.5]
        assert levels([None, math.nan, NAType(), 8]) == ["<unset>"] * 3 + ["8"]

    def test_numbers_of_other_kinds_are_numbers(self) -> None:
        assert loss([np.float32(0.5), np.int64(2), Decimal("0.25"), Decimal("NaN")]) == [
            0.5,
            2.0,
            0.25,
            None,
        ]

    def test_levels_of_other_kinds_have_the_labels_of_plain_ones(self) -> None:
        cells = [np.int64(8), 8.0, np.str_("x"), np.bool_(True), Speed.FAST, date(2026, 1, 2)]

        assert levels(cells) == ["8", "8", "x", "true", "3", "2026-01-02"]
        assert levels([datetime(2026, 1, 2, tzinfo=UTC)]) == ["2026-01-02T00:00:00+00:00"]

    def test_lists_in_cells_are_levels(self) -> None:
        assert levels([[1, 2], (1, 2), np.array([1, 2]), Series([1, 2]), {"a": np.int64(1)}]) == [
            "[1,2]",
            "[1,2]",
            "[1,2]",
            "[1,2]",
            '{"a":1}',
        ]

    def test_what_is_neither_number_nor_text_is_named_with_its_column(self) -> None:
        with pytest.raises(TypeError, match="column 'batch': .*is neither number nor text"):
            levels([object()])


class TestArguments:
    def test_columns_of_runs_are_taken_where_there_are_any(self) -> None:
        frame = {
            **COLUMNS,
            "id": ["a", "b", "c", "d"],
            "state": ["crashed", *["finished"] * 3],
            "reason": ["out of memory", None, None, None],
        }

        found = ask(frame, factors=["batch"], response="loss")

        assert found["runs"] == ["b", "c", "d"]
        assert found["excluded"] == [
            {"id": "a", "state": "crashed", "reason": "crashed: out of memory"}
        ]

    def test_blocks_and_lurking_columns_are_passed_on(self) -> None:
        frame = {**COLUMNS, "gpu": ["T4"] * 4, "host": ["a", "b"] * 2}

        table = case_of(
            frame, factors=["batch"], response="loss", blocks=["gpu"], lurking=["host"]
        ).table

        assert [(column.name, column.role) for column in table.columns] == [
            ("batch", "factor"),
            ("gpu", "block"),
            ("host", "lurking"),
        ]

    def test_factors_can_be_described_with_what_a_frame_gives(self) -> None:
        entry = {"levels": np.unique([64, 8]), "baseline": np.int64(8)}

        case = case_of(COLUMNS, factors={"batch": entry}, response="loss")

        assert (case.factors[0].labels, case.factors[0].baseline) == (("8", "64"), "8")

    def test_a_question_has_its_further_keys(self) -> None:
        case = case_of(
            COLUMNS, factors=["batch"], response="loss", smallest_effect=np.float64(0.1), bins=3
        )

        assert (case.question.smallest_effect, case.question.bins) == (0.1, 3)

    def test_an_unknown_column_is_named(self) -> None:
        with pytest.raises(UnknownColumn) as refused:
            ask(COLUMNS, factors=["bach"], response="loss")

        assert refused.value.name == "bach"
        assert refused.value.known == ("batch", "seed", "loss")

    @pytest.mark.parametrize(
        ("argument", "said"),
        [("smalest_effect", "did you mean 'smallest_effect'"), ("x", "known: factors, smallest")],
    )
    def test_an_unknown_argument_is_refused(self, argument: str, said: str) -> None:
        with pytest.raises(TypeError, match=f"no argument '{argument}'; {said}"):
            ask(COLUMNS, factors=["batch"], response="loss", **{argument: 1})

    def test_what_is_wrong_with_a_value_is_found_as_in_a_body(self) -> None:
        with pytest.raises(InvalidSpec, match="/question/level"):
            ask(COLUMNS, factors=["batch"], response="loss", level=2)

    @pytest.mark.parametrize("frame", [None, "loss", [{"batch": 8}], 3])
    def test_what_has_no_named_columns_is_no_frame(self, frame: Any) -> None:
        with pytest.raises(TypeError, match="has no named columns"):
            ask(frame, factors=["batch"], response="loss")

    def test_two_columns_of_one_name_are_refused(self) -> None:
        with pytest.raises(ValueError, match="two columns of the frame are called '1'"):
            ask({1: [0], "1": [0]}, factors=["1"], response="1")

    def test_columns_are_equally_long(self) -> None:
        with pytest.raises(ValueError, match="batch has 2, loss has 1"):
            ask({"batch": [8, 64], "loss": [1]}, factors=["batch"], response="loss")
