"""Take a run of another server in as one of ours: what was listed of it, and its history.

Promises:
- A run that is here already and is no mirror of that one is left alone, and said.
- A mirror's state is what the other server says; nothing here times it out, and no client may
  write to it (`recorder.upsert_run` refuses).
- A listing that says nothing new changes nothing: no version of an answer rises. What an
  annotation wrote there says nothing new.
- History is appended from the step on that was not read yet. Where there are fewer lines there
  than there were, or more without a later step, it begins again from its first line.

All inside the caller's writing session. Words of states: PROTOCOL 8.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest
from paribus_service.orchestration import recorder, trials
from paribus_service.orchestration.recorder import Chunk, RunUpsert, StreamReport
from paribus_service.orchestration.upstream import records
from paribus_service.orchestration.upstream.messages import HistoryPage, RemoteRun
from paribus_service.orchestration.upstream.unannotated import unannotated
from paribus_service.store import events, mirrors
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.json_text import read_json
from paribus_service.store.states import RUN_ENDED, RUN_LIVE, RunState
from paribus_service.store.tables import Project, Run
from paribus_service.store.upstream_tables import UpstreamProject, UpstreamRun

STATES: Mapping[str, RunState] = {
    "pending": RunState.CREATED,
    "running": RunState.RUNNING,
    "preempting": RunState.RUNNING,  # announced, and still under way
    "finished": RunState.FINISHED,
    "failed": RunState.FAILED,
    "crashed": RunState.INTERRUPTED,
    "preempted": RunState.INTERRUPTED,
    "killed": RunState.STOPPED,
}
"""W&B's word → ours."""


def take_run(
    session: Session, source: UpstreamProject, remote: RemoteRun, *, now: datetime
) -> int | None:
    """Bring our run in line with what was listed of one there.

    Returns:
        The run's key where something changed; None where nothing did, or it was left out.
    """
    wandb_id = remote.path.run_id
    run = run_store.find_run(session, source.project_id, wandb_id)
    mirror = None if run is None else mirrors.find_mirror(session, run.pk)
    remote = unannotated(session, remote, run)
    if mirror is not None and _is_of(session, source, mirror):
        mirror.source_id, mirror.seen_pass = source.id, source.passes
    reason = _why_not(session, source, remote, run, mirror)
    if reason is not None:
        mirrors.note_skip(session, source, wandb_id, reason)
        return None
    if run is not None and mirror is not None and _was_deleted_here(run, mirror):
        return None
    return _take(session, source, remote, run, mirror, now=now)


def _was_deleted_here(run: Run, mirror: UpstreamRun) -> bool:
    return run.deleted_at is not None and mirror.gone_at is None


def _why_not(
    session: Session,
    source: UpstreamProject,
    remote: RemoteRun,
    run: Run | None,
    mirror: UpstreamRun | None,
) -> str | None:
    if run is not None and mirror is None and not _is_sweeps(session, run, remote):
        return (
            f"run {run.path} is here already, and was not mirrored: it was left as it is. Import "
            "into another project to have both"
        )
    if run is not None and mirror is not None and not _is_of(session, source, mirror):
        return (
            f"run {run.path} is here already, as a mirror of {mirror.url or mirror.gql_id}: it "
            "was left as it is. Import into another project to have both"
        )
    return _what_is_odd(remote)


def _is_sweeps(session: Session, run: Run, remote: RemoteRun) -> bool:
    """Made here for a trial that was sent there, before it was first listed."""
    path = remote.path
    if run.sweep_id is None or remote.sweep_id is None:
        return False
    there = mirrors.sweep_there(
        session, entity=path.entity, project=path.project, remote_id=remote.sweep_id
    )
    return there is not None and there.sweep_id == run.sweep_id


def _is_of(session: Session, source: UpstreamProject, mirror: UpstreamRun) -> bool:
    """It was mirrored from the same project there, whatever filter chose it."""
    first = mirrors.get_source(session, mirror.source_id)
    there = (first.base_url, first.entity, first.project)
    return there == (source.base_url, source.entity, source.project)


def _what_is_odd(remote: RemoteRun) -> str | None:
    try:
        config = read_json(remote.config_text)
    except (ValueError, RecursionError):
        return "its config is no JSON: it was left out"
    return None if isinstance(config, dict) else "its config is no JSON object: it was left out"


def _take(
    session: Session,
    source: UpstreamProject,
    remote: RemoteRun,
    run: Run | None,
    mirror: UpstreamRun | None,
    *,
    now: datetime,
) -> int | None:
    try:
        if run is not None and mirror is not None and mirror.gone_at is not None:
            _bring_back(session, run, mirror, now=now)
        described = run is None or mirror is None or _differs(run, remote)
        if described:
            run = _describe(session, source, remote, now=now)
    except InvalidRequest as error:
        mirrors.note_skip(session, source, remote.path.run_id, f"{error}: it was left out")
        return None
    assert run is not None
    if mirror is None:
        mirror = _new_mirror(session, source, remote, run, now=now)
        _put_into_sweep(session, run, remote)
    if mirror.gql_id != remote.gql_id:  # deleted there, and made again under its id
        mirror.gql_id, mirror.history_lines = remote.gql_id, None
        _read_anew(run, mirror)
    changed = _take_summary(session, run, remote, now=now)
    moved = _take_state(session, run, remote, now=now)
    grew = _see_history(run, mirror, remote)
    _take_times(run, remote)
    records.note_pending(run, mirror)
    if not mirror.pending:
        _tell_what_lacks(session, source, run, mirror)
    if not (described or changed or moved or grew):
        return None
    mirror.mirrored_at = now
    return run.pk


