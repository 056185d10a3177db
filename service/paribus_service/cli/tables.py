"""What people read: tables."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from paribus_service.cli.progress import OPEN, ended, in_words

_PIPED_WIDTH = 200  # nobody's window: a table in a file is not cut at 80 columns
Answer = Mapping[str, Any]


def _console() -> Console:
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    return Console(width=width, highlight=False, markup=False, soft_wrap=False)


def _print(*things: Any) -> None:
    console = _console()
    for thing in things:
        console.print(thing)


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(
        box=None,
        header_style="bold",
        pad_edge=False,
        title=title,
        title_justify="left",
        title_style="bold",
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def show_keys(rows: Sequence[Answer]) -> None:
    """Every key, by what may be shown of it."""
    table = _table("id", "name", "key", "entity", "may", "last used", "ends")
    for row in rows:
        ends = f"revoked {row['revoked_at']}" if row["revoked_at"] else row["expires_at"]
        table.add_row(
            row["id"],
            row["name"],
            f"{row['prefix']}…",
            row["entity"],
            ", ".join(row["scopes"]),
            row["last_used_at"] or "never",
            ends or "",
        )
    _print(table)


def show_plan(plan: Answer) -> None:
    """What a config would make: trials, price, warnings."""
    names = [factor["name"] for factor in plan["factors"]]
    seeds = list(dict.fromkeys(key for trial in plan["trials"] for key in trial["replicate"]))
    table = _table("trial", *names, *seeds)
    for trial in plan["trials"]:
        settings = [trial["setting"].get(name, "") for name in names]
        table.add_row(
            str(trial["number"]), *settings, *(str(trial["replicate"].get(key)) for key in seeds)
        )
    if plan["trials"]:
        _print(table, "")
    _print(_size(plan), *_price(plan["price"]), *_remarks(plan))
    _print("Nothing was written.")


def _size(plan: Answer) -> str:
    if plan["trials"]:
        return f"{len(plan['trials'])} trials"
    total = plan["expected_trials"]
    how_many = "trials without end" if total is None else f"{total} trials"
    return f"{how_many}, each drawn when an agent asks"


def _price(price: Any) -> list[str]:
    if not isinstance(price, dict):
        return ["Price: not known for this program"]
    parts = [
        f"{price[key]:,} {words}"
        for key, words in (
            ("steps", "optimizer steps"),
            ("evaluations", "evaluations"),
            ("examples_trained", "examples trained on"),
            ("examples_scored", "examples scored"),
        )
        if price.get(key) is not None
    ]
    hours = price.get("hours")
    if hours is not None:
        parts.append(f"about {hours:.1f} hours")
    return [f"Price: {', '.join(parts) or 'not known'}", *price.get("notes", ())]


def _remarks(plan: Answer) -> list[str]:
    together = [found["sentence"] for found in plan.get("moved_together", ())]
    return [*(f"Warning: {warning}" for warning in plan["warnings"]), *together]


def show_launched(sweep: Answer) -> None:
    """A sweep that was just registered, and how to go on."""
    total = sweep["expected_trials"]
    _print(
        f"sweep {sweep['id']} is registered: {'no end of' if total is None else total} trials",
        f"  page    {sweep['links']['page']}",
        f"  agent   {sweep['agent_command']}",
        "          (on each GPU, with WANDB_BASE_URL and WANDB_API_KEY set)",
        f"  follow  paribus status {sweep['id']} --follow",
        f"  answer  paribus best {sweep['id']}",
        *(f"Warning: {warning}" for warning in sweep["warnings"]),
    )


def show_sweeps(sweeps: Sequence[Answer]) -> None:
    """The newest sweeps."""
    table = _table("id", "name", "project", "state", "done", "trials", "registered")
    for sweep in sweeps:
        counts = sweep["trial_counts"]
        table.add_row(
            sweep["id"],
            sweep["name"],
            f"{sweep['entity']}/{sweep['project']}",
            sweep["state"],
            f"{ended(counts)} of {sweep['expected_trials'] or 'no end'}",
            in_words(counts),
            sweep["created_at"][:16],
        )
    _print(table if sweeps else "No sweeps yet: `paribus launch` registers one.")


def show_sweep(sweep: Answer, unwell: Sequence[Answer]) -> None:
    """A sweep's state, and the trials that did not go well."""
    reason = f" ({sweep['reason']})" if sweep["reason"] else ""
    _print(
        f"sweep {sweep['id']}  {sweep['name']}  is {sweep['state']}{reason}",
        f"  trials  {in_words(sweep['trial_counts'])}",
        f"  page    {sweep['links']['page']}",
    )
    if sweep["state"] in ("registered", "running"):
        _print(f"  agent   {sweep['agent_command']}")
    if unwell:
        table = _table("trial", "setting", "state", "reason")
        for trial in unwell:
            table.add_row(trial["id"], _setting(trial), trial["state"], trial["reason"] or "")
        _print("", table)


