"""A sweep as it goes: a bar on stderr, so that stdout stays for the answer."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from paribus_service.client import Client

POLL_SECONDS = 2.0
_ENDED = {"finished", "stopped", "cancelled"}
OPEN = ("queued", "leased", "running")


def follow(
    client: Client, sweep_id: str, *, pause: Callable[[float], object] = time.sleep
) -> dict[str, Any]:
    """Wait until a sweep has ended and its last run too; return it as it is then."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[states]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(f"sweep {sweep_id}", total=None, states="")
        while True:
            sweep = client.sweep(sweep_id)
            counts = sweep["trial_counts"]
            total = sweep["expected_trials"]
            bar.update(task, total=total, completed=ended(counts), states=in_words(counts))
            if sweep["state"] in _ENDED and not counts["leased"] + counts["running"]:
                return sweep
            pause(POLL_SECONDS)


def ended(counts: Mapping[str, int]) -> int:
    """Number of trials that have ended, one way or another."""
    return sum(number for state, number in counts.items() if state not in OPEN)


def in_words(counts: Mapping[str, int]) -> str:
    """`3 finished, 1 running`."""
    return ", ".join(f"{number} {state}" for state, number in counts.items() if number)
