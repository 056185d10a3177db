"""The states of a sweep, a trial, a run and an agent, and which of them are ends."""

from enum import StrEnum


class SweepState(StrEnum):
    """registered → running ⇄ paused → finished | stopped | cancelled."""

    REGISTERED = "registered"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


class TrialState(StrEnum):
    """queued → leased → running → finished | failed | interrupted | stopped | cancelled."""

    QUEUED = "queued"
    LEASED = "leased"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


class RunState(StrEnum):
    """created → running → finished | failed | interrupted | stopped."""

    CREATED = "created"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"


class AgentState(StrEnum):
    """running → stopping (told to stop) → gone."""

    RUNNING = "running"
    STOPPING = "stopping"
    GONE = "gone"


class MirrorState(StrEnum):
    """listing → checking → reading → idle, and from there again."""

    LISTING = "listing"
    CHECKING = "checking"
    READING = "reading"
    IDLE = "idle"


class AnnotationState(StrEnum):
    """waiting (for a sweep's end) → writing → idle; removing → idle."""

    WAITING = "waiting"
    WRITING = "writing"
    REMOVING = "removing"
    IDLE = "idle"


SWEEP_ENDED = frozenset({SweepState.FINISHED, SweepState.STOPPED, SweepState.CANCELLED})
SWEEP_ACTIVE = frozenset({SweepState.REGISTERED, SweepState.RUNNING})
TRIAL_LIVE = frozenset({TrialState.LEASED, TrialState.RUNNING})
TRIAL_OPEN = TRIAL_LIVE | {TrialState.QUEUED}
RUN_LIVE = frozenset({RunState.CREATED, RunState.RUNNING})
RUN_ENDED = frozenset(RunState) - RUN_LIVE
