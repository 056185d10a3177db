"""Take in what runs report: their start, config, history, summary, logs and end.

Promises:
- Twice is once: lines are written by number, a run by its natural key, so a repeated request
  (the client repeats whatever was not answered in time) changes nothing.
- What came is kept as it came; nothing here refuses a line for not being strict JSON.
- A process that another one superseded is refused for good (DESIGN 5, rule 3), so its late
  writes cannot mix with the run's.

Source: PROTOCOL 5 to 8 (wandb 0.31.0, core/internal/runupserter, core/internal/filestream).
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.orm import Session

from paribus_service.errors import (
    IllegalTransition,
    NotAllowed,
    NotFound,
    NotOfferedHere,
    Superseded,
)
from paribus_service.ids import new_id
from paribus_service.orchestration import names, trials
from paribus_service.store import events, history, mirrors, projects, streams
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.history import Stream
from paribus_service.store.json_text import read_json
from paribus_service.store.states import RUN_ENDED, RUN_LIVE, RunState, TrialState
from paribus_service.store.streams import RunningRun
from paribus_service.store.tables import Run

SIGINT_EXIT = 255  # wandb's exit code for KeyboardInterrupt (PROTOCOL 8)
_LARGEST_STEP = 2**53  # beyond it, steps are no longer exact in JSON
_STORED_KEY_LIMIT = 10_000  # distinct history keys a run may have in `historyKeys`


@dataclass(frozen=True, slots=True)
class RunUpsert:
    """What a client says of a run; None leaves a thing as it is."""

    run_id: str | None = None
    """Our own id: update that run, as on resume or from the public API."""
    entity: str = ""
    project: str = ""
    wandb_id: str | None = None
    sweep_id: str | None = None
    config_text: str | None = None
    summary_text: str | None = None
    display_name: str | None = None
    notes: str | None = None
    description: str | None = None
    tags: Sequence[str] | None = None
    group: str | None = None
    job_type: str | None = None
    host: str | None = None
    """Set by a client that starts the run; absent where only something changes."""
    program: str | None = None
    commit: str | None = None
    repo: str | None = None
    state: str | None = None
    username: str | None = None
    process_token: str | None = None
    mirrors: bool = False
    """Said by the mirror of another server's run, and not by a client."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines of one stream from line `offset` on."""

    offset: int
    lines: Sequence[str]

    @property
    def end(self) -> int:
        """One more than the number of the last line."""
        return self.offset + len(self.lines)


@dataclass(frozen=True, slots=True)
class StreamReport:
    """One file_stream request, taken apart."""

    history: Chunk | None = None
    events: Chunk | None = None
    output: Chunk | None = None
    summary_text: str | None = None
    preempting: bool = False
    complete: bool = False
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class StreamReply:
    """What the run is told."""

    stopped: bool


def upsert_run(session: Session, told: RunUpsert, *, now: datetime) -> tuple[Run, bool]:
    """Create or update a run; True when it is new.

    Raises:
        NotFound: `run_id` names no run.
        NotAllowed: The run was deleted, or is another server's.
        InvalidRequest: A name that cannot stand in an address.
        Superseded: Another process has taken the run over.
    """
    run = _find(session, told)
    inserted = run is None
    if run is None:
        run = _create(session, told, now=now)
    if run.deleted_at is not None:
        raise NotAllowed(f"run {run.path} was deleted: choose another run id")
    if not told.mirrors and not inserted:
        _refuse_mirrored(session, run)
    _admit(run, told.process_token, resumes=told.run_id is not None)
    _describe(session, run, told, now=now)
    if _says_it_runs(run, told, inserted=inserted):
        _begin(session, run, told, inserted=inserted, now=now)
    session.flush()
    return run, inserted


def _find(session: Session, told: RunUpsert) -> Run | None:
    if told.run_id is not None:
        return run_store.get_run(session, told.run_id)
    if told.wandb_id is None:
        return None
    return run_store.find_run_at(session, told.entity, told.project, told.wandb_id)


def _create(session: Session, told: RunUpsert, *, now: datetime) -> Run:
    entity = names.check("entity", told.entity)
    project = projects.ensure_project(
        session, entity, names.check("project", told.project), now=now
    )
    wandb_id = names.check_run_id(told.wandb_id or new_id())
    sweep = sweep_store.find_sweep(session, told.sweep_id) if told.sweep_id else None
    return run_store.add_run(
        session,
        project,
        wandb_id,
        now=now,
        sweep_id=sweep.id if sweep else None,
        display_name=f"run-{wandb_id}",
    )


