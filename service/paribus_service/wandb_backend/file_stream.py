"""What a run streams while it runs: history, summary, system metrics, console lines, its end.

Promises:
- What was answered with 200 is committed.
- A 4xx ends the stream of that process for good (PROTOCOL 17, trap 1), so only what can never be
  right gets one: a wrong key, a run that was deleted, a process that was superseded. Everything
  else that fails is a 503, which the client repeats for days: a busy database, a full disk, a body
  that was torn on the way, a run that is not there yet (its UpsertBucket may still be under way,
  or the database is being restored).
- A line that is no JSON, not UTF-8, or at an odd offset costs nothing but itself.

Source: PROTOCOL 6 (wandb 0.31.0, core/internal/filestream/requestbuffer.go and transmitloop.go).
"""

import asyncio
import sqlite3
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from paribus_service.dependencies import Services, SessionDep
from paribus_service.errors import InvalidRequest, ServiceBusy
from paribus_service.orchestration import recorder
from paribus_service.orchestration.recorder import Chunk, StreamReply, StreamReport
from paribus_service.store.engine import NOT_FAST
from paribus_service.wandb_backend.graphql import Caller

_HISTORY = "wandb-history.jsonl"
_EVENTS = "wandb-events.jsonl"
_SUMMARY = "wandb-summary.json"
_OUTPUT = "output.log"
_LARGEST_LINE_NUMBER = 2**53


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run is: the path of its stream."""

    entity: str
    project: str
    run: str


async def take_in(place: Place, body: Any, caller: Caller, services: Services) -> StreamReply:
    """Store one request of a stream; done when it is committed.

    Raises:
        NotAllowed: The key lacks the scope `agent`.
        ServiceBusy: The run is not there (yet).
        Superseded: Another process has taken the run over.
    """
    caller.who.require("agent")
    report, now, token = report_of(body), services.clock.now(), caller.process_token
    address = (place.entity, place.project, place.run)

    def plain(session: SessionDep) -> StreamReply | None:
        return recorder.record_at(session, *address, report, token=token, now=now)

    def fast(driver: sqlite3.Connection) -> Any:
        told = recorder.record_running(driver, *address, report, token=token, now=now)
        return NOT_FAST if told is None else told

    future: Future[StreamReply | None] = services.writer.submit(plain, fast=fast)
    reply = await asyncio.wrap_future(future)
    if reply is None:
        raise ServiceBusy(
            f"there is no run {'/'.join(address)} here (yet); what it sends is taken in once it is"
        )
    return reply


def report_of(body: Any) -> StreamReport:
    """The report in a request's JSON.

    Raises:
        InvalidRequest: It is no object.
    """
    if not isinstance(body, dict):
        raise InvalidRequest.one(
            "", f"a file_stream request is an object, not {type(body).__name__}"
        )
    files = body.get("files")
    files = files if isinstance(files, dict) else {}
    summary = _chunk(files, _SUMMARY)
    exit_code, uploaded = body.get("exitcode"), body.get("uploaded")
    uploaded = uploaded if isinstance(uploaded, list) else []
    return StreamReport(
        history=_chunk(files, _HISTORY),
        events=_chunk(files, _EVENTS),
        output=_chunk(files, _OUTPUT),
        summary_text=summary.lines[-1] if summary and summary.lines else None,
        preempting=bool(body.get("preempting")),
        complete=bool(body.get("complete")),
        exit_code=_exit_code(exit_code),
    )


def _exit_code(given: Any) -> int | None:
    """The exit code, if one is told; what cannot be one stands for a failure."""
    if given is None:
        return None
    readable = isinstance(given, int) and not isinstance(given, bool)
    return given if readable and abs(given) < 2**31 else 1


def _chunk(files: Mapping[str, Any], name: str) -> Chunk | None:
    found = files.get(name)
    if not isinstance(found, dict):
        return None
    content, offset = found.get("content"), found.get("offset", 0)
    if isinstance(content, str):
        content = [content]  # a single line, as old clients send it
    if not isinstance(content, list) or type(offset) is not int:  # true is no number here
        raise InvalidRequest.one(
            f"/files/{name}", "it needs an integer offset and a list of lines"
        )
    if not 0 <= offset <= _LARGEST_LINE_NUMBER:
        raise InvalidRequest.one(f"/files/{name}/offset", f"{offset} is no line number")
    return Chunk(offset, [line if isinstance(line, str) else str(line) for line in content])
