"""The reference page of the command line, written from the commands themselves."""

from collections.abc import Iterator
from typing import Any

import typer

from paribus_service import cli
from paribus_service.cli.program import app


def page() -> str:
    """docs/reference/commands.md, in Markdown."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# Commands"
    yield ""
    yield "Written from the commands' own help; do not edit."
    yield ""
    yield "`serve`, `keys` and `db` work on the data directory and take the `PARIBUS_…` variables"
    yield "of [settings](settings.md)."
    yield "All others speak HTTP with the service at `PARIBUS_URL` (http://127.0.0.1:8080 by default)"
    yield "and send the key in `PARIBUS_API_KEY`."
    yield ""
    yield "| exit code | meaning |"
    yield "|---|---|"
    yield from (f"| {code} | {meaning} |" for code, meaning in _exit_codes())
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        yield from _sections(f"paribus {name}", command)


def _exit_codes() -> Iterator[tuple[str, str]]:
    """The lines of the package's docstring that begin with a number."""
    for line in (cli.__doc__ or "").splitlines():
        code, _, meaning = line.partition("  ")
        if code.isdigit():
            yield code, meaning.strip()


def _sections(name: str, command: Any) -> Iterator[str]:
    if hasattr(command, "commands"):
        for part, inner in command.commands.items():
            yield from _sections(f"{name} {part}", inner)
        return
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    yield ""
    yield f"## `{' '.join([name, *(_placeholder(a) for a in arguments)])}`"
    yield ""
    yield command.help
    if arguments or options:
        yield ""
        yield "| argument or option | meaning |"
        yield "|---|---|"
        yield from (f"| `{_placeholder(a)}` | {a.help} |" for a in arguments)
        yield from (f"| `{_spelt(option)}` | {option.help} |" for option in options)


def _placeholder(argument: Any) -> str:
    name = argument.name.upper()
    return name if argument.required else f"[{name}]"


def _spelt(option: Any) -> str:
    spelt: str = option.opts[0]
    return spelt if option.is_flag else f"{spelt} {option.type.name.upper()}"
