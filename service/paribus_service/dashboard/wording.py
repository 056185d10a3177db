"""How values are written on a page: numbers, times, sizes, states."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from markupsafe import Markup, escape

# Glyph beside each state's word: what is told by colour is told by shape as well. U+FE0E keeps
# phones from drawing a picture instead.
GLYPHS = {
    "registered": "○",
    "queued": "○",
    "created": "○",
    "leased": "◔",
    "running": "▶\ufe0e",
    "paused": "‖",
    "finished": "✓",
    "stopped": "■",
    "stopping": "■",
    "cancelled": "✕",
    "failed": "✕",
    "interrupted": "!",
    "gone": "–",
}
DRIVERS = {
    "controller": "a controller of the wandb client (wandb.controller)",
    "scheduler": "a scheduler of the wandb client (wandb sweep-scheduler)",
    "client": "a client that enqueues each run (Sweep.enqueue_run)",
}
"""Who says what a sweep runs next, where neither this service nor a W&B server does."""
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+(e[-+]?[0-9]+)?|e[-+]?[0-9]+)", re.ASCII)
_DRAWN = 9  # characters; nobody types a longer number as a level
_LONGEST = 400  # characters of one value in a table; the whole one is in REST


def number(value: float | None) -> str:
    """A number as people read it: six significant digits, thousands apart in integers.

    number(0.123456789)  # 0.123457
    number(12345)        # 12,345
    number(2e-05)        # 2e-05
    number(None)         # –
    """
    if value is None:
        return "–"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", "−")
    return f"{value:.6g}".replace("-", "−", 1) if value < 0 else f"{value:.6g}"


def brief(value: float) -> str:
    """A number in four significant digits, where many stand beside one another."""
    if not math.isfinite(value):
        return number(value)
    return number(value if value == int(value) else float(f"{value:.4g}"))


def level(label: str) -> str:
    """A level as people read it: a number that a sampler drew in four significant digits.

    level("0.00099238403389")  # 0.0009924
    level("64"), level("4:1")  # 64, 4:1
    """
    if len(label) <= _DRAWN or not _NUMBER.fullmatch(label):
        return label
    drawn = float(label)
    return brief(drawn) if math.isfinite(drawn) else label


def probability(value: float | None) -> str:
    """A p value in three significant digits; below 0.0001 only that it is."""
    if value is None:
        return "–"
    return "< 0.0001" if value < 0.0001 else f"{value:.3g}"


def plain(value: Any) -> str:
    """A config or summary value in one line, JSON where it is nested, cut where it is long."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


def when(moment: datetime | None) -> Markup:
    """A moment in UTC, as a `time` element."""
    if moment is None:
        return Markup("–")
    shown = moment.strftime("%Y-%m-%d %H:%M:%S")
    return Markup('<time datetime="{}">{} UTC</time>').format(
        moment.strftime("%Y-%m-%dT%H:%M:%SZ"), shown
    )


def at_second(seconds: float) -> str:
    """Seconds since 1970 as a moment in UTC; what no calendar holds stays a number."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return number(seconds)


def lasted(start: datetime | None, end: datetime | None) -> str:
    """Time between two moments: 45 s, 3 min 20 s, 2 h 5 min."""
    if start is None or end is None:
        return "–"
    return duration((end - start) / timedelta(seconds=1))


def duration(seconds: float) -> str:
    """A number of seconds in the two largest units that fit."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def roughly(hours: float) -> str:
    """A time that is only estimated, in one unit: 8 min, 2.5 h, 3 d."""
    if hours < 1.5:
        return f"{max(1, round(60 * hours))} min"
    return f"{hours:.3g} h" if hours < 48 else f"{hours / 24:.3g} d"


def size(number_of_bytes: int | None) -> str:
    """A size in binary units."""
    if number_of_bytes is None:
        return "–"
    value, unit = float(number_of_bytes), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def chip(state: str, reason: str | None = None) -> Markup:
    """A state: glyph and word; its reason where the pointer rests."""
    title = Markup(' title="{}"').format(reason) if reason else Markup("")
    return Markup(
        '<span class="chip {0}"{1}><span aria-hidden="true">{2}</span> {0}</span>'
    ).format(state, title, GLYPHS.get(state, "·"))


# Beside a status's word, as with states.
STATUS_GLYPHS = {
    "isolated": "✓",
    "confounded": "⇄",
    "inconclusive": "?",
    "not_varied": "–",
    "not_ready": "…",
}


def status_chip(status: str, meaning: str) -> Markup:
    """A factor's status: glyph and word; its meaning where the pointer rests."""
    return Markup(
        '<span class="chip {0}" title="{1}"><span aria-hidden="true">{2}</span> {3}</span>'
    ).format(status, meaning, STATUS_GLYPHS[status], status.replace("_", " "))


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A number and its noun: 1 run, 2 runs."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def coded(sentence: str) -> Markup:
    """A sentence whose `names` stand as code."""
    parts = sentence.split("`")
    if len(parts) % 2 == 0:  # a lone backtick marks nothing
        return escape(sentence)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part)
        for i, part in enumerate(parts)
    )


def words(name: str) -> str:
    """A name of ours as words: looked_too_coarsely → looked too coarsely."""
    return name.replace("_", " ")


def told(value: Any) -> str:
    """A number of a finding as people read it; nested ones as `name value, name value`."""
    if value is None:
        return "–"
    if isinstance(value, Mapping):
        return ", ".join(f"{words(str(name))} {told(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(told, value))
    return plain(value)


def ended(text: str) -> str:
    """A sentence with one mark at its end; what it begins with may be a key, and stays."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def capitalize_first(text: str) -> str:
    """The text with a capital at its start."""
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """A message as a sentence: a capital at its start, and one mark at its end."""
    return ended(capitalize_first(text))
