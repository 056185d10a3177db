"""What can be done with a sweep: pause, resume, stop, cancel, retry.

One that does not fit the sweep's state is answered 409, with those that do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from paribus_service.api.bodies.sweeps import ReasonIn, SweepOut
from paribus_service.api.errors_declared import WRITES
from paribus_service.api.etags import etag
from paribus_service.api.idempotency import Once, OnceDep, Reply
from paribus_service.api.parameters import refuse_other_bodies, refuse_unknown_parameters
from paribus_service.api.sweeps import SweepId
from paribus_service.clock import Clock
from paribus_service.dependencies import BaseUrl, ClockDep, Submitter
from paribus_service.orchestration import registry
from paribus_service.orchestration.keys import Who
from paribus_service.store import sweeps as sweep_store

router = APIRouter(
    tags=["sweeps"],
    dependencies=[Depends(refuse_unknown_parameters), Depends(refuse_other_bodies)],
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to do something with a sweep."""

    sweep_id: str
    who: Who
    once: Once
    clock: Clock
    base: str
    reason: str | None

    def do(self, verb: Callable[..., Any]) -> Response:
        """Do it, once, and show the sweep as it is then."""
        return self.once.answer(lambda: self._act(verb))

    def _act(self, verb: Callable[..., Any]) -> Reply:
        sweep = sweep_store.get_sweep(self.once.session, self.sweep_id)
        verb(
            self.once.session,
            sweep,
            now=self.clock.now(),
            reason=self.reason or f"by {self.who.name}",
        )
        return Reply(SweepOut.of(sweep, self.base), headers={"ETag": etag(sweep.version)})


def _asked(
    sweep_id: SweepId,
    who: Submitter,
    once: OnceDep,
    clock: ClockDep,
    base: BaseUrl,
    body: ReasonIn | None = None,
) -> Asked:
    return Asked(sweep_id, who, once, clock, base, body.reason if body else None)


AskedDep = Annotated[Asked, Depends(_asked)]


@router.post(
    "/sweeps/{sweep_id}:pause",
    operation_id="pause_sweep",
    response_model=SweepOut,
    responses=WRITES,
)
def pause_sweep(asked: AskedDep) -> Response:
    """Hand out nothing more for now; what runs goes on."""
    return asked.do(registry.pause)


@router.post(
    "/sweeps/{sweep_id}:resume",
    operation_id="resume_sweep",
    response_model=SweepOut,
    responses=WRITES,
)
def resume_sweep(asked: AskedDep) -> Response:
    """Hand out trials again; those that a stop kept from starting wait once more."""
    return asked.do(registry.resume)


@router.post(
    "/sweeps/{sweep_id}:stop",
    operation_id="stop_sweep",
    response_model=SweepOut,
    responses=WRITES,
)
def stop_sweep(asked: AskedDep) -> Response:
    """Hand out nothing more, for good; what runs goes on to its end."""
    return asked.do(registry.stop)


@router.post(
    "/sweeps/{sweep_id}:cancel",
    operation_id="cancel_sweep",
    response_model=SweepOut,
    responses=WRITES,
)
def cancel_sweep(asked: AskedDep) -> Response:
    """Hand out nothing more, and stop what runs."""
    return asked.do(registry.cancel)


@router.post(
    "/sweeps/{sweep_id}:retry",
    operation_id="retry_sweep",
    response_model=SweepOut,
    responses=WRITES,
)
def retry_sweep(asked: AskedDep) -> Response:
    """Queue every failed and interrupted trial again, each under a new run id."""
    return asked.do(registry.retry)
