"""Turns at writing to one database of SQLite's, in the order of asking.

Who waits for SQLite's write lock looks again after ever longer pauses, up to 100 ms, and nobody
remembers who came first: a thread that writes again and again, as an import does, leaves gaps
that are shorter, and a report that came meanwhile was measured to wait for 16 s. Writers of one
process queue up here instead, and each waits for those that were there before it.

A turn is a courtesy and no lock: what keeps writers apart is SQLite's own. Who has waited for
`patience_seconds` goes on without one, and hears from SQLite.

Source: sqlite.org, `sqliteDefaultBusyCallback` in main.c: 1, 2, 5, 10, 15, 20, 25, 25, 25, 50,
50, 100 ms, then 100 ms each time.
"""

import threading
from collections import deque

Turn = threading.Event


class Turns:
    """Who writes next.

    turn = turns.take()      # waits for those before
    ...                      # one transaction
    turns.give(turn)
    """

    def __init__(self, patience_seconds: float) -> None:
        self._patience = patience_seconds
        self._queue: deque[Turn] = deque()
        """Who writes, then who waits."""
        self._lock = threading.Lock()

    def take(self) -> Turn | None:
        """Wait for one's turn; None where it did not come in time."""
        turn = Turn()
        with self._lock:
            self._queue.append(turn)
            is_first = self._queue[0] is turn
        if is_first or turn.wait(self._patience):
            return turn
        self.give(turn)
        return None

    def give(self, turn: Turn | None) -> None:
        """It is the next one's turn; nothing happens where there was none, or it was given."""
        with self._lock:
            if turn is not None and turn in self._queue:
                self._queue.remove(turn)
            if self._queue:
                self._queue[0].set()
