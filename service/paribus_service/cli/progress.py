"""A sweep or an import as it goes: on stderr, so that stdout stays for the answer.

A bar at a terminal; elsewhere (a log, CI) a line each time that something has changed.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from paribus_service.client import Client

Update = Callable[[int | None, Mapping[str, int]], None]
"""Shows a sweep's expected trials and how many are in each state."""
POLL_SECONDS = 2.0
_ENDED = {"finished", "stopped", "cancelled"}
OPEN = ("queued", "leased", "running")


def follow(
    client: Client, sweep_id: str, *, pause: Callable[[float], object] = time.sleep
) -> dict[str, Any]:
    """Wait until a sweep has ended and its last run too; return it as it is then."""
    console = Console(stderr=True)
    show = _bar(console, sweep_id) if console.is_terminal else _lines(console)
    with show as update:
        while True:
            sweep = client.sweep(sweep_id)
            counts = sweep["trial_counts"]
            update(sweep["expected_trials"], counts)
            if sweep["state"] in _ENDED and not counts["leased"] + counts["running"]:
                return sweep
            pause(POLL_SECONDS)


@contextmanager
def _bar(console: Console, sweep_id: str) -> Iterator[Update]:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[states]}"),
        TimeElapsedColumn(),
        console=console,
    )
    with bar:
        task = bar.add_task(f"sweep {sweep_id}", total=None, states="")

        def update(total: int | None, counts: Mapping[str, int]) -> None:
            bar.update(task, total=total, completed=ended(counts), states=in_words(counts))

        yield update


@contextmanager
def _lines(console: Console) -> Iterator[Update]:
    last = ""

    def update(total: int | None, counts: Mapping[str, int]) -> None:
        nonlocal last
        of = "" if total is None else f" of {total}"
        line = f"{ended(counts)}{of} trials have ended: {in_words(counts)}"
        if line != last:
            console.print(line, soft_wrap=True)
        last = line

    yield update


def ended(counts: Mapping[str, int]) -> int:
    """Number of trials that have ended, one way or another."""
    return sum(number for state, number in counts.items() if state not in OPEN)


def in_words(counts: Mapping[str, int]) -> str:
    """`3 finished, 1 running`."""
    return ", ".join(f"{number} {state}" for state, number in counts.items() if number)


@contextmanager
def importing(name: str) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Shows an import, as the service tells it, each time it is called with one."""
    console = Console(stderr=True)
    with _counted(console, f"import of {name}") as show:

        def update(found: Mapping[str, Any]) -> None:
            if found["state"] == "listing":
                show(found["listed"], found["total"], "runs listed", found["problem"])
            else:
                read = found["runs"] - found["pending"]
                show(read, found["runs"], "histories read", found["problem"])

        yield update


@contextmanager
def annotating(name: str) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Shows an annotation, as the service tells it, each time it is called with one."""
    with _counted(Console(stderr=True), f"annotating {name}") as show:
        yield lambda found: show(found["done"], found["total"], "runs seen", found["problem"])


@contextmanager
def counting(title: str, total: int, things: str) -> Iterator[Callable[[int], None]]:
    """Shows how many of `total` things are done."""
    with _counted(Console(stderr=True), title) as show:
        show(0, total, things, None)
        yield lambda done: show(done, total, things, None)


_Show = Callable[[int, int | None, str, str | None], None]
"""(done, of how many, what they are, what keeps it waiting)."""


@contextmanager
def _counted(console: Console, title: str) -> Iterator[_Show]:
    shown = _counted_bar(console, title) if console.is_terminal else _counted_lines(console, title)
    with shown as show:
        yield show


@contextmanager
def _counted_bar(console: Console, title: str) -> Iterator[_Show]:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[things]}"),
        TimeElapsedColumn(),
        console=console,
    )
    with bar:
        task = bar.add_task(title, total=None, things="")

        def show(done: int, total: int | None, things: str, problem: str | None) -> None:
            words = things if problem is None else f"{things}; waiting: {problem}"
            bar.update(task, total=total, completed=done, things=words)

        yield show


@contextmanager
def _counted_lines(console: Console, title: str) -> Iterator[_Show]:
    last = ""

    def show(done: int, total: int | None, things: str, problem: str | None) -> None:
        nonlocal last
        of = "" if total is None else f" of {total}"
        waiting = "" if problem is None else f"; waiting: {problem}"
        line = f"{title}: {done}{of} {things}{waiting}"
        if line != last:
            console.print(line, soft_wrap=True, highlight=False, markup=False)
        last = line

    yield show
