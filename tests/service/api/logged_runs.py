"""Sweeps whose runs have logged something, for tests of curves and of histories."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.factories import Lab
from tests.service.api.studies import study

Rows = Iterable[Mapping[str, Any]]


def rows_of(values: Iterable[Any], *, every: int = 1, key: str = "loss") -> list[dict[str, Any]]:
    """A row for each value, at steps `every`, 2 `every` and so on."""
    return [{"_step": n * every, key: value} for n, value in enumerate(values, start=1)]


def sweep_of(lab: Lab, histories: Sequence[Rows], **design: Any) -> tuple[str, list[str]]:
    """A sweep whose trials have logged these rows; its id, and our ids of its runs."""
    sweep_id = study(lab, **design)
    agent = lab.agent(sweep_id)
    return sweep_id, [_run(lab, lab.claim(agent), rows) for rows in histories]


def logged_run(lab: Lab, rows: Rows) -> str:
    """One run of a sweep; our own id."""
    return _run(lab, lab.claim(lab.agent(lab.register())), rows)


def _run(lab: Lab, wandb_id: str, rows: Rows) -> str:
    lab.start(wandb_id)
    lines = [json.dumps(row) for row in rows]
    if lines:
        lab.log(wandb_id, *lines)
    lab.finish(wandb_id, loss=0.1)
    return lab.run(wandb_id).id
