"""Two sides: our service's core, and a W&B server in memory; and a way to kill ours anywhere.

sides = Sides(tmp_path)
sweep = sides.launch(design_config())
sides.look()                           # one turn of the driver
sides.work(sweep)                      # an agent there does whatever waits
sides.kill_after(3)                    # the third step from now is our last one
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from paribus_service.errors import UpstreamUnreachable
from paribus_service.orchestration.observer import Observer
from paribus_service.orchestration.upstream.annotating import Annotator
from paribus_service.orchestration.upstream.driving import Driver
from paribus_service.orchestration.upstream.launching import Launch, Launcher
from paribus_service.orchestration.upstream.messages import SweepPath
from paribus_service.store import upstream_sweeps
from paribus_service.store.tables import Sweep, Trial, UpstreamSweep, UpstreamTrial
from tests.factories import Lab
from tests.service.orchestration.upstream.fake_upstream import FakeRun, FakeUpstream

URL = "https://wandb.test"


def design_config(**more: Any) -> dict[str, Any]:
    """One factor of two levels under two seeds: four trials."""
    return {
        "name": "story",
        "project": "imdb",
        "program": "train.py",
        "metric": {"name": "loss", "goal": "minimize"},
        "design": {
            "type": "full_factorial",
            "factors": {"batch": {"levels": [8, 64]}},
            "replicates": {"seed": [0, 1]},
        },
        "parameters": {"lr": {"value": 0.1}},
        "tracking": "upstream",
        **more,
    }


def unreachable() -> UpstreamUnreachable:
    """What a server that is down looks like."""
    return UpstreamUnreachable(URL, "answer", "connection refused")


class Killed(BaseException):
    """Kill -9 of our service: nothing catches it."""


class Mortal:
    """The server, as a service sees it that may be killed before or after any question."""

    def __init__(self, there: FakeUpstream) -> None:
        self._there = there
        self.steps = 0
        self.last: int | None = None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._there, name)

        def ask(*arguments: Any, **named: Any) -> Any:
            self._step()
            answer = method(*arguments, **named)
            self._step()
            return answer

        return ask

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self.last:
            raise Killed


class Sides:
    """Our core on a fresh SQLite file with its driver, and a server in memory."""

    def __init__(
        self, directory: Path, *, can_enqueue: bool = True, shows_waiting: bool = True, **more: Any
    ) -> None:
        self.deaths = 0
        self.there = FakeUpstream(base_url=URL, can_enqueue=can_enqueue)
        self.there.shows_waiting = shows_waiting
        self.lab = Lab(directory, wandb_base_url=URL, wandb_api_key="k" * 40, **more)
        self.start()

    def start(self) -> None:
        """A new service process over the same database."""
        lab, self.mortal = self.lab, Mortal(self.there)
        self.launcher = Launcher(lab.engine, lab.settings, lab.clock, self.mortal)  # type: ignore[arg-type]
        rules = Observer(lab.engine, lab.settings, lab.clock).rules
        self.annotator = Annotator(lab.engine, self.mortal, lab.clock, rules)  # type: ignore[arg-type]
        self.driver = Driver(
            lab.engine, lab.settings, lab.clock, self.mortal, self.launcher,  # type: ignore[arg-type]
            self.annotator,
        )  # fmt: skip

    def begin_launch(self, config: Mapping[str, Any]) -> Launch | None:
        """Register there; what the caller then confirms."""
        return self.launcher.launch(
            yaml.safe_dump(dict(config)), entity=None, key_entity="lab", project=None
        )

    def launch(self, config: Mapping[str, Any] | None = None) -> str:
        """Register there and here; the sweep's id."""
        config = config or design_config()
        launch = self.begin_launch(config)
        assert launch is not None, "the sweep is tracked here"
        with self.lab.writing() as session:
            sweep = self.launcher.confirm(
                session,
                launch,
                yaml.safe_dump(dict(config)),
                created_by="test",
                now=self.lab.clock.now(),
            )
            return sweep.id

    def look(self, *, seconds: float = 10.0, times: int = 1) -> None:
        """Some time later, the driver's turn."""
        for _ in range(times):
            self.lab.clock.advance(seconds)
            self.driver.look()

    def kill_after(self, steps: int) -> None:
        """Our service dies at the so-manieth step from now."""
        self.mortal.last = self.mortal.steps + steps

    def look_until_killed(self, *, times: int) -> bool:
        """Turns of the driver, and then a new process; whether the old one was killed."""
        try:
            self.look(times=times)
        except Killed:
            self.deaths += 1
            self.start()
            return True
        return False

    @property
    def was_killed(self) -> bool:
        """Whether our service died before, and another one lives now."""
        return self.deaths > 0

    def path(self, sweep_id: str) -> SweepPath:
        """Where the sweep is there."""
        known = self.known(sweep_id)
        return SweepPath(known.entity, known.project, known.remote_id)

    def agents(self, sweep_id: str, number: int) -> None:
        """Workers that ask there."""
        for _ in range(number):
            self.there.add_agent(self.path(sweep_id))

    def take(self, sweep_id: str) -> FakeRun:
        """The run that an idle agent there is given."""
        run = self.there.agent_takes(self.path(sweep_id))
        assert run is not None, "nothing waits there"
        return run

    def work(self, sweep_id: str, end: Callable[[FakeRun], None] | None = None) -> int:
        """An agent there does whatever waits; how many runs that were."""
        done = 0
        while (run := self.there.agent_takes(self.path(sweep_id))) is not None:
            (end or self.finish)(run)
            done += 1
        return done

    def finish(self, run: FakeRun) -> None:
        """The run logs a row and ends well."""
        self.there.log(run, {"loss": 0.5})
        self.there.finish(run, loss=0.5)

    def finish_all(self, sweep_id: str, *, turns: int = 20) -> None:
        """Look and work until the sweep has ended here."""
        for _ in range(turns):
            self.look_until_killed(times=1)
            self.work(sweep_id)
            if self.sweep(sweep_id).state == "finished":
                return
        pytest.fail(f"it does not end: {self.states(sweep_id)}")

    def sweep(self, sweep_id: str) -> Sweep:
        """The sweep here."""
        return self.lab.sweep(sweep_id)

    def known(self, sweep_id: str) -> UpstreamSweep:
        """What is known here of the sweep there."""
        with self.lab.reading() as session:
            return upstream_sweeps.get(session, sweep_id)

    def state_there(self, sweep_id: str) -> str:
        """W&B's word."""
        return self.there.sweep_table[self.path(sweep_id)].seen.state

    def trials(self, sweep_id: str) -> list[Trial]:
        """The trials here."""
        return self.lab.trials(sweep_id)

    def states(self, sweep_id: str) -> list[str]:
        """Of the trials here."""
        return [trial.state for trial in self.trials(sweep_id)]

    def handed_out(self, trial_id: str) -> list[UpstreamTrial]:
        """What was handed out of a trial."""
        with self.lab.reading() as session:
            return list(upstream_sweeps.attempts_of(session, trial_id))

    def names_there(self, sweep_id: str) -> list[str]:
        """Display names of the sweep's runs there, the oldest first."""
        return [str(run.seen.display_name) for run in self.there.runs_of(self.path(sweep_id))]
