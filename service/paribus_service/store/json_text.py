"""JSON as clients send it, kept as text and read again and again.

Bare NaN and infinities are read as floats. Half characters (lone surrogates: file names that are
no UTF-8 become such) are replaced in what is read, since neither a page, nor an answer, nor an
index could hold them; the text keeps them.
"""

import json
import math
from typing import Any

import orjson


def read_json(text: str) -> Any:
    """The value that `text` holds.

    Raises:
        ValueError: It holds no JSON.
        RecursionError: It is nested too deeply.
    """
    value = json.loads(text)
    may_hold_half = "\\ud" in text or "\\uD" in text
    return storable(value) if may_hold_half else value


def storable(value: Any) -> Any:
    """`value` with half characters replaced, keys included."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return [storable(item) for item in value] if isinstance(value, list) else value


def speakable(value: Any) -> Any:
    """JSON that every parser reads: NaN and the infinities as strings, whatever the nesting."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): speakable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [speakable(item) for item in value]
    return value


def write_json(value: Any) -> bytes:
    """`value` as JSON that every parser reads."""
    value = speakable(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, as a user's config may hold one
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
