"""The official wandb client, in a process of its own, asked over a pipe.

    python -m paribus_service.orchestration.upstream.process

One JSON object a line. The first one that comes in has the server's address and the API key, which
is thus in no command line, no environment and no file; `{"ready": …}` answers it. Each one after
it is a call, answered by one line:

    {"id": 1, "call": "sweep", "arguments": {…}, "seconds": 30}
    {"id": 1, "value": {…}, "requests": 1}
    {"id": 1, "error": {"kind": "busy", "said": "…", "retry_after": 7}, "requests": 2}

The end of its input ends the process, and so does a failure that may be the client's own: its
answer has `"last": true`. What the client prints goes to stderr.

This is the one module that imports wandb, and nobody imports it. It runs under the client's own
Python, of 0.31 (which asks through wandb-core) and of 0.21 (which asks by itself).

Source: wandb 0.31.0, apis/public/service_api.py; wandb 0.21.4, apis/public/api.py.
"""

import dataclasses
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import IO, Any

import wandb

from paribus_service.orchestration.upstream.calls import CALLS
from paribus_service.orchestration.upstream.refusals import (
    Refusal,
    probe,
    refusal_of,
    retry_after,
    status_in,
    without_key,
)

gql = getattr(wandb.apis.public.api, "gql", None)
"""The older client's own reader of documents; the newest takes texts."""
PRIVATE = "PARIBUS_CLIENT_DIR"
"""Environment variable: the directory that this process owns, and removes when it ends."""
_NEVER_SECONDS = 1e6
"""Between a request that failed and the one repetition that the newest client insists on: it is
given up long before, so what must not be sent twice is sent once."""
_SOON_SECONDS = 0.5
_LATE = "did not respond in time"
_NO_ANSWER = (
    _LATE,
    "giving up after",
    "timed out",
    "Unable to connect",
    "An error occurred while verifying",
)
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError)


