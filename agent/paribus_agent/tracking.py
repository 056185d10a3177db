"""The W&B side of a run: where it goes, whether it goes on, what the sweep asks for.

`wandb agent` starts the program in the same way for a new run and for a resumed one:
WANDB_RUN_ID and WANDB_SWEEP_PARAM_PATH are set, and nothing says "resume". With
resume="allow" the client asks the server, which knows the run as started or not.

Source: wandb 0.31.0, wandb_agent.py (_command_run), sdk/wandb_init.py,
sdk/wandb_settings.py (x_extra_http_headers, since before 0.21).
"""

import netrc
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import wandb

from paribus_agent.config import TrainConfig, read_value, setting_fields
from paribus_agent.errors import AgentError, InvalidSetting, UnknownSetting
from paribus_agent.history import Row
from paribus_agent.recorded import RECORDED

PROCESS_HEADER = "X-Paribus-Process"
OURS = frozenset(RECORDED) | {"_wandb"}


@dataclass(frozen=True, slots=True)
class Tracking:
    """Where runs are reported to."""

    mode: Literal["online", "offline", "disabled"]
    sentence: str
    """What that means, for the person who started the program."""


def choose_tracking(environ: Mapping[str, str]) -> Tracking:
    """Return where runs go; never one that would make the client ask for a key.

    Raises:
        AgentError: WANDB_MODE asks for a server, and no key is configured.
    """
    asked = environ.get("WANDB_MODE", "").lower()
    if environ.get("WANDB_DISABLED", "").lower() in {"true", "1", "yes"}:
        asked = "disabled"
    server = wandb.setup().settings.base_url
    has_key = _has_key(environ, server)
    if asked in {"offline", "dryrun"} or (not asked and not has_key):
        why = "WANDB_MODE says so" if asked else f"no key for {server} is configured"
        return Tracking(
            "offline",
            f"Reporting to ./wandb only ({why}); `wandb sync` sends it later. For a server, set "
            "WANDB_BASE_URL and WANDB_API_KEY.",
        )
    if asked == "disabled":
        return Tracking("disabled", "Reporting nowhere: WANDB_MODE=disabled.")
    if not has_key:
        raise AgentError(f"WANDB_MODE={asked}, but no key for {server}; set WANDB_API_KEY")
    return Tracking("online", f"Reporting to {server}.")


def open_run(tracking: Tracking) -> Any:
    """Start or go on with the W&B run that the environment names.

    Raises:
        AgentError: The server cannot be reached or refuses the run.
    """
    settings = wandb.Settings(x_extra_http_headers=_headers())
    # In a sweep the project is the sweep's, and naming one is answered with a warning.
    in_sweep = bool(os.environ.get("WANDB_SWEEP_ID"))
    try:
        return wandb.init(
            project=None if in_sweep else os.environ.get("WANDB_PROJECT") or "paribus",
            mode=tracking.mode,
            resume="allow" if tracking.mode == "online" else None,
            settings=settings,
        )
    except (wandb.errors.CommError, wandb.errors.UsageError) as error:
        raise AgentError(f"W&B could not start the run: {str(error).splitlines()[0]}") from error


def settings_of(run: Any, given: Mapping[str, Any]) -> TrainConfig:
    """Return the settings that the sweep and the command line name, which must agree.

    Args:
        run: The W&B run; its config holds the sweep's values, and after a resume what
            the attempt before recorded.
        given: Keys and texts of the command line.

    Raises:
        UnknownSetting: A key of the sweep that the program does not know.
        InvalidSetting: A value that cannot be, or two that disagree.
    """
    asked = {key: value for key, value in dict(run.config).items() if key not in OURS}
    for key, text in given.items():
        if key not in setting_fields():
            raise UnknownSetting(key, setting_fields())
        if key in asked and read_value(key, text) != read_value(key, asked[key]):
            raise InvalidSetting(
                key, f"the command line says {text!r}, the run's config {asked[key]!r}; which?"
            )
    return TrainConfig.from_mapping({**asked, **given})


def record_config(run: Any, config: TrainConfig, facts: Mapping[str, Any]) -> None:
    """Put all settings and facts into the run's config; a sweep's own values stay as they are."""
    there = dict(run.config)
    missing = {key: value for key, value in config.as_dict().items() if key not in there}
    run.config.update({**missing, **facts}, allow_val_change=True)


def delivered_lines(run: Any, tracking: Tracking) -> int | None:
    """Return how many history lines the server has; None where no server tells."""
    return int(run.step) if tracking.mode == "online" else None


def describe_axes(run: Any) -> None:
    """Make train/global_step the x axis of every chart."""
    run.define_metric("train/global_step")
    run.define_metric("*", step_metric="train/global_step", step_sync=False)


def send_row(run: Any, row: Row, line: int) -> None:
    """Send one row of history as the line that it is."""
    run.log(row, step=line, commit=True)


def _headers() -> dict[str, str]:
    """Return the headers of all requests: the user's own, and this process's token.

    A service binds a run to the process that holds it; to others it is a header that
    they do not know.
    """
    before = wandb.setup().settings.x_extra_http_headers or {}
    return {**before, PROCESS_HEADER: secrets.token_hex(16)}


def _has_key(environ: Mapping[str, str], server: str) -> bool:
    if environ.get("WANDB_API_KEY") or environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    path = environ.get("NETRC") or os.path.expanduser("~/.netrc")
    try:
        return netrc.netrc(path).authenticators(urlsplit(server).hostname or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False
