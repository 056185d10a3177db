"""Numbers as sentences show them."""

from __future__ import annotations

DIGITS = 4  # significant; more than a seed's noise carries


def number(value: float | None) -> str:
    """Return a number with four significant digits: 0.02134, 12.5, 1.2e-07."""
    return "–" if value is None else f"{value:.{DIGITS}g}".replace("-", "−")


def signed(value: float | None) -> str:
    """Return a number with its sign: +0.02134, −12.5."""
    return "–" if value is None else f"{value:+.{DIGITS}g}".replace("-", "−")


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return "1 run", "3 runs"."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
