"""One module for each family of GraphQL operations.

`RESOLVERS` lists their tables, `UPLOADS` who files the bytes that were PUT to an address.
"""

from paribus_service.wandb_backend.file_upload import Taker
from paribus_service.wandb_backend.operations import (
    artifact_changes,
    artifact_collections,
    artifact_files,
    artifact_manifests,
    artifacts,
    console,
    file_listing,
    files,
    history,
    projects,
    run_listing,
    runs,
    sweeps,
    viewer,
)
from paribus_service.wandb_backend.resolvers import Resolvers

RESOLVERS: tuple[Resolvers, ...] = (
    artifact_changes.resolvers,
    artifact_collections.resolvers,
    artifact_files.resolvers,
    artifact_manifests.resolvers,
    artifacts.resolvers,
    console.resolvers,
    file_listing.resolvers,
    files.resolvers,
    history.resolvers,
    projects.resolvers,
    run_listing.resolvers,
    runs.resolvers,
    sweeps.resolvers,
    viewer.resolvers,
)
UPLOADS: dict[str, Taker] = {
    "artifact_file": artifact_files.take_artifact_file,
    "artifact_manifest": artifact_manifests.take_manifest,
    "run_file": files.take_run_file,
}
