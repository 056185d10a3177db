"""`paribus keys` and `paribus db upgrade`: on the database itself, where the service runs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import typer
from sqlalchemy import Engine

from paribus_service.cli import exits, tables
from paribus_service.clock import Clock
from paribus_service.errors import ServiceError
from paribus_service.orchestration import keys
from paribus_service.settings import Settings, read_settings
from paribus_service.store import keys as key_store
from paribus_service.store import migrate
from paribus_service.store.database import open_database
from paribus_service.store.engine import session_scope
from paribus_service.store.tables import Key


def create(
    chosen: Mapping[str, Any],
    *,
    name: str,
    scopes: Sequence[str],
    entity: str | None,
    expires_days: float | None,
    as_json: bool,
) -> None:
    """Make a key and show it, once."""
    now = Clock().now()
    expires_at = _end(now, expires_days)
    with _database(chosen) as (settings, engine), session_scope(engine) as session:
        made = keys.create_key(
            session,
            name=name,
            entity=entity or settings.default_entity,
            scopes=scopes,
            now=now,
            expires_at=expires_at,
        )
    if as_json:
        _echo_json({"id": made.id, "api_key": made.secret})
        return
    typer.echo("This key is shown only now: copy it.")
    typer.echo(made.secret)


def _end(now: datetime, days: float | None) -> datetime | None:
    if days is None:
        return None
    if days <= 0:
        exits.leave(f"--expires-days {days:g}: it would have ended already", exits.REFUSED)
    try:
        return now + timedelta(days=days)
    except (OverflowError, ValueError):
        exits.leave(
            f"--expires-days {days:g}: no calendar reaches that far (leave it out for never)",
            exits.REFUSED,
        )


def list_all(chosen: Mapping[str, Any], *, as_json: bool) -> None:
    """Show every key by its prefix."""
    with _database(chosen) as (_, engine), session_scope(engine, reads_only=True) as session:
        rows = [_described(key) for key in key_store.list_keys(session)]
    if as_json:
        _echo_json(rows)
    else:
        tables.show_keys(rows)


def revoke(chosen: Mapping[str, Any], key_id: str, *, as_json: bool) -> None:
    """End a key; a running service forgets it within seconds."""
    with _database(chosen) as (_, engine), session_scope(engine) as session:
        row = _described(keys.revoke_key(session, key_id, now=Clock().now()))
    if as_json:
        _echo_json(row)
    else:
        typer.echo(f"key {row['prefix']}… ({row['name']}) is revoked")


def upgrade(chosen: Mapping[str, Any]) -> None:
    """Bring the database to this release's schema."""
    with _database(chosen) as (settings, engine):
        typer.echo(f"{settings.effective_database_url} is at {migrate.current(engine)}")


@contextmanager
def _database(chosen: Mapping[str, Any]) -> Iterator[tuple[Settings, Engine]]:
    """The settings, and the database upgraded; what is refused ends the command."""
    try:
        settings = read_settings(chosen)
        engine = open_database(settings)
        try:
            yield settings, engine
        finally:
            engine.dispose()
    except ServiceError as error:
        exits.leave(str(error), exits.REFUSED)


def _described(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "entity": key.entity,
        "scopes": key.scopes,
        "created_at": _written(key.created_at),
        "expires_at": _written(key.expires_at),
        "last_used_at": _written(key.last_used_at),
        "revoked_at": _written(key.revoked_at),
    }


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _echo_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))
