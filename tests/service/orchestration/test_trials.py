"""Trials, exactly once: DESIGN 5's six rules, each fault with exact counts."""

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from paribus_service.errors import IllegalTransition, NotFound, Superseded
from paribus_service.orchestration import registry
from paribus_service.orchestration.recorder import StreamReport
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.events import list_events
from tests.factories import Lab, grid_config


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


RESUMABLE = {
    "method": "grid",
    "project": "imdb",
    "program": "paribus_agent.train",
    "parameters": {"seed": {"values": [0]}},
}
ONE_TRIAL = grid_config(parameters={"lr": {"value": 0.1}})


def _forbid_writing(lab: Lab, on_or_off: str) -> None:
    """On the pool's one connection."""
    connection = lab.engine.raw_connection()
    connection.cursor().execute(f"PRAGMA query_only = {on_or_off}")
    connection.close()


class TestClaim:
    def test_each_trial_is_handed_out_once_under_many_agents(self, lab: Lab) -> None:
        sweep = lab.register()
        agents = [lab.agent(sweep, host=f"h{i}") for i in range(7)]

        claims = [lab.beat(agent) for agent in agents]

        runs = [c.run_id for c in claims if c and c.kind == "run"]
        assert len(runs) == len(set(runs)) == 4  # 2 x 2 levels
        assert [c for c in claims[4:] if c] == []  # the others wait: a live trial may need them

    def test_a_lost_reply_is_answered_with_the_same_run(self, lab: Lab) -> None:
        agent = lab.agent(lab.register())
        first = lab.beat(agent)

        again = lab.beat(agent)

        assert again == first

    def test_a_command_that_cannot_start_does_not_go_from_agent_to_agent_for_ever(
        self, lab: Lab
    ) -> None:
        sweep = lab.register({**ONE_TRIAL, "retry": {"failed": 1}})

        for _ in range(2):
            agent = lab.agent(sweep)
            for _ in range(3):  # then `wandb agent` gives up by itself
                assert lab.beat(agent) is not None
            lab.wait(lab.settings.agent_timeout_seconds)

        assert lab.sweep(sweep).trial_counts == {"failed": 1}
        assert "does the command run on this host" in (lab.trials(sweep)[0].reason or "")

    def test_an_agent_that_is_killed_before_its_run_starts_costs_nothing(self, lab: Lab) -> None:
        sweep = lab.register(ONE_TRIAL)
        lab.claim(lab.agent(sweep))

        lab.wait(lab.settings.agent_timeout_seconds)

        trial = lab.trials(sweep)[0]
        assert (trial.state, trial.failures, trial.interruptions) == ("queued", 0, 0)

    def test_a_run_that_never_starts_fails_after_some_hand_outs(self, lab: Lab) -> None:
        sweep = lab.register(retry={"failed": 0})
        agent = lab.agent(sweep)
        run = lab.claim(agent)
        for _ in range(lab.settings.max_hand_outs - 1):
            assert lab.claim(agent) == run

        lab.beat(agent)

        assert lab.trial_of(run).state == "failed"
        assert "never started" in (lab.trial_of(run).reason or "")

    def test_a_busy_agent_gets_nothing(self, lab: Lab) -> None:
        agent = lab.agent(lab.register())
        run = lab.claim(agent)

        assert lab.beat(agent, run) is None

    def test_a_quiet_heartbeat_notes_who_was_heard_from(self, lab: Lab) -> None:
        sweep = lab.register()
        agent = lab.agent(sweep)
        run = lab.claim(agent)
        lab.start(run)

        for _ in range(30):  # 15 minutes without a word of the run itself
            lab.wait(30)
            assert lab.beat(agent, run) is None

        assert lab.run(run).state == "running"
        assert lab.run(run).listed_at == lab.clock.now()
        with lab.reading() as session:
            assert sweep_store.get_agent(session, agent).heartbeat_at == lab.clock.now()

    def test_values_are_the_trials_own(self, lab: Lab) -> None:
        agent = lab.agent(lab.register())

        command = lab.beat(agent)

        assert command is not None
        assert command.args == {"lr": 0.1, "batch": 8}
        assert lab.run(command.run_id or "").config["lr"] == {"value": 0.1}

    def test_an_unknown_agent_is_told_so(self, lab: Lab) -> None:
        with pytest.raises(NotFound, match="no agent 'nobody'"):
            lab.beat("nobody")

    def test_random_trials_are_made_when_asked_and_end_at_the_cap(self, lab: Lab) -> None:
        config = grid_config(method="random", run_cap=3)
        sweep = lab.register(config)
        agent = lab.agent(sweep)

        for _ in range(3):
            lab.run_trial(agent, loss=1.0)

        assert lab.beat(agent) is not None  # exit
        assert [t.state for t in lab.trials(sweep)] == ["finished"] * 3
        assert lab.sweep(sweep).state == "finished"


