"""Bad runs are asked to stop where their sweep asks for it, and each decision is an event."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from paribus_service.errors import ServiceBusy
from paribus_service.orchestration import answers, columns, early_stopping, registry
from paribus_service.orchestration.early_stopping import EarlyStopping
from paribus_service.orchestration.inquiries import Inquiry, Subject
from paribus_service.orchestration.recorder import Chunk, StreamReport
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.curves import HistoryPlace
from paribus_service.store.events import list_events
from paribus_service.store.tables import Event
from tests.factories import Lab, grid_config

RULE = {"type": "hyperband", "min_iter": 2, "eta": 2, "strict": True}
LOOK = 5.0  # seconds between two looks of the watchdog


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def registered(lab: Lab, **more: Any) -> str:
    return lab.register(grid_config(early_terminate=RULE, **more))


def started(lab: Lab, sweep: str, number: int = 2) -> list[str]:
    """Runs under way, each on an agent of its own."""
    runs = [lab.claim(lab.agent(sweep, host=f"host-{n}")) for n in range(number)]
    for run in runs:
        lab.start(run)
    return runs


def rows(*values: Any, key: str = "loss") -> list[str]:
    return [json.dumps({key: value, "_step": at}) for at, value in enumerate(values)]


def decisions(lab: Lab, sweep: str) -> list[Event]:
    with lab.reading() as session:
        found = list_events(session, sweep_id=sweep, limit=1000)
    return [e for e in found if e.kind in ("run.stopped_early", "run.passed_band")]


def kinds(lab: Lab, sweep: str) -> list[str]:
    return [e.kind.removeprefix("run.") for e in decisions(lab, sweep)]


class TestStop:
    def test_a_run_behind_the_best_is_asked_to_stop_with_the_numbers(self, lab: Lab) -> None:
        # at band 2: 0.2 and 0.9; int(2 / 2) = 1 → the threshold is rank 2, so both pass.
        # With a third, 0.3: int(3 / 2) = 1 → rank 2 of 0.2, 0.3, 0.9.
        sweep = registered(lab)
        good, fair, bad = started(lab, sweep, 3)
        for run, value in ((good, 0.2), (fair, 0.3), (bad, 0.9)):
            lab.log(run, *rows(1.0, value))

        lab.wait(LOOK)

        reason = (
            "hyperband, band 2: `loss` at value 2 is 0.9, above the threshold 0.3, "
            "rank 2 of 3 runs that logged 2 values"
        )
        assert lab.report(bad) is True
        assert (lab.report(good), lab.report(fair)) == (False, False)
        assert lab.run(bad).stop_reason == reason
        [told] = [e for e in decisions(lab, sweep) if e.kind == "run.stopped_early"]
        assert (told.reason, told.run_id, told.trial_id) == (
            reason,
            lab.run(bad).id,
            lab.run(bad).trial_id,
        )
        assert told.facts == {
            "metric": "loss", "goal": "minimize", "strict": True, "band": 2, "value": 0.9,
            "threshold": 0.3, "rank": 2, "compared": 3, "logged": 2,
        }  # fmt: skip

    def test_its_trial_is_stopped_and_not_queued_again(self, lab: Lab) -> None:
        sweep = registered(lab)
        runs = started(lab, sweep, 3)
        for run, value in zip(runs, (0.2, 0.3, 0.9), strict=True):
            lab.log(run, *rows(1.0, value))
        lab.wait(LOOK)

        lab.finish(runs[2], exit_code=255)  # what the client says after `stopped`

        trial = lab.trial_of(runs[2])
        assert trial.state == "stopped"
        assert trial.reason is not None
        assert trial.reason.startswith("hyperband, band 2")

    def test_a_run_that_ends_well_before_it_hears_of_it_is_finished(self, lab: Lab) -> None:
        sweep = registered(lab)
        runs = started(lab, sweep, 3)
        for run, value in zip(runs, (0.2, 0.3, 0.9), strict=True):
            lab.log(run, *rows(1.0, value))
        lab.wait(LOOK)

        lab.finish(runs[2], loss=0.1)

        assert lab.trial_of(runs[2]).state == "finished"

    def test_more_is_better_where_the_goal_says_so(self, lab: Lab) -> None:
        sweep = registered(lab, metric={"name": "loss", "goal": "maximize"})
        runs = started(lab, sweep, 3)
        for run, value in zip(runs, (0.2, 0.3, 0.9), strict=True):
            lab.log(run, *rows(1.0, value))

        lab.wait(LOOK)

        assert [lab.report(run) for run in runs] == [True, False, False]

    def test_runs_that_ended_are_compared_with_however_they_ended(self, lab: Lab) -> None:
        sweep = registered(lab, retry={"failed": 0, "interrupted": 0})
        first, second, third = started(lab, sweep, 3)
        lab.log(first, *rows(1.0, 0.1))
        lab.finish(first, loss=0.1)
        lab.log(second, *rows(1.0, 0.2))
        lab.finish(second, exit_code=1)
        lab.log(third, *rows(1.0, 0.3))

        lab.wait(LOOK)

        # 0.1, 0.2, 0.3: the threshold is 0.2
        assert lab.report(third) is True

    def test_what_passed_is_stopped_once_better_ones_reach_its_band(self, lab: Lab) -> None:
        sweep = registered(lab)
        bad, good, fair = started(lab, sweep, 3)
        lab.log(bad, *rows(1.0, 0.9))
        lab.wait(LOOK)
        assert kinds(lab, sweep) == ["passed_band"]  # alone

        lab.log(good, *rows(1.0, 0.2))
        lab.log(fair, *rows(1.0, 0.3))
        lab.wait(LOOK)

        assert lab.report(bad) is True
        assert sorted(kinds(lab, sweep)[1:]) == ["passed_band", "passed_band", "stopped_early"]

    def test_a_nested_metric_is_followed(self, lab: Lab) -> None:
        sweep = registered(lab, metric={"name": "eval.loss", "goal": "minimize"})
        runs = started(lab, sweep, 3)
        for run, value in zip(runs, (0.2, 0.3, 0.9), strict=True):
            lab.log(run, *rows(*[{"loss": v} for v in (1.0, value)], key="eval"))

        lab.wait(LOOK)

        assert [lab.report(run) for run in runs] == [False, False, True]


class TestSilence:
    """Where nothing may be stopped, nothing is."""

    def test_a_sweep_that_does_not_ask_stops_nothing(self, lab: Lab) -> None:
        sweep = lab.register()
        runs = started(lab, sweep, 3)
        for run, value in zip(runs, (0.2, 0.3, 0.9), strict=True):
            lab.log(run, *rows(1.0, value))

        lab.wait(LOOK)

        assert [lab.report(run) for run in runs] == [False] * 3
        assert decisions(lab, sweep) == []

    def test_runs_short_of_the_first_band_are_not_judged(self, lab: Lab) -> None:
        sweep = registered(lab)
        for run, value in zip(started(lab, sweep, 3), (0.2, 0.3, 0.9), strict=True):
            lab.log(run, *rows(value))

        lab.wait(LOOK)

        assert decisions(lab, sweep) == []

    @pytest.mark.parametrize("value", ["NaN", "Infinity", "text", None, [1], True])
    def test_what_is_no_finite_number_reaches_no_band(self, lab: Lab, value: Any) -> None:
        sweep = registered(lab)
        for run in started(lab, sweep, 3):
            lab.log(run, *rows(value, value, value))

        lab.wait(LOOK)

        assert decisions(lab, sweep) == []

    def test_a_run_that_was_asked_to_stop_is_not_asked_again(self, lab: Lab) -> None:
        sweep = registered(lab)
        runs = started(lab, sweep, 3)
        for run, value in zip(runs, (0.2, 0.3, 0.9), strict=True):
            lab.log(run, *rows(1.0, value))
        lab.wait(LOOK)
        reason = lab.run(runs[2]).stop_reason

        lab.log(runs[2], *rows(2.0, 2.0), offset=2)
        lab.wait(LOOK)

        assert lab.run(runs[2]).stop_reason == reason
        assert kinds(lab, sweep).count("stopped_early") == 1

    def test_a_sweep_that_was_stopped_lets_its_runs_go_on_to_their_end(self, lab: Lab) -> None:
        sweep = registered(lab)
        runs = started(lab, sweep, 3)
        lab.order(registry.stop, sweep, reason="enough")
        for run, value in zip(runs, (0.2, 0.3, 0.9), strict=True):
            lab.log(run, *rows(1.0, value))

        lab.wait(LOOK)

        assert [lab.report(run) for run in runs] == [False] * 3

    def test_another_sweeps_runs_are_not_compared_with(self, lab: Lab) -> None:
        ours, other = registered(lab), registered(lab)
        bad, *_ = started(lab, ours, 1)
        for run in started(lab, other, 3):
            lab.log(run, *rows(0.1, 0.1))
        lab.log(bad, *rows(9.0, 9.0))

        lab.wait(LOOK)

        assert lab.report(bad) is False


class TestEvents:
    def test_a_pass_is_noted_once_a_band(self, lab: Lab) -> None:
        # bands 2, 4, 8 …
        sweep = registered(lab)
        [run] = started(lab, sweep, 1)
        for first, values in ((0, (1, 1)), (2, (1,)), (3, (1,)), (4, (1,))):
            lab.log(run, *rows(*values), offset=first)
            lab.wait(LOOK)

        assert [e.facts["band"] for e in decisions(lab, sweep)] == [2, 4]
        assert decisions(lab, sweep)[0].reason == (
            "hyperband, band 2: `loss` at value 2 is 1, not above the threshold 1, "
            "rank 1 of 1 run that logged 2 values"
        )

    def test_a_service_that_starts_again_notes_nothing_twice(self, lab: Lab) -> None:
        sweep = registered(lab)
        [run] = started(lab, sweep, 1)
        lab.log(run, *rows(1, 1))
        lab.wait(LOOK)

        EarlyStopping(lab.engine).look(now=lab.clock.now())

        assert kinds(lab, sweep) == ["passed_band"]

    def test_a_run_that_is_overwritten_starts_again(self, lab: Lab) -> None:
        # the older session's values were bad, and are no longer the run's
        sweep = registered(lab)
        runs = started(lab, sweep, 3)
        for run, value in zip(runs, (0.2, 0.3, 0.9), strict=True):
            lab.log(run, *rows(value))
        lab.wait(LOOK)
        lab.finish(runs[2], loss=0.9)
        lab.start(runs[2])
        for run in runs[:2]:
            lab.log(run, *rows(0.2), offset=1)
        lab.log(runs[2], *rows(0.1, 0.1))

        lab.wait(LOOK)

        assert kinds(lab, sweep).count("passed_band") == 3
        assert lab.report(runs[2]) is False


class TestWhatIsRead:
    def test_a_line_that_comes_later_than_the_one_behind_it_is_counted(self, lab: Lab) -> None:
        sweep = registered(lab)
        runs = started(lab, sweep, 3)
        for run, value in zip(runs, (0.2, 0.3, 0.9), strict=True):
            lab.report(run, StreamReport(history=Chunk(1, rows(1.0, value)[1:])))
        lab.wait(LOOK)
        assert decisions(lab, sweep) == []
        for run in runs:
            lab.report(run, StreamReport(history=Chunk(0, rows(1.0))))

        lab.wait(LOOK)

        assert [lab.report(run) for run in runs] == [False, False, True]

    def test_nothing_is_decided_before_every_history_is_read(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # after one run a look has read enough; the first alone would let a bad one pass
        monkeypatch.setattr(early_stopping, "RUNS_AT_ONCE", 1)
        sweep = registered(lab)
        for run, value in zip(started(lab, sweep, 3), (0.9, 0.3, 0.2), strict=True):
            lab.log(run, *rows(1.0, value))
        stopping = EarlyStopping(lab.engine, lines_a_look=1)

        for _ in range(2):
            stopping.look(now=lab.clock.now())
        before = kinds(lab, sweep)
        stopping.look(now=lab.clock.now())

        assert before == []
        assert sorted(kinds(lab, sweep)) == ["passed_band", "passed_band", "stopped_early"]

    def test_only_runs_that_have_logged_more_are_read_again(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[dict[int, HistoryPlace]] = []

        def reading(session: Any, places: dict[int, HistoryPlace], keys: Any) -> Any:
            read.append(places)
            return columns.histories_at(session, places, keys)

        monkeypatch.setattr(early_stopping, "histories_at", reading)
        runs = started(lab, registered(lab), 2)
        for run in runs:
            lab.log(run, *rows(1.0))
        lab.wait(LOOK)
        lab.log(runs[0], *rows(1.0), offset=1)
        lab.wait(LOOK)
        lab.wait(LOOK)

        pks = [lab.run(run).pk for run in runs]
        assert [sorted(places) for places in read] == [pks, pks[:1]]

    def test_what_was_judged_and_settled_is_not_judged_again(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        judged, times = early_stopping._judged, []

        def judging(*args: Any) -> Any:
            times.append(lab.clock.now())
            return judged(*args)

        monkeypatch.setattr(early_stopping, "_judged", judging)
        [run] = started(lab, registered(lab), 1)
        lab.log(run, *rows(1.0, 1.0))
        for _ in range(5):
            lab.wait(LOOK)

        assert len(times) == 2  # the pass, and that it leaves nothing to say

    def test_a_service_without_such_a_sweep_asks_the_database_one_thing(self, lab: Lab) -> None:
        for run in started(lab, lab.register(), 3):
            lab.log(run, *rows(1.0, 1.0))

        with _statements(lab) as asked:
            lab.wait(LOOK)

        assert len([text for text in asked if "early_terminate" in text]) == 0  # a parameter
        assert len([text for text in asked if "metric_name IS NOT NULL" in text]) == 1
        assert lab.watchdog._early_stopping is None


class TestTrouble:
    def test_a_stop_that_could_not_be_stored_is_asked_for_again(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sweep = registered(lab)
        runs = started(lab, sweep, 3)
        for run, value in zip(runs, (0.2, 0.3, 0.9), strict=True):
            lab.log(run, *rows(1.0, value))

        def busy(*_args: Any, **_more: Any) -> None:
            raise ServiceBusy("locked")

        with monkeypatch.context() as patched:
            patched.setattr(early_stopping, "_write_down", busy)
            with pytest.raises(ServiceBusy):
                lab.wait(LOOK)
        lab.wait(LOOK)

        assert lab.report(runs[2]) is True
        assert kinds(lab, sweep).count("stopped_early") == 1

    def test_a_run_that_ended_meanwhile_is_left_alone(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sweep = registered(lab)
        runs = started(lab, sweep, 3)
        for run, value in zip(runs, (0.2, 0.3, 0.9), strict=True):
            lab.log(run, *rows(1.0, value))
        judged = early_stopping._judged

        def judging(*args: Any) -> Any:
            made = judged(*args)
            lab.finish(runs[2], loss=0.9)
            return made

        monkeypatch.setattr(early_stopping, "_judged", judging)
        lab.wait(LOOK)

        assert kinds(lab, sweep) == ["passed_band", "passed_band"]
        assert lab.trial_of(runs[2]).state == "finished"


class TestAnswers:
    """METHOD 10: what was stopped early is no finished run, and answers are associations."""

    def answer(self, lab: Lab, *, stops: bool) -> dict[str, Any]:
        """Two values of lr in two seeds; the run that is stopped, or is not, is behind."""
        rule = {"early_terminate": RULE} if stops else {}
        design = {
            "type": "full_factorial",
            "factors": {"lr": {"levels": [0.1, 0.2]}},
            "replicates": {"seed": [0, 1]},
        }
        metric = {"name": "loss", "goal": "minimize"}
        sweep = lab.register({"project": "imdb", "metric": metric, "design": design, **rule})
        runs = started(lab, sweep, 4)
        for run, value in zip(runs, (0.2, 0.25, 0.3, 0.9), strict=True):
            lab.log(run, *rows(1.0, value))
        lab.wait(LOOK)
        for run, value in zip(runs, (0.2, 0.25, 0.3, 0.9), strict=True):
            lab.finish(run, exit_code=255 if lab.report(run) else 0, loss=value)
        with lab.reading() as session:
            subject = Subject.of_sweep(sweep_store.get_sweep(session, sweep))
            return answers.worked_out(session, subject, "factors", Inquiry(), root="")

    def test_a_stopped_run_takes_no_part_and_says_why(self, lab: Lab) -> None:
        answer = self.answer(lab, stops=True)

        [excluded] = answer["excluded"]
        assert (answer["n"], excluded["state"]) == (3, "stopped")
        assert excluded["reason"].startswith(
            "stopped: hyperband, band 2: `loss` at value 2 is 0.9"
        )

    def test_the_answer_is_labelled_and_says_that_values_are_missing_not_at_random(
        self, lab: Lab
    ) -> None:
        answer = self.answer(lab, stops=True)

        assert [factor["label"] for factor in answer["factors"]] == ["association"]
        assert answer["question"]["stopped_early"] == 1
        assert any(
            notice.startswith("1 of 4 trials were stopped early") for notice in answer["notices"]
        )

    def test_where_nothing_was_stopped_nothing_is_said(self, lab: Lab) -> None:
        answer = self.answer(lab, stops=False)

        assert (answer["n"], [factor["label"] for factor in answer["factors"]]) == (4, [None])
        assert answer["question"]["stopped_early"] == 0
        assert not any("stopped early" in notice for notice in answer["notices"])


@contextmanager
def _statements(lab: Lab) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(*args: Any) -> None:
        seen.append(args[2])

    event.listen(lab.engine, "before_cursor_execute", note)
    yield seen
    event.remove(lab.engine, "before_cursor_execute", note)
