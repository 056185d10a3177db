"""What a page is asked about its runs, as its address says it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, get_args
from urllib.parse import urlencode

from fastapi import Depends

from paribus_service.dependencies import SessionDep
from paribus_service.errors import InvalidRequest
from paribus_service.orchestration.inquiries import Inquiry
from paribus_service.store import runs as run_store
from paribus_sweeps.analysis.best_runs import Goal

RUNS_LOOKED_AT = 20  # for keys to choose from; any other key can be typed
KEYS_OFFERED = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """A question from a form; a field that was left empty says nothing.

    Asked()
    Asked(response="eval/loss", goal="minimize", factors="lr, batch")
    Asked(ask="1")      # of a project: which factors could be told apart
    """

    response: str = ""
    goal: str = ""
    factors: str = ""
    ask: str = ""

    @property
    def is_asked(self) -> bool:
        """Whether anything was asked at all."""
        return bool(self.response or self.ask)

    @property
    def inquiry(self) -> Inquiry:
        """The question.

        Raises:
            InvalidRequest: A goal that is none.
        """
        if self.goal not in ("", *get_args(Goal)):
            raise InvalidRequest.one(
                "?goal", f"{self.goal!r}: minimize or maximize was expected, or nothing"
            )
        names = [name.strip() for name in self.factors.split(",")]
        return Inquiry(
            response=self.response.strip() or None,
            goal=self.goal or None,  # type: ignore[arg-type]
            factors=tuple(dict.fromkeys(name for name in names if name)),
        )

    def query(self, **more: str) -> str:
        """The question as the query part of an address of ours, REST's as well."""
        told = {"response": self.response, "goal": self.goal, "factors": self.factors, **more}
        kept = {key: value for key, value in told.items() if value}
        return f"?{urlencode(kept)}" if kept else "?"


def get_asked(response: str = "", goal: str = "", factors: str = "", ask: str = "") -> Asked:
    """What the address asks."""
    return Asked(response, goal, factors, ask)


AskedDep = Annotated[Asked, Depends(get_asked)]


def offered_keys(session: SessionDep, run_pks: Iterable[int]) -> list[str]:
    """Summary keys that a form offers as responses: those that some of the runs have."""
    looked_at = set(list(run_pks)[:RUNS_LOOKED_AT])
    return run_store.summary_keys(session, looked_at)[:KEYS_OFFERED]