class TestEnds:
    def test_a_whole_sweep_finishes_and_its_agent_may_go(self, lab: Lab) -> None:
        sweep = lab.register()
        agent = lab.agent(sweep)

        for _ in range(4):
            lab.run_trial(agent, loss=0.5)
        last = lab.beat(agent)

        assert last is not None
        assert last.kind == "exit"
        assert lab.sweep(sweep).state == "finished"
        assert lab.sweep(sweep).trial_counts == {"finished": 4}

    def test_a_failed_trial_is_tried_once_more_under_a_new_run_id(self, lab: Lab) -> None:
        sweep = lab.register()
        agent = lab.agent(sweep)
        first = lab.claim(agent)
        lab.start(first)

        lab.finish(first, exit_code=1)

        trial = lab.trial_of(first)
        assert (trial.state, trial.failures) == ("queued", 1)
        second = lab.claim(agent)
        assert second != first
        assert lab.trial_of(second).id == trial.id
        lab.start(second)
        lab.finish(second, exit_code=1)
        assert lab.trial_of(second).state == "failed"

    def test_completing_twice_ends_once(self, lab: Lab) -> None:
        sweep = lab.register()
        agent = lab.agent(sweep)
        run = lab.claim(agent)
        lab.start(run)

        lab.finish(run, loss=0.5)
        lab.finish(run, loss=0.5)

        assert lab.sweep(sweep).trial_counts == {"finished": 1, "queued": 3}

    def test_ctrl_c_is_an_interruption_and_not_a_failure(self, lab: Lab) -> None:
        agent = lab.agent(lab.register())
        run = lab.claim(agent)
        lab.start(run)

        lab.finish(run, exit_code=255)

        assert lab.run(run).state == "interrupted"
        assert lab.trial_of(run).state == "queued"

    def test_the_target_of_the_metric_ends_the_sweep(self, lab: Lab) -> None:
        sweep = lab.register(metric={"name": "loss", "goal": "minimize", "target": 0.2})
        agent = lab.agent(sweep)
        lab.run_trial(agent, loss=0.3)

        lab.run_trial(agent, loss=0.2)

        assert lab.sweep(sweep).state == "finished"
        assert lab.sweep(sweep).trial_counts == {"finished": 2, "stopped": 2}
        assert "reached the target 0.2" in (lab.sweep(sweep).reason or "")


