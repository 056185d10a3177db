"""Manifests: the JSON that lists an artifact's entries. Values in, values out.

    {"version": 1, "storagePolicy": …, "contents": {
        "model.bin": {"digest": "<base64 md5>", "birthArtifactID": "…", "size": 12},
        "remote.bin": {"ref": "s3://…", "digest": "…", "size": 7}}}

An incremental manifest lists only what is new; merged with its base it lists everything.

Source: PROTOCOL 12 (wandb 0.31.0, wandb/sdk/artifacts/artifact_manifests/artifact_manifest_v1.py).
"""

import json
from collections.abc import Mapping
from typing import Any

from paribus_service.errors import InvalidRequest


def read_manifest(text: bytes) -> dict[str, Any]:
    """The manifest in its JSON.

    Raises:
        InvalidRequest: It is none.
    """
    try:
        manifest = json.loads(text)
    except ValueError as error:
        raise InvalidRequest.one("/manifest", f"the manifest is not JSON: {error}") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("contents"), dict):
        raise InvalidRequest.one("/manifest", "the manifest lists no `contents`")
    return manifest


def merged(base: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The new manifest with what only its base lists; of an entry in both, the new one holds."""
    return {**new, "contents": {**base["contents"], **new["contents"]}}


def stored_entries(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Entries whose bytes are kept here: those that are no references, by path."""
    return {path: entry for path, entry in manifest["contents"].items() if "ref" not in entry}


def total_size(manifest: Mapping[str, Any]) -> int:
    """Bytes of all entries, references too where they say their size."""
    return sum(int(entry.get("size") or 0) for entry in manifest["contents"].values())
