"""What routes are given: the session, the clock, the settings, and who asks.

One session for each request, committed once, before the answer leaves (`scope="function"`: with
FastAPI's default the answer would leave first, and a failed commit had been reported as done).
Reading methods get a session that never takes the write lock.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from paribus_service.clock import Clock
from paribus_service.errors import NotAuthenticated
from paribus_service.orchestration.answers import AnswerCache
from paribus_service.orchestration.keys import Doorkeeper, Scope, Who, developer
from paribus_service.orchestration.observer import Observer
from paribus_service.orchestration.signing import Signer
from paribus_service.orchestration.upstream.launching import Launcher
from paribus_service.orchestration.upstream.messages import Upstream
from paribus_service.settings import Settings
from paribus_service.store.engine import GroupWriter, session_scope
from paribus_service.store.files import FileStore

COOKIE = "paribus_session"
COOKIE_SECONDS = 30 * 86_400
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Services:
    """What one running service is made of; `app.state.services`."""

    settings: Settings
    clock: Clock
    engine: Engine
    writer: GroupWriter
    files: FileStore
    signer: Signer
    doorkeeper: Doorkeeper
    answers: AnswerCache
    observer: Observer
    upstream: Upstream | None
    """The W&B server that the service works with; None where the settings name none."""
    launcher: Launcher


def get_services(request: Request) -> Services:
    """The running service."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(get_services)]


def get_session(request: Request, services: ServicesDep) -> Iterator[Session]:
    """The request's session; see the module."""
    with session_scope(services.engine, reads_only=request.method in _READING) as session:
        yield session


def get_settings(services: ServicesDep) -> Settings:
    """The settings."""
    return services.settings


def get_clock(services: ServicesDep) -> Clock:
    """The clock."""
    return services.clock


SessionDep = Annotated[Session, Depends(get_session, scope="function")]
SettingsDep = Annotated[Settings, Depends(get_settings)]
ClockDep = Annotated[Clock, Depends(get_clock)]


def key_of(request: Request) -> str | None:
    """The API key that a request brings: Basic `api:KEY` (wandb), Bearer (people), or cookie."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError) as error:
            raise NotAuthenticated("the Authorization header is not Basic user:key") from error
    return None


def identify(request: Request, services: Services) -> Who:
    """Who asks.

    Raises:
        NotAuthenticated: No key, or nobody's.
    """
    if services.settings.dev:
        return developer(services.settings.default_entity)
    secret = key_of(request) or _key_in_cookie(request, services)
    if secret is None:
        raise NotAuthenticated(
            "this needs a key: send it as `Authorization: Bearer KEY`, or log in at /authorize"
        )
    return services.doorkeeper.identify(secret, now=services.clock.now())


def _key_in_cookie(request: Request, services: Services) -> str | None:
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        return None
    key: str = services.signer.read("session", cookie, max_age_seconds=COOKIE_SECONDS)
    return key


def get_who(request: Request, services: ServicesDep) -> Who:
    """Who asks, whatever they may."""
    return identify(request, services)


def _who_with(scope: Scope) -> Callable[[Who], Who]:
    def check(who: Annotated[Who, Depends(get_who)]) -> Who:
        who.require(scope)
        return who

    return check


Reader = Annotated[Who, Depends(_who_with("read"))]
Submitter = Annotated[Who, Depends(_who_with("submit"))]
Admin = Annotated[Who, Depends(_who_with("admin"))]


def base_url(request: Request, settings: Settings) -> str:
    """Where links begin, without a last slash: the public address, else the request's host."""
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"


def get_base_url(request: Request, settings: SettingsDep) -> str:
    """Where links begin."""
    return base_url(request, settings)


BaseUrl = Annotated[str, Depends(get_base_url)]
