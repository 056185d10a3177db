"""Leaving in good order when the host is taken away.

SIGTERM comes from `wandb agent` (a stop), from Slurm or Kubernetes (preemption, time
limit) or from a person; SIGKILL follows in about 30 seconds. Between two optimizer
steps the program saves and leaves; before training starts there is nothing to save and
it leaves at once; a look at the test part is broken off and made up for by the next
attempt.
"""

import os
import signal
import sys
import threading
from types import FrameType

from paribus_agent.errors import Preempted

LEAVE_SECONDS = 60.0  # a scheduler kills after 30 to 120; the client would try for days


def leave_within(seconds: float, exit_code: int) -> None:
    """End the process in so many seconds, whatever it still waits for.

    The checkpoint is saved by then. A client whose server is away tries to hand its last rows over
    for days (PROTOCOL 4), and would hold the GPU; its own folder keeps them for `wandb sync`.
    """

    def leave() -> None:
        sys.stderr.write(
            f"the server did not take the last rows within {seconds:g} s; "
            "they are in the run's wandb folder, for `wandb sync`\n"
        )
        sys.stderr.flush()
        os._exit(exit_code)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()


class LookBrokenOff(Preempted):
    """An evaluation that was not finished; it is owed by the next attempt."""


class Preemption:
    """Whether the process was told to go."""

    def __init__(self) -> None:
        self.requested = False
        self.leaves_at_once = True
        """True where there is no half-done step to finish: while starting and scoring."""

    def install(self) -> None:
        """Take over SIGTERM from Python, which would end the process on the spot."""
        signal.signal(signal.SIGTERM, self._on_signal)

    def break_off_look(self) -> None:
        """Leave an evaluation if the process was told to go.

        Raises:
            LookBrokenOff: It was.
        """
        if self.requested:
            raise LookBrokenOff("SIGTERM during an evaluation")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        if self.leaves_at_once:
            self.leaves_at_once = False  # a second signal does not interrupt the leaving
            raise Preempted(f"{signal.Signals(number).name} before or after training")
