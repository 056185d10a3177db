"""How figures look: light or dark, colours, dashes and symbols that stand beside them.

Look()                            # light, 800 pixels wide
Look(theme="dark", width=400)     # a phone at night

Colours follow Okabe and Ito ("Color universal design", 2008), darkened on a light ground until
each has a contrast of 3:1 with it (WCAG 2.2, 1.4.11); every series also has a dash and a symbol
of its own, so that nothing rests on colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = get_args(Theme)
NARROWEST, WIDEST = 280, 4_000  # pixels: below, no axis has room; above, no screen


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of one theme; those of pages (dashboard/static/paribus.css) beside ours."""

    ground: str
    ink: str
    soft: str
    """Text that stands back: captions, ticks."""
    grid: str
    line: str
    """Axes and references."""
    series: tuple[str, ...]
    shades: tuple[str, ...]
    """Of levels in a matrix, the first for the baseline; ink is readable on each."""
    steps: tuple[str, ...]
    """From the least to the largest of a response."""
    warn: str


LIGHT = Colours(
    ground="#ffffff",
    ink="#17212e",
    soft="#51607a",
    grid="#e3e8ee",
    line="#8592a3",
    series=("#0072b2", "#c24e00", "#00795a", "#a33f7d", "#7a5c00", "#4b5563"),
    shades=("#ffffff", "#e6eff9", "#cfe1f5", "#b5d2f0", "#98c0ea"),
    steps=("#08519c", "#2f7fb8", "#6f7782", "#b06a20", "#8c2d04"),
    warn="#a51c1c",
)
DARK = Colours(
    ground="#11161d",
    ink="#e6ebf2",
    soft="#a3b1c4",
    grid="#273240",
    line="#7c8b9d",
    series=("#56b4e9", "#f08a3c", "#2fc29b", "#e08cc0", "#e6c84f", "#aab4c2"),
    shades=("#11161d", "#162840", "#1b385c", "#214979", "#285b97"),
    steps=("#9cc9ff", "#5aa7e0", "#a4abb5", "#e0a05a", "#ff9466"),
    warn="#f7a5a0",
)
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross")
FONT = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


@dataclass(frozen=True, slots=True)
class Look:
    """The theme, and how wide the figure will be: text is wrapped for it."""

    theme: Theme = "light"
    width: int = 800
    """In CSS pixels."""

    @property
    def colours(self) -> Colours:
        """The theme's colours."""
        return DARK if self.theme == "dark" else LIGHT

    @property
    def is_narrow(self) -> bool:
        """Whether it is as narrow as a phone."""
        return self.width < 560

    def colour(self, place: int) -> str:
        """Return the colour of a series."""
        return self.colours.series[place % len(self.colours.series)]

    def line(self, place: int, width: float = 2.0) -> dict[str, Any]:
        """Return the line of a series: after one round of colours, dashes move on by one."""
        around = place // len(self.colours.series)
        dash = DASHES[(place + around) % len(DASHES)]
        return {"color": self.colour(place), "width": width, "dash": dash}

    def marker(self, place: int, size: float = 8, *, is_open: bool = False) -> dict[str, Any]:
        """Return the symbol of a series."""
        around = place // len(self.colours.series)
        symbol = SYMBOLS[(place + around) % len(SYMBOLS)] + ("-open" if is_open else "")
        return {
            "color": self.colour(place),
            "size": size,
            "symbol": symbol,
            "line": {"color": self.colour(place), "width": 1.5},
        }

    def font(self, size: int = 12, *, soft: bool = False) -> Mapping[str, Any]:
        """Return a font of the theme."""
        colour = self.colours.soft if soft else self.colours.ink
        return {"family": FONT, "size": size, "color": colour}


DEFAULT = Look()
