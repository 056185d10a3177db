"""The reference page of the command line, written from the commands themselves."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args, get_type_hints

import typer

from paribus_service import cli
from paribus_service.cli.program import app
from paribus_service.cli.questions import read_options

_OF_A_QUESTION = "Options of a question"
_TYPES = {str: "TEXT", int: "NUMBER", float: "NUMBER"}


def page() -> str:
    """docs/reference/commands.md, in Markdown."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# Commands"
    yield ""
    yield "Written from the commands' own help; do not edit."
    yield ""
    yield "`serve`, `keys` and `db` work on the data directory; [settings](settings.md) choose it."
    yield "All others speak HTTP with the service at `PARIBUS_URL`; by default port 8080 here."
    yield "They send the key in `PARIBUS_API_KEY`. `answer --local` needs no service."
    yield ""
    yield "| exit code | meaning |"
    yield "|---|---|"
    yield from (f"| {code} | {meaning} |" for code, meaning in _exit_codes())
    for name, command in _commands(app, "paribus"):
        yield from _section(name, command)
    yield from _shared()


def _exit_codes() -> Iterator[tuple[str, str]]:
    """The lines of the package's docstring that begin with a number."""
    for line in (cli.__doc__ or "").splitlines():
        code, _, meaning = line.partition("  ")
        if code.isdigit():
            yield code, meaning.strip()


def _commands(group: typer.Typer, prefix: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    for command in group.registered_commands:
        assert command.callback is not None
        yield f"{prefix} {command.name or command.callback.__name__}", command.callback
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from _commands(inner.typer_instance, f"{prefix} {inner.name}")


def _section(name: str, command: Callable[..., Any]) -> Iterator[str]:
    rows = list(_rows(command))
    arguments = [spelt for spelt, _, is_argument in rows if is_argument]
    yield ""
    yield f"## `{' '.join([name, *arguments])}`"
    yield ""
    yield inspect.getdoc(command) or ""
    shared = [row for row in _rows(read_options) if not row[2]]
    if set(shared) <= set(rows):
        rows = [row for row in rows if row not in shared]
        link = _OF_A_QUESTION.lower().replace(" ", "-")
        yield ""
        yield f"It takes the [{_OF_A_QUESTION.lower()}](#{link}) too."
    yield from _options(rows)


def _shared() -> Iterator[str]:
    """The options that all commands about a sweep's or a project's runs share."""
    yield ""
    yield f"## {_OF_A_QUESTION}"
    yield ""
    yield "Options that name several take commas, or stand several times."
    yield from _options([row for row in _rows(read_options) if not row[2]])


def _options(rows: Sequence[tuple[str, str, bool]]) -> Iterator[str]:
    if rows:
        yield ""
        yield "| argument or option | meaning |"
        yield "|---|---|"
        yield from (f"| `{spelt}` | {meaning} |" for spelt, meaning, _ in rows)


def _rows(command: Callable[..., Any]) -> Iterator[tuple[str, str, bool]]:
    """(how it is written, what it means, whether it is an argument) of each parameter."""
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        kind, info = get_args(hints[name])
        required = parameter.default is inspect.Parameter.empty
        if isinstance(info, typer.models.ArgumentInfo):
            yield name.upper() if required else f"[{name.upper()}]", info.help or "", True
        else:
            note = " Required." if required else ""
            yield _spelt(name, kind, info), (info.help or "") + note, False


def _spelt(name: str, kind: Any, info: typer.models.OptionInfo) -> str:
    # Inside Annotated, Typer takes a first "--name" for its default and sorts it out later.
    declared = [info.default, *(info.param_decls or ())]
    spelt = next((d for d in declared if isinstance(d, str)), f"--{name.replace('_', '-')}")
    kinds = [k for k in (get_args(kind) or (kind,)) if k is not type(None)]
    if kinds == [bool]:
        return spelt
    return f"{spelt} {_TYPES.get(kinds[0], 'TEXT' if get_args(kinds[0]) else 'PATH')}"
