"""A line of a run's console output, as people read it.

Clients send JSON objects, or, older ones, `[ERROR ]<time> <text>`; both are stored as they came.
Colours and cursor movements of terminals mean nothing on a page and are left out.

Source: PROTOCOL 6 (wandb 0.31.0, core/internal/runconsolelogs).
"""

import re
from dataclasses import dataclass

from paribus_service.orchestration.recorder import parse_object

_PLAIN = re.compile(r"(ERROR )?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z? ?(.*)", re.DOTALL)
_TERMINAL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]"
)


@dataclass(frozen=True, slots=True)
class ConsoleLine:
    """One line."""

    number: int
    text: str
    is_error: bool
    """Written to standard error."""


def console_line(number: int, stored: str) -> ConsoleLine:
    """The stored line, taken apart."""
    if stored.startswith("{"):
        told = parse_object(stored)
        if "content" in told:
            return _line(number, str(told["content"]), told.get("level") == "error")
    found = _PLAIN.fullmatch(stored)
    if found is None:
        return _line(number, stored, False)
    return _line(number, found[2], bool(found[1]))


def _line(number: int, text: str, is_error: bool) -> ConsoleLine:
    """Of a line that was written over itself (a progress bar), what stood there last."""
    shown = text.rstrip("\r\n").rpartition("\r")[2]
    return ConsoleLine(number, _TERMINAL.sub("", shown), is_error)