_PLAIN = ("display_name", "notes", "group", "job_type", "host", "program", "commit")


def _differs(run: Run, remote: RemoteRun) -> bool:
    """Something that is said of a run is said otherwise; its summary and its history apart."""
    return (
        any(getattr(run, name) != getattr(remote, name) for name in _PLAIN)
        or run.username != remote.user
        or run.tags != list(remote.tags)
        or run.config_text != remote.config_text
    )


def _describe(
    session: Session, source: UpstreamProject, remote: RemoteRun, *, now: datetime
) -> Run:
    project = session.get(Project, source.project_id)
    assert project is not None
    told = RunUpsert(
        entity=project.entity,
        project=project.name,
        wandb_id=remote.path.run_id,
        config_text=remote.config_text,
        tags=list(remote.tags),
        username=remote.user,
        state="pending",  # no client starts it: its state is told apart
        mirrors=True,
        **{name: getattr(remote, name) for name in _PLAIN},
    )
    run, inserted = recorder.upsert_run(session, told, now=now)
    for name in _PLAIN:
        setattr(run, name, getattr(remote, name))  # what was emptied there is empty here
    run.username = remote.user
    run.gpu_name = run.gpu_name or remote.gpu
    if inserted:
        run.created_at = remote.created_at or now
    return run


def _new_mirror(
    session: Session, source: UpstreamProject, remote: RemoteRun, run: Run, *, now: datetime
) -> UpstreamRun:
    mirror = UpstreamRun(
        run_pk=run.pk,
        source_id=source.id,
        gql_id=remote.gql_id,
        sweep_id=remote.sweep_id,
        url=remote.url,
        seen_pass=source.passes,
        next_step=0,
        pending=False,
        mirrored_at=now,
    )
    session.add(mirror)
    session.flush()
    return mirror


def _put_into_sweep(session: Session, run: Run, remote: RemoteRun) -> None:
    """A run of a sweep that we registered there; its trial is found by what drives the sweep."""
    path = remote.path
    if run.sweep_id is not None or remote.sweep_id is None:
        return
    there = mirrors.sweep_there(
        session, entity=path.entity, project=path.project, remote_id=remote.sweep_id
    )
    if there is None:
        return
    sweep = sweep_store.get_sweep(session, there.sweep_id)
    if sweep.project_id == run.project_id:  # and not where a copy of the project was taken in
        run.sweep_id = sweep.id


def _bring_back(session: Session, run: Run, mirror: UpstreamRun, *, now: datetime) -> None:
    """It was gone there, and is listed again."""
    if run.deleted_at is not None:
        run.deleted_at = None
        run.project.run_count += 1
    mirror.gone_at = None
    trials.touch_run(session, run, now=now)


def _take_summary(session: Session, run: Run, remote: RemoteRun, *, now: datetime) -> bool:
    if remote.summary_text == run.summary_text:
        return False
    before = run.summary_text
    recorder.take_summary(session, run, remote.summary_text)
    if run.summary_text == before:
        return False  # what came is no object
    run.updated_at = now
    if run.state != RunState.RUNNING:  # as with our own: a live run's summary is no answer yet
        trials.touch_run(session, run, now=now)
    return True


def _take_state(session: Session, run: Run, remote: RemoteRun, *, now: datetime) -> bool:
    state = _state_of(run, remote)
    if state is None:
        run.reason = f"W&B says {remote.state!r}, a state that this release does not know"
        return False
    if state == run.state:
        return False
    if state == RunState.CREATED:
        return _wait_again(session, run, now=now)
    if state == RunState.RUNNING or run.state in RUN_ENDED:
        asked = run.stop_requested_at, run.stop_reason
        trials.start_run(session, run, now=now)  # also before another end: its trial follows it
        if asked[0] is not None:  # a start forgets it; a new one is the start's own
            run.stop_requested_at, run.stop_reason = asked
    if state == RunState.RUNNING:
        return True
    is_plain = state in (RunState.FINISHED, RunState.FAILED)  # W&B tells no exit code
    reason = None if is_plain else f"W&B calls it {remote.state}"
    if state == RunState.STOPPED and run.stop_reason is not None:
        reason = run.stop_reason
    trials.end_run(session, run, state, now=now, reason=reason)
    return True


def _state_of(run: Run, remote: RemoteRun) -> RunState | None:
    """A stop that was asked for, here or there, wins over what W&B calls the end it caused."""
    state = STATES.get(remote.state)
    if remote.state == "preempted" and run.trial_id is not None:
        return RunState.CREATED  # the server hands this very run out again (PROTOCOL 10, resume)
    was_asked = run.stop_requested_at is not None or bool(remote.stopped)
    if state in RUN_ENDED and state != RunState.FINISHED and was_asked:
        return RunState.STOPPED
    return state


