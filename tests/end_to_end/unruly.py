"""A proxy between our service and a W&B server that goes wrong by a seed, in every way.

with Unruly(server.url, seed=0) as between:
    between.url                  # what the service takes for the server
    between.faults               # what went wrong so far, by kind
"""

import random
import threading
from collections import Counter
from typing import Any

import httpx

from tests.end_to_end.proxy import Proxy

NEVER = 10**9
LATE_SECONDS = 4.0  # longer than what the services of these tests wait for an answer


class Unruly(Proxy):
    """Forwards to `target`; of each request it is drawn whether, and how, it goes wrong.

    Args:
        target: Address of the server.
        seed: Of the draws.
        share: Of requests that go wrong.
        can_enqueue: Whether the server is heard to offer it.
    """

    KINDS = ("busy", "failed", "late", "lost", "dropped", "repeated", "truncated")

    def __init__(
        self, target: str, *, seed: int, share: float = 0.15, can_enqueue: bool = True
    ) -> None:
        super().__init__(target, lose_every=NEVER, repeat_every=NEVER)
        self.share = share
        self.can_enqueue = can_enqueue
        self.faults: Counter[str] = Counter()
        self.requests = 0
        self.is_over = threading.Event()
        self._random = random.Random(seed)

    def forward(self, method: str, path: str, headers: Any, body: bytes) -> httpx.Response | None:
        """The server's reply, or what is made of it; None where the connection ends instead."""
        fault = self._drawn()
        if fault == "busy":
            return httpx.Response(429, headers={"Retry-After": "1"}, content=b"{}")
        if fault == "failed":
            return httpx.Response(503, content=b"{}")
        if fault == "dropped":
            return None
        if fault == "late":
            self.is_over.wait(LATE_SECONDS)
        try:
            if fault == "repeated":
                super().forward(method, path, headers, body)
            reply = super().forward(method, path, headers, body)
        except httpx.TransportError:  # the server is down
            return None
        if fault == "lost" or reply is None:
            return None
        if fault == "truncated":
            return httpx.Response(
                reply.status_code, content=reply.content[: len(reply.content) // 2]
            )
        return self._as_heard(reply)

    def _drawn(self) -> str | None:
        with self.lock:
            self.requests += 1
            if self._random.random() >= self.share:
                return None
            fault = self._random.choice(self.KINDS)
            self.faults[fault] += 1
        return fault

    def _as_heard(self, reply: httpx.Response) -> httpx.Response:
        if self.can_enqueue:
            return reply
        content = reply.content.replace(b"SWEEPS_LOCAL_SCHEDULER", b"SOMETHING_ELSE")
        return httpx.Response(reply.status_code, content=content)
