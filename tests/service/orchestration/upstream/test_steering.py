"""What people do on one side is done on the other; the newest act wins."""

from collections.abc import Callable
from typing import Any

import pytest

from paribus_service.orchestration import registry, search, trials
from paribus_service.store import events
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.tables import Event
from paribus_sweeps.design.grids import Trial as PlannedTrial
from tests.service.orchestration.upstream.sides import Sides, unreachable
from tests.service.orchestration.upstream.test_driving import assert_every_trial_once


@pytest.fixture
def running(sides: Sides) -> tuple[Sides, str]:
    """A sweep of four trials, two of them out, of which one runs."""
    sweep = sides.launch()
    sides.look()
    sides.take(sweep)
    sides.look()
    return sides, sweep


def order(sides: Sides, verb: Callable[..., Any], sweep: str) -> None:
    sides.lab.order(verb, sweep, reason="a person says so")


def click(sides: Sides, sweep: str, state: str) -> None:
    """What a person does in W&B's own pages."""
    sides.there.set_sweep_state(sides.path(sweep), state)


def told(sides: Sides, sweep: str) -> list[Event]:
    with sides.lab.reading() as session:
        return list(events.list_events(session, sweep_id=sweep, limit=500))


class TestFromHere:
    @pytest.mark.parametrize(
        ("verb", "word"),
        [
            (registry.pause, "PAUSED"),
            (registry.stop, "FINISHED"),
            (registry.cancel, "CANCELED"),
        ],
    )
    def test_an_act_here_goes_there(
        self, running: tuple[Sides, str], verb: Callable[..., Any], word: str
    ) -> None:
        sides, sweep = running

        order(sides, verb, sweep)
        sides.look()

        assert sides.state_there(sweep) == word
        assert "sweep.told_there" in {event.kind for event in told(sides, sweep)}

    def test_a_paused_sweep_hands_nothing_out_and_goes_on_when_resumed(
        self, running: tuple[Sides, str]
    ) -> None:
        sides, sweep = running
        order(sides, registry.pause, sweep)
        sides.look()
        before = sides.there.count("enqueue_run")
        sides.finish(sides.there.runs_of(sides.path(sweep))[0])

        sides.look(times=3)
        while_paused = sides.there.count("enqueue_run")
        order(sides, registry.resume, sweep)
        sides.finish_all(sweep)

        assert while_paused == before
        assert_every_trial_once(sides, sweep)

    def test_an_act_while_the_server_is_down_goes_there_later(
        self, running: tuple[Sides, str]
    ) -> None:
        sides, sweep = running
        sides.there.fail(unreachable(), times=3)
        order(sides, registry.pause, sweep)
        sides.look(seconds=60, times=2)
        during = sides.state_there(sweep)

        sides.look(seconds=600, times=3)

        assert (during, sides.state_there(sweep)) == ("RUNNING", "PAUSED")
        assert sides.sweep(sweep).state == "paused"

    def test_a_cancelled_sweeps_runs_are_stopped_there(self, running: tuple[Sides, str]) -> None:
        sides, sweep = running
        runs = sides.there.runs_of(sides.path(sweep))

        order(sides, registry.cancel, sweep)
        sides.look()

        assert [run.stop_requested for run in runs] == [True, True]
        sides.there.finish(runs[0], state="failed")
        sides.look()
        assert sides.states(sweep) == ["cancelled"] * 4

    def test_one_run_is_stopped_and_its_trial_not_tried_again(
        self, running: tuple[Sides, str]
    ) -> None:
        sides, sweep = running
        run = sides.there.runs_of(sides.path(sweep))[0]
        with sides.lab.writing() as session:
            ours = run_store.get_run_at(session, "lab", "imdb", run.path.run_id)
            registry.stop_run(session, ours.id, now=sides.lab.clock.now(), reason="looks bad")

        sides.look()
        sides.there.finish(run, state="failed")
        sides.look(times=2)

        assert run.stop_requested
        assert sides.states(sweep)[0] == "stopped"
        assert sides.there.count("stop_run") == 1
        assert len(sides.handed_out(f"{sweep}-0")) == 1

    def test_a_stop_that_could_not_be_told_is_told_later(self, running: tuple[Sides, str]) -> None:
        sides, sweep = running
        run = sides.there.runs_of(sides.path(sweep))[0]
        with sides.lab.writing() as session:
            ours = run_store.get_run_at(session, "lab", "imdb", run.path.run_id)
            trials.request_stop(session, ours, now=sides.lab.clock.now(), reason="looks bad")
        sides.there.fail(unreachable(), on="stop_run")

        sides.look()
        before = run.stop_requested
        sides.look(seconds=60)

        assert (before, run.stop_requested) == (False, True)

    def test_a_stopped_sweep_that_is_resumed_does_each_trial_once(
        self, running: tuple[Sides, str]
    ) -> None:
        sides, sweep = running
        waiting = sides.there.runs_of(sides.path(sweep))[1]
        order(sides, registry.stop, sweep)
        sides.look()
        withdrawn = waiting.stop_requested

        order(sides, registry.resume, sweep)
        sides.look()
        sides.finish(sides.there.runs_of(sides.path(sweep))[0])
        sides.finish_all(sweep)

        assert withdrawn
        assert_every_trial_once(sides, sweep)

    def test_a_retry_is_a_new_run_there_and_opens_the_sweep_again(self, sides: Sides) -> None:
        sweep = sides.launch()
        for _ in range(8):
            sides.look()
            sides.work(sweep, lambda run: sides.there.finish(run, state="failed"))
        failed, closed = sides.states(sweep), sides.state_there(sweep)

        order(sides, registry.retry, sweep)
        sides.finish_all(sweep)

        assert (failed, closed) == (["failed"] * 4, "FINISHED")
        assert_every_trial_once(sides, sweep)

    def test_trials_that_are_added_open_it_again_and_go_there(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.finish_all(sweep)
        closed = sides.state_there(sweep)
        with sides.lab.writing() as session:
            row = sweep_store.get_sweep(session, sweep)
            now = sides.lab.clock.now()
            args = {"lr": 0.1, "batch": 8, "seed": 2}
            planned = PlannedTrial(4, {"batch": "8"}, {"seed": 2}, args)
            search.add_trials(session, row, [planned], now=now)
            row.expected_trials = 5
            registry.run_again(session, row, now=now, reason="follow-ups")

        sides.finish_all(sweep)

        assert closed == "FINISHED"
        assert_every_trial_once(sides, sweep, trials=5)


class TestFromThere:
    @pytest.mark.parametrize(
        ("word", "state"),
        [("PAUSED", "paused"), ("FINISHED", "stopped"), ("CANCELED", "cancelled")],
    )
    def test_an_act_there_is_seen_here_with_its_reason(
        self, running: tuple[Sides, str], word: str, state: str
    ) -> None:
        sides, sweep = running

        click(sides, sweep, word)
        sides.look()

        found = sides.sweep(sweep)
        assert found.state == state
        assert found.reason == f"on https://wandb.test, where it was {state}"
        assert sides.state_there(sweep) == word

    def test_a_resumed_one_goes_on(self, running: tuple[Sides, str]) -> None:
        sides, sweep = running
        click(sides, sweep, "PAUSED")
        sides.look()

        click(sides, sweep, "RUNNING")
        sides.look()
        sides.finish(sides.there.runs_of(sides.path(sweep))[0])

        sides.finish_all(sweep)
        assert_every_trial_once(sides, sweep)

    def test_pending_and_running_are_no_news(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.look()
        before = sides.there.count("set_sweep_state")

        click(sides, sweep, "RUNNING")
        sides.look(times=2)

        assert sides.there.count("set_sweep_state") == before + 1  # the click itself
        assert sides.sweep(sweep).state == "running"

    def test_a_word_that_nobody_knows_is_no_act(self, running: tuple[Sides, str]) -> None:
        sides, sweep = running

        click(sides, sweep, "CRASHED")
        sides.look()

        assert sides.sweep(sweep).state == "running"
        assert sides.state_there(sweep) == "CRASHED"

    def test_a_run_that_was_stopped_there_is_not_tried_again(
        self, running: tuple[Sides, str]
    ) -> None:
        sides, sweep = running
        run = sides.there.runs_of(sides.path(sweep))[0]

        sides.there.stop_run(run.path)
        sides.there.finish(run, state="failed")
        sides.look(times=2)

        assert sides.states(sweep)[0] == "stopped"
        assert len(sides.handed_out(f"{sweep}-0")) == 1

    def test_a_run_that_was_deleted_there_counts_no_more(self, running: tuple[Sides, str]) -> None:
        sides, sweep = running
        run = sides.there.runs_of(sides.path(sweep))[0]
        sides.finish(run)
        sides.look()

        sides.there.delete(run)
        sides.look(times=2)

        assert sides.states(sweep)[0] == "stopped"
        assert sides.trials(sweep)[0].reason == f"its run {run.path.run_id} was deleted"

    def test_a_deleted_sweep_is_stopped_here_after_three_looks(
        self, running: tuple[Sides, str]
    ) -> None:
        sides, sweep = running
        del sides.there.sweep_table[sides.path(sweep)]

        sides.look(seconds=60, times=2)
        early = sides.sweep(sweep).state
        sides.look(seconds=60)

        assert (early, sides.sweep(sweep).state) == ("running", "stopped")
        assert sides.sweep(sweep).reason == "it was deleted on https://wandb.test"
        assert set(sides.states(sweep)) == {"stopped"}


class TestBothAtOnce:
    def test_the_act_that_stops_more_wins_between_two_looks(
        self, running: tuple[Sides, str]
    ) -> None:
        sides, sweep = running

        sides.lab.clock.advance(1)
        order(sides, registry.pause, sweep)
        click(sides, sweep, "FINISHED")
        sides.look()

        assert (sides.sweep(sweep).state, sides.state_there(sweep)) == ("stopped", "FINISHED")

    def test_also_where_it_was_made_here(self, running: tuple[Sides, str]) -> None:
        sides, sweep = running

        sides.lab.clock.advance(1)
        order(sides, registry.cancel, sweep)
        click(sides, sweep, "PAUSED")
        sides.look()

        assert (sides.sweep(sweep).state, sides.state_there(sweep)) == ("cancelled", "CANCELED")

    def test_one_from_before_the_last_look_is_the_older(self, running: tuple[Sides, str]) -> None:
        # Stopped here; a look reads the server and cannot tell it; then a person resumes it there.
        sides, sweep = running
        order(sides, registry.pause, sweep)
        sides.look()
        order(sides, registry.stop, sweep)
        sides.there.fail(unreachable(), on="set_sweep_state")
        sides.look()

        click(sides, sweep, "RUNNING")
        sides.look(seconds=60)

        assert (sides.sweep(sweep).state, sides.state_there(sweep)) == ("running", "RUNNING")

    def test_what_cannot_be_done_here_is_taken_back_there(
        self, running: tuple[Sides, str]
    ) -> None:
        sides, sweep = running
        order(sides, registry.cancel, sweep)
        sides.look()

        click(sides, sweep, "RUNNING")
        sides.look(seconds=120)

        assert (sides.sweep(sweep).state, sides.state_there(sweep)) == ("cancelled", "CANCELED")
        assert "sweep.overruled" in {event.kind for event in told(sides, sweep)}

    def test_the_same_act_on_both_sides_is_one(self, running: tuple[Sides, str]) -> None:
        sides, sweep = running

        order(sides, registry.pause, sweep)
        click(sides, sweep, "PAUSED")
        before = sides.there.count("set_sweep_state")
        sides.look(times=2)

        assert sides.sweep(sweep).state == "paused"
        assert sides.there.count("set_sweep_state") == before

    def test_a_finished_sweep_that_is_resumed_there_is_closed_again(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.finish_all(sweep)

        click(sides, sweep, "RUNNING")
        sides.look(seconds=120)

        assert (sides.sweep(sweep).state, sides.state_there(sweep)) == ("finished", "FINISHED")
        assert "sweep.overruled" in {event.kind for event in told(sides, sweep)}