def _setting(trial: Answer) -> str:
    parts = {**trial["setting"], **trial["replicate"]}
    return ", ".join(f"{key}={value}" for key, value in parts.items())


def show_best(answer: Answer) -> None:
    """Best run per factor, one table for each."""
    better = "lower" if answer["goal"] == "minimize" else "higher"
    _print(f"{answer['response']}, {better} is better; {answer['n']} runs ranked")
    for factor in answer["factors"]:
        _print("", _levels(factor) if factor["levels"] else _holders(factor))
    _print(*_not_ranked(answer["not_ranked"]))
    _print("", "What these runs can tell, and what not:", *_tellings(answer))


def _tellings(answer: Answer) -> list[str]:
    """Which factors moved together, which moved alone, and what is not answered yet."""
    together = [found["sentence"] for found in answer["moved_together"]]
    pairs = [found["sentence"] for found in answer["matched_pairs"]]
    return [f"  - {sentence}" for sentence in (*together, *pairs, answer["not_offered"])]


def _not_ranked(runs: Sequence[Answer]) -> list[Any]:
    """Runs that are still to come, counted; those that ended without a value, one by one."""
    to_come = Counter(run["state"] for run in runs if run["state"] in OPEN)
    lines: list[Any] = [f"\nTo come: {in_words(to_come)}"] if to_come else []
    table = _table("not ranked", "state", "reason")
    for run in runs:
        if run["state"] not in OPEN:
            table.add_row(run["name"] or run["id"], run["state"], run["reason"])
    return [*lines, "", table] if table.row_count else lines


def _levels(factor: Answer) -> Table:
    table = _table("level", "best", "n", "mean", "sd", "run", "link", title=factor["factor"])
    for level in factor["levels"]:
        best = level["best"]
        ties = f" and {len(best) - 1} tied" if len(best) > 1 else ""
        table.add_row(
            level["level"] + (" (baseline)" if level["level"] == factor["baseline"] else ""),
            _number(level["value"]) if best else level["note"] or "no finished run",
            str(level["n"]),
            _number(level["mean"]),
            _number(level["sd"]),
            f"{best[0]['name']}{ties}" if best else "",
            best[0]["url"] if best else "",
        )
    return table


def _holders(factor: Answer) -> Table:
    table = _table("value", "best", "run", "link", title=f"{factor['factor']} (continuous)")
    for run in factor["best"]:
        table.add_row(run["at"], _number(run["value"]), run["name"], run["url"])
    return table


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) else "–"


def show_library(entries: Sequence[Answer]) -> None:
    """The shipped sweeps with their questions."""
    table = _table("name", "question", "cost")
    for entry in entries:
        table.add_row(entry["name"], entry["question"], entry["cost"])
    _print(table)


def show_agents(agents: Sequence[Answer]) -> None:
    """Agents with where they run and how they fare."""
    table = _table("id", "sweep", "host", "GPU", "state", "runs", "last asked", "reason")
    for agent in agents:
        table.add_row(
            agent["id"],
            agent["sweep_id"],
            agent["host"],
            agent["gpu_name"] or "",
            agent["state"],
            str(agent["runs_started"]),
            agent["heartbeat_at"][:19],
            agent["reason"] or "",
        )
    _print(table if agents else "No agents: `wandb agent ENTITY/PROJECT/SWEEP` starts one.")
