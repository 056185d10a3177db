"""What a driven sweep survives: outages, clocks, deletions, keys, a database that does not write.

In each case: nothing is lost, nothing is handed out twice, and the sweep says what is wrong.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from paribus_service.errors import ServiceError, UpstreamRefusedKey
from paribus_service.orchestration import registry
from paribus_service.orchestration.upstream import driving
from paribus_service.orchestration.upstream.mirror import Budget
from paribus_service.store import upstream_sweeps
from tests.service.orchestration.upstream.sides import URL, Sides, design_config, unreachable
from tests.service.orchestration.upstream.test_driving import (
    assert_every_trial_once,
    fresh_directories,
    one_seed,
    runs_here,
)

HOUR = 3600.0


def half_way(sides: Sides) -> str:
    """A sweep of four trials: one has finished, one runs, one waits there, and one here."""
    sweep = sides.launch()
    sides.look()
    sides.finish(sides.take(sweep))
    sides.look()
    sides.take(sweep)
    sides.look()
    assert sorted(sides.states(sweep)) == ["finished", "leased", "queued", "running"]
    return sweep


def finish_all(sides: Sides, sweep: str, *, turns: int = 20) -> None:
    """What runs ends well, and so does the rest."""
    for run in sides.there.runs_of(sides.path(sweep)):
        if run.seen.state == "running":
            sides.finish(run)
    sides.finish_all(sweep, turns=turns)


def go_down(sides: Sides) -> None:
    sides.there.fail(unreachable(), times=1_000_000)


def come_back(sides: Sides) -> None:
    sides.there._failures.clear()


def to_be_looked_at(sides: Sides) -> list[str]:
    with sides.lab.reading() as session:
        since = sides.lab.clock.now() - timedelta(hours=24)
        return list(upstream_sweeps.to_look_at(session, ended_since=since))


class TestAServerThatIsDownForAnHour:
    def test_waits_grow_to_the_longest_and_no_further(self, sides: Sides) -> None:
        half_way(sides)
        go_down(sides)
        asked_at: list[datetime] = []
        sides.there.before_each = lambda _name: asked_at.append(sides.lab.clock.now())

        sides.look(seconds=5, times=720)

        waits = [
            int((b - a).total_seconds()) for a, b in zip(asked_at, asked_at[1:], strict=False)
        ]
        assert waits[:7] == [5, 10, 20, 40, 80, 160, 300]
        assert set(waits[6:]) == {300}

    def test_the_page_says_what_is_wrong_since_it_began(self, sides: Sides) -> None:
        sweep = half_way(sides)
        go_down(sides)
        sides.look(seconds=5)
        began = sides.lab.clock.now()

        sides.look(seconds=5, times=720)

        known = sides.known(sweep)
        assert "connection refused" in (known.problem or "")
        assert known.problem_since == began

    @pytest.mark.parametrize(
        ("verb", "word", "state"),
        [
            (registry.pause, "PAUSED", "paused"),
            (registry.stop, "FINISHED", "stopped"),
            (registry.cancel, "CANCELED", "cancelled"),
        ],
    )
    def test_what_people_did_meanwhile_is_done_there_once(
        self, sides: Sides, verb: Callable[..., object], word: str, state: str
    ) -> None:
        sweep = half_way(sides)
        told_before = sides.there.count("set_sweep_state")
        go_down(sides)
        sides.look(seconds=60, times=10)
        sides.lab.order(verb, sweep, reason="during the outage")
        sides.look(seconds=60, times=50)
        during = sides.state_there(sweep)

        come_back(sides)
        sides.look(seconds=300, times=5)

        assert (during, sides.state_there(sweep)) == ("RUNNING", word)
        assert sides.sweep(sweep).state == state
        assert sides.there.count("set_sweep_state") == told_before + 1

    def test_one_that_was_paused_and_resumed_meanwhile_heard_of_neither(
        self, sides: Sides
    ) -> None:
        sweep = half_way(sides)
        go_down(sides)
        sides.look(seconds=60, times=5)
        told_before = sides.there.count("set_sweep_state")
        sides.lab.order(registry.pause, sweep, reason="lunch")
        sides.look(seconds=60, times=5)
        sides.lab.order(registry.resume, sweep, reason="back")

        come_back(sides)
        sides.look(seconds=300)

        assert sides.there.count("set_sweep_state") == told_before
        finish_all(sides, sweep)
        assert_every_trial_once(sides, sweep)

    def test_what_ran_and_ended_there_meanwhile_counts_and_nothing_is_done_twice(
        self, sides: Sides
    ) -> None:
        sweep = half_way(sides)
        running = sides.there.runs_of(sides.path(sweep))[1]
        go_down(sides)
        sides.look(seconds=60, times=30)
        sides.finish(running)
        sides.finish(sides.take(sweep))  # its agent went on to what waited there
        sides.look(seconds=60, times=30)

        come_back(sides)
        sides.look(seconds=300)

        assert sides.states(sweep).count("finished") == 3
        finish_all(sides, sweep)
        assert_every_trial_once(sides, sweep)
        assert len(sides.there.runs_of(sides.path(sweep))) == 4


class TestASweepThatEndedBeforeItsHistoriesWereRead:
    def test_it_is_looked_at_as_often_as_one_that_runs(
        self, sides: Sides, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sweep = sides.launch(one_seed())
        sides.look()
        runs = [sides.take(sweep), sides.take(sweep)]
        sides.look()
        monkeypatch.setattr(driving, "READING_ALONG", Budget(questions=1))
        for run in runs:
            sides.finish(run)

        sides.look(seconds=5, times=6)  # a list, two histories, and what the driver does besides

        assert sides.sweep(sweep).state == "finished"
        assert [run.history_lines for run in runs_here(sides, sweep)] == [1, 1]


class TestAClockThatJumps:
    def test_an_hour_ahead_costs_nothing(self, sides: Sides) -> None:
        sweep = half_way(sides)

        sides.look(seconds=HOUR)

        assert sides.sweep(sweep).state == "running"
        finish_all(sides, sweep)
        assert_every_trial_once(sides, sweep)
        assert len(sides.there.runs_of(sides.path(sweep))) == 4

    def test_an_hour_back_keeps_nobody_waiting(self, sides: Sides) -> None:
        sweep = half_way(sides)
        sides.lab.clock.advance(HOUR)
        sides.there.fail(unreachable(), on="sweep")
        sides.look()
        before = sides.there.count("sweep")

        sides.look(seconds=-HOUR)

        assert sides.there.count("sweep") > before
        finish_all(sides, sweep)
        assert_every_trial_once(sides, sweep)

    def test_nor_what_was_sent_before_it(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.lab.clock.advance(HOUR)
        sides.there.fail(unreachable(), on="enqueue_run")  # it never arrived
        sides.look()

        sides.look(seconds=-HOUR)
        sides.look(seconds=10)

        assert sides.states(sweep).count("leased") == 2
        finish_all(sides, sweep, turns=12)  # two minutes: less than the hour
        assert_every_trial_once(sides, sweep)


class TestDeletedThere:
    def test_a_sweep_is_stopped_here_and_what_was_done_stays(self, sides: Sides) -> None:
        sweep = half_way(sides)
        del sides.there.sweep_table[sides.path(sweep)]

        sides.look(seconds=60, times=3)

        assert sides.sweep(sweep).state == "stopped"
        assert sides.sweep(sweep).reason == f"it was deleted on {URL}"
        assert sorted(sides.states(sweep)) == ["finished", "stopped", "stopped", "stopped"]
        assert sorted(run.history_lines for run in runs_here(sides, sweep)) == [0, 0, 1]

    def test_after_a_day_it_is_asked_about_no_more(self, sides: Sides) -> None:
        sweep = half_way(sides)
        del sides.there.sweep_table[sides.path(sweep)]
        sides.look(seconds=60, times=3)

        sides.look(seconds=25 * HOUR)

        assert to_be_looked_at(sides) == []

    def delete_project(self, sides: Sides) -> None:
        """Also what a server says that lost its data, and one that hides it from this key."""
        sides.there.sweep_table.clear()
        sides.there.run_table.clear()
        sides.there.projects.clear()

    def test_of_a_project_nothing_here_is_touched_and_it_is_said(self, sides: Sides) -> None:
        sweep = half_way(sides)
        before = sides.states(sweep)

        self.delete_project(sides)
        sides.look(seconds=300, times=20)

        assert sides.sweep(sweep).state == "running"
        assert sides.states(sweep) == before
        assert [run.deleted_at for run in runs_here(sides, sweep)] == [None] * 3
        assert "has no project 'lab/imdb'" in (sides.known(sweep).problem or "")

    @pytest.mark.parametrize("verb", [registry.stop, registry.cancel])
    def test_a_person_can_end_what_was_there(
        self, sides: Sides, verb: Callable[..., object]
    ) -> None:
        sweep = half_way(sides)
        self.delete_project(sides)
        sides.look(seconds=300, times=5)

        sides.lab.order(verb, sweep, reason="it is gone")
        sides.look(seconds=300, times=5)

        assert set(sides.states(sweep)) <= {"finished", "stopped", "cancelled"}
        assert sides.states(sweep).count("finished") == 1
        sides.look(seconds=25 * HOUR)
        assert to_be_looked_at(sides) == []

    def test_a_server_that_begins_anew_costs_no_record(self, sides: Sides) -> None:
        """Its database is empty, and programs that still run make the project again."""
        sweep = half_way(sides)
        sides.there.sweep_table.clear()
        sides.there.run_table.clear()

        sides.look(seconds=60, times=5)

        assert sides.sweep(sweep).reason == f"it was deleted on {URL}"
        assert sides.states(sweep).count("finished") == 1
        assert [run.deleted_at for run in runs_here(sides, sweep)] == [None] * 3


class TestAgentsThatStopThere:
    def test_the_sweep_waits_for_others_and_goes_on(self, sides: Sides) -> None:
        sweep = sides.launch()
        agent = sides.there.add_agent(sides.path(sweep))
        sides.look()
        sides.finish(sides.take(sweep))
        sides.look()

        sides.there.edit_agent(sides.path(sweep), agent, state="FINISHED")
        sides.look(seconds=60, times=60)
        waiting = sides.sweep(sweep).state, sides.known(sweep).agents, sides.states(sweep)
        sides.there.add_agent(sides.path(sweep))
        finish_all(sides, sweep)

        assert waiting[:2] == ("running", 0)
        assert len(sides.there.runs_of(sides.path(sweep))) == 4
        assert_every_trial_once(sides, sweep)


class TestAKeyThatIsRevoked:
    def test_it_is_said_and_a_good_one_goes_on_after_a_restart(self, sides: Sides) -> None:
        sweep = half_way(sides)
        sides.there.fail(UpstreamRefusedKey(URL, "show it", "403 Forbidden"), times=1_000_000)
        sides.look(seconds=60, times=30)
        told = sides.known(sweep).problem

        come_back(sides)
        sides.start()
        sides.look(seconds=5)

        assert "refused the key: 403 Forbidden; set PARIBUS_WANDB_API_KEY" in (told or "")
        assert sides.known(sweep).problem is None
        finish_all(sides, sweep)
        assert_every_trial_once(sides, sweep)

    def test_one_that_is_given_its_rights_back_needs_no_restart(self, sides: Sides) -> None:
        sweep = half_way(sides)
        sides.there.fail(UpstreamRefusedKey(URL, "show it", "403 Forbidden"), times=1_000_000)
        sides.look(seconds=60, times=30)

        come_back(sides)
        sides.look(seconds=sides.lab.settings.driver_backoff_seconds)

        assert sides.known(sweep).problem is None


class TestADatabaseThatDoesNotWrite:
    """Our own: locked by another program, or on a full disk, at any moment of a turn."""

    @contextmanager
    def failing(self, sides: Sides, commit: int, said: str) -> Iterator[list[int]]:
        """The so-manieth commit from now fails; what was counted."""
        commits = [0]

        def fail(_connection: object) -> None:
            commits[0] += 1
            if commits[0] == commit:
                raise sqlite3.OperationalError(said)

        event.listen(sides.lab.engine, "commit", fail)
        yield commits
        event.remove(sides.lab.engine, "commit", fail)

    def look(self, sides: Sides) -> None:
        """As the driver's thread does."""
        try:
            sides.look()
        except ServiceError:
            sides.look()

    @pytest.mark.parametrize(
        ("can_enqueue", "said"),
        [(True, "database is locked"), (False, "database or disk is full")],
    )
    def test_nothing_is_handed_out_twice(
        self, tmp_path: Path, can_enqueue: bool, said: str
    ) -> None:
        for commit, directory in enumerate(fresh_directories(tmp_path), start=1):
            sides = Sides(directory, can_enqueue=can_enqueue)
            sweep = sides.launch(one_seed())
            with self.failing(sides, commit, said) as commits:
                while sides.sweep(sweep).state != "finished":
                    self.look(sides)
                    sides.work(sweep)

            assert_every_trial_once(sides, sweep, trials=2)
            assert len(sides.there.runs_of(sides.path(sweep))) == 2, f"commit {commit} failed"
            sides.lab.engine.dispose()
            if commits[0] < commit:
                break
        assert commit > 10


