"""Write the OpenAPI document and the reference page that is made from it.

python -m paribus_service.api.openapi --write docs/reference/openapi.json
python -m paribus_service.api.openapi --page docs/reference/rest.md
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paribus_service.api.links import API
from paribus_service.api.not_offered import ROUTES
from paribus_service.api.routes import document

_CONVERTOR = re.compile(":path(?=})")
_METHODS = ("get", "post", "put", "patch", "delete")


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def page() -> str:
    """The reference page, in Markdown."""
    return "\n".join(_page(document())) + "\n"


def _page(written: dict[str, Any]) -> Iterator[str]:
    yield "# REST"
    yield ""
    yield "Written by `python -m paribus_service.api.openapi --page`; do not edit."
    yield "The same, for programs: [openapi.json](openapi.json), served at `/openapi.json`."
    yield ""
    yield written["info"]["description"].strip()
    for tag in dict.fromkeys(o["tags"][0] for _, _, o in _operations(written)):
        yield ""
        yield f"## {tag.capitalize()}"
        for method, path, operation in _operations(written):
            if operation["tags"][0] == tag:
                yield from _section(method, path, operation)
    yield ""
    yield "## Not offered yet"
    yield ""
    yield "These are planned, and refused by their name with the code `not_offered`:"
    yield ""
    yield from (f"- `{method} {API}{_CONVERTOR.sub('', path)}`" for method, path in ROUTES)


def _operations(written: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in written["paths"].items():
        for method in _METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def _section(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield f"### `{method} {path}`"
    yield ""
    yield operation["description"]
    asked = [p for p in map(_whole, operation.get("parameters", ())) if p["in"] != "path"]
    if asked:
        yield ""
        yield "| parameter | type | meaning |"
        yield "|---|---|---|"
        yield from (_row(parameter) for parameter in asked)
    yield ""
    yield f"Answers {', '.join(operation['responses'])}."


def _whole(parameter: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in parameter:
        return parameter
    shared: dict[str, Any] = document()["components"]["parameters"]
    whole: dict[str, Any] = shared[parameter["$ref"].rpartition("/")[2]]
    return whole


def _row(parameter: dict[str, Any]) -> str:
    where = " (header)" if parameter["in"] == "header" else ""
    meaning = parameter.get("description", "").replace("|", "\\|")
    return f"| `{parameter['name']}`{where} | {_type(parameter['schema'])} | {meaning} |"


def _type(schema: dict[str, Any]) -> str:
    kinds = [s for s in schema.get("anyOf", [schema]) if s.get("type") != "null"]
    shown = " or ".join(_kind(kind) for kind in kinds)
    default = schema.get("default")
    return shown if default is None else f"{shown}, {json.dumps(default)} by default"


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "$ref" in schema:
        resolved = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return _kind(resolved)
    if schema.get("type") == "array":
        return f"{_kind(schema['items'])} (may be repeated)"
    return str(schema.get("type", "any"))


def main() -> None:
    """Write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="where the document goes")
    parser.add_argument("--page", type=Path, help="where the reference page goes")
    asked = parser.parse_args()
    for path, content in ((asked.write, text), (asked.page, page)):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content(), encoding="utf-8")


if __name__ == "__main__":
    main()
