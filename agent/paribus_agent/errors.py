"""What can go wrong in a training, when a person can do something about it.

AgentError                   exit code 2 unless a class says otherwise
├── InvalidSetting           a key or value the program does not take; `key` says which
│   ├── UnknownSetting       no such key; the nearest name is given
│   └── SettingIgnored       a value that was asked for and did not take effect
├── DataUnavailable          the reviews cannot be had here; says what to install
├── ModelUnavailable         the weights cannot be had here; says what to install
├── DeviceUnsuitable         this device cannot do what was asked
├── CheckpointUnusable       a checkpoint that belongs to another setting
└── CannotJoin               the service cannot be asked for a sweep, or refuses

`Preempted` is not an error: it is how a SIGTERM leaves the program (exit code 143).
"""

from collections.abc import Collection
from difflib import get_close_matches

EXIT_FAILED = 1
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
EXIT_PREEMPTED = 143  # 128 + SIGTERM, as a shell reports it


class AgentError(Exception):
    """Something that a person can put right; its text is one or two sentences."""

    exit_code = EXIT_USER_ERROR


class InvalidSetting(AgentError):
    """A key or a value that the program does not take."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key


class UnknownSetting(InvalidSetting):
    """A key that the program does not know."""

    def __init__(self, key: str, known: Collection[str]) -> None:
        near = get_close_matches(key, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        super().__init__(key, f"paribus_agent.train has no such setting{hint}")


class SettingIgnored(InvalidSetting):
    """A value that was asked for and is not what the training would use."""

    def __init__(self, key: str, *, asked: object, found: object, where: str) -> None:
        super().__init__(
            key,
            f"{asked!r} was asked for, but {where} holds {found!r}; "
            "the run is stopped rather than recorded under a value it did not use",
        )
        self.asked = asked
        self.found = found


class DataUnavailable(AgentError):
    """The reviews cannot be had on this host."""


class ModelUnavailable(AgentError):
    """The weights cannot be had on this host."""


class DeviceUnsuitable(AgentError):
    """A device that cannot do what was asked."""


class CheckpointUnusable(AgentError):
    """A checkpoint that cannot continue this run."""


class CannotJoin(AgentError):
    """The service cannot be asked which sweep to join, or it refuses."""


class Preempted(SystemExit):
    """The process was told to go; what it had learned is on disk.

    A `SystemExit`, so that no `except Exception` on the way swallows it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(EXIT_PREEMPTED)
        self.reason = reason