class TestADatabaseThatWasRestoredFromABackup:
    """The server has runs of which nothing here says that they were handed out."""

    def back_up(self, directory: Path) -> None:
        with (
            closing(sqlite3.connect(directory / "lab.db")) as here,
            closing(sqlite3.connect(directory / "backup.db")) as copy,
        ):
            here.backup(copy)

    def restore(self, sides: Sides, directory: Path) -> None:
        sides.lab.engine.dispose()
        for path in directory.glob("lab.db*"):
            path.unlink()
        (directory / "backup.db").rename(directory / "lab.db")
        sides.start()

    def go_on(self, sides: Sides, sweep: str) -> None:
        """One trial is done there, another one runs, and a third waits."""
        sides.look()
        sides.finish(sides.take(sweep))
        sides.look()
        sides.take(sweep)
        sides.look()

    @pytest.mark.parametrize("can_enqueue", [True, False])
    @pytest.mark.parametrize("looks", [0, 1])
    def test_nothing_is_done_again(self, tmp_path: Path, can_enqueue: bool, looks: int) -> None:
        sides = Sides(tmp_path, can_enqueue=can_enqueue)
        sweep = sides.launch()
        sides.look(times=looks)
        self.back_up(tmp_path)
        self.go_on(sides, sweep)
        before = len(sides.there.runs_of(sides.path(sweep)))

        self.restore(sides, tmp_path)
        sides.look()

        assert len(sides.there.runs_of(sides.path(sweep))) == before
        assert sides.states(sweep)[:2] == ["finished", "running"]
        finish_all(sides, sweep)
        assert_every_trial_once(sides, sweep)
        assert len(sides.there.runs_of(sides.path(sweep))) == 4

    def test_a_retry_is_known_again_by_its_name(self, sides: Sides, tmp_path: Path) -> None:
        sweep = sides.launch(design_config(retry={"failed": 1}))
        self.back_up(tmp_path)
        sides.look()
        sides.there.finish(sides.take(sweep), state="failed")
        sides.look(times=2)

        self.restore(sides, tmp_path)
        sides.look(times=2)

        assert sides.names_there(sweep).count(f"story-{sweep}-0-try-2") == 1
        assert sides.trials(sweep)[0].attempts == 2
        finish_all(sides, sweep)
        assert_every_trial_once(sides, sweep)

    def test_a_run_with_a_trials_name_and_other_values_is_not_taken_for_it(
        self, sides: Sides
    ) -> None:
        sweep = sides.launch()
        sides.there.enqueue_run(sides.path(sweep), {"batch": 99}, f"story-{sweep}-3")

        sides.look(times=2)

        assert sides.states(sweep) == ["leased", "leased", "queued", "queued"]
