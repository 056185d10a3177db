"""Which paths are a project's: all that begin with an entity; none has a reserved name."""

from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import Match

from paribus_service.orchestration.names import RESERVED


class ProjectRoute(APIRoute):
    """A route below `/{entity}` that leaves `/api`, `/files` … to whoever owns them.

    Without it, a path of theirs that is asked with a wrong method would be a page not found.
    """

    def matches(self, scope: Any) -> tuple[Match, Any]:
        """Whether the path is a project's."""
        first = scope["path"].removeprefix(scope.get("root_path", "")).split("/")[1:2]
        return (Match.NONE, {}) if first and first[0] in RESERVED else super().matches(scope)
