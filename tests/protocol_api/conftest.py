"""A real service on loopback, and real wandb clients in processes of their own."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from paribus_service.app import create_app
from paribus_service.settings import Settings

_PRELUDE = """
import json, math, os, sys
import wandb
out = {}
api_key = os.environ["WANDB_API_KEY"]
"""
_EPILOGUE = """
print("RESULT " + json.dumps(out))
"""


@dataclass(frozen=True, slots=True)
class Live:
    """A running service, and what its clients need."""

    url: str
    env: dict[str, str]
    data_dir: Path
    work_dir: Path

    def client(self, script: str, *, fails: bool = False, **env: str) -> dict[str, Any]:
        """Run a script with the wandb client; answers what it left in `out`."""
        done = subprocess.run(
            [sys.executable, "-c", _PRELUDE + script + _EPILOGUE],
            env={**self.env, **env},
            cwd=self.work_dir,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        said = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        assert (done.returncode != 0) == fails, done.stdout[-3000:] + done.stderr[-6000:]
        result: dict[str, Any] = json.loads(said[-1].removeprefix("RESULT ")) if said else {}
        return result


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One service for a test file; its tests use projects of their own."""
    root = tmp_path_factory.mktemp("live")
    settings = Settings(data_dir=root / "data", dev=True, port=0)
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings), port=0, log_level="warning", lifespan="on")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    _wait_until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    work_dir = root / "work"
    work_dir.mkdir()
    yield Live(url, _client_env(url, root, work_dir), settings.data_dir, work_dir)
    server.should_exit = True
    thread.join(20)


def _client_env(url: str, root: Path, work_dir: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")}
    return {
        **kept,
        "WANDB_BASE_URL": url,
        "WANDB_API_KEY": "local-" + "0" * 40,
        "WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL": "0.2",
        "WANDB_X_DISABLE_STATS": "true",
        "WANDB_DIR": str(work_dir),
        "WANDB_CACHE_DIR": str(root / "cache"),
        "WANDB_DATA_DIR": str(root / "staging"),
        "WANDB_CONFIG_DIR": str(root / "config"),
        "WANDB_SILENT": "true",
        "WANDB_CONSOLE": "off",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_DISABLE_GIT": "true",
        "HOME": str(root),
        "NETRC": str(root / "netrc"),
        "PYTHONWARNINGS": "ignore",
    }


def _wait_until(holds: Any, *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "the service did not start"
        time.sleep(0.02)
