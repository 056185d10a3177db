"""Responses from rows: summary keys, features of curves, and why a run has none."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from paribus_service.orchestration import responses
from paribus_service.orchestration.columns import ColumnCache
from paribus_service.orchestration.recorder import RunUpsert, upsert_run
from paribus_service.orchestration.responses import ResponseValues
from paribus_service.store import runs as run_store
from paribus_service.store.tables import Run, StreamLine
from paribus_sweeps.analysis.best_runs import Goal
from paribus_sweeps.analysis.responses import parse_response
from tests.factories import Lab

FALLING = (0.9, 0.7, 0.8, 0.5, 0.6)  # up .2, down .5


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def start(lab: Lab, name: str, **config: Any) -> str:
    """A run that no sweep made, with its config; its W&B id."""
    told = RunUpsert(
        entity="lab",
        project="imdb",
        wandb_id=name,
        host="host-a",
        config_text=json.dumps({key: {"value": value} for key, value in config.items()}),
    )
    with lab.writing() as session:
        upsert_run(session, told, now=lab.clock.now())
    return name


def rows(key: str, values: Any, *, every: int = 10) -> list[str]:
    """One line for each value, as a Trainer writes them."""
    return [
        json.dumps({"_step": i, "train/global_step": every * (i + 1), key: value})
        for i, value in enumerate(values)
    ]


def ask(
    lab: Lab,
    text: str,
    *names: str,
    goal: Goal | None = "minimize",
    cache: ColumnCache | None = None,
) -> ResponseValues:
    with lab.reading() as session:
        return responses.values_of(
            session,
            pks(lab, *names),
            parse_response(text),
            goal=goal,
            cache=cache or ColumnCache(),
        )


def pks(lab: Lab, *names: str) -> list[int]:
    return [lab.run(name).pk for name in names]


def values(lab: Lab, text: str, *names: str, **more: Any) -> list[float | None]:
    found = ask(lab, text, *names, **more)
    return [found.values[pk][0] for pk in pks(lab, *names)]


def note(lab: Lab, text: str, name: str) -> str | None:
    return ask(lab, text, name).values[lab.run(name).pk][1]


class TestSummaryKeys:
    def test_the_summary_holds_the_number(self, lab: Lab) -> None:
        for name, loss in (("a", 0.5), ("b", float("nan")), ("c", "low")):
            lab.finish(start(lab, name), **{"holdout/loss": loss})
        lab.finish(start(lab, "d"), other=1)

        found = ask(lab, "holdout/loss", "a", "b", "c", "d")

        assert list(found.values.values()) == [
            (0.5, None),
            (None, "holdout/loss is NaN"),
            (None, "holdout/loss is low"),
            (None, "holdout/loss is not in its summary"),
        ]
        assert (found.unit, found.cautions, found.comparison) == (None, (), None)


class TestFeatures:
    def test_a_feature_is_computed_from_the_history(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), *rows("eval/loss", FALLING))

        assert values(lab, "roughness(eval/loss)", "a") == [pytest.approx(0.2 / 0.5)]
        assert values(lab, "last(eval/loss)", "a") == [0.6]
        assert values(lab, "max_drawup(eval/loss)", "a") == [pytest.approx(0.1)]

    def test_of_what_is_better_when_larger_a_fall_is_a_rise(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), *rows("eval/accuracy", FALLING))

        assert values(lab, "roughness(eval/accuracy)", "a", goal="maximize") == [
            pytest.approx(0.5 / 0.2)
        ]

    def test_rows_of_one_step_count_by_key(self, lab: Lab) -> None:
        """A Trainer writes train and eval of one step as two rows."""
        lines = (
            '{"_step": 0, "train/global_step": 10, "train/loss": 3}',
            '{"_step": 1, "train/global_step": 10, "eval/loss": 2}',
            '{"_step": 2, "train/global_step": 20, "train/loss": 1}',
        )
        lab.log(start(lab, "a"), *lines)

        assert values(lab, "max(train/loss)", "a") == [3]
        assert values(lab, "max(eval/loss)", "a") == [2]

    def test_of_a_resumed_run_the_last_row_of_a_step_wins(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), *rows("k", (5, 4, 9)))
        lab.log("a", *rows("k", (5, 4, 3)), offset=3)

        assert values(lab, "max(k)", "a") == [5]

    def test_nan_is_a_finding_and_no_value(self, lab: Lab) -> None:
        """As a client writes it where JSON has no word for it, and as Python's json does."""
        lines = rows("k", (5, 4, "NaN"))
        lab.log(start(lab, "a"), *lines, '{"_step": 3, "train/global_step": 40, "k": NaN}')

        assert values(lab, "min(k)", "a") == [4]
        assert note(lab, "last(k)", "a") == "the last value is not finite (NaN or infinite)"
        assert ask(lab, "min(k)", "a").cautions == (
            "2 values were NaN or infinite and are left out, in 1 of 1 run",
        )

    def test_a_nested_key_is_a_path(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), '{"_step": 0, "eval": {"loss": 2}}', '{"_step": 1, "eval": 7}')

        assert values(lab, "last(eval.loss)", "a") == [2]

    @pytest.mark.parametrize("line", [r'{"eval\/loss": 2}', r'{"\u0065val/loss": 2}'])
    def test_a_key_that_was_written_in_another_way_is_found(self, lab: Lab, line: str) -> None:
        lab.log(start(lab, "a"), line, '{"eval/loss": 1, "_step": 1}')

        assert values(lab, "max(eval/loss)", "a") == [2]

    @pytest.mark.parametrize("key", ["Schärfe", 'a"b', "a\\b", "a<b", "x" * 300, "%", "a_b"])
    def test_any_key_is_found(self, lab: Lab, key: str) -> None:
        lab.log(start(lab, "a"), *rows(key, (1, 2)))

        assert values(lab, f"max({key})", "a") == [2]

    def test_lines_that_are_no_rows_hold_nothing(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), 'no "k" json', '["k"]', '{"k": null}', '{"k": true}', '{"k": 1}')

        assert values(lab, "max(k)", "a") == [1]

    def test_a_number_beyond_floats_is_infinite(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), f'{{"k": {"9" * 400}}}', f'{{"k": -{"9" * 400}}}', '{"k": 1}')

        assert values(lab, "max(k)", "a") == [1]
        assert "2 values were NaN or infinite" in ask(lab, "max(k)", "a").cautions[0]

    def test_a_key_that_was_never_logged_has_a_reason(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), *rows("k", (5, 4)))
        start(lab, "b")

        found = ask(lab, "min(eval/loss)", "a", "b")

        never = (None, "eval/loss was never logged as a number")
        assert list(found.values.values()) == [never, never]

    def test_a_key_without_numbers_has_a_reason(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), '{"k": "low"}')

        assert note(lab, "min(k)", "a") == "k was never logged as a number"

    def test_only_the_present_session_of_a_run_counts(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), *rows("k", (1, 2)))
        lab.finish("a")
        start(lab, "a")
        lab.log("a", *rows("k", (5,)))

        assert values(lab, "min(k)", "a") == [5]

    def test_many_lines_are_read_in_parts(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), *rows("k", range(12_000)))

        assert values(lab, "max(k)", "a") == [11_999]


