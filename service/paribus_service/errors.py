"""What can go wrong in the service.

ServiceError                  knows facts; one table in `error_handlers` maps them to a status
├── NotFound                  no such sweep, run, agent …; `kind` and `key` say which
├── AlreadyExists             an id that is taken
├── IllegalTransition         the verb does not fit the state; `legal` lists those that do
├── InvalidRequest            a request that cannot be understood; `problems` say where
├── NotOfferedHere            understood, and not offered yet
├── NotAuthenticated          no key, or a key that nobody has
├── NotAllowed                a key without the scope; or another project's thing
├── ConfirmationFailed        a form without its token
├── Superseded                a process that writes to a run which another process took over
├── NothingToAdd              follow-ups were asked for, and there are none to queue
├── DataChanged               runs changed between a question and what was made of its answer
├── IdempotencyMismatch       an Idempotency-Key used again for another request
├── BodyTooLarge              over the limit; `limit_bytes`
├── UnsupportedBody           a content type that the route does not take
├── SignatureInvalid          an address for bytes that we did not sign, or that has expired
├── ServiceBusy               try again: the database is locked or stopping
├── NotReady                  the service runs and cannot store anything now
├── StorageFull               the disk took no more; nothing of the request was stored
├── UpstreamError             a W&B server that we work with; `may_pass` where trying again helps
│   ├── UpstreamNotConfigured no address or no key of one; `missing`
│   ├── UpstreamNotInstalled  the wandb client is not there
│   ├── UpstreamUnreachable   down, or too slow; may pass
│   ├── UpstreamRefusedKey    a key that is missing there, wrong, or without rights
│   ├── UpstreamNotFound      no such entity, project, sweep or run there; `kind` and `key`
│   ├── UpstreamTooOld        a server or client without a feature that is needed
│   ├── UpstreamBusy          it limits rates; `retry_after`; may pass
│   ├── UpstreamElsewhere     a sweep on another server than the one that is set up
│   └── UpstreamFailed        it refused, or the client failed, for a reason of its own
└── StartRefused              the service cannot start; the text says what to do
    ├── PortInUse
    ├── DataDirectoryUnusable
    ├── DatabaseNewer         written by a newer release
    └── DevModeExposed        `--dev` on an address that others reach
"""

from collections.abc import Collection, Sequence
from difflib import get_close_matches

from paribus_sweeps.errors import Problem


