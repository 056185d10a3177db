"""From a data frame to answers: pandas, polars, or a plain mapping of columns.

    from paribus_sweeps.analysis.frames import ask

    found = ask(frame, factors=["batch", "ratio"], response="loss", goal="minimize",
                replicate="seed", blocks=["gpu"])
    found["factors"][0]["sentence"]
    ask(frame, "effects", factors=["batch"], response="loss", interactions="none")

A frame is whatever has named columns: `frame["batch"]` gives a sequence. Neither pandas nor
polars is imported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from paribus_sweeps.analysis.answers import answer
from paribus_sweeps.analysis.cases import Case
from paribus_sweeps.analysis.plain_questions import QUESTION_KEYS
from paribus_sweeps.analysis.plain_tables import ROW_KEYS, read_table
from paribus_sweeps.errors import UnknownColumn, did_you_mean
from paribus_sweeps.spec.reading import shown

_NOTHING = ("NAType", "NaTType")  # pandas' own, which is not imported


def ask(
    frame: Any,
    kind: str = "factors",
    *,
    factors: Sequence[str] | Mapping[str, Mapping[str, Any]],
    response: str,
    goal: str | None = None,
    replicate: str | Sequence[str] = (),
    blocks: Sequence[str] = (),
    lurking: Sequence[str] = (),
    **question: Any,
) -> dict[str, Any]:
    """Answer a question about the rows of a frame; each row is a run.

    Args:
        frame: pandas, polars, or a mapping of equally long columns. Columns `id`, `state` and
            `reason` are taken where there are any.
        kind: One of `answers.KINDS`.
        factors: Names, or name → {levels, baseline, numeric, transform}.
        response: Name of the column that holds it.
        goal: "minimize", "maximize", or None.
        replicate: What tells repetitions of a setting apart, such as the seed.
        blocks: What differs between rows without being under study.
        lurking: What is only looked at for aliasing.
        question: Further keys of a question, as `POST /answers` takes them.

    Raises:
        UnknownColumn: The frame has no such column.
        TypeError: It is no frame, a cell holds what is neither number nor text, or no question
            has such an argument.
        ValueError: Two columns have one name, or unequal lengths.
        InvalidSpec: With every other problem that was found.
    """
    return answer(
        kind,
        case_of(
            frame,
            factors=factors,
            response=response,
            goal=goal,
            replicate=replicate,
            blocks=blocks,
            lurking=lurking,
            **question,
        ),
    )


def case_of(
    frame: Any,
    *,
    factors: Sequence[str] | Mapping[str, Mapping[str, Any]],
    response: str,
    goal: str | None = None,
    replicate: str | Sequence[str] = (),
    blocks: Sequence[str] = (),
    lurking: Sequence[str] = (),
    **question: Any,
) -> Case:
    """Return the case of a frame; arguments and errors are those of `ask`."""
    own = _columns(frame)
    seeds = [replicate] if isinstance(replicate, str) else list(replicate)
    wanted = [*factors, response, *seeds, *blocks, *lurking]
    for name in wanted:
        if name not in own:
            raise UnknownColumn(name, list(own))
    unknown = sorted(set(question) - set(QUESTION_KEYS))
    if unknown:
        hint = did_you_mean(unknown[0], QUESTION_KEYS) or f"known: {', '.join(QUESTION_KEYS)}"
        raise TypeError(f"ask() has no argument {unknown[0]!r}; {hint}")
    names = dict.fromkeys([*wanted, *(c for c in ROW_KEYS if c in own)])
    measured: dict[str, Any] = {"name": response}
    return read_table(
        {
            "factors": _plain(factors) if isinstance(factors, Mapping) else list(factors),
            "replicate": seeds,
            "blocks": list(blocks),
            "lurking": list(lurking),
            "response": measured if goal is None else {**measured, "goal": goal},
            "runs": _rows({name: _cells(frame[own[name]], name) for name in names}),
            "question": _plain(question),
        }
    )


def _columns(frame: Any) -> dict[str, Any]:
    """Return the text of each column's name → the name as the frame has it."""
    if not hasattr(frame, "columns") and not isinstance(frame, Mapping):
        raise TypeError(
            f"a {type(frame).__name__} has no named columns: "
            "a frame is pandas, polars, or a mapping of columns"
        )
    own: dict[str, Any] = {}
    for name in frame.columns if hasattr(frame, "columns") else frame:
        if str(name) in own:
            raise ValueError(f"two columns of the frame are called {str(name)!r}: rename one")
        own[str(name)] = name
    return own


def _cells(column: Any, name: str) -> list[Any]:
    try:
        return [_plain(value) for value in column]
    except TypeError as error:
        raise TypeError(f"column {name!r}: {error}") from error


def _rows(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    if len({len(cells) for cells in columns.values()}) > 1:
        told = ", ".join(f"{name} has {len(cells)}" for name, cells in columns.items())
        raise ValueError(f"columns are equally long; {told}")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _plain(value: Any) -> Any:
    """Return a value as JSON would hold it; NaN, which frames take for "nothing", as None."""
    if value is None or type(value) in (str, bool, int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if isinstance(value, str | int):  # a subclass: numpy's texts, enumerations
        return str(value) if isinstance(value, str) else int(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(held) for held in value]
    return _foreign(value)


def _foreign(value: Any) -> Any:
    """Return what pandas, polars and numpy make of a cell, as plain Python.

    Raises:
        TypeError: It is neither number, text nor time.
    """
    if type(value).__name__ in _NOTHING:
        return None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return _plain(float(value))
    for method in ("tolist", "to_list"):  # numpy's and pandas' arrays and scalars; polars' lists
        if hasattr(value, method):
            return _plain(getattr(value, method)())
    raise TypeError(f"{shown(value)} is neither number nor text")
