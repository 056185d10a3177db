"""Recompute a sweep's report from its W&B runs, without any code of Paribus.

    export WANDB_BASE_URL=http://localhost:8080 WANDB_API_KEY=local-…
    scripts/recompute_report.py ENTITY/PROJECT/SWEEP
    scripts/recompute_report.py ENTITY/PROJECT/SWEEP --report FILE     # a report kept before

Reads the report over REST and the runs with `wandb.Api()`, works every number out anew from
METHOD with the standard library, numpy and scipy, and says for each part how many numbers were
recomputed, how far they differ at most, and which were not. Exit code 1 where a number differs
by more than 1e-9 (1e-6 for what is found by search), 2 where nothing can be recomputed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

from recomputing.experiment import CannotRecompute
from recomputing.report import as_asked, compare, recompute
from recomputing.wandb_runs import read

Told = dict[str, Any]


def main() -> int:
    """Recompute, compare, and say what was found."""
    asked = _arguments()
    sweep = asked.sweep.rpartition("/")[2]
    try:
        report = json.loads(asked.report.read_text()) if asked.report else report_of(sweep)
        found = read(asked.sweep, run_ids(asked.sweep), _get(f"/sweeps/{sweep}")["config"])
        anew = recompute(as_asked(found, report), report)
    except (CannotRecompute, NotImplementedError) as error:
        print(f"not recomputed: {error}", file=sys.stderr)
        return 2
    compared = compare(report, anew, found)
    print("\n".join(compared.lines()))
    for line in compared.disagreements:
        print(f"DIFFERS  {line}")
    print("all that was recomputed agrees" if not compared.disagreements else "", end="\n")
    return 1 if compared.disagreements else 0


def report_of(sweep: str) -> Told:
    """The report, from the service."""
    return _get(f"/sweeps/{sweep}/report")


def run_ids(path: str) -> dict[str, str]:
    """W&B's id of each run of the project → the id that Paribus has for it."""
    entity, project, _ = path.split("/")
    query, token, ids = f"/runs?entity={entity}&project={project}", "", {}
    while True:
        page = _get(query + token)
        ids |= {run["wandb_id"]: run["id"] for run in page["items"]}
        if not page["next_page_token"]:
            return ids
        token = f"&page_token={page['next_page_token']}"


def _get(path: str) -> Told:
    request = urllib.request.Request(
        f"{os.environ['WANDB_BASE_URL'].rstrip('/')}/api/v1{path}",
        headers={"Authorization": f"Bearer {os.environ['WANDB_API_KEY']}"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: Told = json.load(answer)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sweep", metavar="ENTITY/PROJECT/SWEEP")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="a report kept before, as JSON"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
