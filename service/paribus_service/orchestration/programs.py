"""What a training program can be told: schemas shipped with us, and those that owners publish."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from paribus_service.store import projects
from paribus_service.store.tables import Sweep
from paribus_sweeps.errors import InvalidSpec
from paribus_sweeps.programs import ProgramSchema, shipped
from paribus_sweeps.spec import SweepSpec


def find_schema(session: Session, program: str) -> ProgramSchema | None:
    """The schema of a program, or None where nobody published one; ours win."""
    found = shipped(program)
    if found is not None:
        return found
    published = projects.published_schema(session, program)
    return None if published is None else ProgramSchema.from_json(published)


def schemas(session: Session) -> Callable[[str], ProgramSchema | None]:
    """The look-up that `SweepSpec.from_config` takes."""

    def find(program: str) -> ProgramSchema | None:
        return find_schema(session, program)

    return find


def spec_of(session: Session, sweep: Sweep) -> SweepSpec:
    """The spec that a sweep was registered with.

    Its program may have published a schema since that refuses it: then it is read without one.
    """
    try:
        return SweepSpec.from_config(sweep.config, programs=schemas(session))
    except InvalidSpec:
        return SweepSpec.from_config(sweep.config)