class TestLostProcesses:
    def test_a_dropped_run_waits_until_it_is_quiet(self, lab: Lab) -> None:
        agent = lab.agent(lab.register())
        run = lab.claim(agent)
        lab.start(run)
        lab.beat(agent, run)

        lab.beat(agent)  # kill -9 of the training: the agent no longer lists it
        assert lab.run(run).state == "running"
        lab.wait(lab.settings.quiet_seconds)

        assert lab.run(run).state == "interrupted"
        assert "without saying so" in (lab.run(run).reason or "")

    def test_last_rows_of_a_dropped_run_still_count(self, lab: Lab) -> None:
        agent = lab.agent(lab.register())
        run = lab.claim(agent)
        lab.start(run)
        lab.beat(agent, run)
        lab.beat(agent)

        lab.finish(run, loss=0.25)

        assert lab.trial_of(run).state == "finished"

    def test_a_program_that_cannot_resume_starts_over(self, lab: Lab) -> None:
        agent = lab.agent(lab.register(ONE_TRIAL))
        run = lab.claim(agent)
        lab.start(run)
        lab.beat(agent, run)
        lab.beat(agent)
        lab.wait(60)

        second = lab.claim(agent)
        assert second != run
        assert lab.trial_of(second).id == lab.trial_of(run).id

    def test_a_resumable_program_continues_under_its_run_id(self, lab: Lab) -> None:
        agent = lab.agent(lab.register(RESUMABLE))
        run = lab.claim(agent)
        lab.start(run, token="old")
        lab.beat(agent, run)
        lab.beat(agent)
        lab.wait(60)

        command = lab.beat(agent)

        assert command is not None
        assert (command.kind, command.run_id) == ("resume", run)
        lab.start(run, token="new", resumes=True)
        assert lab.trial_of(run).state == "running"

    def test_the_older_process_of_a_resumed_run_is_refused_for_good(self, lab: Lab) -> None:
        agent = lab.agent(lab.register(RESUMABLE))
        run = lab.claim(agent)
        lab.start(run, token="old")
        lab.beat(agent, run)
        lab.beat(agent)
        lab.wait(60)
        lab.claim(agent)
        lab.start(run, token="new", resumes=True)

        with pytest.raises(Superseded, match="taken over"):
            lab.report(run, token="old")
        with pytest.raises(Superseded):
            lab.start(run, token="old")
        assert lab.report(run, token="new") is False

    def test_a_training_whose_agent_was_killed_goes_on(self, lab: Lab) -> None:
        sweep = lab.register()
        agent = lab.agent(sweep)
        run = lab.claim(agent)
        lab.start(run)

        for _ in range(20):  # ten minutes: the agent is silent, the run reports
            lab.wait(30)
            lab.report(run)

        other = lab.agent(sweep, host="host-b")
        assert lab.claim(other) != run
        lab.finish(run, loss=0.5)
        assert lab.trial_of(run).state == "finished"
        assert Counter(t.attempts for t in lab.trials(sweep)) == {1: 2, 0: 2}

    def test_both_killed_frees_the_trial_under_a_new_run_id(self, lab: Lab) -> None:
        sweep = lab.register(RESUMABLE)
        agent = lab.agent(sweep)
        run = lab.claim(agent)
        lab.start(run, token="old")

        lab.wait(lab.settings.run_timeout_seconds - 1)
        assert lab.run(run).state == "running"
        lab.wait(1)

        assert lab.run(run).state == "interrupted"
        # Its host may only be cut off: the end is not certain, so nothing is resumed.
        other = lab.agent(sweep, host="host-b")
        assert lab.claim(other) != run

    def test_an_agent_that_dies_before_its_run_started_gives_it_back(self, lab: Lab) -> None:
        sweep = lab.register()
        agent = lab.agent(sweep)
        run = lab.claim(agent)

        lab.wait(lab.settings.agent_timeout_seconds)

        trial = lab.trial_of(run)
        assert (trial.state, trial.failures, trial.interruptions) == ("queued", 0, 0)
        with lab.reading() as session:
            told = list_events(session, run_id=lab.run(run).id)
        assert told[-2].kind == "run.interrupted"
        assert told[-1].kind == "trial.queued"

    def test_what_an_ended_sweep_handed_out_in_vain_is_stopped(self, lab: Lab) -> None:
        sweep = lab.register(metric={"name": "loss", "goal": "minimize", "target": 0.5})
        lab.claim(lab.agent(sweep))
        lab.run_trial(lab.agent(sweep, host="host-b"), loss=0.1)  # the target is reached
        assert lab.sweep(sweep).state == "finished"

        lab.wait(lab.settings.agent_timeout_seconds)

        assert lab.sweep(sweep).trial_counts == {"finished": 1, "stopped": 3}

    def test_a_late_start_takes_its_waiting_trial_back(self, lab: Lab) -> None:
        sweep = lab.register()
        run = lab.claim(lab.agent(sweep))
        lab.wait(lab.settings.agent_timeout_seconds)

        lab.start(run)

        assert lab.trial_of(run).state == "running"
        other = lab.agent(sweep, host="host-b")
        assert lab.trial_of(lab.claim(other)).id != lab.trial_of(run).id

    def test_a_late_start_of_a_trial_that_went_on_is_told_to_stop(self, lab: Lab) -> None:
        sweep = lab.register()
        run = lab.claim(lab.agent(sweep))
        lab.wait(lab.settings.agent_timeout_seconds)
        second = lab.claim(lab.agent(sweep, host="host-b"))
        lab.start(second)

        lab.start(run)

        assert lab.report(run) is True
        lab.finish(run, loss=0.0)
        lab.finish(second, loss=0.7)
        trial = lab.trial_of(second)
        assert trial.state == "finished"
        assert trial.run_pk == lab.run(second).pk  # the older attempt never counts

    def test_a_run_given_up_too_early_takes_its_trial_back(self, lab: Lab) -> None:
        sweep = lab.register()
        run = lab.claim(lab.agent(sweep))
        lab.start(run)
        lab.wait(lab.settings.run_timeout_seconds)
        assert lab.trial_of(run).state == "queued"

        lab.report(run)  # the network is back

        assert lab.run(run).state == "running"
        assert lab.trial_of(run).state == "running"
        assert lab.sweep(sweep).trial_counts == {"running": 1, "queued": 3}

    def test_a_service_that_was_down_ends_nothing(self, tmp_path: Path) -> None:
        lab = Lab(tmp_path)
        run = lab.claim(lab.agent(lab.register()))
        lab.start(run)
        lab.clock.advance(3600)

        restarted = Lab(tmp_path)
        restarted.clock.advance(3600)
        restarted.watchdog = type(restarted.watchdog)(
            restarted.engine, restarted.settings, restarted.clock
        )
        restarted.wait(10)

        assert restarted.run(run).state == "running"
        restarted.wait(restarted.settings.run_timeout_seconds)
        assert restarted.run(run).state == "interrupted"

    def test_a_service_that_could_not_store_ends_nothing(self, lab: Lab) -> None:
        refused = [0]
        lab.watchdog = type(lab.watchdog)(
            lab.engine, lab.settings, lab.clock, refusals=lambda: refused[0]
        )
        run = lab.claim(lab.agent(lab.register()))
        lab.start(run)
        for _ in range(10):  # the disk is full for longer than any run may be silent
            refused[0] += 1
            lab.wait(60)

        lab.wait(60)

        assert lab.run(run).state == "running"
        lab.wait(lab.settings.run_timeout_seconds)
        assert lab.run(run).state == "interrupted"

    def test_a_look_that_could_not_be_stored_ends_nothing_when_it_can(self, lab: Lab) -> None:
        run = lab.claim(lab.agent(lab.register()))
        lab.start(run)
        _forbid_writing(lab, "ON")
        with pytest.raises(DBAPIError):
            lab.wait(lab.settings.run_timeout_seconds)
        _forbid_writing(lab, "OFF")

        lab.wait(5)

        assert lab.run(run).state == "running"

    @pytest.mark.parametrize("jump", [7200.0, -7200.0])
    def test_a_clock_that_jumps_ends_nothing(self, lab: Lab, jump: float) -> None:
        run = lab.claim(lab.agent(lab.register()))
        lab.start(run)
        lab.wait(1)

        lab.clock.advance(jump)  # the wall clock alone
        lab.wait(5)

        assert lab.run(run).state == "running"
        lab.wait(lab.settings.run_timeout_seconds)
        assert lab.run(run).state == "interrupted"


