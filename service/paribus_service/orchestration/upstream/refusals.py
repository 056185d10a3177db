"""Why a W&B server did not do what it was asked, told apart where the client tells too little.

The newest client reports a failed request as one text ("giving up after 2 attempt(s) …"), the
older one says "Unable to connect to server" of everything that goes wrong at its start. Where the
reason matters, one small question is put to the server directly; its status says what it is.

Standard library only: this runs beside the client, in its environment.
"""

import base64
import json
import math
import re
import urllib.error
import urllib.request
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from paribus_service.orchestration.upstream.documents import PROBE

Kind = Literal["refused_key", "not_found", "too_old", "busy", "unreachable", "failed"]

LONGEST_REST_SECONDS = 86_400.0
"""Whoever wants a longer one is asked once a day what still holds."""
PROBE_SECONDS = 5.0
"""A server that takes longer for one line is as good as down."""
_NO_RIGHTS = re.compile(
    r"permission denied|not authorized|unauthorized|forbidden|api key m(?:ust|ay only)|"
    r"verification failed|"
    r"invalid credentials",  # 0.31.0, where the server knows no user for the key
    re.IGNORECASE,
)
_UNKNOWN_FIELD = re.compile(r"cannot query field|unknown argument|unknown type", re.IGNORECASE)
_TOO_OLD = (
    "its release does not know what it was asked for ({said}). Upgrade that server; "
    "docs/reference/upstream.md lists what is asked of it"
)
_STATUS_IN_TEXT = re.compile(r"HTTP (\d{3})|(\d{3}) (?:Client|Server) Error")
_NO_JSON = re.compile(
    r"invalid character '.+' looking for beginning of value|Expecting value: line"
)
"""Of Go's reader, and of Python's."""
_CUT_OFF = re.compile(
    r"unexpected (?:EOF|end of JSON input)|Unterminated string|"
    r"Expecting (?:property name|',' delimiter|':' delimiter)"
)
"""JSON that begins well and has no end, in the words of the same two."""
_MISSING = re.compile(r"\b(?:not found|could not find|does not exist|no such)\b", re.IGNORECASE)


SHORTEST_SECRET = 20
"""Characters. Keys of W&B have 40 at least; a shorter one may be any word, and to leave `id` out
of a reply leaves out what it answers. Source: wandb 0.31.0, sdk/lib/wbauth/validation.py."""


def without_key(text: str, key: str) -> str:
    """A text in which an API key is not told."""
    return text.replace(key, "(the key)") if len(key) >= SHORTEST_SECRET else text


class _Staying(urllib.request.HTTPRedirectHandler):
    """Follows nothing: another host would be sent the key."""

    def redirect_request(self, *_: Any) -> None:
        """No request at all; the redirection is the answer."""


_OPENER = urllib.request.build_opener(_Staying)


class Refusal(Exception):
    """A call that failed, as it is sent back."""

    def __init__(self, kind: Kind, said: str, **facts: Any) -> None:
        super().__init__(said)
        self.kind = kind
        self.said = said
        self.facts = facts

    @classmethod
    def missing(cls, what: str, key: str) -> "Refusal":
        """Nothing of that kind has that key."""
        return cls("not_found", f"no {what} {key!r}", what=what, key=key)


def refusal_of(status: int, said: str) -> Refusal:
    """What an answer of the server means; `status` 200 where GraphQL alone complained."""
    if status in (401, 403) or _NO_RIGHTS.search(said):
        return Refusal("refused_key", said)
    if _UNKNOWN_FIELD.search(said):
        return Refusal("too_old", _TOO_OLD.format(said=said.rstrip(". ")))
    if status == 200 and _CUT_OFF.search(said):
        return Refusal("unreachable", f"its answer was cut off ({said})")
    if status == 200 and _NO_JSON.search(said):
        hint = "its answer is no JSON: see that PARIBUS_WANDB_BASE_URL is the server's API"
        return Refusal("failed", f"{hint}, as https://api.wandb.ai is ({said})")
    if 300 <= status < 400:
        hint = "PARIBUS_WANDB_BASE_URL is to be where it leads, often the same with https"
        return Refusal("failed", f"{said}: {hint}")
    if status == 429:
        return Refusal("busy", said)
    if status in (404, 405, 410) or _MISSING.search(said):
        return Refusal("not_found", said)
    return Refusal("unreachable" if status in (408, 425) or status >= 500 else "failed", said)


def status_in(text: str) -> int | None:
    """The HTTP status that a client's message quotes."""
    found = _STATUS_IN_TEXT.search(text)
    return int(found[1] or found[2]) if found else None


def probe(base_url: str, key: str, said: str) -> Refusal:
    """Why a request got no answer: asks the server one small thing, once.

    Args:
        base_url: The server's.
        key: An API key.
        said: The client's own words, kept where the server seems well.
    """
    request = urllib.request.Request(
        base_url + "/graphql",
        data=json.dumps({"query": PROBE, "variables": {}}).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": "Basic " + base64.b64encode(f"api:{key}".encode()).decode(),
        },
    )
    try:
        with _OPENER.open(request, timeout=PROBE_SECONDS):
            return Refusal("unreachable", said)
    except urllib.error.HTTPError as error:
        with error:
            return _answered(error)
    except (OSError, ValueError) as error:  # URLError, a timeout, a torn or odd answer
        return Refusal("unreachable", str(getattr(error, "reason", error)))


def _answered(error: urllib.error.HTTPError) -> Refusal:
    refusal = refusal_of(error.code, f"it answers {error.code} {error.reason}")
    seconds = retry_after(error.headers.get("Retry-After"))
    if seconds is not None:
        refusal.facts["retry_after"] = seconds
    return refusal


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After asks for, a day at most; None where none can be read."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        return _until(header)
    return min(max(seconds, 0.0), LONGEST_REST_SECONDS) if math.isfinite(seconds) else None


def _until(header: str) -> float | None:
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_REST_SECONDS)