class TestAxis:
    def test_runs_are_compared_over_examples_seen(self, lab: Lab) -> None:
        """Looked at every 10 steps: batch 8 at 80, 160 … 640 examples, batch 32 at 320, 640."""
        lab.log(
            start(lab, "a", per_device_train_batch_size=8), *rows("k", (9, 1, 8, 4, 7, 6, 5, 2))
        )
        lab.log(start(lab, "b", per_device_train_batch_size=32), *rows("k", (4, 3)))

        found = ask(lab, "max_drawup(k)", "a", "b")

        assert found.comparison is not None
        assert found.comparison.x_name == "examples seen"
        assert found.comparison.common_range == (320, 640)
        assert values(lab, "max_drawup(k)", "a", "b") == [0, 0]  # 4 at 320, 2 at 640
        assert found.comparison.thinned_from == {lab.run("a").id: 5}

    def test_where_a_config_names_no_batch_they_are_compared_over_steps(self, lab: Lab) -> None:
        lab.log(start(lab, "a", per_device_train_batch_size=8), *rows("k", (9, 1, 8)))
        lab.log(start(lab, "b"), *rows("k", (4, 3), every=20))

        found = ask(lab, "max_drawup(k)", "a", "b")

        assert found.comparison is not None
        assert (found.comparison.x_name, found.comparison.points) == ("steps", 1)
        assert found.cautions == (
            "x is optimizer steps, not examples seen: not every config holds "
            "per_device_train_batch_size",
        )

    def test_spread_over_unequal_cadences_needs_examples(self, lab: Lab) -> None:
        gradients = (3, 1, 2, 4, 2, 3)
        lab.log(start(lab, "a"), *rows("g", gradients))
        lab.log(start(lab, "b"), *rows("g", gradients[:3], every=20))

        assert "unequal cadences" in (
            ask(lab, "log_sd(g)", "a", "b").values[lab.run("a").pk][1] or ""
        )

        batch = {"per_device_train_batch_size": 8}
        lab.log(start(lab, "c", **batch), *rows("g", gradients))
        lab.log(start(lab, "d", **batch), *rows("g", gradients[1::2], every=20))
        c, d = values(lab, "log_sd(g)", "c", "d")
        assert c == d is not None

    def test_rows_without_global_steps_stand_at_wandbs_own(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), '{"_step": 4, "k": 1}', '{"_step": 2, "k": 3}', '{"k": 2}')
        lab.log(start(lab, "b"), *rows("k", (3, 2, 1, 0, 5)))

        found = ask(lab, "max_drawup(k)", "a", "b")

        assert found.comparison is not None
        assert found.comparison.x_name == "W&B steps"
        assert found.comparison.common_range == (2, 4)
        assert "x is W&B's _step" in found.cautions[-1]

    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({}, None),
            ({"per_device_train_batch_size": 8}, 8),
            ({"per_device_train_batch_size": 8, "gradient_accumulation_steps": 4}, 32),
            ({"per_device_train_batch_size": 8, "world_size": 2}, 16),
            ({"per_device_train_batch_size": 8, "gpu_count": 0}, 8),
            ({"per_device_train_batch_size": 8, "gpu_count": 4, "world_size": 2}, 16),
            ({"per_device_train_batch_size": "eight"}, None),
            ({"per_device_train_batch_size": -1}, None),
        ],
    )
    def test_examples_of_a_step_come_from_the_config(
        self, lab: Lab, config: dict[str, Any], expected: float | None
    ) -> None:
        pk = lab.run(start(lab, "a", **config)).pk

        with lab.reading() as session:
            assert responses.examples_per_step(session, [pk]) == {pk: expected}