def _refuse_mirrored(session: Session, run: Run) -> None:
    mirror = mirrors.find_mirror(session, run.pk)
    if mirror is not None:
        raise NotAllowed(
            f"run {run.path} is a mirror of {mirror.url}: change it there, or choose another "
            "run id"
        )


def _admit(run: Run, token: str | None, *, resumes: bool) -> None:
    """Bind the run to the process that starts it; shut out one that was superseded."""
    if token is None:
        return
    if token in run.superseded_tokens:
        raise Superseded(run.path)
    if run.process_token in (None, token):
        run.process_token = token
        return
    if run.state in RUN_LIVE and not resumes:
        raise Superseded(run.path)
    if run.state in RUN_LIVE:
        raise NotAllowed(
            f"run {run.path} is still {run.state} in another process: "
            "it can be resumed once that has ended"
        )
    run.superseded_tokens = [*run.superseded_tokens, run.process_token]
    run.process_token = token


def _describe(session: Session, run: Run, told: RunUpsert, *, now: datetime) -> None:
    for attribute in (
        "display_name", "notes", "description", "group", "job_type", "host", "program", "commit",
        "repo", "username",
    ):  # fmt: skip
        value = getattr(told, attribute)
        if value is not None:
            setattr(run, attribute, value)
    if told.tags is not None:
        run.tags = list(told.tags)
    if told.config_text is not None:
        _take_config(session, run, told.config_text)
    if told.summary_text is not None:
        take_summary(session, run, told.summary_text)
    trials.touch_run(session, run, now=now)


def _take_config(session: Session, run: Run, text: str) -> None:
    """A whole config; for a sweep run that has not started, merged into what it was given."""
    config = read_json(text)
    if run.trial_id is not None and run.started_at is None:
        text = json.dumps({**run.config, **config}, ensure_ascii=False)
    run.config_text = text
    run.gpu_name = _gpu_of(run.config) or run.gpu_name
    if run.gpu_name and run.agent_id:
        sweep_store.get_agent(session, run.agent_id).gpu_name = run.gpu_name
    run_store.index_config(session, run)


