"""Where things are: our own addresses and the pages that show them."""

from urllib.parse import quote

from paribus_service.orchestration import names
from paribus_service.store.tables import Run, Sweep

API = "/api/v1"


def page_of_sweep(base: str, sweep: Sweep) -> str:
    """The sweep's page, on the path that wandb clients print."""
    return f"{base}/{_project(sweep.project.entity, sweep.project.name)}/sweeps/{sweep.id}"


def page_of_run(base: str, run: Run) -> str:
    """The run's page, on the path that wandb clients print."""
    return names.page_of_run(base, run.project.entity, run.project.name, run.wandb_id)


def of_sweep(base: str, sweep: Sweep) -> dict[str, str]:
    """Everything about a sweep, by name."""
    own = f"{base}{API}/sweeps/{sweep.id}"
    there = {} if sweep.upstream is None else {"wandb": sweep.upstream.url}
    return there | {
        "self": own,
        "page": page_of_sweep(base, sweep),
        "trials": f"{own}/trials",
        "factors": f"{own}/factors",
        "best": f"{own}/best",
        "follow_ups": f"{own}/follow-ups",
        "report": f"{own}/report",
        "events": f"{own}/events",
        "runs": f"{base}{API}/runs?sweep_id={sweep.id}",
        "agents": f"{base}{API}/agents?sweep_id={sweep.id}",
    }


def of_run(base: str, run: Run) -> dict[str, str]:
    """Everything about a run, by name."""
    own = f"{base}{API}/runs/{run.id}"
    found = {
        "self": own,
        "page": page_of_run(base, run),
        "history": f"{own}/history",
        "logs": f"{own}/logs",
        "files": f"{own}/files",
    }
    if run.sweep_id is not None:
        found["sweep"] = f"{base}{API}/sweeps/{run.sweep_id}"
    if run.trial_id is not None:
        found["trial"] = f"{base}{API}/trials/{run.trial_id}"
    return found


def of_trial(base: str, trial_id: str, sweep_id: str) -> dict[str, str]:
    """Everything about a trial, by name."""
    return {
        "self": f"{base}{API}/trials/{trial_id}",
        "sweep": f"{base}{API}/sweeps/{sweep_id}",
    }


def agent_command(sweep: Sweep) -> str:
    """What to start on a GPU host for this sweep, `WANDB_BASE_URL` and `WANDB_API_KEY` set."""
    path = f"{sweep.project.entity}/{sweep.project.name}/{sweep.id}"
    if sweep.upstream is not None:
        path = f"{sweep.upstream.entity}/{sweep.upstream.project}/{sweep.upstream.remote_id}"
    return f"wandb agent {path}" if " " not in path else f'wandb agent "{path}"'


def _project(entity: str, project: str) -> str:
    return f"{quote(entity, safe='')}/{quote(project, safe='')}"
