"""Best run per level: facts with what is needed to weigh them, and no best level."""

import itertools
import json
import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paribus_sweeps.analysis import best_runs
from paribus_sweeps.analysis.best_runs import BestPerFactor, LevelBest, best_per_factor
from paribus_sweeps.design.confounding import moved_together
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def factor(name: str, *labels: str, kind: str = "levels") -> Factor:
    levels = tuple(Level(label, {name: label}) for label in labels)
    return Factor(name, (name,), levels, baseline=labels[0] if labels else None, kind=kind)  # type: ignore[arg-type]


BATCH, RATIO = factor("batch", "8", "64"), factor("ratio", "1:1", "4:1")


def run(
    id: str, value: float | None, batch: str | None = "8", ratio: str = "1:1", **more: Any
) -> Run:
    return Run(id=id, value=value, setting={"batch": batch, "ratio": ratio}, **more)


def best(runs: list[Run], *factors: Factor, goal: Any = "minimize", **more: Any) -> BestPerFactor:
    return best_per_factor(runs, factors or (BATCH,), response="holdout/loss", goal=goal, **more)


def level(made: BestPerFactor, label: str, at: int = 0) -> LevelBest:
    return next(found for found in made.factors[at].levels if found.label == label)


def ids(ranked: tuple[Any, ...]) -> list[str]:
    return [entry.run.id for entry in ranked]


