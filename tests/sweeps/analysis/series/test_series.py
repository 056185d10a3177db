"""What a chart is given: lines and bands as plain JSON, and a sentence for what is not there."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paribus_sweeps.analysis.series.requests import SeriesRequest
from paribus_sweeps.analysis.series.series import series_of
from paribus_sweeps.errors import InvalidSeries, UnknownKey
from tests.sweeps.analysis.series.drawn import logged, seen

ANY_VALUE = st.one_of(
    st.floats(), st.integers(), st.text(max_size=3), st.none(), st.booleans(),
    st.sampled_from(["NaN", "Infinity", 1e300, -1.7e308]), st.lists(st.integers(), max_size=2),
)  # fmt: skip
ANY_ROWS = st.lists(
    st.dictionaries(
        st.sampled_from(["loss", "lr", "_step", "_runtime", "_timestamp", "epoch", "global_step"]),
        ANY_VALUE,
        max_size=5,
    ),
    max_size=12,
)


def drawn(*runs: Any, **request: Any) -> dict[str, Any]:
    answer = series_of(runs, SeriesRequest(**{"keys": ("loss",), **request}))
    json.dumps(answer, allow_nan=False)  # raises for what JSON does not have
    return answer


def line(*runs: Any, **request: Any) -> dict[str, Any]:
    [found] = drawn(*runs, **request)["series"]
    return found


class TestLines:
    def test_a_line_says_whose_it_is_and_what_it_holds(self):
        run = logged("loss", [0.9, 0.7], every=10, run="run-a", name="brave-fox")

        assert line(run) == {
            "run": "run-a",
            "name": "brave-fox",
            "key": "loss",
            "labels": {},
            "x_name": "W&B steps",
            "x_key": "_step",
            "x": [10, 20],
            "y": [0.9, 0.7],
            "smoothed": None,
            "points": 2,
            "stands_for": 2,
            "not_finite": {"count": 0, "x": [], "values": []},
            "replaced": 0,
            "unplaced": 0,
            "others": 0,
            "notes": [],
            "missing": None,
        }

    def test_a_run_without_a_name_is_called_by_its_id(self):
        assert line(logged("loss", [1]))["name"] == "run-a"

    def test_keys_come_one_after_the_other_each_for_every_run(self):
        rows = [{"_step": 1, "train/loss": 1, "eval/loss": 2}]

        answer = drawn(seen(rows), seen(rows, run="run-b"), keys=("train/loss", "eval/loss"))

        assert [(one["key"], one["run"]) for one in answer["series"]] == [
            ("train/loss", "run-a"), ("train/loss", "run-b"),
            ("eval/loss", "run-a"), ("eval/loss", "run-b"),
        ]  # fmt: skip

    def test_what_is_not_finite_is_counted_and_named_apart(self):
        found = line(logged("loss", [1, math.nan, 3, math.inf, -math.inf]))

        assert (found["x"], found["y"]) == ([1, 3], [1, 3])
        assert found["not_finite"] == {
            "count": 3, "x": [2, 4, 5], "values": ["NaN", "Infinity", "-Infinity"],
        }  # fmt: skip
        assert found["notes"] == ["3 values of 5 NaN or infinite: not drawn"]

    def test_a_run_of_nothing_but_nan_has_no_point_and_says_why(self):
        found = line(logged("loss", [math.nan] * 200))

        assert (found["points"], found["y"], found["missing"]) == (0, [], None)
        assert found["not_finite"]["count"] == 200
        assert len(found["not_finite"]["x"]) == 100

    def test_texts_among_numbers_are_told(self):
        found = line(seen([{"_step": 1, "loss": 1}, {"_step": 2, "loss": "high"}]))

        assert (found["y"], found["others"]) == ([1], 1)
        assert found["notes"] == ["1 row holds a text, a list or media: left out"]

    def test_points_that_are_left_out_are_stood_for(self):
        """One stretch of three, and the first: 0 stands first, 9 is lowest and highest in none."""
        values = [5.0] * 100
        values[40], values[60] = 9.0, 1.0

        found = line(logged("loss", values), points=4)

        assert found["y"] == [5, 9, 1, 5]
        assert (found["points"], found["stands_for"]) == (4, 100)
        assert found["notes"] == [
            "4 points stand for 100: lowest, highest and last of each stretch of x"
        ]

    def test_labels_are_what_tells_runs_apart(self):
        a = logged("loss", [1], run="a", setting={"lr": "0.1"}, replicate={"seed": 0})
        b = logged("loss", [1], run="b", setting={"lr": "0.2"}, replicate={"seed": 0})

        assert [one["labels"] for one in drawn(a, b)["series"]] == [{"lr": "0.1"}, {"lr": "0.2"}]
        assert line(a, label_by=("seed",))["labels"] == {"seed": "0"}


class TestRange:
    def test_a_part_is_looked_at(self):
        assert line(logged("loss", range(1, 10)), low=3, high=5)["y"] == [3, 4, 5]
        assert line(logged("loss", range(1, 10)), low=3, high=3)["y"] == [3]

    def test_a_part_with_no_point_says_so(self):
        found = line(logged("loss", [1, 2]), low=7)

        assert found["notes"] == ["no point in the part of x that is looked at"]

    def test_a_zoom_changes_no_smoothed_value(self):
        run = logged("loss", [4, 2, 7, 1, 3])

        whole, part = (line(run, smoothing="ema:0.5", low=low) for low in (None, 3))

        assert part["smoothed"] == whole["smoothed"][2:]
        assert part["y"] == [7, 1, 3]  # the raw line stands beside

    def test_the_common_range_is_what_all_runs_have(self):
        early = logged("loss", [1, 2, 3], run="a")
        late = seen([{"_step": n, "loss": n} for n in (2, 3, 4)], run="b")

        assert [one["x"] for one in drawn(early, late, common=True)["series"]] == [[2, 3], [2, 3]]

    def test_a_run_without_the_key_bounds_nothing(self):
        other = seen([{"_step": 1, "lr": 1}], run="b")

        answer = drawn(logged("loss", [1, 2]), other, common=True)

        assert [one["x"] for one in answer["series"]] == [[1, 2], []]

    def test_runs_that_share_nothing_say_so(self):
        late = seen([{"_step": 9, "loss": 1}], run="b")

        answer = drawn(logged("loss", [1, 2]), late, common=True)

        assert answer["notes"] == ["loss: the runs share no stretch of x that is looked at"]
        assert [one["x"] for one in answer["series"]] == [[], []]


class TestX:
    def test_all_lines_stand_over_the_same_steps(self):
        a = seen([{"_step": 0, "train/global_step": 10, "loss": 1}], run="a")
        b = seen([{"_step": 0, "loss": 2}], run="b")

        answer = drawn(a, b)

        assert [one["x"] for one in answer["series"]] == [[0], [0]]
        assert answer["x_name"] == "W&B steps"
        assert answer["notes"] == [
            "x is W&B's _step, which counts log calls: 1 of 2 lines have no optimizer step in "
            "every row"
        ]

    def test_a_run_without_any_step_says_so_beside_those_that_have_one(self):
        answer = drawn(logged("loss", [1]), seen([{"loss": 2}], run="b"))

        assert [one["missing"] for one in answer["series"]] == [
            None, "x: _step was never logged as a number",
        ]  # fmt: skip

    def test_optimizer_steps_stay_where_every_line_has_them(self):
        run = seen([{"_step": 0, "train/global_step": 10, "loss": 1}])

        answer = drawn(run)

        assert (answer["x_name"], answer["notes"]) == ("steps", [])

    def test_lines_over_other_things_have_no_common_name(self):
        steps = seen([{"train/global_step": n, "loss": 1} for n in (1, 2)])
        rows = seen([{"loss": 1}] * 2, run="b")

        assert drawn(steps, rows, x="share")["x_name"] is None

    def test_an_x_that_one_run_lacks_is_its_own_sentence(self):
        a = seen([{"_step": 1, "loss": 1, "epoch": 0.5}])
        b = logged("loss", [1], run="b")

        first, second = drawn(a, b, x="epoch")["series"]

        assert (first["x"], first["missing"]) == ([0.5], None)
        assert second["missing"].startswith("no logged key is known as epoch")

    def test_an_x_that_no_run_has_is_refused_with_the_nearest(self):
        with pytest.raises(UnknownKey, match="did you mean 'epoch'"):
            drawn(logged("loss", [1]), x="epochs")


class TestKeys:
    def test_a_key_that_no_run_has_is_refused_with_the_nearest(self):
        with pytest.raises(UnknownKey, match="did you mean 'loss'") as refused:
            drawn(logged("loss", [1]), keys=("los",))

        assert (refused.value.key, refused.value.known) == ("los", ("_step", "loss"))

    def test_far_from_all_the_first_of_them_are_listed(self):
        many = {f"k{n:02}": 1 for n in range(12)}

        with pytest.raises(UnknownKey, match="there are k00, .*, k09 and 2 more$"):
            drawn(seen([many]), keys=("zzz",))

    def test_runs_that_have_logged_nothing_yet_may_still_log_it(self):
        found = line(seen([]), x="lr")

        assert found["missing"] == "loss was never logged as a number"

    def test_a_run_that_lacks_it_is_a_sentence_beside_the_others(self):
        answer = drawn(logged("loss", [1]), logged("lr", [1], run="b"))

        assert [one["missing"] for one in answer["series"]] == [
            None, "loss was never logged as a number",
        ]  # fmt: skip

    def test_no_runs_are_no_lines(self):
        answer = drawn(x="lr")

        assert (answer["series"], answer["bands"], answer["x_name"]) == ([], [], None)


class TestThinning:
    def test_a_dense_run_is_drawn_as_the_coarse_one_was_looked_at(self):
        dense = logged("loss", range(30), every=20, run="a", name="dense")
        coarse = logged("loss", range(3), every=200, run="b", name="coarse")

        for word in ("coarse", "b"):
            first, second = drawn(dense, coarse, thin_to=word)["series"]
            assert first["x"] == second["x"] == [200, 400, 600]
        assert first["y"] == [9, 19, 29]

    def test_smoothing_is_of_what_is_left(self):
        """1 and 3 stay: s = 0.5 and 1.75 over 0.5 and 0.75."""
        found = line(logged("loss", [0, 1, 2, 3]), thin_to="2", smoothing="ema:0.5")

        assert found["y"] == [1, 3]
        assert found["smoothed"] == pytest.approx([1, 1.75 / 0.75])


class TestBands:
    def runs(self) -> list[Any]:
        values = {"a": [1, 4], "b": [3, 4], "c": [10, 20]}
        lr = {"a": "0.1", "b": "0.1", "c": "0.2"}
        return [
            logged("loss", v, run=k, setting={"lr": lr[k]}, replicate={"seed": ord(k)})
            for k, v in values.items()
        ]

    def test_seeds_are_a_band_with_its_n(self):
        """(1 + 3) / 2 = 2, sd sqrt 2; the t quantile of one degree of freedom is 12.706."""
        first, second = drawn(*self.runs(), group_by=("all_but:seed",), smoothing="ema:0")["bands"]

        assert (first["label"], first["n"], first["runs"]) == ("lr=0.1", 2, ["a", "b"])
        assert (first["mean"], first["min"], first["max"]) == ([2, 4], [1, 4], [3, 4])
        assert first["sd"] == pytest.approx([math.sqrt(2), 0])
        assert first["interval"]["level"] == 0.95
        assert first["interval"]["high"] == pytest.approx([2 + 12.7062, 4], abs=1e-4)
        assert first["smoothed"] == [2, 4]
        assert (second["n"], second["sd"], second["interval"]) == (1, None, None)

    def test_single_lines_stand_beside(self):
        answer = drawn(*self.runs(), group_by=("lr",))

        assert len(answer["series"]) == 3
        assert answer["bands"][0]["smoothed"] is None

    def test_a_wide_band_keeps_its_edges(self):
        low, high = [0.0] * 50, [1.0] * 50
        low[20], high[30] = -7.0, 7.0

        [band] = drawn(
            logged("loss", low, run="a", config={"k": 1}),
            logged("loss", high, run="b", config={"k": 1}),
            group_by=("k",),
            points=4,
        )["bands"]

        assert (min(band["min"]), max(band["max"])) == (-7, 7)
        assert (band["points"], band["stands_for"]) == (4, 50)

    @pytest.mark.parametrize(
        ("run", "why"),
        [
            (logged("lr", [1], run="b"), "loss was never logged as a number"),
            (
                logged("loss", [math.nan], run="b"),
                "no finite point in the part of x that is looked at",
            ),
            (
                seen([{"_step": math.nan, "loss": 1}], run="b"),
                "no row of it says where it stands (W&B steps: missing there, or not finite)",
            ),
        ],
    )
    def test_a_group_without_a_point_says_why(self, run, why):
        answer = drawn(logged("loss", [1], config={"k": 1}), run, group_by=("k",))

        assert answer["bands"][1]["missing"] == why
        assert answer["bands"][1]["n"] == 0

    def test_what_leaves_the_floats_is_null(self):
        runs = [
            logged("loss", [value], run=name, config={"k": 1})
            for name, value in (("a", 1.7e308), ("b", -1.7e308))
        ]

        [band] = drawn(*runs, group_by=("k",))["bands"]

        assert (band["min"], band["max"]) == ([-1.7e308], [1.7e308])
        assert band["sd"] == [None]


class TestRequest:
    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            ({"keys": ()}, "name at least one logged key"),
            ({"x": ""}, "expected one of step"),
            ({"smoothing": "emma:1"}, "did you mean 'ema'"),
            ({"points": 3}, "expected a whole number from 4 to 100,000"),
            ({"points": 100_001}, "expected a whole number"),
            ({"phase": 1}, "give thin_to too"),
            ({"phase": -1, "thin_to": "8"}, "expected 0 or more"),
            ({"low": math.nan}, "from nan: expected a finite number"),
            ({"high": math.inf}, "to inf: expected a finite number"),
            ({"low": 2, "high": 1}, "it lies beyond to, 1"),
        ],
    )
    def test_what_cannot_be_drawn_is_refused_before_any_run_is_read(self, wrong, says):
        with pytest.raises(InvalidSeries, match=says):
            SeriesRequest(**{"keys": ("loss",), **wrong}).check()

    def test_a_refusal_keeps_its_facts(self):
        with pytest.raises(InvalidSeries) as refused:
            SeriesRequest(("loss",), points=1).check()

        assert (refused.value.field, refused.value.value) == ("points", 1)


class TestWhateverIsLogged:
    @given(
        ANY_ROWS,
        ANY_ROWS,
        st.sampled_from(
            ["step", "epoch", "examples", "relative_time", "wall_time", "share", "_step"]
        ),
        st.sampled_from(["none", "ema:0.6", "twema:0.6", "gaussian:2", "mean:3"]),
        st.booleans(),
    )
    def test_it_is_an_answer_in_plain_json(self, first, second, x, smoothing, common):
        known = [{"_step": 1, "loss": 1.0}]
        runs = [
            seen([*known, *first], run="a", examples_per_step=8.0, config={"k": 1}),
            seen(second, run="b", config={"k": 1}),
        ]

        answer = drawn(
            *runs, x=x, smoothing=smoothing, common=common, group_by=("k",), points=4, thin_to="2"
        )

        assert len(answer["series"]) == 2
        for one in answer["series"]:
            assert one["x"] == sorted(one["x"])