def _wait_again(session: Session, run: Run, *, now: datetime) -> bool:
    run.state, run.reason, run.exit_code, run.ended_at = RunState.CREATED, None, None, None
    trials.touch_run(session, run, now=now)
    events.note(session, "run.created", now=now, reason="W&B says pending", run_id=run.id)
    return True


def _take_times(run: Run, remote: RemoteRun) -> None:
    """The other server's own: when a run trained is a fact, and not when we heard of it."""
    run.heartbeat_at = remote.heartbeat_at or run.heartbeat_at
    if run.state in RUN_ENDED:
        run.ended_at = remote.heartbeat_at or run.ended_at
        run.started_at = _began_at(run, remote) or run.started_at


def _began_at(run: Run, remote: RemoteRun) -> datetime | None:
    """When its client says that it started, where that fits; else when it was created there.

    A sweep's run is created when it begins to wait for an agent.
    """
    created, heard = remote.created_at, remote.heartbeat_at
    if created is None or heard is None:
        return created
    reports = recorder.clients_own(run.config).get("e")
    told = [_moment(report) for report in reports.values()] if isinstance(reports, dict) else []
    return min((at for at in told if at is not None and created <= at <= heard), default=created)


def _moment(report: Any) -> datetime | None:
    """`startedAt` of one report of a client (wandb 0.31.0, `_wandb.e` of the config)."""
    text = report.get("startedAt") if isinstance(report, dict) else None
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo is not None else found.replace(tzinfo=UTC)


def _see_history(run: Run, mirror: UpstreamRun, remote: RemoteRun) -> bool:
    """Whether there is history to read; from where, is said by `next_step`."""
    lines = remote.history_lines
    if lines is None:
        if run.state not in RUN_LIVE and run.last_step == remote.last_step:
            return False
    elif lines == mirror.history_lines:
        return False
    elif _began_again(mirror, remote):
        _read_anew(run, mirror)
    mirror.history_lines = lines
    mirror.pending = lines is None or lines > 0
    return True


def _read_anew(run: Run, mirror: UpstreamRun) -> None:
    """From the first line on, in a session of its own."""
    recorder.begin_streams_again(run)
    records.forget(mirror)
    mirror.next_step = 0


def _began_again(mirror: UpstreamRun, remote: RemoteRun) -> bool:
    """What was read before is no longer the beginning of what is there."""
    if mirror.next_step == 0 or mirror.history_lines is None or remote.history_lines is None:
        return False
    if remote.history_lines < mirror.history_lines:
        return True
    return remote.last_step is not None and remote.last_step < mirror.next_step


def take_history(
    session: Session,
    source: UpstreamProject,
    run: Run,
    mirror: UpstreamRun,
    page: HistoryPage,
    *,
    now: datetime,
) -> None:
    """Append a page of history, read from `mirror.next_step` on.

    Where the last page leaves fewer lines than the server counts, some came at steps that had
    been read: it is read once more from its beginning, then taken as it is, and told.
    """
    texts = [text for _, text in page.rows]
    if texts:
        chunk = Chunk(run.history_lines, texts)
        recorder.write(session, run, StreamReport(history=chunk))
    if page.next_min_step is not None:
        mirror.next_step = max(page.next_min_step, mirror.next_step + 1)
    else:
        steps = [step for step, _ in page.rows if step is not None]
        mirror.next_step = max([mirror.next_step, *(step + 1 for step in steps)])
        mirror.pending = False
        _compare_counts(session, source, run, mirror)
    if page.system is not None:
        records.take_system(session, run, mirror, page.system)
    records.note_pending(run, mirror)
    mirror.mirrored_at = run.updated_at = now
    if run.state != RunState.RUNNING:
        trials.touch_run(session, run, now=now)


def _compare_counts(
    session: Session, source: UpstreamProject, run: Run, mirror: UpstreamRun
) -> None:
    counted = mirror.history_lines
    if counted is None or run.history_lines >= counted:
        return
    if mirror.reread_lines != counted:
        mirror.reread_lines, mirror.pending = counted, True
        _read_anew(run, mirror)
    else:
        _tell_what_lacks(session, source, run, mirror)


def _tell_what_lacks(
    session: Session, source: UpstreamProject, run: Run, mirror: UpstreamRun
) -> None:
    counted, came = mirror.history_lines or 0, run.history_lines
    if came < counted:
        reason = f"its history counts {counted} lines there, and {came} came"
        mirrors.note_skip(session, source, run.wandb_id, reason)


def take_deletion(session: Session, run: Run, mirror: UpstreamRun, *, now: datetime) -> None:
    """The run was deleted there: it is hidden here, and counts in no answer."""
    mirror.gone_at, mirror.pending, mirror.records_pending = now, False, False
    if run.deleted_at is None:
        recorder.delete_run(session, run, now=now)
