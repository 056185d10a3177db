"""Who speaks to the W&B server: the key, the address, the process."""

from fastapi import Request

from paribus_service.dependencies import Services, base_url, identify, key_of
from paribus_service.errors import NotAuthenticated
from paribus_service.orchestration.keys import Who
from paribus_service.wandb_backend.graphql import Caller

PROCESS_HEADER = "x-paribus-process"
_LONGEST_TOKEN = 200


def who_asks(request: Request, services: Services) -> Who:
    """Whose key the request brings: a cookie is for pages, and not taken here.

    Development mode takes any key, and wants one, as W&B does.

    Raises:
        NotAuthenticated: No key, or nobody's.
    """
    if not key_of(request):
        raise NotAuthenticated(
            "a wandb client needs a key: set WANDB_API_KEY to one that `paribus keys create` "
            "made, or in development mode to what `paribus serve --dev` printed"
        )
    return identify(request, services)


def process_token(request: Request) -> str | None:
    """The token of the process that our training program names, or None."""
    token = request.headers.get(PROCESS_HEADER)
    return token[:_LONGEST_TOKEN] if token else None


def caller_of(request: Request, services: Services) -> Caller:
    """Who asks, and from where.

    Raises:
        NotAuthenticated: No key, or nobody's.
    """
    return Caller(
        who=who_asks(request, services),
        base_url=base_url(request, services.settings),
        process_token=process_token(request),
    )
