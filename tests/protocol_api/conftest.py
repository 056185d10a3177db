"""Real wandb clients that answer with what they read."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.protocol.live import LiveService

_PRELUDE = "import json, math, os, sys\nimport wandb\nout = {}\n"
_EPILOGUE = '\nprint("RESULT " + json.dumps(out))\n'


@dataclass(frozen=True, slots=True)
class Live:
    """A running service and its clients."""

    service: LiveService

    def client(self, script: str, *, python: str = sys.executable) -> dict[str, Any]:
        """Run a script with the wandb client; answers what it left in `out`."""
        env = {"WANDB_X_DISABLE_META": "false", "WANDB_DISABLE_GIT": "true"}
        done = self.service.client(_PRELUDE + script + _EPILOGUE, python=python, env=env)
        said = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        result: dict[str, Any] = json.loads(said[-1].removeprefix("RESULT "))
        return result


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One service for a test file; its tests use projects of their own."""
    service = LiveService(tmp_path_factory.mktemp("live"))
    yield Live(service)
    service.close()
