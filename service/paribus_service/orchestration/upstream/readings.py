"""The server's answers, read into `messages`.

Standard library only: this runs beside the client, in its environment.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from paribus_service.orchestration.upstream.messages import (
    ConsoleTail,
    RemoteAgent,
    RemoteRun,
    RemoteSweep,
    RunPath,
    Scheduled,
    SweepPath,
    SystemMetrics,
)

Node = Mapping[str, Any]
CONSOLE_BYTES = 64 * 1024
"""Most that is kept of a run's console output: hundreds of lines, so that ten thousand failed
runs stay below a gigabyte."""
CONSOLE_LINE_BYTES = 8 * 1024
"""Most that is kept of one line, which may be a progress bar that was never ended."""


def moment(text: str | None) -> datetime | None:
    """A date in UTC; servers leave the zone out.

    Raises:
        ValueError: The text is no date.
    """
    if not text:
        return None
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def object_in(text: Any) -> dict[str, Any]:
    """The object that a JSON text holds; empty where it holds none."""
    if isinstance(text, Mapping):
        return dict(text)
    try:
        value = json.loads(text, strict=False) if text else {}
    except (TypeError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def nodes(connection: Node | None) -> list[Node]:
    """The things in a GraphQL connection."""
    edges = (connection or {}).get("edges") or []
    return [edge["node"] for edge in edges if edge.get("node")]


def sweep_of(node: Node, app_url: str, warnings: list[str]) -> RemoteSweep:
    """A sweep, where the document asked for the fields of `documents.SWEEP`."""
    project = node["project"]
    path = SweepPath(project["entity"]["name"], project["name"], node["name"])
    return RemoteSweep(
        path=path,
        gql_id=node["id"],
        state=str(node["state"]).upper(),
        name=node.get("displayName"),
        config_text=node.get("config") or "",
        controller=object_in(node.get("controller")) or None,
        scheduled=_scheduled(object_in(node.get("scheduler"))),
        run_count=node.get("runCount") or 0,
        url=_address(app_url, path.entity, path.project, "sweeps", path.sweep_id),
        agents=[_agent(each) for each in nodes(node.get("agents"))],
        warnings=warnings,
    )


def _scheduled(scheduler: Node) -> list[Scheduled]:
    """What the server made of a schedule. Source: wandb 0.31.0, wandb_controller.py."""
    found = scheduler.get("scheduled") or []
    return [Scheduled(str(each["id"]), str(each["runid"])) for each in found]


def _agent(node: Node) -> RemoteAgent:
    return RemoteAgent(
        node["id"],
        node.get("host"),
        node.get("state"),
        moment(node.get("heartbeatAt")),
        name=node.get("name"),
        created_at=moment(node.get("createdAt")),
        total_runs=node.get("totalRuns"),
    )


def run_of(node: Node, entity: str, project: str, app_url: str) -> RemoteRun:
    """A run, where the document asked for the fields of `documents.RUNS`."""
    config_text = node.get("config") or "{}"
    summary_text = node.get("summaryMetrics") or "{}"
    user = node.get("user") or {}
    around = _environment(object_in(config_text))
    return RemoteRun(
        path=RunPath(entity, project, node["name"]),
        gql_id=node["id"],
        display_name=node.get("displayName"),
        state=node.get("state") or "",
        config_text=config_text,
        summary_text=summary_text,
        sweep_id=node.get("sweepName"),
        tags=list(node.get("tags") or []),
        notes=node.get("notes"),
        group=node.get("group"),
        job_type=node.get("jobType"),
        created_at=moment(node.get("createdAt")),
        heartbeat_at=moment(node.get("heartbeatAt")),
        host=around.get("host"),
        user=user.get("username") or user.get("name"),
        commit=node.get("commit") or _inside(around, "git").get("commit"),
        program=around.get("program"),
        history_lines=node.get("historyLineCount"),
        last_step=step_of(summary_text),
        gpu=around.get("gpu"),
        url=_address(app_url, entity, project, "runs", node["name"]),
        stopped=node.get("stopped"),
    )


def _environment(config: dict[str, Any]) -> dict[str, Any]:
    """Host, program and GPU of the process that wrote last, which clients keep in the config.

    Source: PROTOCOL 5, `_wandb.value.e`; runs of clients before 0.20 have none.
    """
    writers = _inside(_inside(_inside(config, "_wandb"), "value"), "e")
    found = [each for each in writers.values() if isinstance(each, dict)]
    return max(found, key=lambda each: str(each.get("startedAt") or ""), default={})


def _inside(value: Node, key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _address(app_url: str, *parts: str) -> str:
    return app_url.rstrip("/") + "/" + "/".join(quote(part, safe="") for part in parts)


def step_of(text: str) -> int | None:
    """The step in a history row, or in a summary; servers write some as floats."""
    step = object_in(text).get("_step")
    if not isinstance(step, int | float) or isinstance(step, bool):
        return None
    return int(step) if abs(step) < 2**63 else None


def system_of(run: Node) -> SystemMetrics:
    """System metrics, where the document asked for `eventsLineCount` and `events`."""
    lines = [line for line in run.get("events") or [] if isinstance(line, str)]
    return SystemMetrics(lines, max(_count(run.get("eventsLineCount")), len(lines)))


def console_of(run: Node) -> ConsoleTail:
    """The last lines of console output, as many as `CONSOLE_BYTES` hold, the newest ones.

    Where the server numbers them oddly, they are the last ones of those that it counts.
    """
    found = nodes(run.get("logLines"))
    there = max(_count(run.get("logLineCount")), len(found))
    told = [node.get("number") for node in found]
    numbers = [number for number in told if type(number) is int]
    if numbers != told or numbers != sorted(set(numbers)):
        numbers = list(range(there - len(found), there))
    kept: list[tuple[int, str]] = []
    left = CONSOLE_BYTES
    for number, node in zip(reversed(numbers), reversed(found), strict=True):
        text = _console_line(node)
        left -= len(text)
        if left < 0 and kept:
            break
        kept.append((number, text))
    return ConsoleTail(kept[::-1], max([there, *(number + 1 for number, _ in kept)]))


def _console_line(node: Node) -> str:
    """A line as clients send it to a server that takes structured ones (PROTOCOL 6)."""
    content = str(node.get("line") or "")
    if len(content) > CONSOLE_LINE_BYTES:
        content = f"… {content[-CONSOLE_LINE_BYTES:]}"
    told = {"ts": str(node.get("timestamp") or "").removesuffix("Z")}
    told |= {key: str(node[key]) for key in ("level", "label") if node.get(key)}
    return json.dumps({**told, "content": content})


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
