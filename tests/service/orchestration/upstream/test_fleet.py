"""Agents of a sweep there are agents of it here, and the server alone says how they fare."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from paribus_service.errors import NotAllowed, UpstreamNotFound
from paribus_service.store import events
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.tables import Agent
from tests.service.orchestration.upstream.fake_upstream import BEGINNING
from tests.service.orchestration.upstream.sides import URL, Sides, design_config


def agents_here(sides: Sides, sweep: str) -> Sequence[Agent]:
    with sides.lab.reading() as session:
        return sweep_store.list_agents(session, sweep_id=sweep)


def kinds_of_events(sides: Sides, agent_id: str) -> list[str]:
    with sides.lab.reading() as session:
        found = events.list_events(session, agent_id=agent_id)
        return [event.kind for event in found]


def only(sides: Sides, sweep: str) -> Agent:
    (agent,) = agents_here(sides, sweep)
    return agent


class TestWhatIsKept:
    def test_it_has_its_name_host_state_times_and_number_of_runs(self, sides: Sides) -> None:
        sweep = sides.launch()
        began = BEGINNING - timedelta(hours=1)
        there = sides.there.add_agent(
            sides.path(sweep),
            id="QWdlbnQ6YQ==",
            name="brave-1",
            host="gpu-1",
            created_at=began,
            total_runs=3,
        )

        sides.look()

        agent = only(sides, sweep)
        assert (agent.id, agent.host, agent.state) == ("brave-1", "gpu-1", "running")
        assert (agent.created_at, agent.heartbeat_at) == (began, there.heartbeat_at)
        assert (agent.runs_started, agent.reason, agent.ended_at) == (3, None, None)

    def test_its_next_look_follows_it_and_makes_no_other_one(self, sides: Sides) -> None:
        sweep = sides.launch()
        there = sides.there.add_agent(sides.path(sweep), total_runs=1)
        sides.look()

        later = BEGINNING + timedelta(minutes=3)
        sides.there.edit_agent(sides.path(sweep), there, heartbeat_at=later, total_runs=2)
        sides.look()

        agent = only(sides, sweep)
        assert (agent.heartbeat_at, agent.runs_started) == (later, 2)
        assert kinds_of_events(sides, agent.id) == ["agent.created"]

    def test_a_server_that_says_little_leaves_the_rest_open(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.there.add_agent(
            sides.path(sweep), host=None, state=None, created_at=None, heartbeat_at=None
        )

        sides.look()

        agent = only(sides, sweep)
        assert (agent.host, agent.state, agent.runs_started) == ("unknown", "running", 0)
        assert agent.heartbeat_at == sides.lab.clock.now()

    def test_two_sweeps_agents_of_one_name_are_two(self, sides: Sides) -> None:
        first, second = sides.launch(), sides.launch(design_config(name="other"))
        for number, sweep in enumerate((first, second)):
            sides.there.add_agent(sides.path(sweep), id=f"id-{number}", name="brave-1")

        sides.look(times=2)

        assert [only(sides, sweep).id for sweep in (first, second)] == ["brave-1", "id-1"]


class TestItsGpu:
    def test_it_is_that_of_the_sweeps_runs_on_its_host(self, sides: Sides) -> None:
        sweep = sides.launch()
        for host in ("gpu-1", "gpu-2"):
            sides.there.add_agent(sides.path(sweep), host=host)
        sides.look()

        run = sides.take(sweep)
        sides.there.edit(run, host="gpu-1", gpu="NVIDIA H100")
        sides.look()

        named = {agent.host: agent.gpu_name for agent in agents_here(sides, sweep)}
        assert named == {"gpu-1": "NVIDIA H100", "gpu-2": None}

    def test_a_host_with_two_kinds_leaves_it_open(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.agents(sweep, 1)
        sides.look()

        for gpu in ("NVIDIA H100", "NVIDIA T4"):
            sides.there.edit(sides.take(sweep), host="host-a", gpu=gpu)
        sides.look()

        assert only(sides, sweep).gpu_name is None


class TestItsState:
    @pytest.mark.parametrize(
        ("word", "state", "reason"),
        [
            ("running", "running", None),
            ("STOPPING", "stopping", None),
            ("FINISHED", "gone", "W&B calls it FINISHED"),
            ("CRASHED", "gone", "W&B calls it CRASHED"),
        ],
    )
    def test_it_follows_the_word_there(
        self, sides: Sides, word: str, state: str, reason: str | None
    ) -> None:
        sweep = sides.launch()
        there = sides.there.add_agent(sides.path(sweep))
        sides.look()

        sides.there.edit_agent(sides.path(sweep), there, state=word)
        sides.look()

        agent = only(sides, sweep)
        assert (agent.state, agent.reason) == (state, reason)
        assert agent.ended_at == (agent.heartbeat_at if state == "gone" else None)

    def test_one_that_is_not_listed_any_more_is_gone(self, sides: Sides) -> None:
        sweep = sides.launch()
        there = sides.there.add_agent(sides.path(sweep))
        sides.look()

        sides.there.forget_agent(sides.path(sweep), there)
        sides.look(times=2)

        agent = only(sides, sweep)
        assert (agent.state, agent.reason) == ("gone", "it is no longer listed there")
        assert agent.ended_at == there.heartbeat_at
        assert kinds_of_events(sides, agent.id) == ["agent.created", "agent.gone"]

    def test_one_that_asks_again_is_back(self, sides: Sides) -> None:
        sweep = sides.launch()
        there = sides.there.add_agent(sides.path(sweep), state="CRASHED")
        sides.look()

        sides.there.edit_agent(sides.path(sweep), there, state="RUNNING")
        sides.look()

        agent = only(sides, sweep)
        assert (agent.state, agent.reason, agent.ended_at) == ("running", None, None)
        assert kinds_of_events(sides, agent.id)[-1] == "agent.returned"

    def test_those_of_a_sweep_that_was_deleted_there_are_gone(self, sides: Sides) -> None:
        sweep = sides.launch()
        sides.agents(sweep, 1)
        sides.look()

        gone = UpstreamNotFound(URL, "sweep", sweep)
        sides.there.fail(gone, on="sweep", times=3)
        sides.look(seconds=600, times=3)

        assert (only(sides, sweep).state, sides.known(sweep).agents) == ("gone", 0)


class TestWhatIsNotOursToDo:
    def test_our_watchdog_declares_none_gone_however_long_nothing_is_heard(
        self, sides: Sides
    ) -> None:
        sweep = sides.launch()
        sides.agents(sweep, 1)
        sides.look()

        sides.lab.wait(24 * 3600)

        assert only(sides, sweep).state == "running"

    @pytest.mark.parametrize("listed", [(), ("r1",)])
    def test_one_that_asks_here_is_sent_back_and_given_nothing(
        self, sides: Sides, listed: tuple[str, ...]
    ) -> None:
        sweep = sides.launch()
        sides.agents(sweep, 1)
        sides.look()
        before, agent = sides.states(sweep), only(sides, sweep)

        with pytest.raises(NotAllowed, match=f"is tracked on {URL}"):
            sides.lab.beat(agent.id, *listed)

        assert sides.states(sweep) == before
        assert only(sides, sweep).heartbeat_at == agent.heartbeat_at
