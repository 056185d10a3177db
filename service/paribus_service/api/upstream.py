"""The W&B server that the service works with: asked who it is, and whose key is used there."""

from fastapi import APIRouter, Depends

from paribus_service.api.bodies.upstream import UpstreamOut
from paribus_service.api.errors_declared import READS
from paribus_service.api.parameters import refuse_unknown_parameters
from paribus_service.dependencies import Reader, ServicesDep
from paribus_service.errors import UpstreamNotConfigured

router = APIRouter(tags=["upstream"], dependencies=[Depends(refuse_unknown_parameters)])


@router.get("/upstream", operation_id="show_upstream", responses=READS)
def show_upstream(_who: Reader, services: ServicesDep) -> UpstreamOut:
    """Ask the W&B server that the service works with who it is; nothing is written there.

    What a launch would meet: an address that leads nowhere, a key that is refused, a server that
    is down are the errors of this request.
    """
    if services.upstream is None:
        raise UpstreamNotConfigured(["PARIBUS_WANDB_BASE_URL", "PARIBUS_WANDB_API_KEY"])
    return UpstreamOut.of(services.upstream.server(), services.settings)
