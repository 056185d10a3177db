"""Global ids: base64 of `Type:key`, as W&B's are.

The client turns artifact ids into hex and back, so an id must be valid base64 (wandb 0.31.0,
wandb/_strutils.py: b64_to_hex_id). To everyone else they are opaque.
"""

import base64
import binascii

from paribus_service.errors import NotFound

# A plain key may happen to be base64 of some `x:y` (sweep "bjr0jba5" is): only these are ours.
KINDS = frozenset(
    {
        "Agent",
        "Artifact",
        "ArtifactAlias",
        "ArtifactCollection",
        "ArtifactCollectionMembership",
        "ArtifactFile",
        "ArtifactManifest",
        "ArtifactType",
        "Entity",
        "File",
        "Project",
        "ProjectInternalId",
        "Run",
        "RunInternalId",
        "Sweep",
        "Tag",
        "User",
    }
)


def global_id(kind: str, key: str | int) -> str:
    """The id of a thing for clients: `global_id("Run", run.id)`."""
    assert kind in KINDS, f"{kind} is missing in KINDS"
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


def key_of(kind: str, given: str) -> str:
    """The key in a global id; what is no global id at all is taken as the key itself.

    Raises:
        NotFound: It is the id of something else.
    """
    try:
        text = base64.b64decode(given, validate=True).decode()
    except (binascii.Error, ValueError):
        return given
    found, _, key = text.partition(":")
    if found not in KINDS or not key:
        return given
    if found != kind:
        raise NotFound(kind.lower(), given, hint=f"this is the id of a {found}")
    return key


def number_of(kind: str, given: str) -> int:
    """The integer key in a global id.

    Raises:
        NotFound: It is the id of something else, or no number.
    """
    key = key_of(kind, given)
    if not key.isdecimal():
        raise NotFound(kind.lower(), given)
    return int(key)
