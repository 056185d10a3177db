"""Trials reach the agents of a W&B server exactly once, whatever is killed or lost on the way."""

import itertools
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from paribus_service.errors import UpstreamBusy, UpstreamFailed
from paribus_service.orchestration import registry
from paribus_service.store import early_stops
from paribus_service.store import projects as project_store
from paribus_service.store import runs as run_store
from paribus_service.store.tables import Run
from tests.factories import Lab, grid_config
from tests.service.orchestration.upstream.fake_upstream import FakeRun
from tests.service.orchestration.upstream.sides import URL, Sides, design_config, unreachable


def runs_here(sides: Sides, sweep: str) -> Sequence[Run]:
    with sides.lab.reading() as session:
        return run_store.list_runs(session, sweep_id=sweep)


def assert_every_trial_once(sides: Sides, sweep: str, *, trials: int = 4) -> None:
    """Each trial has finished with one run of its own, and no run beside them was worked on."""
    by_pk = {run.pk: run for run in runs_here(sides, sweep)}
    counted = []
    for trial in sides.trials(sweep):
        assert trial.state == "finished", (trial.id, trial.state, trial.reason)
        run = by_pk[trial.run_pk or 0]
        assert {key: entry["value"] for key, entry in run.config.items()} == trial.args
        counted.append(run.wandb_id)
    done = [
        run.path.run_id
        for run in sides.there.runs_of(sides.path(sweep))
        if run.seen.state == "finished"
    ]
    assert sorted(counted) == sorted(done)
    assert len(set(counted)) == trials


