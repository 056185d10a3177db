"""OpenAPI's description of the API, written from the routes.

FastAPI writes the draft; added are what it cannot know: how errors look, how one shows a key,
and an example of each operation (`examples.json`, taken from a running service).
"""

import json
from collections import Counter
from collections.abc import Collection
from functools import cache
from importlib import resources
from importlib.metadata import version
from itertools import count
from typing import Any

from fastapi import APIRouter, FastAPI

from paribus_service.api.bodies.base import Problem

DESCRIPTION = """\
Registers W&B sweeps, hands them to plain `wandb agent` workers, and answers which run was best.

Times are RFC 3339 in UTC, durations are in seconds.
NaN and the infinities, which JSON cannot say, are the strings "NaN", "Infinity" and "-Infinity".
Unknown query parameters and fields are refused with the nearest name.
Every error is `application/problem+json` (RFC 9457) with a stable `code`.
A POST with an `Idempotency-Key` is done once, however often it is sent.
Lists come in pages: send `next_page_token` as `page_token` for the next.
"""
_OPEN = frozenset({"healthz", "readyz", "show_version"})  # ask for no key


def write(router: APIRouter) -> dict[str, Any]:
    """The document for the routes of `router`."""
    app = FastAPI(
        title="Paribus",
        version=version("paribus"),
        description=DESCRIPTION,
        separate_input_output_schemas=False,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.include_router(router)
    draft = app.openapi()
    schemas = draft["components"]["schemas"]
    schemas |= _problem_schemas()
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    draft["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A key, as people send it."},
        "basic": {
            "type": "http",
            "scheme": "basic",
            "description": "User `api` and the key as password, as the wandb client sends it.",
        },
    }
    for item in draft["paths"].values():
        for operation in item.values():
            _complete(operation)
    _share_parameters(draft)
    return draft


def _share_parameters(draft: dict[str, Any]) -> None:
    """Say once what several operations take alike: `#/components/parameters/{name}`.

    Where one name means several things, the second of them is `{name}_2`, and so on.
    """
    operations = [o for item in draft["paths"].values() for o in item.values()]
    counts = Counter(_one_text(p) for o in operations for p in o.get("parameters", ()))
    shared: dict[str, Any] = {}
    places: dict[str, str] = {}
    for operation in operations:
        for at, parameter in enumerate(operation.get("parameters", ())):
            text = _one_text(parameter)
            if counts[text] > 1:
                if text not in places:
                    places[text] = _free_name(parameter["name"], shared)
                    shared[places[text]] = parameter
                operation["parameters"][at] = {"$ref": f"#/components/parameters/{places[text]}"}
    draft["components"]["parameters"] = shared


def _one_text(parameter: dict[str, Any]) -> str:
    return json.dumps(parameter, sort_keys=True)


def _free_name(name: str, taken: Collection[str]) -> str:
    return next(each for n in count(1) if (each := name if n == 1 else f"{name}_{n}") not in taken)


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    inner: dict[str, Any] = schema.pop("$defs")
    return {"Problem": schema, **inner}


def _complete(operation: dict[str, Any]) -> None:
    name = operation["operationId"]
    if name not in _OPEN:
        operation["security"] = [{"bearer": []}, {"basic": []}]
    example = examples().get(name, {})
    if "response" in example:
        _answer(operation)["example"] = example["response"]
    if "request" in example:
        content = operation["requestBody"]["content"]
        content["application/json"]["example"] = example["request"]


def _answer(operation: dict[str, Any]) -> dict[str, Any]:
    """The media type of the operation's usual answer."""
    responses = operation["responses"]
    usual = responses["201"] if operation["operationId"] in _CREATING else responses["200"]
    content: dict[str, dict[str, Any]] = usual["content"]
    return next(iter(content.values()))


_CREATING = frozenset({"register_sweep", "create_key", "queue_follow_ups"})


@cache
def examples() -> dict[str, Any]:
    """Operation id → an example of its request and of its answer."""
    text = resources.files(__package__).joinpath("examples.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
