"""W&B's words for our states, and readable names for runs that bring none.

W&B's `killed` is never said: `Run.wait_until_finished` would wait for ever (PROTOCOL 8).
"""

import hashlib

from paribus_service.store.states import RunState, SweepState
from paribus_service.store.tables import Run, Sweep

_RUN = {
    RunState.CREATED: "pending",
    RunState.RUNNING: "running",
    RunState.FINISHED: "finished",
    RunState.FAILED: "failed",
    RunState.INTERRUPTED: "crashed",
    RunState.STOPPED: "failed",
}
_SWEEP = {
    SweepState.REGISTERED: "PENDING",
    SweepState.RUNNING: "RUNNING",
    SweepState.PAUSED: "PAUSED",
    SweepState.FINISHED: "FINISHED",
    SweepState.STOPPED: "FINISHED",
    SweepState.CANCELLED: "CANCELED",
}
_ADJECTIVES = (
    "amber", "brisk", "calm", "clear", "coral", "crisp", "dawn", "deep", "early", "fair",
    "fresh", "gentle", "golden", "green", "hazel", "ivory", "jade", "kind", "light", "lively",
    "lucid", "mellow", "misty", "noble", "olive", "quiet", "rapid", "silver", "soft", "still",
    "summer",
)  # fmt: skip
_NOUNS = (
    "aspen", "beacon", "birch", "breeze", "brook", "canyon", "cedar", "cliff", "cloud",
    "comet", "delta", "dune", "ember", "fern", "field", "fjord", "forest", "glade", "harbor",
    "hill", "island", "lake", "maple", "meadow", "oak", "pine", "pond", "reef", "ridge",
    "river", "valley", "willow",
)  # fmt: skip


def _word(state: RunState, *, announced: bool) -> str:
    if announced and state == RunState.RUNNING:
        return "preempting"
    if announced and state == RunState.INTERRUPTED:
        return "preempted"
    return _RUN[state]


RUN_STATES: dict[tuple[str, bool], str] = {
    (state, announced): _word(state, announced=announced)
    for state in RunState
    for announced in (False, True)
}
"""(our state, announced its own interruption) → W&B's word, for filters and orders too."""


def run_state(run: Run) -> str:
    """A run's state as W&B's clients know it."""
    return RUN_STATES[run.state, run.preempting]


def sweep_state(sweep: Sweep) -> str:
    """A sweep's state as W&B's clients know it."""
    return _SWEEP[SweepState(sweep.state)]


def readable_name(run: Run) -> str:
    """A name to tell runs apart by, such as "quiet-harbor-12": the number counts the project's."""
    digest = hashlib.sha256(run.id.encode()).digest()
    adjective = _ADJECTIVES[digest[0] % len(_ADJECTIVES)]
    noun = _NOUNS[digest[1] % len(_NOUNS)]
    return f"{adjective}-{noun}-{run.project.run_count}"