def timed(*rows: tuple[int, float] | tuple[int, float, float]) -> list[str]:
    """(global step, seconds, seconds of an evaluation)."""
    lines = []
    for i, (step, seconds, *look) in enumerate(rows):
        row = {"_step": i, "_runtime": seconds, "train/global_step": step}
        row |= {"eval/runtime": look[0]} if look else {"train/loss": 1}
        lines.append(json.dumps(row))
    return lines


class TestRate:
    TEN_A_SECOND = timed((10, 9), (20, 10), (20, 16, 6), (30, 17), (40, 18))

    def test_evaluations_are_no_training(self, lab: Lab) -> None:
        """Behind the first interval 20 steps in 2 s, though the history spans 8.

        A row that holds neither the key nor an evaluation's time says nothing of either.
        """
        other = '{"_step": 9, "_runtime": 900, "eval/loss": 1}'
        lab.log(start(lab, "a"), *self.TEN_A_SECOND, other)

        assert values(lab, "rate(train/loss)", "a") == [10]
        assert values(lab, "rate(train/global_step)", "a") == [10]

    def test_unequal_batches_are_brought_to_examples(self, lab: Lab) -> None:
        lab.log(start(lab, "a", per_device_train_batch_size=8), *self.TEN_A_SECOND)
        lab.log(start(lab, "b", per_device_train_batch_size=64), *self.TEN_A_SECOND)

        assert values(lab, "rate(train/loss)", "a", "b") == [80, 640]
        assert ask(lab, "rate(train/loss)", "a", "b").unit == "examples per second"

    def test_wandbs_steps_are_no_optimizer_steps(self, lab: Lab) -> None:
        lines = [f'{{"_step": {i}, "_runtime": {i * 2}, "k": 1}}' for i in range(5)]
        lab.log(start(lab, "a", per_device_train_batch_size=8), *lines)

        assert values(lab, "rate(k)", "a") == [0.5]
        assert ask(lab, "rate(k)", "a").unit == "W&B steps per second"

    def test_rows_without_a_time_have_no_rate(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), *rows("k", (1, 2, 3)))

        assert "rate needs rows at 3 moments" in (note(lab, "rate(k)", "a") or "")


