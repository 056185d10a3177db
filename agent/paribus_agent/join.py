"""Join a sweep: ask the service which one, then become a plain `wandb agent`.

The entry point of the agent image; it works on any GPU host.

    python -m paribus_agent.join               # PARIBUS_SWEEP, else the newest running sweep
    python -m paribus_agent.join --count 1     # what follows is handed to `wandb agent`
    python -m paribus_agent.join --check       # exit code 0 when the service is ready

Read from the environment:

    WANDB_BASE_URL         address of the service, as for every wandb client
    WANDB_API_KEY          a key with the scopes `read` and `agent`
    WANDB_API_KEY_FILE     or a file that holds it, such as a container's secret
    PARIBUS_SWEEP          `id` or `entity/project/id`; without it, the newest running sweep, else
                           the newest that waits for its first agent, asked for until there is one
    PARIBUS_POLL_SECONDS   how often to ask meanwhile, 5 by default

Only Python's own library is used up to the moment when the client takes over: what joins has to
run before anything heavy is loaded.
"""

import http.client
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from paribus_agent.errors import AgentError, CannotJoin

TERM_TIMEOUT_SECONDS = 100  # a checkpoint's time; below the container's grace period of 120
_ANSWER_SECONDS = 10.0
_ASKS_PER_NOTICE = 12  # a line a minute while waiting, at five seconds an ask
_STATES = ("running", "registered")  # in the order in which they are asked for

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """The Paribus service, as an agent sees it over REST."""

    url: str
    """Without a slash at the end."""
    key: str

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON that `path` answers with.

        Raises:
            CannotJoin: The service refuses, or what answers is no Paribus service.
            OSError: Nothing answers; that may pass.
        """
        address = f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")
        request = Request(address, headers={"Authorization": f"Bearer {self.key}"})
        try:
            with urlopen(request, timeout=_ANSWER_SECONDS) as answer:
                return json.load(answer)
        except HTTPError as error:
            if error.code in (429, 503):
                raise OSError(f"{self.url} is busy ({error.code})") from error
            raise CannotJoin(f"{address} answers {error.code}: {_detail(error)}") from error
        except ValueError as error:
            raise CannotJoin(
                f"{address} does not answer with JSON: is WANDB_BASE_URL a Paribus service?"
            ) from error
        except http.client.HTTPException as error:
            raise OSError(f"{self.url} broke off its answer ({error!r})") from error

    def is_ready(self) -> bool:
        """The service takes in what it is told."""
        try:
            self.get("/readyz")
        except (CannotJoin, OSError):
            return False
        return True

    def newest_sweep(self) -> str | None:
        """Path of the newest sweep that hands out trials; None while there is none."""
        for state in _STATES:
            found = self.get("/api/v1/sweeps", state=state, page_size=1)["items"]
            if found:
                return _path(found[0])
        return None

    def sweep_path(self, sweep_id: str) -> str:
        """`entity/project/id` of a sweep.

        Raises:
            CannotJoin: There is no such sweep.
        """
        return _path(self.get(f"/api/v1/sweeps/{quote(sweep_id, safe='')}"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Join a sweep for good, or check that the service is there; an exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        service = service_of(os.environ)
        if list(arguments) == ["--check"]:
            return 0 if service.is_ready() else 1
        join(service, arguments)
    except AgentError as error:
        log.error("paribus: %s", error)
        return error.exit_code


def join(service: Service, arguments: Sequence[str]) -> NoReturn:
    """Replace this process by a `wandb agent` of the sweep that is to be joined."""
    path = choose_sweep(
        service,
        os.environ.get("PARIBUS_SWEEP", ""),
        poll_seconds=_poll_seconds(os.environ),
    )
    command = agent_command(path, arguments)
    log.info("paribus: joining sweep %s: %s", path, " ".join(command))
    try:
        os.execvpe(command[0], command, {**os.environ, "WANDB_API_KEY": service.key})
    except FileNotFoundError:
        raise CannotJoin("there is no `wandb` on PATH: pip install 'paribus[agent]'") from None


def service_of(environment: Mapping[str, str]) -> Service:
    """The service that the environment names.

    Raises:
        CannotJoin: The address or the key is missing.
    """
    url = environment.get("WANDB_BASE_URL", "").rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise CannotJoin(
            f"WANDB_BASE_URL is {url!r}: it has to be the service's address, "
            "for example http://gpu-lab:8080"
        )
    return Service(url, _key(environment))


def _key(environment: Mapping[str, str]) -> str:
    key = environment.get("WANDB_API_KEY", "")
    file = environment.get("WANDB_API_KEY_FILE", "")
    if not key and file:
        try:
            key = Path(file).read_text()
        except OSError as error:
            raise CannotJoin(
                f"WANDB_API_KEY_FILE names {file}, which cannot be read ({error.strerror})"
            ) from error
    if not key.strip():
        raise CannotJoin(
            "there is no key in WANDB_API_KEY or WANDB_API_KEY_FILE: make one on the service's "
            "machine with `paribus keys create --name gpu-host --scope read --scope agent`"
        )
    return key.strip()


def choose_sweep(
    service: Service,
    asked: str,
    *,
    poll_seconds: float = 5.0,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Path of the sweep to join; waits until there is one.

    Args:
        service: Who is asked.
        asked: `entity/project/id`, taken as it is; an id; or "", the newest.
        poll_seconds: Between two questions.
        sleep: What waits; a test's own.

    Raises:
        CannotJoin: There is no such sweep, or the service refuses the key.
    """
    if "/" in asked:
        return asked
    asks = 0
    while True:
        try:
            found = service.sweep_path(asked) if asked else service.newest_sweep()
            waiting_for = "a sweep to be registered"
        except OSError as error:
            found, waiting_for = None, f"the service to answer ({error})"
        if found is not None:
            return found
        if asks % _ASKS_PER_NOTICE == 0:
            log.info("paribus: waiting for %s at %s", waiting_for, service.url)
        asks += 1
        sleep(poll_seconds)


def agent_command(path: str, arguments: Sequence[str]) -> list[str]:
    """The client's own command; a SIGTERM reaches the training, which then saves itself.

    Source: wandb 0.31.0, `wandb agent --help`.
    """
    signals = ["--forward-signals", "--term-timeout", str(TERM_TIMEOUT_SECONDS)]
    return ["wandb", "agent", *signals, *arguments, path]


def _poll_seconds(environment: Mapping[str, str]) -> float:
    text = environment.get("PARIBUS_POLL_SECONDS") or "5"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise CannotJoin(f"PARIBUS_POLL_SECONDS is {text!r}: it has to be a number above 0")
    return seconds


def _path(sweep: Mapping[str, Any]) -> str:
    return f"{sweep['entity']}/{sweep['project']}/{sweep['id']}"


def _detail(error: HTTPError) -> str:
    """What the service says is wrong (RFC 9457), or the status in words."""
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError):
        return str(error.reason)


if __name__ == "__main__":
    sys.exit(main())