def clients_own(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the client itself keeps in a run's config; empty where it is not as expected."""
    entry = config.get("_wandb")
    value = entry.get("value") if isinstance(entry, dict) else None
    return value if isinstance(value, dict) else {}


def _gpu_of(config: Mapping[str, Any]) -> str | None:
    """The GPU in the client's report; else what the program wrote as `gpu_name`; else "cpu"."""
    reports = clients_own(config).get("e")
    if not isinstance(reports, dict) or not reports:
        return None
    names_found = [r.get("gpu") for r in reports.values() if isinstance(r, dict)]
    wrapped = config.get("gpu_name")
    told = wrapped.get("value") if isinstance(wrapped, dict) else None
    return next((str(name) for name in [*names_found, told] if name), "cpu")


def take_summary(session: Session, run: Run, text: str) -> None:
    """A whole summary; it replaces the one before."""
    if text == run.summary_text:
        return
    values = parse_object(text)
    if values or _is_empty(text):  # what is no object costs itself, and not the one before
        run.summary_text = text
        run_store.index_summary(session, run.pk, values)


def _is_empty(text: str) -> bool:
    """Whether it is an object without members."""
    return "".join(text.split()) == "{}"


def _says_it_runs(run: Run, told: RunUpsert, *, inserted: bool) -> bool:
    if told.state in ("pending", "running"):
        return told.state == "running" and run.state != RunState.RUNNING
    if told.host is not None:
        return True
    return inserted and told.config_text is not None and "_wandb" in run.config


def _begin(session: Session, run: Run, told: RunUpsert, *, inserted: bool, now: datetime) -> None:
    """A fresh session of the client: the run is under way.

    A client that starts an ended run anew without resuming it overwrites it, as W&B documents; its
    older lines stay with an older session number.
    """
    if run.state == RunState.RUNNING:
        return  # the same request again
    overwrites = not inserted and told.run_id is None and run.started_at is not None
    if overwrites:
        begin_streams_again(run)
        run.summary_text = "{}"
        run_store.index_summary(session, run.pk, {})
    trials.start_run(session, run, now=now)


def begin_streams_again(run: Run) -> None:
    """What comes is the run's first line; older ones stay, with an older session number."""
    run.session += 1
    run.history_lines = run.events_lines = run.output_lines = 0
    run.last_step, run.history_keys = None, {}
    run.history_rewrites = run.folded_lines = 0


def parse_object(text: str) -> dict[str, Any]:
    """A JSON object with bare NaN and infinities allowed; anything else is an empty one."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            value = read_json(text)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def record_at(
    session: Session,
    entity: str,
    project: str,
    wandb_id: str,
    report: StreamReport,
    *,
    token: str | None,
    now: datetime,
) -> StreamReply | None:
    """Take in one file_stream request of the run at `entity/project/wandb_id`.

    Returns:
        What the run is told, or None where there is no such run.

    Raises:
        Superseded: Another process has taken the run over.
        NotFound: The run was deleted.
    """
    run = run_store.find_run_at(session, entity, project, wandb_id)
    return None if run is None else record(session, run, report, token=token, now=now)


def record_running(
    driver: sqlite3.Connection,
    entity: str,
    project: str,
    wandb_id: str,
    report: StreamReport,
    *,
    token: str | None,
    now: datetime,
) -> StreamReply | None:
    """The hot path of `record_at`: lines and a summary of a run that is under way.

    Returns:
        What the run is told, or None where `record_at` must do it; nothing was changed then.
    """
    if report.complete or report.preempting:
        return None
    run = streams.find_running(driver, entity, project, wandb_id)
    if run is None or (token is not None and token != run.process_token):
        return None
    if report.history is not None:
        rows = _count_history(run, report.history)
        streams.write_lines(driver, run, Stream.HISTORY, rows)
    if report.events is not None and report.events.lines:
        streams.write_lines(driver, run, Stream.EVENTS, _numbered(report.events))
        run.events_lines = max(run.events_lines, report.events.end)
        streams.write_metrics(driver, run, report.events.lines[-1])
    if report.output is not None:
        streams.write_lines(driver, run, Stream.OUTPUT, _numbered(report.output))
        run.output_lines = max(run.output_lines, report.output.end)
    if report.summary_text is not None:
        values = parse_object(report.summary_text)
        if values or _is_empty(report.summary_text):
            found = dict(run_store.scalars(values))
            streams.write_summary(driver, run, report.summary_text, found)
    streams.write_counters(driver, run, now=now)
    return StreamReply(stopped=run.stop_requested)


def record(
    session: Session, run: Run, report: StreamReport, *, token: str | None, now: datetime
) -> StreamReply:
    """Take in one file_stream request.

    Raises:
        Superseded: Another process has taken the run over.
        NotFound: The run was deleted.
    """
    if run.deleted_at is not None:
        raise NotFound("run", run.path, hint="it was deleted")
    if (
        token is not None
        and token != run.process_token
        and (token in run.superseded_tokens or run.process_token is not None)
    ):
        raise Superseded(run.path)
    write(session, run, report)
    run.heartbeat_at = run.updated_at = now
    if run.state != RunState.RUNNING:  # lines and a summary that come late change an answer
        trials.touch_run(session, run, now=now)
    if report.preempting and not run.preempting:
        run.preempting = True
    if report.complete:
        _complete(session, run, report.exit_code, now=now)
    elif run.state not in RUN_LIVE and run.exit_code is None and run.dropped_at is None:
        trials.revive_run(session, run, now=now)
    return StreamReply(stopped=run.stop_requested_at is not None)


def write(session: Session, run: Run, report: StreamReport) -> None:
    """Store the lines and the summary of a report, and count them; what the run is stays."""
    if report.history is not None:
        _write_history(session, run, report.history)
    if report.events is not None:
        run.events_lines = _write_plain(
            session, run, Stream.EVENTS, report.events, run.events_lines
        )
        if report.events.lines:
            run.system_metrics_text = report.events.lines[-1]
    if report.output is not None:
        run.output_lines = _write_plain(
            session, run, Stream.OUTPUT, report.output, run.output_lines
        )
    if report.summary_text is not None:
        take_summary(session, run, report.summary_text)


def _write_plain(session: Session, run: Run, stream: Stream, chunk: Chunk, known: int) -> int:
    history.write_lines(
        session,
        run_pk=run.pk,
        run_session=run.session,
        stream=stream,
        lines=_numbered(chunk),
    )
    return max(known, chunk.end)


def _numbered(chunk: Chunk) -> Iterator[tuple[int, None, str]]:
    return ((i, None, text) for i, text in enumerate(chunk.lines, chunk.offset))


def _write_history(session: Session, run: Run, chunk: Chunk) -> None:
    run.history_keys = dict(run.history_keys)  # a new value, so that the session sees the change
    rows = _count_history(run, chunk)
    history.write_lines(
        session, run_pk=run.pk, run_session=run.session, stream=Stream.HISTORY, lines=rows
    )


def _count_history(run: Run | RunningRun, chunk: Chunk) -> list[tuple[int, int | None, str]]:
    """The rows of a history chunk; the run's counters are brought up to date with them."""
    if chunk.lines and chunk.offset < run.history_lines:
        run.history_rewrites += 1  # what was read of these lines is no longer theirs
        if chunk.offset < run.folded_lines:
            run.folded_lines = 0
    rows = []
    for i, text in enumerate(chunk.lines, chunk.offset):
        row = parse_object(text)
        step = _step_of(row)
        rows.append((i, step, text))
        if step is not None:
            run.last_step = step if run.last_step is None else max(run.last_step, step)
        if i >= run.history_lines:  # a repeated line was counted when it first came
            _count_keys(run.history_keys, row)
    run.history_lines = max(run.history_lines, chunk.end)
    return rows


def _step_of(row: Mapping[str, Any]) -> int | None:
    step = row.get("_step")
    if not isinstance(step, int) or isinstance(step, bool):
        return None
    return step if -_LARGEST_STEP <= step <= _LARGEST_STEP else None


def _count_keys(keys: dict[str, Any], row: Mapping[str, Any]) -> None:
    for key, value in row.items():
        entry = keys.get(key)
        if entry is None:
            if len(keys) < _STORED_KEY_LIMIT:
                keys[key] = [_type_name(value), 1]
        else:
            keys[key] = [entry[0], entry[1] + 1]


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "map" if isinstance(value, dict) else "list" if isinstance(value, list) else "nil"


def _complete(session: Session, run: Run, exit_code: int | None, *, now: datetime) -> None:
    """The client says that the run has ended; saying it twice ends it once."""
    if run.state not in RUN_LIVE and run.exit_code is not None:
        return
    code = 0 if exit_code is None else exit_code
    if run.state not in RUN_LIVE:
        trials.revive_run(session, run, now=now)
    state, reason = _outcome(run, code)
    trials.end_run(session, run, state, now=now, reason=reason, exit_code=code)


def _outcome(run: Run, code: int) -> tuple[RunState, str | None]:
    if code == 0:
        return RunState.FINISHED, None
    if run.stop_requested_at is not None:
        return RunState.STOPPED, run.stop_reason
    if run.preempting:
        return RunState.INTERRUPTED, f"announced its own interruption (exit code {code})"
    if code == SIGINT_EXIT:
        return RunState.INTERRUPTED, "stopped by Ctrl-C or SIGINT (exit code 255)"
    return RunState.FAILED, f"the program ended with exit code {code}"


_MAY_BECOME_PENDING = RUN_ENDED - {RunState.FINISHED} | {RunState.RUNNING}


def set_state(session: Session, run: Run, word: str, *, now: datetime, reason: str) -> None:
    """Set a run that no sweep made to `pending` (to be started again) or `failed`.

    Raises:
        NotOfferedHere: Another state, or a sweep's run: the scheduler decides those.
        IllegalTransition: The run's state does not allow it.
    """
    if word not in ("pending", "failed"):
        raise NotOfferedHere(f"setting a run to {word!r}", hint="there are 'pending' and 'failed'")
    if run.trial_id is not None:
        raise NotOfferedHere("setting the state of a sweep's run", hint="retry its trial instead")
    allowed = _MAY_BECOME_PENDING if word == "pending" else RUN_LIVE
    if run.state not in allowed:
        raise IllegalTransition("run", run.id, state=run.state, verb=f"become {word}", legal=())
    if word == "failed":
        trials.end_run(session, run, RunState.FAILED, now=now, reason=reason)
        return
    run.state, run.reason, run.exit_code, run.ended_at = RunState.CREATED, reason, None, None
    trials.touch_run(session, run, now=now)
    events.note(session, "run.created", now=now, reason=reason, run_id=run.id)


def delete_run(session: Session, run: Run, *, now: datetime) -> None:
    """Hide a run for good; its id cannot be used again. Its trial, if it counted, has failed.

    A live run is asked to stop first by what its next report is answered.
    """
    if run.state in RUN_LIVE:
        trials.request_stop(session, run, now=now, reason="it was deleted")
        if run.state in RUN_LIVE:  # one that only waited in the queue has ended by that
            trials.end_run(session, run, RunState.STOPPED, now=now, reason="it was deleted")
    elif run.trial_id is not None:
        trial = sweep_store.get_trial(session, run.trial_id)
        if trial.run_pk == run.pk and trial.state == TrialState.FINISHED:
            reason = f"its run {run.wandb_id} was deleted"
            trials.move_trial(session, trial, TrialState.STOPPED, now=now, reason=reason)
    run.deleted_at = now
    trials.touch_run(session, run, now=now)
    run.project.run_count -= 1
