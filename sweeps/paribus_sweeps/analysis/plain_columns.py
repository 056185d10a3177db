"""Columns of a plain table: what each row holds, as labels, and what is to be known of it.

    rows = Rows.read(keys)
    batch = read_factor("batch", entry, rows, notices)
    batch.factor.labels, batch.labels       # ("8", "64"), one label for each row

An empty cell (null, "", or no cell at all) is a level of its own, `<unset>`. Declared levels say
what the values are: where all of them are numbers, or `numeric` is true, the text "32" is read
as the number 32; else text and number are two levels. Each of the three is told in a notice.

Source: METHOD 1 and 13.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from paribus_sweeps.analysis.labels import (
    MOST_LEVELS_OF_A_NUMBER,
    both_sentence,
    labelled,
    number_in,
    number_of,
)
from paribus_sweeps.analysis.words import counted
from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.design.table import Transform, sorted_labels
from paribus_sweeps.errors import did_you_mean
from paribus_sweeps.factors import Factor, Level, level_label
from paribus_sweeps.spec.reading import Keys, shown

MOST_RUNS = 200_000  # a body of some 50 MB; more belongs into a notebook
FACTOR_KEYS = ("levels", "baseline", "numeric", "transform")
_TRANSFORMS: tuple[Transform, ...] = get_args(Transform)
_MOST_NAMED = 20  # columns or levels in one sentence
_PLAIN = {str, int, float, bool, type(None)}


class Rows:
    """The rows of a table; each is a run."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows = rows
        self.names = sorted({column for row in rows for column in row})

    @classmethod
    def read(cls, keys: Keys) -> Rows:
        """Read `runs`, and note what is no row."""
        given = keys.list_at("runs")
        if given is None and keys.mapping.get("runs") is None:
            keys.refuse("missing", "a table needs its runs: a list with one object a run", "runs")
        if len(given or ()) > MOST_RUNS:
            message = f"{len(given or ()):,} runs; the limit is {MOST_RUNS:,}"
            keys.refuse("too_many", message, "runs", hint="use paribus_sweeps in a notebook")
            return cls([])
        for at, row in enumerate(given or ()):
            if not isinstance(row, Mapping):
                keys.refuse("type", f"{shown(row)}: a run is an object of columns", "runs", at)
        return cls([row if isinstance(row, Mapping) else {} for row in given or ()])

    def __len__(self) -> int:
        return len(self.rows)

    def cells(self, name: str) -> Cells:
        """Return what the rows hold in a column."""
        return Cells([row.get(name) for row in self.rows])

    def lacks(self, name: str) -> bool:
        """Whether there are rows, and no column of this name among them."""
        return bool(self.rows) and name not in self.names

    def hint(self, name: str) -> str:
        """Return what may have been meant by a column that is not there."""
        listed = ", ".join(self.names[:_MOST_NAMED])
        more = len(self.names) - _MOST_NAMED
        return did_you_mean(name, self.names) or (
            f"columns: {listed}" + (f" and {more} more" if more > 0 else "")
        )


class Cells:
    """What each row holds in one column; null, "" and no cell at all are empty."""

    def __init__(self, cells: list[Any]) -> None:
        self.cells = cells
        self.empty = cells.count(None) + cells.count("")
        self._kinds = _kinds(cells)
        held = dict(zip(self._kinds, cells, strict=True))
        self._held = held
        self.distinct = [cell for cell in held.values() if cell is not None and cell != ""]
        """The values that occur, in the order in which they first do."""

    def labels(self, labelling: Labelling) -> list[str]:
        """Return the label of each cell; equal ones are worked out once."""
        known = {kind: labelling.of(cell) for kind, cell in self._held.items()}
        return [known[kind] for kind in self._kinds]


def _kinds(cells: list[Any]) -> Sequence[Any]:
    """Return what is equal for equal cells: 1, 1.0 and true are equal to Python, and no text."""
    types = set(map(type, cells)) - {type(None)}
    if len(types) <= 1 and types <= _PLAIN:  # 200,000 rows of 20 columns take seconds otherwise
        return cells
    return [(type(cell), cell if type(cell) in _PLAIN else level_label(cell)) for cell in cells]


class Labelling:
    """How the values of one column are called.

    Labelling([8, 64], reads_numbers=True).of("8.0")      # "8"
    Labelling([32, "32"], reads_numbers=False).of(32)     # "number 32"
    """

    def __init__(self, values: Iterable[Any], *, reads_numbers: bool) -> None:
        self.reads_numbers = reads_numbers
        self.values = [self.read(value) for value in values]
        """As they were read, each once for each kind of writing."""
        self.labels, self.both = labelled(self.values)

    def read(self, value: Any) -> Any:
        """Return the value; a text that is to be a number, and reads as one, as that number."""
        number = number_in(value) if self.reads_numbers and isinstance(value, str) else None
        return value if number is None else number

    def of(self, value: Any) -> str:
        """Return the label of a value."""
        if value is None or value == "":
            return UNSET
        value = self.read(value)
        label = level_label(value)
        return label if isinstance(value, str) else self.both.get(label, label)


@dataclass(frozen=True, slots=True)
class ReadFactor:
    """A factor, and the label that it has in each row."""

    factor: Factor
    labels: Sequence[str]
    labelling: Labelling
    scale: Transform | None
    """Of its values, where it is analysed on them; None where level by level."""