class TestStop:
    def test_a_stop_wins_over_the_requeue_of_its_signal(self, lab: Lab) -> None:
        agent = lab.agent(lab.register(RESUMABLE))
        run = lab.claim(agent)
        lab.start(run)
        with lab.writing() as session:
            registry.stop_run(session, lab.run(run).id, now=lab.clock.now(), reason="by hand")

        assert lab.report(run) is True
        lab.report(run, StreamReport(preempting=True))
        lab.finish(run, exit_code=143)

        assert lab.run(run).state == "stopped"
        assert lab.trial_of(run).state == "stopped"
        assert lab.trial_of(run).reason == "by hand"

    @pytest.mark.parametrize(
        "how", ["its reply was lost", "its process ended", "its agent is gone"]
    )
    def test_a_run_that_is_stopped_before_it_started_is_not_started_again(
        self, lab: Lab, how: str
    ) -> None:
        sweep = lab.register(ONE_TRIAL)
        agent = lab.agent(sweep)
        run = lab.claim(agent)
        if how == "its process ended":
            lab.beat(agent, run)
        with lab.writing() as session:
            registry.stop_run(session, lab.run(run).id, now=lab.clock.now(), reason="by hand")

        lab.wait(lab.settings.quiet_seconds)
        if how == "its agent is gone":
            lab.wait(lab.settings.agent_timeout_seconds)
        else:
            lab.beat(agent)
            lab.wait(lab.settings.quiet_seconds)

        trial = lab.trial_of(run)
        assert (trial.state, trial.reason, trial.failures) == ("stopped", "by hand", 0)
        assert lab.sweep(sweep).state == "finished"

    def test_a_run_that_does_not_listen_is_stopped_by_its_agent(self, lab: Lab) -> None:
        agent = lab.agent(lab.register())
        run = lab.claim(agent)
        lab.start(run)
        with lab.writing() as session:
            registry.stop_run(session, lab.run(run).id, now=lab.clock.now(), reason="by hand")

        assert lab.beat(agent, run) is None
        lab.wait(lab.settings.stop_escalation_seconds)
        command = lab.beat(agent, run)

        assert command is not None
        assert (command.kind, command.run_id) == ("stop", run)

    def test_cancel_stops_what_runs_at_once_and_then_the_agent(self, lab: Lab) -> None:
        sweep = lab.register()
        agent = lab.agent(sweep)
        run = lab.claim(agent)
        lab.start(run)
        lab.order(registry.cancel, sweep, reason="wrong data")

        stop = lab.beat(agent, run)
        lab.finish(run, exit_code=255)
        leave = lab.beat(agent)

        assert stop is not None
        assert stop.kind == "stop"
        assert leave is not None
        assert leave.kind == "exit"
        assert lab.sweep(sweep).trial_counts == {"cancelled": 4}

    def test_a_process_that_starts_up_while_its_sweep_is_cancelled_is_stopped(
        self, lab: Lab
    ) -> None:
        sweep = lab.register()
        agent = lab.agent(sweep)
        run = lab.claim(agent)
        lab.beat(agent, run)
        lab.order(registry.cancel, sweep, reason="wrong data")

        lab.start(run)  # its imports took so long

        assert lab.report(run) is True
        stop = lab.beat(agent, run)
        assert stop is not None
        assert (stop.kind, stop.run_id) == ("stop", run)
        lab.finish(run, exit_code=255)
        assert lab.sweep(sweep).trial_counts == {"cancelled": 4}

    def test_a_stop_of_many_is_one_event_each_and_counted_once(self, lab: Lab) -> None:
        levels = [round(0.001 * (i + 1), 3) for i in range(1200)]  # more than two batches
        sweep = lab.register(parameters={"lr": {"values": levels}})
        lab.run_trial(lab.agent(sweep), loss=0.5)
        before = lab.sweep(sweep).version

        lab.order(registry.stop, sweep, reason="enough")

        assert lab.sweep(sweep).trial_counts == {"finished": 1, "stopped": 1199}
        assert Counter(t.state for t in lab.trials(sweep)) == {"finished": 1, "stopped": 1199}
        assert {t.reason for t in lab.trials(sweep)[1:]} == {"the sweep was stopped"}
        assert lab.sweep(sweep).version > before
        with lab.reading() as session:
            told = list_events(session, sweep_id=sweep, limit=10_000)
        stopped = [event.trial_id for event in told if event.kind == "trial.stopped"]
        assert stopped == [t.id for t in lab.trials(sweep)[1:]]  # in the order of the design

    def test_a_resumed_sweep_does_all_that_its_stop_kept_from_starting(self, lab: Lab) -> None:
        sweep = lab.register()
        first, second = lab.agent(sweep), lab.agent(sweep, host="host-b")
        by_hand = lab.claim(first)
        lab.start(by_hand)
        with lab.writing() as session:
            registry.stop_run(session, lab.run(by_hand).id, now=lab.clock.now(), reason="odd")
        lab.finish(by_hand, exit_code=255)
        failed = lab.claim(first)
        lab.start(failed)
        lab.finish(failed, exit_code=1)  # waits again
        handed_out = lab.claim(second)  # and has not started
        lab.wait(1)
        lab.order(registry.stop, sweep, reason="lunch")
        assert lab.sweep(sweep).trial_counts == {"stopped": 4}

        lab.order(registry.resume, sweep, reason="back")

        assert lab.sweep(sweep).trial_counts == {"stopped": 1, "queued": 3}
        assert lab.trial_of(by_hand).state == "stopped"  # a person asked for that
        assert lab.trial_of(failed).failures == 1  # its budget is what it was
        assert lab.trial_of(handed_out).state == "queued"
        third = lab.agent(sweep, host="host-c")
        for _ in range(3):
            lab.run_trial(third, loss=0.5)
        assert lab.sweep(sweep).trial_counts == {"stopped": 1, "finished": 3}
        assert lab.sweep(sweep).state == "finished"

    def test_pause_hands_out_nothing_and_resume_goes_on(self, lab: Lab) -> None:
        sweep = lab.register()
        agent = lab.agent(sweep)
        lab.order(registry.pause, sweep, reason="lunch")

        assert lab.beat(agent) is None
        lab.order(registry.resume, sweep, reason="back")
        assert lab.claim(agent)

    def test_exit_is_never_sent_to_an_agent_with_a_live_run(self, lab: Lab) -> None:
        sweep = lab.register()
        agent = lab.agent(sweep)
        run = lab.claim(agent)
        lab.start(run)
        lab.order(registry.stop, sweep, reason="enough")

        assert lab.beat(agent, run) is None
        lab.finish(run, loss=0.5)
        leave = lab.beat(agent)
        assert leave is not None
        assert leave.kind == "exit"
        assert lab.sweep(sweep).trial_counts == {"finished": 1, "stopped": 3}


