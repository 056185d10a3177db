"""What pages load beside their HTML: our styles and modules, and plotly.js.

plotly.js comes out of the installed package `plotly`, which is not imported: that takes a second.
Its address names the package's version, so browsers may keep it for ever.
"""

import gzip
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles

PLOTLY = "plotly.min.js"
FOR_EVER = "public, max-age=31536000, immutable"


class PageFiles(StaticFiles):
    """The folder `static`, and plotly.js beside it."""

    def __init__(self) -> None:
        super().__init__(directory=Path(__file__).parent / "static")

    async def get_response(self, path: str, scope: Any) -> Response:
        """A file; plotly.js compressed for whoever takes that, since it is 5 MB."""
        if path != PLOTLY:
            return await super().get_response(path, scope)
        accepted = dict(scope["headers"]).get(b"accept-encoding", b"").decode("latin-1")
        headers = {"Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
        if scope["query_string"].decode() == f"v={plotly_version()}":
            headers["Cache-Control"] = FOR_EVER
        if "gzip" in accepted:
            headers["Content-Encoding"] = "gzip"
        body = compressed() if "gzip" in accepted else plotly_file().read_bytes()
        return Response(body, media_type="text/javascript; charset=utf-8", headers=headers)


def plotly_version() -> str:
    """Of the installed package: part of the address, so that another one is loaded anew."""
    return version("plotly")


def plotly_file() -> Path:
    """Where plotly.js lies; `plotly` is a dependency of the service."""
    spec = find_spec("plotly")
    assert spec is not None, "the package plotly is not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent / "package_data" / PLOTLY


@lru_cache(maxsize=1)
def compressed() -> bytes:
    """plotly.js as gzip, 1.5 MB: made once, in half a second, and kept."""
    return gzip.compress(plotly_file().read_bytes(), compresslevel=6)
