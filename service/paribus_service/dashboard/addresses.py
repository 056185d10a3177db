"""Where our pages are: W&B's own paths, so that links printed by its client lead somewhere.

`root` is the path of the public address ("" on a host of its own), so that pages work behind a
proxy that serves them under a prefix.
"""

from urllib.parse import quote, urlsplit

from paribus_service.settings import Settings
from paribus_service.store.tables import Run, Sweep


def root_of(settings: Settings) -> str:
    """The path that every link of a page begins with, without a slash at its end."""
    return urlsplit(settings.public_url or "").path.rstrip("/")


def of_project(root: str, entity: str, project: str) -> str:
    """A project's page."""
    return f"{root}/{quote(entity, safe='')}/{quote(project, safe='')}"


def of_sweep(root: str, sweep: Sweep) -> str:
    """A sweep's page."""
    project = of_project(root, sweep.project.entity, sweep.project.name)
    return f"{project}/sweeps/{quote(sweep.id, safe='')}"


def of_run(root: str, run: Run) -> str:
    """A run's page."""
    project = of_project(root, run.project.entity, run.project.name)
    return f"{project}/runs/{quote(run.wandb_id, safe='')}"


def of_file(root: str, run: Run, name: str) -> str:
    """The bytes of a run's file."""
    return f"{of_run(root, run)}/files/{quote(name)}"


def local_path(target: str | None, root: str) -> str:
    """`target` if it is a path of this service, else the first page.

    Browsers read `//host`, the same with a backslash, and control characters as another host's.
    """
    home = f"{root}/"
    if not target or not target.startswith("/") or target[1:2] in ("/", "\\"):
        return home
    if any(character < " " or character in "\\\x7f" for character in target):
        return home
    return target