class TestHandingOut:
    def test_there_is_a_small_queue_before_any_agent_asks(self, sides: Sides) -> None:
        sweep = sides.launch()

        sides.look(times=3)

        assert sides.states(sweep) == ["leased", "leased", "queued", "queued"]
        assert sides.there.count("enqueue_run") == 2

    def test_there_are_as_many_as_idle_agents_and_the_queue_beside(self, tmp_path: Path) -> None:
        sides = Sides(tmp_path, driver_queue=1)
        sweep = sides.launch()
        sides.agents(sweep, 2)

        sides.look()
        first = sides.states(sweep).count("leased")
        sides.take(sweep)
        sides.take(sweep)
        sides.look()

        # Two agents and a queue of one: three are out, of which two then run.
        assert first == 3
        assert sorted(sides.states(sweep)) == ["leased", "queued", "running", "running"]

    def test_agents_that_have_ended_count_for_nothing(self, sides: Sides) -> None:
        sweep = sides.launch()
        for state in ("FINISHED", "CRASHED", "GONE"):
            sides.there.add_agent(sides.path(sweep), state=state)

        sides.look()

        assert sides.known(sweep).agents == 0
        assert sides.states(sweep).count("leased") == 2

    def test_a_runs_name_carries_its_trials_id(self, sides: Sides) -> None:
        sweep = sides.launch()

        sides.look()

        assert sides.names_there(sweep) == [f"story-{sweep}-0", f"story-{sweep}-1"]

    def test_what_is_done_there_is_seen_here(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.look()

        run = sides.take(sweep)
        sides.look()
        while_it_runs = sides.states(sweep)[0]
        sides.finish(run)
        sides.look()

        assert (while_it_runs, sides.states(sweep)[0]) == ("running", "finished")
        mirrored = next(r for r in runs_here(sides, sweep) if r.wandb_id == run.path.run_id)
        assert (mirrored.summary["loss"], mirrored.history_lines) == (0.5, 1)

    def test_the_sweep_ends_on_both_sides(self, sides: Sides) -> None:
        sweep = sides.launch()

        sides.finish_all(sweep)

        assert_every_trial_once(sides, sweep)
        assert sides.state_there(sweep) == "FINISHED"

    def test_a_controllers_schedule_has_one_entry_at_a_time(self, tmp_path: Path) -> None:
        sides = Sides(tmp_path, can_enqueue=False)
        sweep = sides.launch()
        sides.agents(sweep, 3)

        sides.look(times=2)
        waiting = sides.states(sweep).count("leased")
        sides.finish_all(sweep)

        assert waiting == 1
        assert_every_trial_once(sides, sweep)
        assert len(sides.there.runs_of(sides.path(sweep))) == 4


class TestRetries:
    def fail(self, sides: Sides, run: FakeRun) -> None:
        sides.there.finish(run, state="failed")

    def test_a_failed_run_is_another_run_while_the_budget_lasts(self, sides: Sides) -> None:
        sweep = sides.launch(design_config(retry={"failed": 1}))
        sides.look()
        self.fail(sides, sides.take(sweep))

        sides.finish_all(sweep)

        first = sides.handed_out(f"{sweep}-0")
        assert [row.display_name for row in first] == [
            f"story-{sweep}-0",
            f"story-{sweep}-0-try-2",
        ]
        assert len({row.remote_run_id for row in first}) == 2
        assert_every_trial_once(sides, sweep)

    def test_a_spent_budget_ends_the_trial(self, sides: Sides) -> None:
        sweep = sides.launch(design_config(retry={"failed": 0}))
        sides.look()
        self.fail(sides, sides.take(sweep))

        sides.finish_all(sweep)

        assert sides.states(sweep) == ["failed", "finished", "finished", "finished"]
        assert len(sides.handed_out(f"{sweep}-0")) == 1

    def test_a_crashed_run_is_tried_again(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.look()
        sides.there.finish(sides.take(sweep), state="crashed")

        sides.finish_all(sweep)

        assert sides.trials(sweep)[0].interruptions == 1
        assert_every_trial_once(sides, sweep)

    def test_a_preempted_run_is_the_servers_to_hand_out_again(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.look()
        run = sides.take(sweep)
        sides.there.edit(run, state="preempted")

        sides.look(times=3)
        after_it = sides.handed_out(f"{sweep}-0")
        sides.there.edit(run, state="running")
        sides.look()
        sides.finish(run)
        sides.look()

        assert len(after_it) == 1
        assert sides.states(sweep)[0] == "finished"

    def test_a_run_that_comes_back_after_its_trial_went_on_is_stopped(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.look()
        run = sides.take(sweep)
        sides.there.edit(run, state="crashed")
        sides.look(times=2)

        sides.there.edit(run, state="running")
        sides.look(times=2)

        assert run.stop_requested
        assert len(sides.handed_out(f"{sweep}-0")) == 2


class TestKilledAtAnyStep:
    """Each step, before and after each question, is some scenario's last; then it goes on."""

    @pytest.mark.parametrize("can_enqueue", [True, False])
    def test_nothing_is_handed_out_twice(self, tmp_path: Path, can_enqueue: bool) -> None:
        for step, directory in enumerate(fresh_directories(tmp_path), start=1):
            sides = Sides(directory, can_enqueue=can_enqueue)
            sweep = sides.launch(one_seed())
            sides.kill_after(step)

            sides.finish_all(sweep)

            assert_every_trial_once(sides, sweep, trials=2)
            assert len(sides.there.runs_of(sides.path(sweep))) == 2, f"killed at step {step}"
            sides.lab.engine.dispose()
            if not sides.was_killed:
                break
        assert step > 15

    @pytest.mark.parametrize("step", [5, 6, 7, 8])
    def test_nor_where_waiting_runs_are_not_shown(self, tmp_path: Path, step: int) -> None:
        # The first turn: server, sweep, runs, enqueue twice; each is two steps.
        sides = Sides(tmp_path, shows_waiting=False)
        sweep = sides.launch(one_seed())
        sides.kill_after(step)

        sides.finish_all(sweep)

        assert sides.was_killed
        assert_every_trial_once(sides, sweep, trials=2)


def one_seed() -> dict[str, Any]:
    """Two trials: enough for one that waits beside one that runs."""
    design = design_config()["design"]
    return design_config(design={**design, "replicates": {"seed": [0]}})


def fresh_directories(tmp_path: Path) -> Iterator[Path]:
    """Directories with an empty database in each, made once and copied."""
    first = tmp_path / "first"
    first.mkdir()
    Lab(first).engine.dispose()
    for number in itertools.count(1):
        directory = tmp_path / str(number)
        shutil.copytree(first, directory)
        yield directory


class TestAnAnswerThatIsLost:
    def test_the_run_is_found_by_its_name(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.there.fail(unreachable(), on="enqueue_run", takes_effect=True)

        sides.look()
        lost = sides.handed_out(f"{sweep}-0")[0].confirmed_at
        sides.look()

        assert lost is None
        assert sides.handed_out(f"{sweep}-0")[0].remote_run_id is not None
        assert sides.names_there(sweep)[0] == f"story-{sweep}-0"
        sides.finish_all(sweep)
        assert_every_trial_once(sides, sweep)

    def test_a_request_that_may_be_under_way_is_not_repeated_at_once(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.there.fail(unreachable(), on="enqueue_run")

        sides.look(times=3)
        asked = sides.there.count("enqueue_run")
        sides.look(seconds=sides.lab.settings.driver_resend_seconds)

        # One that failed and the second of the queue; the first again a minute later.
        assert (asked, sides.there.count("enqueue_run")) == (2, 3)
        sides.finish_all(sweep)
        assert_every_trial_once(sides, sweep)

    def test_one_that_arrives_after_all_does_not_count_twice(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.there.fail(unreachable(), on="enqueue_run")
        sides.look()
        sides.look(seconds=sides.lab.settings.driver_resend_seconds)
        trial = sides.trials(sweep)[0]

        sides.there.enqueue_run(sides.path(sweep), trial.args, f"story-{sweep}-0")
        sides.look()
        late = sides.there.runs_of(sides.path(sweep))[-1]

        assert late.stop_requested
        sides.finish_all(sweep)
        assert_every_trial_once(sides, sweep)

    def test_of_two_runs_that_counts_which_started_first(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.look()
        first = sides.there.runs_of(sides.path(sweep))[0]
        trial = sides.trials(sweep)[0]
        sides.there.enqueue_run(sides.path(sweep), trial.args, f"story-{sweep}-0")
        second = sides.there.runs_of(sides.path(sweep))[-1]

        sides.there.edit(second, state="running")
        sides.look()

        assert (first.stop_requested, second.stop_requested) == (True, False)
        sides.finish(second)
        sides.finish_all(sweep)
        assert_every_trial_once(sides, sweep)

    def test_a_run_of_somebody_elses_in_our_sweep_is_left_alone(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.look()

        sides.there.enqueue_run(sides.path(sweep), {"batch": 99}, "by hand")
        sides.look(times=2)

        by_hand = sides.there.runs_of(sides.path(sweep))[-1]
        assert not by_hand.stop_requested
        assert {
            run.trial_id for run in runs_here(sides, sweep) if run.display_name == "by hand"
        } == {None}


class TestAServerThatIsDown:
    def test_the_sweep_says_so_and_goes_on_when_it_is_back(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.there.fail(unreachable(), times=1_000)
        sides.look(times=5)
        told = sides.known(sweep)

        sides.there.fail(unreachable(), times=0)
        sides.there._failures.clear()
        sides.look(seconds=600)
        sides.finish_all(sweep)

        assert told.problem is not None
        assert "connection refused" in told.problem
        assert told.problem_since is not None
        assert sides.known(sweep).problem is None
        assert_every_trial_once(sides, sweep)

    def test_it_is_asked_less_and_less_often(self, sides: Sides) -> None:
        sides.launch()
        sides.there.fail(unreachable(), times=1_000)
        sides.there.calls.clear()

        sides.look(seconds=5, times=720)

        # An hour: waits of 5, 10, 20 … 300 s; 6 of them take 315 s, then one each 300 s.
        assert 15 <= len(sides.there.calls) <= 20

    def test_what_runs_there_meanwhile_is_nobodys_to_take(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.look()
        run = sides.take(sweep)
        sides.look()
        sides.there.fail(unreachable(), times=1_000)

        sides.look(seconds=60, times=60)
        sides.lab.wait(3600)
        during = sides.states(sweep)[0]
        sides.there._failures.clear()
        sides.finish(run)
        sides.finish_all(sweep)

        assert during == "running"
        assert len(sides.handed_out(f"{sweep}-0")) == 1
        assert_every_trial_once(sides, sweep)

    def test_one_that_limits_rates_is_left_alone_as_long_as_it_says(self, sides: Sides) -> None:
        sides.launch()
        sides.there.fail(UpstreamBusy(URL, "look", 120.0), on="sweep")
        sides.look()
        sides.there.calls.clear()

        sides.look(seconds=100)
        during = list(sides.there.calls)
        sides.look(seconds=30)

        assert during == []
        assert "sweep" in sides.there.calls

    def test_a_sweep_that_is_refused_costs_no_other_its_turn(self, sides: Sides) -> None:
        refused, other = sides.launch(), sides.launch()
        sides.there.fail(
            UpstreamFailed(URL, "enqueue a run", "it does not like it"), on="enqueue_run"
        )

        sides.look()

        assert "it does not like it" in (sides.known(refused).problem or "")
        assert sides.known(other).problem is None
        assert sides.states(other).count("leased") == 2

    def test_a_sweep_on_another_server_is_named_and_left_alone(
        self, sides: Sides, tmp_path: Path
    ) -> None:
        sweep = sides.launch()
        sides.there.facts = type(sides.there.facts)(
            "https://other.test", None, "lab", "ada", True, "0.31.0"
        )
        sides.start()

        sides.look()

        assert "the sweep is on https://wandb.test" in (sides.known(sweep).problem or "")
        assert sides.there.count("sweep") == 0


class TestTheServersOwnSearch:
    def run_of(self, sides: Sides, sweep: str, name: str, **config: object) -> FakeRun:
        return sides.there.add_run(name, config=config, state="running", sweep_id=sweep)

    def test_a_grids_runs_take_the_trials_of_their_values(self, sides: Sides) -> None:
        sweep = sides.launch(grid_config(tracking="upstream"))
        sides.look()
        run = self.run_of(sides, sweep, "w1", lr=0.2, batch=8, _wandb={})

        sides.look()
        sides.finish(run)
        sides.look()

        by_args = {(t.args["lr"], t.args["batch"]): t.state for t in sides.trials(sweep)}
        assert by_args[0.2, 8] == "finished"
        assert list(by_args.values()).count("queued") == 3
        assert sides.there.count("enqueue_run") == 0

    def test_a_copy_of_a_run_in_another_project_is_nobodys_trial(self, sides: Sides) -> None:
        """As `paribus import team/imdb --project copy` makes it, beside the sweep's own run."""
        search = {"method": "random", "run_cap": 4, "parameters": {"lr": {"min": 0.1, "max": 0.2}}}
        sweep = sides.launch(grid_config(tracking="upstream", **search))
        sides.finish(self.run_of(sides, sweep, "w1", lr=0.125))
        sides.look(times=2)
        lab = sides.lab
        with lab.writing() as session:
            elsewhere = project_store.ensure_project(session, "lab", "copy", now=lab.clock.now())
            copy = run_store.add_run(session, elsewhere, "w1", now=lab.clock.now())
            copy.sweep_id = sweep

        sides.look(times=2)

        assert sides.states(sweep) == ["finished"]

    def test_a_second_run_of_a_setting_counts_in_none(self, sides: Sides) -> None:
        sweep = sides.launch(grid_config(tracking="upstream"))
        for name in ("w1", "w2"):
            sides.finish(self.run_of(sides, sweep, name, lr=0.1, batch=8))

        sides.look(times=2)

        assert sorted(sides.states(sweep)) == ["finished", "queued", "queued", "queued"]
        assert len(sides.trials(sweep)) == 4

    @pytest.mark.parametrize("method", ["random", "bayes"])
    def test_each_run_of_a_search_is_a_trial(self, sides: Sides, method: str) -> None:
        parameters = {"lr": {"min": 0.0, "max": 1.0}, "batch": {"values": [8, 64]}}
        config = grid_config(method=method, parameters=parameters, tracking="upstream", run_cap=2)
        sweep = sides.launch(config)
        for name, lr in (("w1", 0.25), ("w2", 0.5)):
            sides.finish(self.run_of(sides, sweep, name, lr=lr, batch=8))

        sides.look(times=2)

        assert [(t.args, t.state) for t in sides.trials(sweep)] == [
            ({"lr": 0.25, "batch": 8}, "finished"),
            ({"lr": 0.5, "batch": 8}, "finished"),
        ]
        assert sides.sweep(sweep).state == "finished"

    def test_a_finished_grid_is_finished_here(self, sides: Sides) -> None:
        sweep = sides.launch(grid_config(tracking="upstream"))
        for lr in (0.1, 0.2):
            for batch in (8, 64):
                sides.finish(self.run_of(sides, sweep, f"w{lr}-{batch}", lr=lr, batch=batch))
        sides.there.set_sweep_state(sides.path(sweep), "FINISHED")

        sides.look(times=2)

        assert sides.sweep(sweep).state == "finished"

    def test_a_failed_run_is_not_queued_again(self, sides: Sides) -> None:
        sweep = sides.launch(grid_config(tracking="upstream"))
        sides.there.finish(self.run_of(sides, sweep, "w1", lr=0.1, batch=8), state="failed")

        sides.look(times=2)

        assert sorted(sides.states(sweep)) == ["failed", "queued", "queued", "queued"]


class TestATarget:
    def test_what_still_waits_there_is_called_back(self, sides: Sides) -> None:
        metric = {"name": "loss", "goal": "minimize", "target": 0.6}
        sweep = sides.launch(design_config(metric=metric))
        sides.look()
        waiting = sides.there.runs_of(sides.path(sweep))[1]

        sides.finish(sides.take(sweep))
        sides.look(times=2)

        assert sides.states(sweep) == ["finished", "stopped", "stopped", "stopped"]
        assert waiting.stop_requested
        assert (sides.sweep(sweep).state, sides.state_there(sweep)) == ("finished", "FINISHED")


class TestStoppingEarly:
    """`early_terminate` is decided by whoever says what runs."""

    RULE = {"type": "hyperband", "min_iter": 3}

    def followed(self, sides: Sides) -> list[str]:
        with sides.lab.reading() as session:
            return [sweep.id for sweep in early_stops.followed_sweeps(session)]

    def test_of_a_design_it_is_decided_here(self, sides: Sides) -> None:
        sweep = sides.launch(design_config(early_terminate=self.RULE))
        sides.look()
        sides.take(sweep)
        sides.look()

        assert self.followed(sides) == [sweep]
        assert "early_terminate" not in sides.there.sweep_table[sides.path(sweep)].config

    def test_of_the_servers_own_search_it_is_decided_there(self, sides: Sides) -> None:
        sweep = sides.launch(grid_config(tracking="upstream", early_terminate=self.RULE))
        sides.there.add_run("w1", config={"lr": 0.1, "batch": 8}, state="running", sweep_id=sweep)
        sides.look(times=2)

        assert "running" in sides.states(sweep)
        assert self.followed(sides) == []
        assert "early_terminate" in sides.there.sweep_table[sides.path(sweep)].config


class TestAPausedSweep:
    def test_what_was_stored_and_never_sent_waits_again(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.there.fail(unreachable(), on="enqueue_run")
        sides.look()
        sides.lab.order(registry.pause, sweep, reason="lunch")

        sides.look(seconds=sides.lab.settings.driver_resend_seconds)
        paused = sides.states(sweep)
        sides.lab.order(registry.resume, sweep, reason="back")
        sides.finish_all(sweep)

        assert paused.count("queued") == 4
        assert_every_trial_once(sides, sweep)
