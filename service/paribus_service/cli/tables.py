"""What people read: tables. Those of answers are in `evidence`."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from paribus_service.cli.progress import ended, in_words
from paribus_sweeps.analysis.words import counted

_PIPED_WIDTH = 200  # nobody's window: a table in a file is not cut at 80 columns
Answer = Mapping[str, Any]


def _console() -> Console:
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    return Console(width=width, highlight=False, markup=False, soft_wrap=False)


def put(*things: Any) -> None:
    """Print lines and tables, one under the other."""
    console = _console()
    for thing in things:
        console.print(thing)


def new_table(*columns: str, title: str | None = None) -> Table:
    """A table without lines; what does not fit is folded, and never cut."""
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
    table = new_table("id", "name", "key", "entity", "may", "last used", "ends")
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
    put(table)


def show_plan(plan: Answer) -> None:
    """What a config would make: trials, price, warnings."""
    names = [factor["name"] for factor in plan["factors"]]
    seeds = list(dict.fromkeys(key for trial in plan["trials"] for key in trial["replicate"]))
    table = new_table("trial", *names, *seeds)
    for trial in plan["trials"]:
        settings = [trial["setting"].get(name, "") for name in names]
        table.add_row(
            str(trial["number"]), *settings, *(str(trial["replicate"].get(key)) for key in seeds)
        )
    if plan["trials"]:
        put(table, "")
    put(_size(plan), *_price(plan["price"]), *_remarks(plan))
    put("Nothing was written.")


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
    hosts = [line for host in price.get("hosts", ()) for line in _on_host(host)]
    return [f"Price: {', '.join(parts) or 'not known'}", *price.get("notes", ()), *hosts]


def _on_host(host: Answer) -> list[str]:
    """Hours of a plan on one kind of host, and what they rest on."""
    return [f"  on {host['gpu_name']}: {_hours(host)}", *(f"    {n}" for n in host["notes"])]


def _hours(host: Answer) -> str:
    measured = f"measured in {counted(host['runs'], 'earlier run')}"
    if host["hours"] is not None:
        return (
            f"about {host['hours']:.3g} h one after the other, {host['looking_hours']:.3g} h of "
            f"them ({host['looking_share']:.0%}) looking; the longest trial "
            f"{host['longest_trial_hours']:.3g} h ({measured})"
        )
    if host["looking_hours"] is not None:
        return f"about {host['looking_hours']:.3g} h of looking; training not known ({measured})"
    return f"hours not known; {counted(host['trials_priced'], 'trial')} could be priced"


def _remarks(plan: Answer) -> list[str]:
    together = [found["sentence"] for found in plan.get("moved_together", ())]
    warnings = [f"Warning: {warning}" for warning in plan["warnings"]]
    return [*warnings, *together, *_aliases(plan.get("aliases"))]


def _aliases(told: Answer | None) -> list[str]:
    """What the plan can tell apart, and what not."""
    if told is None:
        return []
    sentences = (*told["sentences"], *told["forecast"]["sentences"])
    return ["If every trial finishes:", *(f"  - {sentence}" for sentence in sentences)]


def show_launched(sweep: Answer) -> None:
    """A sweep that was just registered, and how to go on."""
    total = sweep["expected_trials"]
    put(
        f"sweep {sweep['id']} is registered: {'no end of' if total is None else total} trials",
        f"  page    {sweep['links']['page']}",
        *_there(sweep),
        f"  agent   {sweep['agent_command']}",
        f"          (on each GPU, with {_address(sweep)} and WANDB_API_KEY set)",
        f"  follow  paribus status {sweep['id']} --follow",
        f"  answer  paribus factors {sweep['id']}",
        *(f"Warning: {warning}" for warning in sweep["warnings"]),
    )


def _there(sweep: Answer) -> list[str]:
    """Where a sweep is that a W&B server holds, and why it does not go on."""
    there = sweep["upstream"]
    if there is None:
        return []
    told = [f"  W&B     {there['url']} ({there['agents']} agents there)"]
    if there["problem"]:
        told.append(f"  does not go on since {there['problem_since'][:16]}: {there['problem']}")
    return told


def _address(sweep: Answer) -> str:
    there = sweep["upstream"]
    return "WANDB_BASE_URL" if there is None else f"WANDB_BASE_URL={there['base_url']}"


def show_sweeps(sweeps: Sequence[Answer]) -> None:
    """The newest sweeps."""
    table = new_table("id", "name", "project", "state", "done", "trials", "registered")
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
    put(table if sweeps else "No sweeps yet: `paribus launch` registers one.")


def show_sweep(sweep: Answer, unwell: Sequence[Answer]) -> None:
    """A sweep's state, and the trials that did not go well."""
    reason = f" ({sweep['reason']})" if sweep["reason"] else ""
    put(
        f"sweep {sweep['id']}  {sweep['name']}  is {sweep['state']}{reason}",
        f"  trials  {in_words(sweep['trial_counts'])}",
        f"  page    {sweep['links']['page']}",
        *_there(sweep),
    )
    if sweep["state"] in ("registered", "running"):
        put(f"  agent   {sweep['agent_command']}")
    if unwell:
        table = new_table("trial", "setting", "state", "reason")
        for trial in unwell:
            table.add_row(trial["id"], _setting(trial), trial["state"], trial["reason"] or "")
        put("", table)


def _setting(trial: Answer) -> str:
    parts = {**trial["setting"], **trial["replicate"]}
    return ", ".join(f"{key}={value}" for key, value in parts.items())


def show_library(entries: Sequence[Answer]) -> None:
    """The shipped sweeps with their questions."""
    table = new_table("name", "question", "cost")
    for entry in entries:
        table.add_row(entry["name"], entry["question"], entry["cost"])
    put(table)


def show_agents(agents: Sequence[Answer]) -> None:
    """Agents with where they run and how they fare."""
    table = new_table("id", "sweep", "host", "GPU", "state", "runs", "last asked", "reason")
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
    put(table if agents else "No agents: `wandb agent ENTITY/PROJECT/SWEEP` starts one.")
