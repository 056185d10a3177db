"""Identifiers in W&B's shapes, and secrets.

Sweep ids, run ids and agent names are what a person copies from one terminal to another:
eight characters of a-z and 0-9, as W&B's own (wandb 0.31.0, wandb/sdk/lib/runid.py).
"""

import secrets
import string

_ALPHABET = string.ascii_lowercase + string.digits


def new_id(length: int = 8) -> str:
    """A random identifier of `length` characters from a-z and 0-9."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def new_run_id() -> str:
    """Our own id of a run, unique in the service (W&B's are unique only in a project)."""
    return "run-" + new_id(12)


def new_trial_id(sweep_id: str, number: int) -> str:
    """The id of a trial: readable, and unique because sweep ids are."""
    return f"{sweep_id}-{number}"


def new_api_key() -> str:
    """An API key that every wandb client takes.

    The client wants at least 40 characters of [A-Za-z0-9_-] behind an optional prefix up to
    the first dash; clients around 0.19 want exactly 40. Source: PROTOCOL section 2.
    """
    return "local-" + secrets.token_hex(20)
