"""The time, in one replaceable place."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Now, in UTC."""

    def now(self) -> datetime:
        """The present moment, with its time zone."""
        return datetime.now(UTC)


class SetClock(Clock):
    """A clock that stands still until it is moved: for tests."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """The moment that was set."""
        return self._at

    def advance(self, seconds: float) -> None:
        """Move the clock; a negative number of seconds moves it back."""
        self._at += timedelta(seconds=seconds)
