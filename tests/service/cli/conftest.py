"""A service of one's own on a free port, and the command line as processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from paribus_service.cli.program import app
from paribus_service.clock import Clock
from paribus_service.store.engine import make_engine
from tests.factories import Lab

DEADLINE_SECONDS = 60  # a busy machine; on a quiet one the service is ready in 1.5


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


def paribus(
    *arguments: str | Path, env: Mapping[str, str] | None = None, text_in: str | None = None
) -> Done:
    """Run one command to its end, in this process: Python's start would take most of the time."""
    gone = {key: None for key in os.environ if key.startswith(("PARIBUS_", "WANDB_"))}
    result = CliRunner().invoke(
        app, [str(a) for a in arguments], input=text_in, env={**gone, **(env or {})}
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return Done(result.exit_code, result.stdout, result.stderr)


def command(*arguments: str | Path) -> list[str]:
    """The command line in this interpreter."""
    program = "from paribus_service.cli import main; main()"
    return [sys.executable, "-c", program, *map(str, arguments)]


@dataclass
class Served:
    """A service that runs."""

    process: subprocess.Popen[str]
    url: str
    api_key: str | None
    data_dir: Path

    @property
    def env(self) -> dict[str, str]:
        """What the commands need to reach it."""
        return {"PARIBUS_URL": self.url, "PARIBUS_API_KEY": self.api_key or ""}

    def __call__(self, *arguments: str | Path, text_in: str | None = None) -> Done:
        """Run one command against it."""
        return paribus(*arguments, env=self.env, text_in=text_in)

    def json(self, *arguments: str | Path) -> Any:
        """What a command answers as JSON."""
        done = self(*arguments, "--json")
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)

    def stop(self) -> tuple[int, str]:
        """Stop it as an operator does; its exit code, and what it printed."""
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=DEADLINE_SECONDS)
        return self.process.returncode, output


def start(data_dir: Path, *options: str) -> Served:
    """Start a service on a free port, and wait until it says that it is ready."""
    ready_file = data_dir.with_suffix(".ready")
    ready_file.unlink(missing_ok=True)
    process = subprocess.Popen(
        command(
            "serve", "--port", "0", "--data-dir", data_dir, "--ready-file", ready_file, *options
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not ready_file.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "the service did not get ready"
        time.sleep(0.02)
    ready = json.loads(ready_file.read_text())
    return Served(process, ready["url"], ready["api_key"], data_dir)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service that asks for its key; one for a module, since a start takes seconds."""
    service = start(tmp_path_factory.mktemp("served") / "data")
    yield service
    service.stop()


@pytest.fixture
def lab(served: Served) -> Iterator[Lab]:
    """What agents and training programs would send, written to the served database."""
    lab = Lab(served.data_dir)
    lab.engine.dispose()
    lab.engine = make_engine(f"sqlite:///{served.data_dir / 'paribus.db'}")
    lab.clock.advance((Clock().now() - lab.clock.now()).total_seconds())
    yield lab
    lab.engine.dispose()