class TestBest:
    RUNS = [run("a", 0.3), run("b", 0.2), run("c", 0.5, "64"), run("d", 0.4, "64")]

    def test_each_level_has_its_best_run_in_declared_order(self) -> None:
        made = best(self.RUNS)

        assert [(lv.label, ids(lv.best), lv.value) for lv in made.factors[0].levels] == [
            ("8", ["b"], 0.2),
            ("64", ["d"], 0.4),
        ]
        assert ids(made.best) == ["b"]

    def test_the_goal_turns_it_round(self) -> None:
        made = best(self.RUNS, goal="maximize")

        assert (level(made, "8").value, level(made, "64").value) == (0.3, 0.5)
        assert ids(made.best) == ["c"]

    def test_no_level_is_called_best(self) -> None:
        assert "best_level" not in json.dumps(best(self.RUNS).as_dict())

    @given(st.randoms())
    def test_the_order_of_runs_does_not_matter(self, order: random.Random) -> None:
        runs = [run(str(i), i / 7 % 1, "8" if i % 2 else "64") for i in range(20)]
        shuffled = runs[:]
        order.shuffle(shuffled)

        assert best(shuffled, BATCH, RATIO) == best(runs, BATCH, RATIO)

    @given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20))
    def test_nothing_beats_the_best(self, values: list[float]) -> None:
        made = best([run(str(i), value) for i, value in enumerate(values)])

        assert level(made, "8").value == min(values)
        assert made.n == len(values)

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"goal": "minimise"}, "goal 'minimise'"),
            ({"resolution": -1}, "resolution -1"),
            ({"resolution": math.nan}, "resolution nan"),
            ({"bins": 0}, "bins 0"),
        ],
    )
    def test_arguments_are_checked(self, more: dict[str, Any], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            best([], **more)


class TestTies:
    def test_equal_values_are_tied_by_earlier_finish_and_then_id(self) -> None:
        runs = [
            run("a", 0.2),
            run("b", 0.2, finished_at=NOON + timedelta(hours=1)),
            run("d", 0.2, finished_at=NOON),
            run("c", 0.2, finished_at=NOON.replace(tzinfo=None)),
            run("e", 0.3, finished_at=NOON),
        ]

        assert ids(level(best(runs), "8").best) == ["c", "d", "b", "a"]

    def test_a_resolution_ties_what_differs_by_no_more(self) -> None:
        # accuracy on 400 examples: one example is 0.0025
        runs = [run("a", 0.75), run("b", 0.7525), run("c", 0.7475)]

        made = best(runs, goal="maximize", resolution=1 / 400)

        assert sorted(ids(made.best)) == ["a", "b"]
        assert level(made, "8").value == 0.7525


class TestSpread:
    def test_mean_and_spread_over_seeds(self) -> None:
        # 1, 2, 3 at 1:1 (mean 2, ss 2) and 10, 14 at 4:1 (mean 12, ss 8):
        # mean of all 6; pooled over seeds sqrt((2 + 8) / (2 + 1)) = 1.8257
        values = [("1:1", 1), ("1:1", 2), ("1:1", 3), ("4:1", 10), ("4:1", 14)]
        runs = [run(str(i), v, ratio=r) for i, (r, v) in enumerate(values)]

        found = level(best(runs, BATCH, RATIO), "8")

        assert (found.n, found.mean) == (5, 6.0)
        assert found.sd == pytest.approx(1.8257, abs=1e-4)
        assert [(dict(c.setting), c.n, c.mean) for c in found.configurations] == [
            ({"batch": "8", "ratio": "1:1"}, 3, 2.0),
            ({"batch": "8", "ratio": "4:1"}, 2, 12.0),
        ]
        assert found.configurations[1].sd == pytest.approx(math.sqrt(8))

    def test_one_run_has_no_spread(self) -> None:
        found = level(best([run("a", 1.0)]), "8")

        assert (found.mean, found.sd, found.configurations[0].sd) == (1.0, None, None)

    def test_the_best_of_many_is_weighed_against_the_best_of_few(self) -> None:
        # two of {1, 2, 4}: the best are 1, 1, 2, on average 4/3; level 64 has two runs
        runs = [run("a", 1), run("b", 2), run("c", 4), run("d", 3, "64"), run("e", 5, "64")]

        made = best(runs)

        assert level(made, "8").expected_best == pytest.approx(4 / 3)
        assert level(made, "64").expected_best == 3

    def test_upwards_too(self) -> None:
        # two of {1, 2, 4}: the best are 2, 4, 4: 10/3
        runs = [run("a", 1), run("b", 2), run("c", 4), run("d", 3, "64"), run("e", 5, "64")]

        made = best(runs, goal="maximize")

        assert level(made, "8").expected_best == pytest.approx(10 / 3)

    @given(
        st.lists(st.integers(0, 9), min_size=1, max_size=7),
        st.integers(1, 7),
        st.sampled_from(["minimize", "maximize"]),
    )
    def test_it_is_the_mean_over_all_choices(
        self, values: list[int], fewest: int, goal: str
    ) -> None:
        size = min(fewest, len(values))
        runs = [run(f"a{i}", value) for i, value in enumerate(values)]
        runs += [run(f"b{i}", 0, "64") for i in range(size)]
        choose = min if goal == "minimize" else max
        choices = [choose(c) for c in itertools.combinations(values, size)]

        found = level(best(runs, goal=goal), "8")

        assert found.expected_best == pytest.approx(sum(choices) / len(choices))

    def test_thousands_of_runs_are_weighed_at_once(self) -> None:
        # C(20000, 10000) has six thousand digits; the best half of 0..19999 begins at 0 or 1:
        # the expected minimum of half of them is (n + 1) / (k + 1) - 1 = 0.9999
        runs = [run(f"a{i:05}", i) for i in range(20_000)]
        runs += [run(f"b{i:05}", 0, "64") for i in range(10_000)]

        assert level(best(runs), "8").expected_best == pytest.approx(20_001 / 10_001 - 1)

    def test_the_largest_values_that_count_do_not_break_it(self) -> None:
        found = level(best([run("a", 1e140), run("b", 1e140), run("c", -1e140)]), "8")

        assert found.mean == pytest.approx(1e140 / 3)
        # deviations 2/3, 2/3 and -4/3 of 1e140: sd = sqrt(24/9 / 2) of it
        assert found.sd == pytest.approx(1e140 * math.sqrt(4 / 3))


class TestNotRanked:
    @pytest.mark.parametrize(
        ("left_out", "reason"),
        [
            (run("x", 0.1, state="failed", reason="exit code 1"), "failed: exit code 1"),
            (run("x", 0.1, state="running"), "running"),
            (run("x", None), "holdout/loss was not logged"),
            (run("x", None, value_note="the run was cut off"), "the run was cut off"),
            (run("x", math.nan), "holdout/loss is nan"),
            (run("x", 1e150), "holdout/loss is 1e+150: too large to be squared"),
            (run("x", -math.inf), "holdout/loss is -inf"),
        ],
    )
    def test_it_is_listed_with_the_reason_and_never_best(self, left_out: Run, reason: str) -> None:
        made = best([left_out, run("a", 0.5)])

        assert [n.reason for n in made.not_ranked] == [reason]
        assert [n.reason for n in level(made, "8").not_ranked] == [reason]
        assert level(made, "8").n == made.n == 1
        assert ids(made.best) == ["a"]

    def test_a_level_without_a_finished_run_is_listed(self) -> None:
        made = best([run("a", 0.5), run("x", None, "64", state="failed")])

        found = level(made, "64")
        assert (found.best, found.value, found.n, found.mean, found.sd) == (
            (),
            None,
            0,
            None,
            None,
        )
        assert found.expected_best is None
        assert found.as_dict()["note"] == "no finished run"

    def test_without_any_run_all_levels_stand_there(self) -> None:
        made = best([])

        assert [lv.label for lv in made.factors[0].levels] == ["8", "64"]
        assert (made.best, made.n) == ((), 0)


class TestVeryManyRuns:
    """Runs are listed up to a number, and counted beyond it."""

    def test_runs_without_a_place_are_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(best_runs, "MOST_LISTED", 2)
        lost = [run(name, None, state="failed") for name in "abc"]

        told = best(lost).as_dict()

        of_8 = told["factors"][0]["levels"][0]
        for one in (told, of_8):
            assert [entry["id"] for entry in one["not_ranked"]] == ["a", "b"]
            assert one["not_ranked_count"] == 3

    def test_so_are_ties(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(best_runs, "MOST_LISTED", 2)
        tied = [run(name, 1) for name in "abc"]

        told = best(tied).as_dict()

        of_8 = told["factors"][0]["levels"][0]
        for one in (told, of_8):
            assert [entry["id"] for entry in one["best"]] == ["a", "b"]
            assert one["best_count"] == 3

    def test_those_of_a_factor_without_levels_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(best_runs, "MOST_LISTED", 2)
        tied = [Run(id=name, value=1.0, setting={"lr": "0.1"}) for name in "abc"]

        told = best(tied, factor("lr", kind="continuous")).as_dict()

        assert [entry["id"] for entry in told["factors"][0]["best"]] == ["a", "b"]

    def test_levels_share_a_number_of_their_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each run stands in one level of every factor: two levels, so 3 // 2 each."""
        monkeypatch.setattr(best_runs, "_MOST_OF_LEVELS", 3)

        told = best([run(name, 1) for name in "abc"]).as_dict()

        of_8 = told["factors"][0]["levels"][0]
        assert (len(told["best"]), len(of_8["best"]), of_8["best_count"]) == (3, 1, 3)


class TestUndeclaredLevels:
    def test_they_come_last_and_are_marked(self) -> None:
        made = best([run("a", 1, "16"), run("b", 2, None), run("c", 3)])

        assert [(lv.label, lv.declared) for lv in made.factors[0].levels] == [
            ("8", True),
            ("64", True),
            ("16", False),
            ("<unset>", False),
        ]

    def test_configurations_follow_declared_order(self) -> None:
        runs = [run("a", 1, "64"), run("b", 1, "8"), run("c", 1, "16")]

        made = best(runs, RATIO, BATCH)

        found = level(made, "1:1").configurations
        assert [c.setting["batch"] for c in found] == ["8", "64", "16"]


class TestContinuous:
    LR = factor("lr", kind="continuous")

    def runs(self) -> list[Run]:
        return [Run(id=str(i), value=abs(i - 2.2), setting={"lr": str(i / 10)}) for i in range(6)]

    def test_its_best_run_stands_with_its_value_and_no_levels(self) -> None:
        made = best(self.runs(), self.LR)

        assert made.factors[0].levels == ()
        shown = made.as_dict()["factors"][0]
        assert [(entry["id"], entry["at"]) for entry in shown["best"]] == [("2", "0.2")]

    def test_quantile_bins_are_there_if_asked_for(self) -> None:
        made = best(self.runs(), self.LR, bins=3)

        assert [(b.label, b.n, ids(b.best)) for b in made.factors[0].levels] == [
            ("0 to 0.1", 2, ["1"]),
            ("0.2 to 0.3", 2, ["2"]),
            ("0.4 to 0.5", 2, ["4"]),
        ]

    def test_equal_values_share_a_bin(self) -> None:
        runs = [Run(id=str(i), value=1.0, setting={"lr": "0.1"}) for i in range(5)]

        assert [b.n for b in best(runs, self.LR, bins=3).factors[0].levels] == [5]

    def test_runs_that_hold_no_number_are_left_aside(self) -> None:
        runs = [Run(id="a", value=1.0, setting={"lr": None}), *self.runs()]

        assert ids(best(runs, self.LR).factors[0].best) == ["2"]
        assert best(runs[:1], self.LR, bins=2).factors[0].levels == ()


class TestTogether:
    def test_what_moved_together_stands_beside_the_factors_concerned(self) -> None:
        runs = [run("a", 1), run("b", 2, "64", "4:1")]
        facts = moved_together([BATCH, RATIO], runs)
        other = factor("lr", "1")

        made = best(runs, BATCH, RATIO, other, together=facts)

        assert [len(f.together) for f in made.factors] == [1, 1, 0]
        assert "always changed together" in made.as_dict()["factors"][0]["together"][0]["sentence"]


class TestAsDict:
    def test_it_is_plain_json_without_nan(self) -> None:
        runs = [
            run("a", 1, finished_at=NOON, replicate={"seed": 0}, url="http://x/a", wandb_id="w"),
            run("b", math.nan),
        ]

        made = best(runs, resolution=0.5).as_dict()

        assert json.loads(json.dumps(made, allow_nan=False)) == made
        assert made["best"][0] == {
            "id": "a",
            "wandb_id": "w",
            "name": "",
            "url": "http://x/a",
            "value": 1.0,
            "setting": {"batch": "8", "ratio": "1:1"},
            "replicate": {"seed": 0},
            "finished_at": "2026-01-01T12:00:00+00:00",
        }
        assert made["factors"][0]["levels"][0]["configurations"][0]["sd"] is None


class TestOfMuch:
    def test_configurations_are_listed_up_to_a_limit_and_all_counted(self) -> None:
        """100 factors of 2 levels: 200 lists, of settings of 100 labels; 200,000 / 20,000 = 10."""
        draw = random.Random(4)
        many = [factor(f"f{at}", "0", "1") for at in range(100)]
        runs = [
            Run(id=str(at), value=0.1, setting={f.name: draw.choice("01") for f in many})
            for at in range(60)
        ]

        made = best(runs, *many)
        shown = made.as_dict()["factors"][0]["levels"][0]

        assert len(shown["configurations"]) == 10
        assert shown["configuration_count"] == len(level(made, "0").configurations) > 10
