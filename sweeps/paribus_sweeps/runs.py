"""Runs as analysis takes them in: what was set, what came out, and why nothing did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

FINISHED = "finished"
LARGEST = 1e140
"""A response beyond it is no value: its square would leave no room for sums."""
OPEN = frozenset({"queued", "leased", "running", "created", "pending", "registered"})
"""States of a run or trial that may still get its value."""


@dataclass(frozen=True, slots=True)
class Run:
    """The run that counts for one trial, with the response that was asked about."""

    id: str
    """Our own id, unique in the service."""
    setting: Mapping[str, str | None]
    """Factor → label of its level; for a continuous factor the label of its value.
    None (or no entry): the run's config does not hold the factor."""
    value: float | None
    """The response, in its own unit; None where the run has none."""
    state: str = FINISHED
    reason: str | None = None
    """Why the run is in `state`, for people: "exit code 1", "time limit"."""
    value_note: str | None = None
    """Why `value` is None, for people: "holdout/loss was never logged"."""
    wandb_id: str = ""
    name: str = ""
    url: str | None = None
    replicate: Mapping[str, Any] = field(default_factory=dict)
    """What tells repetitions of a setting apart: {"seed": 0}."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    blocks: Mapping[str, str] = field(default_factory=dict)
    """What differs between runs without being under study: gpu_name, host."""
    along: Mapping[str, float | str] = field(default_factory=dict)
    """What the run recorded of itself and nobody set: optimizer steps, size of the test set,
    fingerprint of the data. It can move along with a factor."""

    @property
    def is_finished(self) -> bool:
        """Whether the run came to its end by itself."""
        return self.state == FINISHED

    @property
    def place(self) -> tuple[str, str]:
        """Where it stands among others: by W&B's id, which is the same on every server.

        The last digit of a sum depends on its order; our own ids are drawn at random.
        """
        return self.wandb_id, self.id