class TestHosts:
    def test_an_agent_that_keeps_failing_is_told_to_stop(self, lab: Lab) -> None:
        sweep = lab.register(retry={"failed": 5})
        agent = lab.agent(sweep)
        for _ in range(lab.settings.agent_failure_limit):
            run = lab.claim(agent)
            lab.start(run)
            lab.finish(run, exit_code=1)

        command = lab.beat(agent)

        assert command is not None
        assert command.kind == "exit"
        with lab.reading() as session:
            row = sweep_store.get_agent(session, agent)
            assert row.state == "stopping"
            assert "3 runs failed" in (row.reason or "")

    def test_a_success_in_between_forgives(self, lab: Lab) -> None:
        sweep = lab.register(retry={"failed": 5})
        agent = lab.agent(sweep)
        for exit_code in (1, 1, 0, 1, 1):
            run = lab.claim(agent)
            lab.start(run)
            lab.finish(run, exit_code=exit_code)

        command = lab.beat(agent)

        assert command is not None
        assert command.kind == "run"

    def test_a_failed_trial_goes_to_another_host(self, lab: Lab) -> None:
        sweep = lab.register()
        bad, good = lab.agent(sweep, host="bad"), lab.agent(sweep, host="good")
        run = lab.claim(bad)
        lab.start(run)
        lab.finish(run, exit_code=1)

        elsewhere = lab.claim(bad)
        again = lab.claim(good)

        assert lab.trial_of(elsewhere).id != lab.trial_of(run).id
        assert lab.trial_of(again).id == lab.trial_of(run).id

    def test_a_failed_trial_stays_where_there_is_no_other_host(self, lab: Lab) -> None:
        sweep = lab.register()
        agent = lab.agent(sweep)
        run = lab.claim(agent)
        lab.start(run)
        lab.finish(run, exit_code=1)

        assert lab.trial_of(lab.claim(agent)).id == lab.trial_of(run).id

    def test_matched_partners_share_a_gpu_where_they_can(self, lab: Lab) -> None:
        sweep = lab.register()
        a, b = lab.agent(sweep, host="a"), lab.agent(sweep, host="b")
        first_a, first_b = lab.claim(a), lab.claim(b)
        lab.start(first_a, gpu="A100")
        lab.start(first_b, gpu="T4")
        lab.finish(first_a, loss=1.0)  # lr 0.1, batch 8
        lab.finish(first_b, loss=1.0)  # lr 0.1, batch 64

        next_b = lab.trial_of(lab.claim(b))

        # lr 0.2, batch 64 is matched with what ran on the T4; lr 0.2, batch 8, which comes
        # first in the order of the design, is not.
        assert next_b.args == {"lr": 0.2, "batch": 64}


