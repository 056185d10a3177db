"""One module for each family of GraphQL operations.

`RESOLVERS` lists their tables, `UPLOADS` who files the bytes that were PUT to an address.
"""

from paribus_service.wandb_backend.file_upload import Taker
from paribus_service.wandb_backend.operations import files, projects, runs, sweeps, viewer
from paribus_service.wandb_backend.resolvers import Resolvers

RESOLVERS: tuple[Resolvers, ...] = (
    files.resolvers,
    projects.resolvers,
    runs.resolvers,
    sweeps.resolvers,
    viewer.resolvers,
)
UPLOADS: dict[str, Taker] = {
    "run_file": files.take_run_file,
}
