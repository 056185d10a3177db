"""What a training program can be told: schemas shipped with us, and those that owners publish."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from paribus_service.store import projects
from paribus_sweeps.programs import ProgramSchema, shipped


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
