"""Processes killed, replies lost and repeated: the counts are exact each time."""

import os
import signal
from pathlib import Path

from tests.end_to_end.harness import Bench, until
from tests.end_to_end.proxy import Proxy


def assert_each_trial_counts_once(bench: Bench, sweep: str, *, attempts: list[int]) -> None:
    trials = bench.trials(sweep)
    assert [t["state"] for t in trials] == ["finished"] * len(attempts)
    assert sorted(t["attempts"] for t in trials) == sorted(attempts)
    best = bench.get(f"/sweeps/{sweep}/best")
    assert best["n"] == len(attempts)


class TestKilledProcesses:
    def test_a_training_whose_agent_is_killed_goes_on_and_counts(self, bench: Bench) -> None:
        sweep = bench.launch()
        agent = bench.agent(sweep)
        first = next(iter(until(bench.started, what="the first run's start")))

        agent.kill()
        other = bench.agent(sweep)
        until(lambda: len(bench.started()) == 2, what="the other agent's run")
        bench.release()

        assert other.wait() == 0
        until(lambda: bench.sweep_state(sweep) == "finished")
        assert_each_trial_counts_once(bench, sweep, attempts=[1, 1, 1, 1])
        assert first in {run["wandb_id"] for run in bench.runs(sweep)}

    def test_a_killed_training_is_tried_again_under_a_new_run_id(self, bench: Bench) -> None:
        sweep = bench.launch(parameters={"lr": {"value": 0.1}})
        agent = bench.agent(sweep)
        first, pid = next(iter(until(bench.started).items()))

        os.kill(pid, signal.SIGKILL)
        until(lambda: len(bench.started()) == 2, what="the second attempt")
        bench.release()

        assert agent.wait() == 0
        assert_each_trial_counts_once(bench, sweep, attempts=[2])
        states = {run["wandb_id"]: run["state"] for run in bench.runs(sweep)}
        assert len(states) == 2
        assert states[first] == "interrupted"

    def test_both_killed_leave_the_trial_to_another_agent(self, bench: Bench) -> None:
        sweep = bench.launch(parameters={"lr": {"value": 0.1}})
        agent = bench.agent(sweep)
        first, pid = next(iter(until(bench.started).items()))

        agent.kill()
        os.kill(pid, signal.SIGKILL)
        other = bench.agent(sweep)
        until(lambda: len(bench.started()) == 2, what="the second attempt")
        bench.release()

        assert other.wait() == 0
        assert_each_trial_counts_once(bench, sweep, attempts=[2])
        assert {r["wandb_id"]: r["state"] for r in bench.runs(sweep)}[first] == "interrupted"

    def test_a_service_killed_in_the_middle_loses_nothing(self, bench: Bench) -> None:
        sweep = bench.launch()
        agents = [bench.agent(sweep), bench.agent(sweep)]
        until(lambda: len(bench.started()) == 2, what="two runs")

        assert bench.service is not None
        bench.service.kill()
        bench.release(bench.started())  # they end while nobody listens
        bench.serve()
        bench.release()

        assert [agent.wait(180) for agent in agents] == [0, 0]
        assert_each_trial_counts_once(bench, sweep, attempts=[1, 1, 1, 1])
        for run in bench.runs(sweep):
            rows = bench.get(f"/runs/{run['id']}/history")["items"]
            assert [row["train/global_step"] for row in rows] == [0, 1, 2, 3]

    def test_a_service_killed_at_each_run_loses_nothing(self, bench: Bench) -> None:
        sweep = bench.launch()
        agent = bench.agent(sweep)
        for number in range(1, 5):
            until(lambda n=number: len(bench.started()) == n, what=f"run {number}")
            assert bench.service is not None
            bench.service.kill()
            bench.release(bench.started())
            bench.serve()

        assert agent.wait(240) == 0
        assert_each_trial_counts_once(bench, sweep, attempts=[1, 1, 1, 1])
        assert len(bench.runs(sweep)) == 4

    def test_a_failing_program_is_retried_once_and_then_reported(self, bench: Bench) -> None:
        sweep = bench.launch(parameters={"lr": {"value": 0.1}})
        agent = bench.agent(sweep)
        for attempt in (1, 2):
            started = until(lambda n=attempt: len(bench.started()) == n and bench.started())
            for run in started:
                (bench.gate / f"fail-{run}").touch()
            bench.release(started)

        agent.wait()
        until(lambda: bench.sweep_state(sweep) == "finished")
        trial = bench.trials(sweep)[0]
        assert (trial["state"], trial["attempts"]) == ("failed", 2)
        assert "exit code 3" in trial["reason"]


class TestLostReplies:
    def test_lost_and_repeated_heartbeats_make_no_trial_twice(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        sweep = bench.launch()
        bench.release()

        with Proxy(bench.url, lose_every=2, repeat_every=3) as proxy:
            agents = [bench.agent(sweep, url=proxy.url), bench.agent(sweep, url=proxy.url)]
            codes = [agent.wait(240) for agent in agents]

        assert codes == [0, 0]
        assert proxy.lost > 0
        assert proxy.repeated > 0
        assert_each_trial_counts_once(bench, sweep, attempts=[1, 1, 1, 1])
        assert len(bench.runs(sweep)) == 4
