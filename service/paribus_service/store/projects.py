"""Queries on projects, secrets and stored program schemas."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from paribus_service.store.tables import ProgramSchemaRecord, Project, Secret


def find_project(session: Session, entity: str, name: str) -> Project | None:
    """The project, or None."""
    return session.scalar(select(Project).where(Project.entity == entity, Project.name == name))


def get_project(session: Session, project_id: int) -> Project | None:
    """The project behind a number, or None."""
    return session.get(Project, project_id)


def ensure_project(session: Session, entity: str, name: str, *, now: datetime) -> Project:
    """The project; made when it is missing."""
    project = find_project(session, entity, name)
    if project is None:
        project = Project(entity=entity, name=name, created_at=now, run_count=0)
        session.add(project)
        session.flush()
    return project


def list_projects(session: Session, entity: str | None = None) -> list[Project]:
    """Projects by name, of one entity or of all."""
    query = select(Project).order_by(Project.entity, Project.name)
    if entity is not None:
        query = query.where(Project.entity == entity)
    return list(session.scalars(query))


def secret(session: Session, name: str) -> bytes:
    """A secret of the service, 32 random bytes; made at its first use."""
    row = session.get(Secret, name)
    if row is None:
        row = Secret(name=name, value=secrets.token_bytes(32))
        session.add(row)
        session.flush()
    return row.value


def published_schema(session: Session, program: str) -> dict[str, Any] | None:
    """The parameter schema that somebody published for a program."""
    row = session.get(ProgramSchemaRecord, program)
    return None if row is None else row.schema


def publish_schema(
    session: Session, program: str, schema: dict[str, Any], *, now: datetime
) -> bool:
    """Store a program's schema; True when it is new."""
    row = session.get(ProgramSchemaRecord, program)
    if row is None:
        session.add(ProgramSchemaRecord(name=program, schema=schema, updated_at=now))
        return True
    row.schema, row.updated_at = schema, now
    return False