class TestKeptCurves:
    def test_a_second_question_reads_no_line_again(self, lab: Lab) -> None:
        """The lines are gone, and the answers are still there."""
        cache = ColumnCache()
        lab.log(start(lab, "a"), *rows("k", FALLING))
        before = values(lab, "roughness(k)", "a", cache=cache)
        with lab.writing() as session:
            session.execute(delete(StreamLine))

        assert values(lab, "roughness(k)", "a", cache=cache) == before
        assert values(lab, "min(k)", "a", cache=cache) == [0.5]
        assert note(lab, "roughness(k)", "a") is not None  # from another cache

    def test_a_run_that_logged_more_is_read_anew(self, lab: Lab) -> None:
        cache = ColumnCache()
        lab.log(start(lab, "a"), *rows("k", (3, 2)))
        assert values(lab, "last(k)", "a", cache=cache) == [2]

        lab.log("a", '{"_step": 2, "train/global_step": 30, "k": 1}', offset=2)

        assert values(lab, "last(k)", "a", cache=cache) == [1]

    def test_a_rate_and_a_curve_of_one_key_are_kept_apart(self, lab: Lab) -> None:
        cache = ColumnCache()
        lab.log(start(lab, "a"), *TestRate.TEN_A_SECOND)

        assert values(lab, "rate(train/loss)", "a", cache=cache) == [10]
        assert values(lab, "max(train/loss)", "a", cache=cache) == [1]

    def test_the_least_recently_used_is_given_up(self, lab: Lab) -> None:
        """A run costs 64 and 2 for each of its three keys: two of three have room."""
        cache = ColumnCache(most=2 * 3 * 66)
        for name in "abc":
            lab.log(start(lab, name), *rows("k", (2, 1)))
        for name in "abac":
            values(lab, "min(k)", name, cache=cache)
        with lab.writing() as session:
            session.execute(delete(StreamLine))

        assert values(lab, "min(k)", "a", "c", cache=cache) == [1, 1]
        assert values(lab, "min(k)", "b", cache=cache) == [None]

    def test_what_is_larger_than_all_is_not_kept(self, lab: Lab) -> None:
        cache = ColumnCache(most=100)
        lab.log(start(lab, "a"), *rows("k", (2, 1)))

        assert values(lab, "min(k)", "a", cache=cache) == [1]
        assert values(lab, "min(k)", "a", cache=cache) == [1]


class TestKnownKeys:
    def test_summary_and_history_are_named(self, lab: Lab) -> None:
        lab.log(start(lab, "a"), *rows("eval/loss", FALLING), '{"table": {"_type": "table"}}')
        lab.finish("a", **{"holdout/loss": 1})
        lab.finish(start(lab, "b"), f1=1)

        with lab.reading() as session:
            found = responses.known_keys(session, pks(lab, "a", "b"))

        assert found == ["_step", "eval/loss", "f1", "holdout/loss", "train/global_step"]

    def test_a_run_with_more_keys_than_are_counted_is_read_all_the_same(self, lab: Lab) -> None:
        start(lab, "a")
        with lab.writing() as session:
            run = run_store.get_run_at(session, "lab", "imdb", "a")
            run.history_keys = {f"k{i}": ["number", 1] for i in range(10_000)}
        pk = lab.run("a").pk
        with lab.writing() as session:
            line = {"run_pk": pk, "session": 0, "stream": 0, "line": 0, "text": '{"late": 3}'}
            session.add(StreamLine(**line))
            session.get_one(Run, pk).history_lines = 1

        assert values(lab, "max(late)", "a") == [3]