class TestHistory:
    def test_repeated_lines_are_stored_once(self, lab: Lab) -> None:
        run = lab.claim(lab.agent(lab.register()))
        lab.start(run)

        for _ in range(3):
            lab.log(run, '{"loss": 1.0, "_step": 0}', '{"loss": 0.5, "_step": 1}')

        row = lab.run(run)
        assert (row.history_lines, row.last_step) == (2, 1)
        assert row.history_keys == {"loss": ["number", 2], "_step": ["number", 2]}

    def test_not_a_number_comes_back_as_it_came(self, lab: Lab) -> None:
        run = lab.claim(lab.agent(lab.register()))
        lab.start(run)
        summary = '{"loss": NaN, "best": -Infinity, "n": 12345678901234567890, "lr": 2e-05}'

        lab.report(run, StreamReport(summary_text=summary))

        assert lab.run(run).summary_text == summary
        assert lab.run(run).summary["n"] == 12345678901234567890

    def test_a_torn_line_is_kept_and_ends_nothing(self, lab: Lab) -> None:
        run = lab.claim(lab.agent(lab.register()))
        lab.start(run)

        lab.log(run, '{"loss": 1.0, "_step": 0}', '{"loss": 0.')

        assert lab.run(run).history_lines == 2
        assert lab.run(run).state == "running"