class ServiceError(Exception):
    """Anything that the service refuses or cannot do, with its reason as text."""

    code = "service_error"


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that `word` was probably meant to be, or None."""
    found = get_close_matches(word, list(known), n=1)
    return found[0] if found else None


class NotFound(ServiceError):
    """Nothing of that kind has that key."""

    code = "not_found"

    def __init__(self, kind: str, key: str, *, hint: str | None = None) -> None:
        super().__init__(f"there is no {kind} {key!r}" + (f"; {hint}" if hint else ""))
        self.kind = kind
        self.key = key
        self.hint = hint


class AlreadyExists(ServiceError):
    """Something of that kind has that key already."""

    code = "already_exists"

    def __init__(self, kind: str, key: str, *, hint: str | None = None) -> None:
        super().__init__(f"{kind} {key!r} exists already" + (f"; {hint}" if hint else ""))
        self.kind = kind
        self.key = key
        self.hint = hint


class IllegalTransition(ServiceError):
    """The verb does not fit the state that the thing is in."""

    code = "illegal_transition"

    def __init__(
        self, kind: str, key: str, *, state: str, verb: str, legal: Sequence[str]
    ) -> None:
        can = ", ".join(legal) if legal else "nothing more"
        super().__init__(f"{kind} {key!r} is {state}: it cannot {verb}; it can {can}")
        self.kind = kind
        self.key = key
        self.state = state
        self.verb = verb
        self.legal = tuple(legal)


class InvalidRequest(ServiceError):
    """A request that cannot be understood, with every problem that was found.

    A problem's pointer leads into the body, or is `?name` for a query parameter.
    """

    code = "invalid_request"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)

    @classmethod
    def one(
        cls, pointer: str, message: str, *, code: str = "invalid", hint: str | None = None
    ) -> "InvalidRequest":
        """A request with a single problem."""
        return cls([Problem(pointer, code, message, hint)])


class NotOfferedHere(ServiceError):
    """Understood, and not offered yet."""

    code = "not_offered"

    def __init__(self, what: str, *, hint: str | None = None) -> None:
        super().__init__(f"{what} is not offered yet" + (f"; {hint}" if hint else ""))
        self.what = what


class NotAuthenticated(ServiceError):
    """No key, or one that nobody has."""

    code = "not_authenticated"


class NotAllowed(ServiceError):
    """The key is good, and may not do this."""

    code = "not_allowed"

    @classmethod
    def lacks(cls, scope: str, has: Sequence[str]) -> "NotAllowed":
        """A key without the scope that the request needs."""
        return cls(
            f"this key may {', '.join(has) or 'nothing'}; the request needs the scope {scope!r}"
            f": make a key with `paribus keys create --scope {scope}`"
        )


class ConfirmationFailed(ServiceError):
    """A form that did not come from our own page, or from one that is too old."""

    code = "confirmation_failed"


class Superseded(ServiceError):
    """A process that writes to a run which another process has taken over."""

    code = "superseded"

    def __init__(self, run_path: str) -> None:
        super().__init__(
            f"run {run_path} was taken over by another process; what this process still sends is "
            "not taken in (its own wandb folder keeps it)"
        )
        self.run_path = run_path


class DataChanged(ServiceError):
    """The runs are no longer those that the caller has seen an answer about."""

    code = "data_changed"

    def __init__(self, seen: str, present: str) -> None:
        super().__init__(
            f"the runs have changed: the answer that you saw was about data version {seen!r}, "
            f"and it is {present!r} now: ask again, and leave data_version out to take what comes"
        )
        self.seen = seen
        self.present = present


class NothingToAdd(ServiceError):
    """A sweep was to get more trials, and none is called for that is not there already."""

    code = "nothing_to_add"

    def __init__(self, sweep_id: str, reason: str) -> None:
        super().__init__(f"nothing was added to sweep {sweep_id!r}: {reason}")
        self.sweep_id = sweep_id
        self.reason = reason


class IdempotencyMismatch(ServiceError):
    """An Idempotency-Key that came before with another request."""

    code = "idempotency_mismatch"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Idempotency-Key {key!r} was used before for another request: "
            "repeat that request unchanged, or choose a new key"
        )
        self.key = key


class BodyTooLarge(ServiceError):
    """A body over the limit."""

    code = "body_too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the body is larger than {limit_bytes:,} bytes, the limit of this route")
        self.limit_bytes = limit_bytes


class UnsupportedBody(ServiceError):
    """A content type that the route does not take."""

    code = "unsupported_body"

    def __init__(self, found: str, taken: Sequence[str]) -> None:
        super().__init__(f"a body of type {found!r} is not taken here: send {' or '.join(taken)}")
        self.found = found


class SignatureInvalid(ServiceError):
    """An address for bytes that we did not sign, or whose time is over."""

    code = "signature_invalid"


class ServiceBusy(ServiceError):
    """Nothing is wrong; the same request may go through in a moment."""

    code = "busy"


class NotReady(ServiceError):
    """The service runs, and cannot store anything now."""

    code = "not_ready"

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(f"the {part} cannot be written: {reason}")
        self.part = part
        self.reason = reason


class StorageFull(ServiceError):
    """The disk took no more. Nothing of the request was stored; what was there is whole."""

    code = "storage_full"


class UpstreamError(ServiceError):
    """A W&B server that we work with did not do what it was asked."""

    code = "upstream_error"
    may_pass = False
    """Whether the same request may go through later, with nothing changed here."""


class UpstreamNotConfigured(UpstreamError):
    """Work with a W&B server was asked for, and none is named."""

    code = "upstream_not_configured"

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(
            f"this service works with no W&B server: set {' and '.join(missing)} "
            "in its environment and start it again"
        )
        self.missing = tuple(missing)


class UpstreamNotInstalled(UpstreamError):
    """The official client is not there."""

    code = "upstream_not_installed"

    def __init__(self, python: str) -> None:
        super().__init__(
            f"the wandb client, which speaks with W&B servers, is not installed for {python}: "
            'install it with `pip install "paribus[upstream]"` and try again'
        )
        self.python = python


class UpstreamUnreachable(UpstreamError):
    """The server is down, cannot be reached or took too long."""

    code = "upstream_unreachable"
    may_pass = True

    def __init__(self, base_url: str, asked: str, reason: str) -> None:
        super().__init__(
            f"{base_url} was asked to {asked} and cannot be reached: {reason}; try again later, "
            "and look at that server if it stays so"
        )
        self.base_url = base_url
        self.asked = asked
        self.reason = reason


class UpstreamRefusedKey(UpstreamError):
    """The server takes no such key, or this key may not do that."""

    code = "upstream_refused_key"

    def __init__(self, base_url: str, asked: str, reason: str) -> None:
        super().__init__(
            f"{base_url} was asked to {asked} and refused the key: {reason}; set "
            "PARIBUS_WANDB_API_KEY to a key of that server whose user may do this"
        )
        self.base_url = base_url
        self.asked = asked
        self.reason = reason


class UpstreamNotFound(UpstreamError):
    """The server has nothing of that kind under that key, or hides it from this key."""

    code = "upstream_not_found"

    def __init__(self, base_url: str, kind: str, key: str) -> None:
        super().__init__(
            f"{base_url} has no {kind} {key!r}, or this key may not see it: check the name and "
            "whose key PARIBUS_WANDB_API_KEY is"
        )
        self.base_url = base_url
        self.kind = kind
        self.key = key


class UpstreamTooOld(UpstreamError):
    """The server, or the client that speaks with it, lacks a feature."""

    code = "upstream_too_old"

    def __init__(self, base_url: str, feature: str, remedy: str) -> None:
        super().__init__(f"{feature} is not possible with {base_url}: {remedy}")
        self.base_url = base_url
        self.feature = feature
        self.remedy = remedy


class UpstreamBusy(UpstreamError):
    """The server limits how often it may be asked."""

    code = "upstream_busy"
    may_pass = True

    def __init__(self, base_url: str, asked: str, retry_after: float) -> None:
        super().__init__(
            f"{base_url} limits how often it may be asked, and was to be asked to {asked}: "
            f"try again in {retry_after:.0f} s"
        )
        self.base_url = base_url
        self.asked = asked
        self.retry_after = retry_after
        """Seconds, as the server said, or our own guess where it said nothing."""


class UpstreamElsewhere(UpstreamError):
    """A sweep that is on another server than the one this service works with."""

    code = "upstream_elsewhere"

    def __init__(self, sweeps_url: str, ours: str) -> None:
        super().__init__(
            f"the sweep is on {sweeps_url}, and this service works with {ours}: set "
            "PARIBUS_WANDB_BASE_URL to the sweep's server to drive it on"
        )
        self.sweeps_url = sweeps_url
        self.ours = ours


class UpstreamFailed(UpstreamError):
    """The server refused, or its client failed, with a reason of its own."""

    code = "upstream_failed"

    def __init__(self, base_url: str, asked: str, reason: str) -> None:
        super().__init__(f"{base_url} was asked to {asked} and did not: {reason}")
        self.base_url = base_url
        self.asked = asked
        self.reason = reason


class StartRefused(ServiceError):
    """The service cannot start; the text says why and what to do."""

    code = "start_refused"


class PortInUse(StartRefused):
    """Another program listens on that port."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"port {port} on {host} is in use by another program: "
            "choose another with --port (0 takes a free one)"
        )
        self.port = port


class DataDirectoryUnusable(StartRefused):
    """The data directory cannot be written to."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"the data directory {path} cannot be used ({reason}): "
            "choose another with --data-dir or PARIBUS_DATA_DIR"
        )
        self.path = path


class DatabaseNewer(StartRefused):
    """The database was written by a newer release."""

    def __init__(self, url: str, revision: str) -> None:
        super().__init__(
            f"the database {url} has schema revision {revision}, which this release does not "
            "know: a newer one wrote it. Install that release, or name another data directory"
        )
        self.revision = revision


class DevModeExposed(StartRefused):
    """`--dev` on an address that other machines reach."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"--dev asks nobody for a key, so it works on loopback only, and {host} is not: "
            "start without --dev (the first start prints a key; `paribus keys create` makes more)"
        )
        self.host = host
