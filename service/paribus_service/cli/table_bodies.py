"""The body that a plain table is answered with: roles of columns, and the question, as options.

    body_of(read_table("runs.csv", text), {"factors": ["batch,ratio"], "response": "loss"})

Over a JSON body, options win: what it says under the same key is replaced.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paribus_service.cli.questions import names_in
from paribus_service.cli.table_files import BadTable, Table, number_in
from paribus_sweeps.errors import did_you_mean

_ROLES = ("replicate", "blocks", "lurking")
_OF_RESPONSE = ("goal", "denominator", "resolution")
_OF_QUESTION = (
    "smallest_effect",
    "transform",
    "error",
    "compare",
    "level",
    "bins",
    "allow_crashed",
    "sampler",
    "hours_per_run",
)
_OF_A_FACTOR = ("baseline", "levels", "numeric", "scale")


def body_of(table: Table, options: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request.

    Args:
        table: What was read from the file.
        options: Those that were given, as they were written, by the names of the command's
            parameters.

    Raises:
        BadTable: With a line for each option that does not fit the table.
    """
    factors = names_in(options.get("factors", ()))
    roles = {name: names_in(options[name]) for name in _ROLES if name in options}
    response = options.get("response")
    _refuse(_mistakes(table, options, factors, roles))
    named = {*factors, *(column for columns in roles.values() for column in columns)}
    table = table.read_numbers(named, response)
    body = {**table.body, **roles, "runs": table.rows}
    _put_factors(body, table, options, factors)
    _put(body, "response", _response(options), table)
    _put(body, "question", _question(options), table)
    return body


def _refuse(mistakes: Iterator[str]) -> None:
    found = list(mistakes)
    if found:
        raise BadTable("\n".join(found))


def _mistakes(
    table: Table,
    options: Mapping[str, Any],
    factors: Sequence[str],
    roles: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    columns = ", ".join(table.columns)
    if table.is_csv and not factors:
        yield f"--factors is missing: which columns were changed on purpose? columns: {columns}"
    if table.is_csv and "response" not in options:
        yield f"--response is missing: which column are runs measured by? columns: {columns}"
    declared = {text.partition("=")[0].strip() for text in options.get("levels", ())}
    yield from table.require("--factors", [name for name in factors if name not in declared])
    for role, names in roles.items():
        yield from table.require(f"--{role}", names)
    if "response" in options:
        yield from table.require("--response", [options["response"]])


def _put(body: dict[str, Any], key: str, told: Mapping[str, Any], table: Table) -> None:
    """Add what options say to an object of the body."""
    if told:
        body[key] = {**_object(body.get(key), key, table), **told}


def _object(value: Any, key: str, table: Table) -> Mapping[str, Any]:
    """An object of the body; a response may be the name of its column alone."""
    if key == "response" and isinstance(value, str):
        return {"name": value}
    if value is None or isinstance(value, Mapping):
        return value or {}
    raise BadTable(f"{table.name}: {key} is {value!r}, and an object was expected")


def _response(options: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: options[name] for name in _OF_RESPONSE if name in options}
    return {"name": options["response"], **told} if "response" in options else told


def _question(options: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: options[name] for name in _OF_QUESTION if name in options}
    if "about" in options:
        told["factors"] = names_in(options["about"])
    if "ignore" in options:
        told["ignore"] = names_in(options["ignore"])
    if "interactions" in options:
        told["interactions"] = _interactions(names_in(options["interactions"]))
    if options.get("observed"):
        told["planned"] = False
    return told


def _interactions(given: Sequence[str]) -> str | list[list[str]]:
    if len(given) == 1 and "*" not in given[0]:
        return given[0]
    pairs = [[name.strip() for name in text.split("*")] for text in given]
    for text, pair in zip(given, pairs, strict=True):
        if len(pair) != 2 or not all(pair):
            raise BadTable(
                f"--interactions {text}: auto, none, all or pairs such as a*b,c*d were expected"
            )
    return pairs


# factors


def _put_factors(
    body: dict[str, Any], table: Table, options: Mapping[str, Any], named: Sequence[str]
) -> None:
    """Add the factors, and what options say of each."""
    if not named and not any(name in options for name in (*_OF_A_FACTOR, "forbid")):
        return
    given: Mapping[str, Any] = {name: {} for name in named} or _declared(
        body.get("factors"), table
    )
    entries = {str(name): dict(entry) for name, entry in given.items()}
    columns = _Columns(table, entries)
    for option, told in _told(columns, options):
        for name, value in told.items():
            entries[name][option] = value
    body["factors"] = entries
    if "forbid" in options:
        body["forbid"] = [columns.pairs("--forbid", [text]) for text in options["forbid"]]


def _declared(value: Any, table: Table) -> Mapping[str, Any]:
    """The factors of a JSON body, each with its entry."""
    if isinstance(value, list):
        return {str(name): {} for name in value}
    return _object(value, "factors", table)


def _told(
    columns: "_Columns", options: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "baseline", columns.pairs("--baseline", options.get("baseline", ()))
    yield "levels", columns.lists("--levels", options.get("levels", ()))
    yield "numeric", dict.fromkeys(columns.names("--numeric", options.get("numeric", ())), True)
    yield "transform", columns.pairs("--scale", options.get("scale", ()))


class _Columns:
    """Options that say something of a factor: `batch=8,ratio=1:1`."""

    def __init__(self, table: Table, factors: Mapping[str, Any]) -> None:
        self._factors = factors
        self._texts = {
            name
            for name in factors
            if any(isinstance(row.get(name), str) for row in table.records)
        }

    def names(self, option: str, texts: Sequence[str]) -> list[str]:
        return [self._known(option, name) for name in names_in(texts)]

    def pairs(self, option: str, texts: Sequence[str]) -> dict[str, Any]:
        """Factor → value; several with commas between them."""
        parts = [part for text in texts for part in text.split(",")]
        return dict(self._pair(option, part) for part in parts)

    def lists(self, option: str, texts: Sequence[str]) -> dict[str, list[Any]]:
        """Factor → values, the commas between values."""
        found = {}
        for text in texts:
            name, listed = self._split(option, text)
            found[name] = [self._value(name, part.strip()) for part in listed.split(",")]
        return found

    def _pair(self, option: str, text: str) -> tuple[str, Any]:
        name, value = self._split(option, text)
        return name, self._value(name, value)

    def _split(self, option: str, text: str) -> tuple[str, str]:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise BadTable(f"{option} {text}: FACTOR=LEVEL was expected, as in batch=8")
        return self._known(option, name), value

    def _known(self, option: str, name: str) -> str:
        if name not in self._factors:
            hint = did_you_mean(name, self._factors) or f"factors: {', '.join(self._factors)}"
            raise BadTable(f"{option} {name}: there is no factor {name!r} ({hint})")
        return name

    def _value(self, name: str, text: str) -> Any:
        """A level as the rows hold it: a number where they hold numbers."""
        number = None if name in self._texts else number_in(text)
        return text if number is None else number