def read_factor(name: str, keys: Keys, rows: Rows, notices: list[str]) -> ReadFactor:
    """Read one factor's entry, and its column.

    Args:
        name: Of the column.
        keys: The entry: `levels`, `baseline`, `numeric`, `transform`.
        rows: Of the table.
        notices: Where what is to be known of the column is put.
    """
    return _Reading(name, keys, rows, notices).factor()


class _Reading:
    """One factor, being read."""

    def __init__(self, name: str, keys: Keys, rows: Rows, notices: list[str]) -> None:
        self.name = name
        self.keys = keys
        self.notices = notices
        self.cells = rows.cells(name)
        self.declared = self._declared()
        self.transform: Any = keys.choice("transform", _TRANSFORMS)
        self.numeric = self._numeric()
        held = self.cells.distinct
        self.is_schema = self.numeric is True or _are_numbers(self.declared or ())
        self.labelling = Labelling(
            held if self.declared is None else self.declared, reads_numbers=self.is_schema
        )
        self.values = [self.labelling.read(value) for value in (*(self.declared or ()), *held)]

    def factor(self) -> ReadFactor:
        labels = self.cells.labels(self.labelling)
        levels = self._levels()
        scale = self._scale(len(levels))
        is_continuous = (
            scale is not None and self.declared is None and len(levels) > MOST_LEVELS_OF_A_NUMBER
        )
        made = Factor(
            self.name,
            (self.name,),
            () if is_continuous else tuple(levels),
            self._baseline(levels, is_continuous=is_continuous),
            "continuous" if is_continuous else "levels",
        )
        self._tell(labels, levels)
        return ReadFactor(made, labels, self.labelling, scale)

    def _declared(self) -> list[Any] | None:
        declared = self.keys.list_at("levels")
        if declared == []:
            message = "at least one level was expected"
            self.keys.refuse(
                "value", message, "levels", hint="leave levels out: the runs say them"
            )
            return None
        return None if declared is None else [None if v == "" else v for v in declared]

    def _numeric(self) -> bool | None:
        given = self.keys.mapping.get("numeric")
        if given is not None and not isinstance(given, bool):
            self.keys.refuse("type", f"{shown(given)}: true or false was expected", "numeric")
            return None
        if given is False and self.transform:
            message = f"{self.transform} is of values, and numeric: false leaves only levels"
            self.keys.refuse("value", message, "transform", hint="leave one of the two out")
        return True if given is None and self.transform else given

    def _levels(self) -> list[Level]:
        """Return the levels, each once: as declared, else numbers by value and then texts."""
        found: dict[str, Level] = {}
        for value in self.labelling.values:
            label = self.labelling.of(value)
            found.setdefault(label, Level(label, {self.name: value}))
        if self.declared is not None:
            return list(found.values())
        return [found[label] for label in sorted_labels(found)]

    def _scale(self, levels: int) -> Transform | None:
        are_numbers = _are_numbers(self.values)
        if self.numeric is None:
            many = self.declared is None and levels > MOST_LEVELS_OF_A_NUMBER
            return "identity" if many and are_numbers else None
        if not self.numeric:
            return None
        if not are_numbers:
            self._refuse_words()
            return None
        if self.transform in ("log2", "log10") and min(self.values) <= 0:
            message = f"{self.transform} needs values above 0, and {min(self.values)} is one"
            self.keys.refuse("range", message, "transform")
        return self.transform or "identity"

    def _refuse_words(self) -> None:
        words = [value for value in self.values if number_of(value) is None]
        said = f"{shown(words[0])} is none" if words else "it has no value at all"
        where = "numeric" if "numeric" in self.keys.mapping else "transform"
        message = f"not every value of {self.name} is a number: {said}"
        self.keys.refuse("not_numeric", message, where)

    def _baseline(self, levels: Sequence[Level], *, is_continuous: bool) -> str | None:
        given = self.keys.mapping.get("baseline")
        if given is None:
            return None
        label = self.labelling.of(given)
        if is_continuous:
            message = f"{self.name} is analysed on its values and has no level to compare with"
            hint = "list its levels"
            self.keys.refuse("value", message, "baseline", hint=hint)
            return None
        known = [level.label for level in levels]
        if label not in known:
            message = f"baseline {label} is none of the levels: {_named(known)}"
            self.keys.refuse("unknown_level", message, "baseline")
            return None
        return label

    def _tell(self, labels: Sequence[str], levels: Sequence[Level]) -> None:
        tell_column(self.name, self.cells, self.labelling, self.notices)
        known = {UNSET, *(level.label for level in levels)}
        beside = sorted_labels(set(labels) - known) if self.declared is not None else []
        if beside:
            runs = counted(sum(label in set(beside) for label in labels), "run")
            self.notices.append(
                f"`{self.name}` has values that no level declares ({_named(beside)}, in {runs}): "
                "each is a level of its own."
            )


def tell_column(name: str, cells: Cells, labelling: Labelling, notices: list[str]) -> None:
    """Put into words what is to be known of a column: empty cells, texts beside numbers."""
    notices += [both_sentence(name, text, other) for text, other in labelling.both.items()]
    if cells.empty:
        runs = counted(cells.empty, "run")
        notices.append(f"`{name}` is empty in {runs}: that is a level of its own, `{UNSET}`.")


def _are_numbers(values: Collection[Any]) -> bool:
    return bool(values) and all(number_of(value) is not None for value in values)


def _named(labels: Sequence[str]) -> str:
    more = len(labels) - _MOST_NAMED
    return ", ".join(labels[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