class TestGoodbye:
    def test_an_agent_that_was_told_to_go_keeps_the_reason(self, lab: Lab) -> None:
        sweep = lab.register(ONE_TRIAL)
        agent = lab.agent(sweep)
        lab.run_trial(agent, loss=0.5)

        command = lab.beat(agent)
        lab.wait(lab.settings.agent_timeout_seconds)

        assert command is not None
        assert command.kind == "exit"
        with lab.reading() as session:
            row = sweep_store.get_agent(session, agent)
            assert (row.state, row.reason) == ("gone", "the sweep is finished")

    def test_a_stopped_sweep_with_nothing_left_is_finished_when_resumed(self, lab: Lab) -> None:
        sweep = lab.register(ONE_TRIAL)
        agent = lab.agent(sweep)
        run = lab.claim(agent)
        lab.start(run)
        lab.order(registry.stop, sweep, reason="enough")
        lab.finish(run, loss=0.5)

        lab.order(registry.resume, sweep, reason="on")

        assert lab.sweep(sweep).state == "finished"

    def test_a_stopped_sweep_is_resumed_before_its_failures_are_retried(self, lab: Lab) -> None:
        sweep = lab.register(retry={"failed": 0})
        agent = lab.agent(sweep)
        run = lab.claim(agent)
        lab.start(run)
        lab.finish(run, exit_code=1)
        with lab.writing() as session:
            found = sweep_store.get_sweep(session, sweep)
            registry.stop(session, found, now=lab.clock.now(), reason="enough")

        with lab.writing() as session:
            found = sweep_store.get_sweep(session, sweep)
            with pytest.raises(IllegalTransition) as refused:
                registry.retry(session, found, now=lab.clock.now(), reason="again")

        assert refused.value.legal == ("resume", "cancel")
        with lab.writing() as session:
            found = sweep_store.get_sweep(session, sweep)
            registry.resume(session, found, now=lab.clock.now(), reason="on")
            registry.retry(session, found, now=lab.clock.now(), reason="again")
        assert lab.sweep(sweep).trial_counts == {"queued": 4}
