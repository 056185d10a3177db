"""A sweep's design as a page shows it: settings by factors, and which columns go together."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from paribus_service.dependencies import SessionDep
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.tables import Run, Sweep, Trial

SETTINGS_SHOWN = 40
TRIALS_READ = 1_000  # of a larger design its beginning is shown; the table of trials has it all
FACTORS_SHOWN = 12
SHADES = 5  # of a cell; from the sixth level on they are the darkest
_PLACES = ("gpu_name", "host")  # blocks that a run itself knows


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """A factor, or a block that goes along with one."""

    name: str
    is_block: bool
    group: str
    """Letters of what it cannot be told apart from; "" for a column that stands for itself."""


@dataclass(frozen=True, slots=True)
class ShownCell:
    """A level."""

    text: str
    shade: int
    """Place among the column's levels, 0 for the baseline; the level stands there as well."""


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting, and how far its runs are."""

    cells: Sequence[ShownCell]
    states: Sequence[tuple[str, int]]
    """State → number of its trials."""


@dataclass(frozen=True, slots=True)
class DesignMatrix:
    """Settings by factors."""

    columns: Sequence[ShownColumn]
    rows: Sequence[ShownSetting]
    more_settings: int
    is_cut: bool
    """Whether the design goes on behind what was read."""
    more_factors: int
    sentences: Sequence[tuple[str, str]]
    """Letter and sentence: what cannot be told apart, and why. No letter where whole columns
    can."""


def design_matrix(
    session: SessionDep, sweep: Sweep, *, levels: Mapping[str, Sequence[str]], facts: Any
) -> DesignMatrix | None:
    """The design; None for a search, whose settings nobody laid out.

    Args:
        session: A reading session.
        sweep: The sweep.
        levels: Factor → labels of its levels, the baseline first.
        facts: What cannot be told apart, as `confounding` says it.
    """
    trials = sweep_store.list_trials(session, sweep.id, limit=TRIALS_READ + 1)
    by_setting = _by_setting(trials[:TRIALS_READ], levels)
    if not by_setting or not levels:
        return None
    names = list(levels)[:FACTORS_SHOWN]
    blocks = sorted({block for fact in facts for block in fact["blocks"]} & set(_PLACES))
    shown = list(by_setting.values())[:SETTINGS_SHOWN]
    runs = _runs(session, shown) if blocks else {}
    seen = {name: list(levels.get(name, ())) for name in (*names, *blocks)}
    return DesignMatrix(
        columns=_columns(names, blocks, facts),
        rows=[_row(found, seen, runs) for found in shown],
        more_settings=len(by_setting) - len(shown),
        is_cut=len(trials) > TRIALS_READ,
        more_factors=len(levels) - len(names),
        sentences=[(letter, fact["sentence"]) for letter, fact in _lettered(facts)],
    )


def _by_setting(
    trials: Sequence[Trial], names: Collection[str]
) -> Mapping[tuple[str, ...], Sequence[Trial]]:
    """Setting → its trials, in the order of the design; empty where trials have no setting."""
    found: dict[tuple[str, ...], list[Trial]] = {}
    for trial in trials:
        if any(name not in trial.setting for name in names):
            return {}
        found.setdefault(tuple(trial.setting[name] for name in names), []).append(trial)
    return found


def _runs(session: SessionDep, shown: Sequence[Sequence[Trial]]) -> Mapping[int, Run]:
    pks = {trial.run_pk for found in shown for trial in found if trial.run_pk is not None}
    return run_store.run_outlines(session, pks)


def _row(
    trials: Sequence[Trial], seen: Mapping[str, list[str]], runs: Mapping[int, Run]
) -> ShownSetting:
    """A setting's row.

    Args:
        trials: Those of one setting.
        seen: Column → its levels so far; those of blocks are added as they come.
        runs: Key → run, where blocks are shown.
    """
    setting = trials[0].setting
    texts = {
        name: setting[name] if name in setting else _where(name, trials, runs) for name in seen
    }
    states = Counter(trial.state for trial in trials)
    cells = [_cell(seen[name], text) for name, text in texts.items()]
    return ShownSetting(cells, sorted(states.items()))


def _where(block: str, trials: Sequence[Trial], runs: Mapping[int, Run]) -> str:
    found = [runs[t.run_pk] for t in trials if t.run_pk is not None and t.run_pk in runs]
    return ", ".join(sorted({getattr(run, block) or "unknown" for run in found}))


def _cell(levels: list[str], text: str) -> ShownCell:
    if text not in levels:  # of a block, or of a run that was queued later
        levels.append(text)
    return ShownCell(text, min(levels.index(text), SHADES - 1))


def _columns(names: Sequence[str], blocks: Sequence[str], facts: Any) -> list[ShownColumn]:
    groups: dict[str, list[str]] = {}
    for letter, fact in _lettered(facts):
        for member in fact["members"] if letter else ():
            groups.setdefault(member, []).append(letter)
    return [
        ShownColumn(name, name in blocks, ", ".join(groups.get(name, [])))
        for name in (*names, *blocks)
    ]


def _lettered(facts: Any) -> Iterator[tuple[str, Any]]:
    """Each fact with a letter of its own; without one where it marks no columns."""
    letters = iter([*ascii_uppercase, *map(str, range(27, 27 + len(facts)))])
    for fact in facts:
        is_marked = fact["kind"] not in ("constant", "interaction")
        yield (next(letters) if is_marked else "", fact)