class OfficialClient:
    """`calls.Client` by the wandb that is installed here; connects when it is first asked."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self.base_url = base_url
        self.version = str(wandb.__version__)
        self.can_enqueue = hasattr(wandb.apis.public.Sweep, "enqueue_run")
        self.requests = 0
        """Sent since `begin`; what the client sends by itself at its start counts as one."""
        self._key = api_key
        self._apis: dict[str, Any] = {}
        self._seconds = self._until = 0.0

    def begin(self, seconds: float) -> None:
        """A call begins, with so much time."""
        self.requests = 0
        self._seconds, self._until = seconds, time.monotonic() + seconds

    @property
    def is_late(self) -> bool:
        """More than half of this call's time is over."""
        return time.monotonic() > self._until - self._seconds / 2

    @property
    def app_url(self) -> str:
        """Where the server's pages are."""
        api = self._api("asks")
        return str(api.client.app_url if gql else api._service_api.app_url)

    def ask(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The data of an answer; what fails may be sent again."""
        return self._trying(lambda: self._execute("asks", document, variables)) or {}

    def tell(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The data of an answer to something that must not be sent twice."""
        return self._trying(lambda: self._execute("tells", document, variables)) or {}

    def enqueue(self, sweep_path: str, config: Mapping[str, Any], display_name: str) -> str:
        """`Sweep.enqueue_run`, sent once; the run's id."""

        def send() -> Any:
            sweep = self._api("asks").sweep(sweep_path)
            sweep._service_api = self._api("tells")._service_api
            return sweep.enqueue_run(dict(config), display_name=display_name)

        return str(self._trying(send))

    def _execute(self, which: str, document: str, variables: Mapping[str, Any]) -> Any:
        api = self._api(which)
        left = max(self._until - time.monotonic(), 1.0)
        if gql:
            return api._base_client.execute(
                gql(document), variable_values=dict(variables), timeout=left
            )
        return api._service_api.execute_graphql(document, variables, timeout=left)

    def _api(self, which: str) -> Any:
        """One that repeats a failed question soon, or one that in effect never does.

        The older client repeats in a layer above the one that is used here.
        """
        if which not in self._apis:
            self.requests += 1
            if not gql:
                pause = _SOON_SECONDS if which == "asks" else _NEVER_SECONDS
                settings = wandb.setup().settings
                settings.x_graphql_retry_wait_min_seconds = pause
                settings.x_graphql_retry_wait_max_seconds = pause
            self._apis[which] = wandb.Api(
                overrides={"base_url": self.base_url},
                api_key=self._key,
                timeout=max(int(self._seconds), 1),
            )
        return self._apis[which]

    def _trying(self, send: Callable[[], Any]) -> Any:
        self.requests += 1
        try:
            return send()
        except Exception as error:
            if not _is_an_answer(error):
                raise
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> Refusal:
        status, header, said = _told(error)
        if status is None and not _went_unanswered(error, said):
            return refusal_of(200, said)
        if status is not None and (status != 429 or header is not None):
            seconds = retry_after(header) if status in (429, 503) else None
            if seconds is not None:
                return Refusal("busy", said, retry_after=seconds)
            return refusal_of(status, said)
        if _LATE in said:  # wandb-core's word for a server that is slow
            said = f"it gave no answer within {self._seconds:.0f} s"
        self.requests += 1
        found = probe(self.base_url, self._key, said)
        passed = status == 429 and found.kind == "unreachable"
        return Refusal("busy", said) if passed else found


def _is_an_answer(error: Exception) -> bool:
    """Whether a server, or its absence, speaks through it; anything else is a fault here."""
    kind = type(error)
    return (
        kind is Exception  # how the older client reports what GraphQL refused
        or kind.__name__ == "WandbApiFailedError"
        or isinstance(error, wandb.errors.Error | OSError | ValueError)
    )


def _went_unanswered(error: Exception, said: str) -> bool:
    return isinstance(error, OSError) or any(text in said for text in _NO_ANSWER)


def _told(error: Exception) -> tuple[int | None, str | None, str]:
    """The status of the server's answer, its Retry-After, and what was said."""
    for cause in _chain(error):
        answer = getattr(cause, "response", None)
        if answer is None:
            continue
        status = getattr(answer, "http_status", None) or getattr(answer, "status_code", None)
        headers = getattr(answer, "headers", None) or {}
        return status or status_in(str(cause)), headers.get("Retry-After"), _words(cause, answer)
    return status_in(str(error)), None, str(error)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _words(error: BaseException, answer: Any) -> str:
    """What GraphQL said, where the body of an older client's answer has it."""
    try:
        return str(json.loads(answer.text)["errors"][0]["message"])
    except (AttributeError, ValueError, KeyError, TypeError, IndexError):
        return str(error)


# ---- the pipe


def serve(client: OfficialClient, questions: IO[str], replies: IO[str], key: str) -> None:
    """Answer line by line, until the questions end or the client may have failed for good."""
    for line in questions:
        question = json.loads(line)
        client.begin(question["seconds"])
        reply = {"id": question["id"]} | _answer(client, question)
        _send(replies, reply | {"requests": client.requests}, key)
        if reply.get("last"):
            return


def _answer(client: OfficialClient, question: Mapping[str, Any]) -> dict[str, Any]:
    try:
        value = CALLS[question["call"]](client, **question["arguments"])
    except Refusal as refusal:
        return _refused(refusal.kind, refusal.said, **refusal.facts)
    except _UNREADABLE as error:
        return _refused("failed", f"the answer cannot be read ({type(error).__name__}: {error})")
    except Exception as error:
        return _refused("unreachable", f"the client broke ({type(error).__name__}: {error})")
    return {"value": value}


def _refused(kind: str, said: str, **facts: Any) -> dict[str, Any]:
    one_line = " ".join(said.split())
    reply: dict[str, Any] = {"error": {"kind": kind, "said": one_line, **facts}}
    return reply | {"last": True} if kind == "unreachable" else reply


def _send(replies: IO[str], reply: Mapping[str, Any], key: str) -> None:
    text = json.dumps(reply, default=_plain)
    replies.write(without_key(text, key) + "\n")
    replies.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return dataclasses.asdict(value)  # in a list: asdict goes into dataclasses alone


def main() -> None:
    """Take over stdout for the replies, and serve."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    first = json.loads(sys.stdin.readline())
    try:
        client = OfficialClient(first["base_url"], first["api_key"])
        _send(replies, {"ready": client.version}, first["api_key"])
        serve(client, sys.stdin, replies, first["api_key"])
    finally:
        shutil.rmtree(os.environ[PRIVATE], ignore_errors=True)


if __name__ == "__main__":
    main()
