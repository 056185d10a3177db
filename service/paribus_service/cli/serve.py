"""`paribus serve`: bind, prepare the data, make the first key, serve.

The socket is bound before anything else, so that a port in use costs nothing, and port 0 is
known by its real number when the address is printed.
"""

import errno
import json
import logging
import os
import signal
import socket
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

import typer
import uvicorn

from paribus_service.app import create_app, open_services
from paribus_service.cli import exits
from paribus_service.clock import Clock
from paribus_service.errors import PortInUse, ServiceError, StartRefused
from paribus_service.ids import new_api_key
from paribus_service.orchestration import keys
from paribus_service.settings import Settings, read_settings
from paribus_service.store.engine import session_scope

log = logging.getLogger(__name__)
_GRACEFUL_SECONDS = 10  # a request on the way is short; clients send again by themselves
_WILDCARDS = {"0.0.0.0", "::", ""}


def serve(chosen: Mapping[str, Any], *, ready_file: Path | None) -> None:
    """Serve until a signal comes; refuse to start with one sentence and exit code 2."""
    # Before numpy comes, which reads it once. The matrices of answers are small and gain nothing
    # from threads; on a machine that others share, a BLAS with threads waited for them: one QR
    # took 14 s where it takes 0.14 s with one.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        settings = read_settings(chosen)
        settings.refuse_exposed_dev_mode()
        _refuse_ready_file(ready_file)
        with bind(settings.host, settings.port) as listener:
            _serve(settings, listener, prepare(settings), ready_file)
    except ServiceError as error:
        exits.leave(str(error), exits.REFUSED)


def _refuse_ready_file(path: Path | None) -> None:
    """Before anything is started: whoever waits for that file would wait for ever."""
    if path is None:
        return
    partial = _partial(path)
    try:
        partial.touch()
        partial.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartRefused(f"the ready file {path} cannot be written: {reason}") from error


def _serve(
    settings: Settings, listener: socket.socket, key: str | None, ready_file: Path | None
) -> None:
    _configure_log(settings)
    url = address(settings, listener.getsockname()[1])
    server = _Server(settings, url=url, key=key, ready_file=ready_file)
    server.run(sockets=[listener])
    if not server.started:
        raise typer.Exit(exits.REFUSED)


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens already: who connects before the service is ready waits for it.

    Raises:
        PortInUse: Another program listens there.
        StartRefused: The address is not of this machine, or the port needs more rights.
    """
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = _listening(socket.socket(family, kind, protocol), where)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(host, port) from error
        reason = error.strerror or str(error)
        raise StartRefused(f"cannot listen on {host} port {port}: {reason}") from error
    return listener


def _listening(listener: socket.socket, where: Any) -> socket.socket:
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def prepare(settings: Settings) -> str | None:
    """Open and upgrade what the service needs; the first key if it was just made.

    Raises:
        DataDirectoryUnusable: The data directory cannot be written.
        DatabaseNewer: The database was written by a newer release.
        StartRefused: The database cannot be opened.
    """
    clock = Clock()
    try:
        services = open_services(settings, clock)
    except ServiceError:
        raise
    except Exception as error:  # whatever the driver says of a broken or foreign file
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StartRefused(
            f"the database {settings.effective_database_url} cannot be used: {reason}"
        ) from error
    try:
        if settings.dev:
            return new_api_key()
        with session_scope(services.engine) as session:
            if keys.has_keys(session):
                return None
            made = keys.create_key(
                session,
                name="first",
                entity=settings.default_entity,
                scopes=keys.SCOPES,
                now=clock.now(),
            )
            return made.secret
    finally:
        services.writer.close()
        services.engine.dispose()


def address(settings: Settings, port: int) -> str:
    """Where people and agents reach the service."""
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    host = socket.gethostname() if settings.host in _WILDCARDS else settings.host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _configure_log(settings: Settings) -> None:
    level = settings.log_level.upper()
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if settings.dev:
        log.warning(
            "development mode: nobody is asked for a key; reachable from this machine only"
        )


class _Server(uvicorn.Server):
    """Says where it is once it is ready."""

    def __init__(
        self, settings: Settings, *, url: str, key: str | None, ready_file: Path | None
    ) -> None:
        super().__init__(
            uvicorn.Config(
                create_app(settings),
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                lifespan="on",
                timeout_graceful_shutdown=_GRACEFUL_SECONDS,
            )
        )
        self._settings = settings
        self._url = url
        self._key = key
        self._ready_file = ready_file

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn's own would raise the signal again after an orderly end: exit code -15 and not 0.
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            typer.echo(greeting(self._settings, url=self._url, key=self._key))
            if self._ready_file is not None:
                write_ready_file(self._ready_file, url=self._url, key=self._key)


def greeting(settings: Settings, *, url: str, key: str | None) -> str:
    """What a person reads when the service is ready."""
    lines = [
        f"Paribus {version('paribus')} is ready at {url}   (Ctrl-C stops it)",
        f"Its data is in {settings.data_dir}",
    ]
    if settings.dev:
        lines += [
            "",
            "Development mode: nobody is asked for a key, and any well-formed one works.",
        ]
    elif key is not None:
        lines += ["", "The first key of this service, shown only now: copy it."]
    else:
        return "\n".join([*lines, "Keys: `paribus keys list`; a new one: `paribus keys create`"])
    return "\n".join(
        [
            *lines,
            "",
            "  For paribus launch, status, best and the other commands:",
            f"    export PARIBUS_URL={url}",
            f"    export PARIBUS_API_KEY={key}",
            "",
            "  For wandb on a GPU host, all that it needs:",
            f"    export WANDB_BASE_URL={url}",
            f"    export WANDB_API_KEY={key}",
            "",
        ]
    )


def write_ready_file(path: Path, *, url: str, key: str | None) -> None:
    """Tell a script, in one step, readable by its owner only: it holds a key."""
    partial = _partial(path)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump({"url": url, "pid": os.getpid(), "api_key": key}, out)
    os.replace(partial, path)


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.{os.getpid()}")
