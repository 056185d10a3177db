"""Plain functions that make what tests need, with defaults for what does not matter."""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from weakref import finalize

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from paribus_service.clock import SetClock
from paribus_service.orchestration import recorder, registry, scheduler
from paribus_service.orchestration.recorder import Chunk, RunUpsert, StreamReport
from paribus_service.orchestration.scheduler import Command
from paribus_service.orchestration.watchdog import Watchdog
from paribus_service.settings import Settings
from paribus_service.store import migrate
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.engine import make_engine, session_scope
from paribus_service.store.tables import Run, Sweep, Trial

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def grid_config(**more: Any) -> dict[str, Any]:
    """Two factors of two levels: four trials."""
    return {
        "method": "grid",
        "project": "imdb",
        "program": "train.py",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {"lr": {"values": [0.1, 0.2]}, "batch": {"values": [8, 64]}},
        **more,
    }


@cache
def _empty_database() -> bytes:
    """A file of the newest schema: migrating takes 70 ms, and thousands of tests want one."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "empty.db"
        engine = make_engine(f"sqlite:///{path}")
        migrate.upgrade(engine)
        engine.dispose()  # the last connection takes the write-ahead log into the file
        return path.read_bytes()


class Lab:
    """A service's core on a fresh SQLite file, with a clock that tests move.

    lab = Lab(tmp_path)
    sweep = lab.register()
    agent = lab.agent(sweep)
    command = lab.beat(agent)            # the trial's run
    lab.start(command); lab.finish(command, loss=0.5)
    """

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        self.settings = Settings(data_dir=data_dir, dev=True, **settings)
        self.clock = SetClock(START)
        database = data_dir / "lab.db"
        if not database.exists():
            database.write_bytes(_empty_database())
        self.engine: Engine = make_engine(f"sqlite:///{database}")
        finalize(self, self.engine.dispose)  # Python 3.13 warns of connections left open
        self.monotonic = 0.0
        self.watchdog = Watchdog(self.engine, self.settings, self.clock)

    def writing(self) -> AbstractContextManager[Session]:
        """A writing session, committed at its end."""
        return session_scope(self.engine)

    def reading(self) -> AbstractContextManager[Session]:
        """A reading session."""
        return session_scope(self.engine, reads_only=True)

    def wait(self, seconds: float, *, look: bool = True) -> None:
        """Let time pass, then let the watchdog look."""
        self.clock.advance(seconds)
        self.monotonic += seconds
        if look:
            self.watchdog.look(monotonic=self.monotonic)

    def register(self, config: Mapping[str, Any] | None = None, **more: Any) -> str:
        """Register a sweep; its id."""
        with self.writing() as session:
            sweep = registry.register(
                session,
                config if config is not None else grid_config(**more),
                entity="lab",
                created_by="test",
                settings=self.settings,
                now=self.clock.now(),
            )
            return sweep.id

    def order(self, verb: Callable[..., Any], sweep_id: str, *, reason: str) -> None:
        """What a person asks of a sweep: `lab.order(registry.pause, sweep, reason="lunch")`."""
        with self.writing() as session:
            sweep = sweep_store.get_sweep(session, sweep_id)
            verb(session, sweep, now=self.clock.now(), reason=reason)

    def agent(self, sweep_id: str, *, host: str = "host-a") -> str:
        """Take in an agent; its id."""
        with self.writing() as session:
            return scheduler.create_agent(
                session, sweep_id, host=host, key_id=None, now=self.clock.now()
            ).id

    def beat(self, agent_id: str, *live: str | None) -> Command | None:
        """One heartbeat of an agent that lists `live` runs."""
        with self.writing() as session:
            return scheduler.heartbeat(
                session,
                agent_id,
                {run_id: True for run_id in live if run_id},
                now=self.clock.now(),
                settings=self.settings,
            )

    def claim(self, agent_id: str) -> str:
        """W&B's id of the run that an idle agent is given."""
        command = self.beat(agent_id)
        assert command is not None, "the agent got nothing to do"
        assert command.run_id is not None, f"the agent was told to {command.kind}"
        return command.run_id

    def start(
        self,
        run_id: str,
        *,
        token: str | None = None,
        resumes: bool = False,
        gpu: str | None = None,
    ) -> Run:
        """What a client sends when a run's program calls `wandb.init`."""
        report = {"a1": {"gpu": gpu}} if gpu else {}
        config = f'{{"_wandb": {{"value": {{"t": {{}}, "e": {_json(report)}}}}}}}'
        with self.writing() as session:
            found = run_store.find_run_at(session, "lab", "imdb", run_id)
            told = RunUpsert(
                run_id=found.id if resumes and found else None,
                entity="lab",
                project="imdb",
                wandb_id=run_id,
                config_text=config,
                host="host-a",
                process_token=token,
            )
            run, _ = recorder.upsert_run(session, told, now=self.clock.now())
            return run

    def report(
        self, run_id: str, report: StreamReport | None = None, *, token: str | None = None
    ) -> bool:
        """One file_stream request; whether the run is told to stop."""
        with self.writing() as session:
            run = run_store.get_run_at(session, "lab", "imdb", run_id)
            reply = recorder.record(
                session, run, report or StreamReport(), token=token, now=self.clock.now()
            )
            return reply.stopped

    def log(self, run_id: str, *lines: str, offset: int = 0) -> None:
        """History lines from `offset` on."""
        self.report(run_id, StreamReport(history=Chunk(offset, lines)))

    def finish(
        self, run_id: str, *, exit_code: int = 0, token: str | None = None, **summary: Any
    ) -> None:
        """The last report of a run."""
        report = StreamReport(
            summary_text=_json(summary) if summary else None, complete=True, exit_code=exit_code
        )
        self.report(run_id, report, token=token)

    def run_trial(self, agent_id: str, **summary: Any) -> str:
        """One whole trial: claimed, started, finished."""
        run_id = self.claim(agent_id)
        self.start(run_id)
        self.finish(run_id, **summary)
        return run_id

    def run(self, run_id: str) -> Run:
        """The run's row."""
        with self.reading() as session:
            found = run_store.find_run_at(session, "lab", "imdb", run_id)
            assert found is not None
            return found

    def sweep(self, sweep_id: str) -> Sweep:
        """The sweep's row, with what is read only when it is asked for."""
        with self.reading() as session:
            found = sweep_store.get_sweep(session, sweep_id)
            session.refresh(found, ["aliases"])
            return found

    def trials(self, sweep_id: str) -> list[Trial]:
        """The sweep's trials, in the order of the design."""
        with self.reading() as session:
            return list(sweep_store.list_trials(session, sweep_id))

    def trial_of(self, run_id: str) -> Trial:
        """The trial that a run is an attempt at."""
        with self.reading() as session:
            return sweep_store.get_trial(session, self.run(run_id).trial_id or "")


_json = json.dumps
