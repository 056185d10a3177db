"""Write the reference pages and schemas that follow from code; with --check, only compare.

scripts/write_docs.py            # write what has changed
scripts/write_docs.py --check    # exit code 1 and a list where something has
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

from paribus_agent import schema
from paribus_service.api import openapi
from paribus_service.cli import reference
from paribus_service.settings import Settings
from paribus_sweeps.analysis import reference as reference_parts

ROOT = Path(__file__).resolve().parent.parent


def settings_page() -> str:
    """docs/reference/settings.md, from the fields of `Settings`."""
    return "\n".join(_settings_page()) + "\n"


def _settings_page() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield "Written from `paribus_service/settings.py`; do not edit."
    yield ""
    yield "Each is an environment variable; the options of `paribus serve` win over it."
    yield "Durations are in seconds, sizes in bytes."
    yield ""
    yield "| variable | type | default | meaning |"
    yield "|---|---|---|---|"
    for name, field in Settings.model_fields.items():
        default = _default(field.default, made=field.default_factory is not None)
        kind = _kind(field.annotation)
        yield f"| `PARIBUS_{name.upper()}` | {kind} | {default} | {field.description} |"


def _default(value: Any, *, made: bool) -> str:
    if made:
        return "the user's data directory"
    if value is None:
        return "–"
    shown = str(value).lower() if isinstance(value, bool) else f"{value}"
    return f"`{shown}`"


def _kind(annotation: Any) -> str:
    parts = [part for part in get_args(annotation) if part is not NoneType]
    if get_origin(annotation) in (dict, list):
        return "JSON"
    if parts:
        return " or ".join(f"`{p}`" if isinstance(p, str) else _kind(p) for p in parts)
    names = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
    return names.get(annotation.__name__, annotation.__name__.lower())


def filled(name: str) -> str:
    """A page whose prose stands as it is, and whose examples and lists come from the code."""
    return reference_parts.fill((ROOT / name).read_text(encoding="utf-8"))


ANSWERS, FINDINGS = "docs/reference/answers.md", "docs/reference/findings.md"

FILES: dict[str, Callable[[], str]] = {
    ANSWERS: lambda: filled(ANSWERS),
    FINDINGS: lambda: filled(FINDINGS),
    "docs/reference/openapi.json": openapi.text,
    "docs/reference/rest.md": openapi.page,
    "docs/reference/commands.md": reference.page,
    "docs/reference/settings.md": settings_page,
    f"sweeps/paribus_sweeps/programs/{schema.PROGRAM}.json": schema.as_text,
}


def stale() -> Iterator[tuple[Path, str]]:
    """Each file that is not what its code says, with what it should be."""
    for name, write in FILES.items():
        path, text = ROOT / name, write()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            yield path, text


def main(arguments: list[str]) -> int:
    """Write, or compare."""
    found = list(stale())
    for path, text in found:
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
    if found and "--check" in arguments:
        sys.stderr.write("these are not what the code says: `make docs` writes them anew\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
