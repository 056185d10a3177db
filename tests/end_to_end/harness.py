"""Real processes: the service, plain `wandb agent`s, and a tiny program that tests hold back."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

BIN = Path(sys.executable).parent
PROGRAM = Path(__file__).parent / "tiny_program.py"
KEY = "local-" + "0123456789abcdef" * 2 + "01234567"
# Everything that waits is short; what may not be cut short by a busy machine is longer.
QUICK = {
    "PARIBUS_WATCHDOG_INTERVAL_SECONDS": "0.2",
    "PARIBUS_QUIET_SECONDS": "2",
    "PARIBUS_AGENT_TIMEOUT_SECONDS": "20",
    "PARIBUS_RUN_TIMEOUT_SECONDS": "20",
}


def until(
    claim: Callable[[], Any], *, seconds: float = 90.0, what: str = "what was waited for"
) -> Any:
    """What `claim` answers once that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = claim()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds:g} s")


class Process:
    """A process of ours, its output in a file."""

    def __init__(
        self, command: list[str], *, env: Mapping[str, str], log: Path, cwd: Path
    ) -> None:
        self.log = log
        with log.open("ab") as out:
            self._popen = subprocess.Popen(
                command,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def is_alive(self) -> bool:
        return self._popen.poll() is None

    def kill(self) -> None:
        """Kill -9."""
        self._popen.kill()
        self._popen.wait()

    def send(self, signum: signal.Signals) -> None:
        self._popen.send_signal(signum)

    def wait(self, seconds: float = 120.0) -> int:
        """Its exit code."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end:\n{self.text()[-4000:]}") from None

    def text(self) -> str:
        return self.log.read_text(errors="replace")


class Bench:
    """A service on a port and a data directory of its own, and what works for it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.gate = home / "gate"
        self.gate.mkdir()
        self.processes: list[Process] = []
        self.service: Process | None = None
        self.url = ""
        self._agents = 0

    # ---- the service

    def serve(self, **settings: str) -> None:
        """Start the service; a second time on the same port and data."""
        port = self.url.rpartition(":")[2] or "0"
        ready = self.home / "ready.json"
        ready.unlink(missing_ok=True)
        self.service = Process(
            [
                str(BIN / "paribus"),
                *("serve", "--dev", "--port", port),
                *("--data-dir", str(self.home / "data"), "--ready-file", str(ready)),
            ],
            env={**self._environment(), **QUICK, **settings},
            log=self.home / "service.log",
            cwd=self.home,
        )
        self.processes.append(self.service)
        until(ready.exists, what=f"the service's start\n{self.service.text()}")
        self.url = json.loads(ready.read_text())["url"]

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB", "PARIBUS"))}
        return {**kept, "HOME": str(self.home)}

    def get(self, path: str, **query: Any) -> Any:
        answer = httpx.get(f"{self.url}/api/v1{path}", params=query, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Any = None) -> Any:
        answer = httpx.post(f"{self.url}/api/v1{path}", json=body, timeout=30)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def launch(self, *, parameters: Mapping[str, Any] | None = None, **more: Any) -> str:
        """Register a sweep of the tiny program over REST; its id."""
        config = {
            "method": "grid",
            "project": "lab",
            "program": str(PROGRAM),
            "metric": {"name": "loss", "goal": "minimize"},
            "parameters": parameters
            or {"lr": {"values": [0.1, 0.2]}, "batch": {"values": [8, 64]}},
            **more,
        }
        sweep: str = self.post("/sweeps", config)["id"]
        return sweep

    def trials(self, sweep: str) -> list[dict[str, Any]]:
        trials: list[dict[str, Any]] = self.get(f"/sweeps/{sweep}/trials")["items"]
        return trials

    def runs(self, sweep: str) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = self.get("/runs", sweep_id=sweep)["items"]
        return runs

    def sweep_state(self, sweep: str) -> str:
        state: str = self.get(f"/sweeps/{sweep}")["state"]
        return state

    # ---- agents and programs

    def client_environment(self, **more: str) -> dict[str, str]:
        """What a host sets to work for the service."""
        return {
            **self._environment(),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "WANDB_BASE_URL": self.url,
            "WANDB_API_KEY": KEY,
            "WANDB_DIR": str(self.home),
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL": "0.2",
            "WANDB_X_DISABLE_STATS": "true",
            "WANDB_AGENT_DISABLE_FLAPPING": "true",
            "GATE": str(self.gate),
            **more,
        }

    def agent(self, sweep: str, *, url: str | None = None, **env: str) -> Process:
        """A plain `wandb agent`."""
        self._agents += 1
        environment = self.client_environment(**env)
        if url is not None:
            environment["WANDB_BASE_URL"] = url
        process = Process(
            [str(BIN / "wandb"), "agent", f"paribus/lab/{sweep}"],
            env=environment,
            log=self.home / f"agent-{self._agents}.log",
            cwd=self.home,
        )
        self.processes.append(process)
        return process

    def started(self) -> dict[str, int]:
        """W&B run id → process id, of every program that waits at the gate or was there."""
        return {
            path.name.removeprefix("started-"): int(path.read_text())
            for path in self.gate.glob("started-*")
        }

    def release(self, runs: Iterable[str] | None = None) -> None:
        """Let these programs finish; all that are and will be there, by default."""
        names = ["release"] if runs is None else [f"release-{run}" for run in runs]
        for name in names:
            (self.gate / name).touch()

    def close(self) -> None:
        """End everything that was started, by its own process id."""
        self.release()
        for pid in self.started().values():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for process in reversed(self.processes):
            if process.is_alive():
                process.kill()
