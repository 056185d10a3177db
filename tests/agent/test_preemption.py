"""Leaving in good order, and leaving all the same when nobody listens any more."""

import subprocess
import sys

STUCK = """
import threading
from paribus_agent.preemption import leave_within
leave_within(0.05, 143)
threading.Event().wait(120)
"""


class TestLeaving:
    def test_a_process_leaves_although_its_client_waits_for_the_server(self) -> None:
        done = subprocess.run(
            [sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=60, check=False
        )

        assert done.returncode == 143
        assert "wandb sync" in done.stderr
