"""Offline `wandb` folders, sent to the service by the client's own `wandb sync`.

The client is what reads its own files: their format is its own business, and changes with it.

Source: wandb 0.31.0, wandb/cli/beta_sync.py: folders `offline-run-…` and `run-…` hold one
`run-ID.wandb`; beside it stands `run-ID.wandb.synced` once it was sent, wherever to.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from paribus_service.cli import exits, progress
from paribus_service.cli.remote import service
from paribus_service.client import DEFAULT_URL, ApiError, Client

FOLDERS_AT_ONCE = 10  # of one client process: it takes 2 s to start, and a bar shall move
_DEV_KEY = "local-" + "0" * 40  # development mode takes any well-formed one
_MARK = ".synced"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run's folder, as the client left it."""

    path: Path
    file: Path
    """Its `run-ID.wandb`."""

    @property
    def run_id(self) -> str:
        """W&B's id of the run."""
        return self.file.stem.removeprefix("run-")

    @property
    def mark(self) -> Path:
        """What the client leaves behind once it has sent the run."""
        return self.file.with_name(self.file.name + _MARK)


def send(
    target: Path, *, entity: str | None, project: str | None, again: bool, as_json: bool
) -> None:
    """Send a folder's runs; exit code 1 where some were left out."""
    found = run_folders(target)
    if not found:
        exits.leave(
            f"{target} holds no run of wandb: a folder offline-run-… with a .wandb file was "
            "expected in it. A run that was logged online is sent where its own folder is named",
            exits.REFUSED,
        )
    fresh = [folder for folder in found if again or not folder.mark.exists()]
    with service() as client:
        here = _already_here(client, fresh, entity, project)
    wanted = [folder for folder in fresh if folder.run_id not in here]
    failed = _sync(wanted, _options(entity, project, again=again)) if wanted else {}
    report = {
        "folders": len(found),
        "sent": len(wanted) - len(failed),
        "sent_before": len(found) - len(fresh),
        "here_already": sorted(here),
        "failed": failed,
    }
    if as_json:
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _tell(report)
    if here or failed:
        raise typer.Exit(exits.NOT_WELL)


def run_folders(target: Path) -> list[RunFolder]:
    """The runs in a folder: its own, those in it, or those in the `wandb` folder in it.

    Folders of runs that were logged online (`run-…`) are sent only where they are named: their
    runs are on some server already, on this one perhaps.
    """
    for place in (target, target / "wandb"):
        inside = [place, *sorted(place.glob("offline-run-*"))]
        found = [
            RunFolder(folder, file)
            for folder in inside
            if folder.is_dir()
            for file in sorted(folder.glob("run-*.wandb"))
        ]
        if found:
            return found
    return []


def _already_here(
    client: Client, found: Sequence[RunFolder], entity: str | None, project: str | None
) -> set[str]:
    """Runs that are here under the same id: sending them would write over what is there."""
    if entity is None or project is None:
        return set()  # which project a run goes to is known to the client alone
    here = set()
    for folder in found:
        try:
            client.find_run(entity, project, folder.run_id)
        except ApiError as error:
            if error.status != 404:
                raise
        else:
            here.add(folder.run_id)
    return here


def _options(entity: str | None, project: str | None, *, again: bool) -> list[str]:
    named = {"--entity": entity, "--project": project}
    options = [word for name, value in named.items() if value for word in (name, value)]
    return [*options, "--include-online", *(["--include-synced"] if again else [])]


def _sync(found: Sequence[RunFolder], options: Sequence[str]) -> dict[str, str]:
    """Send them; run id → why it was not, of those that were not."""
    command = [*_client(), "sync", *options]
    failed: dict[str, str] = {}
    with (
        TemporaryDirectory(prefix="paribus-") as logs,
        progress.counting("sending runs", len(found), "runs") as update,
    ):
        environment = _environment(logs)
        for start in range(0, len(found), FOLDERS_AT_ONCE):
            some = found[start : start + FOLDERS_AT_ONCE]
            before = {folder: _marked_at(folder) for folder in some}
            told = _call([*command, *(str(folder.path) for folder in some)], environment)
            for folder in some:
                if _marked_at(folder) == before[folder]:
                    failed[folder.run_id] = told or "the client did not say why"
            update(start + len(some))
    return failed


def _marked_at(folder: RunFolder) -> int | None:
    try:
        return folder.mark.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _client() -> list[str]:
    """The wandb command of this environment, else the one on PATH."""
    if find_spec("wandb") is not None:
        return [sys.executable, "-m", "wandb"]
    found = shutil.which("wandb")
    if found is None:
        exits.leave(
            'the wandb client reads these folders, and is not installed: pip install "wandb"',
            exits.REFUSED,
        )
    return [found]


def _environment(logs: str) -> dict[str, str]:
    """The client's own environment, with this service as its server, and its logs elsewhere."""
    kept = {name: value for name, value in os.environ.items() if name != "WANDB_MODE"}
    url = os.environ.get("PARIBUS_URL") or DEFAULT_URL
    key = os.environ.get("PARIBUS_API_KEY") or _DEV_KEY
    return {
        **kept,
        "WANDB_BASE_URL": url,
        "WANDB_API_KEY": key,
        "WANDB_DIR": logs,
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_SILENT": "false",
    }


def _call(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run the client to its end; the last of what it said."""
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, encoding="utf-8"
    )
    said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return said[-1].removeprefix("wandb: ") if said else ""


def _tell(report: Mapping[str, object]) -> None:
    typer.echo(f"{report['sent']} of {report['folders']} runs were sent")
    if report["sent_before"]:
        typer.echo(
            f"{report['sent_before']} had been sent before, by the client's own marks; --again "
            "sends them too"
        )
    here, failed = report["here_already"], report["failed"]
    assert isinstance(here, list)
    assert isinstance(failed, dict)
    for run_id in here:
        typer.echo(f"  - {run_id} is here already: it was left as it is")
    for run_id, reason in failed.items():
        typer.echo(f"  - {run_id} was not sent: {reason}")
