"""Columns of numbers as bytes, bit for bit.

64-bit words are stored byte by byte (all first bytes, then all second ones …) and deflated: signs
and exponents of a curve are nearly constant, and compress; the last bytes of a float do not.

Source: Blosc's shuffle filter (Alted, CiSE 12(2), 2010) is the same idea.
"""

import zlib

import numpy as np

from paribus_service.store.curves import Packed
from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.histories import Column, History, IntArray, is_dense, shared_rows

_LEVEL = 1  # higher levels take three times as long for a few per cent


def packed(history: History, *, first: int) -> list[Packed]:
    """The columns of a stretch of lines that begins at line `first`."""
    return [_packed(key, column, first) for key, column in sorted(history.columns.items())]


def _packed(key: str, column: Column, first: int) -> Packed:
    rows = column.rows - first
    dense = is_dense(rows) and not rows[:1].any()
    return Packed(
        key=key,
        first_line=first,
        count=len(column),
        others=column.others,
        lines=None if dense else _deflated(rows),
        numbers=_deflated(column.values),
    )


def unpacked(stored: Packed) -> Column:
    """The column of a stretch, its rows counted from the run's first line."""
    values = _inflated(stored.numbers).view(np.float64)
    if stored.lines is None:
        rows = shared_rows(stored.first_line, stored.count)
    else:
        rows = _inflated(stored.lines).view(np.int64) + stored.first_line
    return Column(rows, values, stored.others)


def _deflated(words: FloatArray | IntArray) -> bytes:
    by_byte = np.ascontiguousarray(words).view(np.uint8).reshape(len(words), 8).T
    return zlib.compress(by_byte.tobytes(), _LEVEL)


def _inflated(data: bytes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    flat = np.frombuffer(zlib.decompress(data), dtype=np.uint8)
    return np.ascontiguousarray(flat.reshape(8, len(flat) // 8).T).reshape(len(flat))
