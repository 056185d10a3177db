"""How often a W&B server is asked: a budget of requests, and rests that it asks for."""

import time
from collections import deque
from collections.abc import Callable
from datetime import datetime

MINUTE_SECONDS = 60.0


class Pace:
    """Keeps to a budget in any minute, and to a server's "not before".

    Not for several threads at once: its owner holds a lock.
    """

    def __init__(self, per_minute: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._now = now
        self._sent: deque[tuple[float, int]] = deque()
        self._not_before = 0.0

    def sent(self, requests: int) -> None:
        """So many requests were just sent."""
        self._sent.append((self._now(), requests))

    def rest(self, seconds: float) -> None:
        """The server wants no request for so long."""
        self._not_before = max(self._not_before, self._now() + seconds)

    @property
    def rest_seconds(self) -> float:
        """How long the server still wants to be left alone."""
        return max(self._not_before - self._now(), 0.0)

    @property
    def wait_seconds(self) -> float:
        """How long the next request must wait for room in the budget."""
        return self.wait_leaving(0)

    def wait_leaving(self, places: int) -> float:
        """How long one must wait that leaves so many places of the budget to others."""
        now = self._now()
        while self._sent and self._sent[0][0] <= now - MINUTE_SECONDS:
            self._sent.popleft()
        too_many = sum(count for _, count in self._sent) + 1 + places - self._per_minute
        for moment, count in self._sent:
            if too_many <= 0:
                break
            too_many -= count
            if too_many <= 0:
                return moment + MINUTE_SECONDS - now
        return 0.0


def is_due(wait_until: datetime | None, noted_at: datetime, now: datetime) -> bool:
    """Whether what was to wait may go on.

    Args:
        wait_until: None where nothing was to wait.
        noted_at: When that was written down; a clock that was set back behind it is not waited
            for.
        now: The moment.
    """
    return wait_until is None or wait_until <= now or now < noted_at
