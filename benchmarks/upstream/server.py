"""A second Paribus that plays the W&B server, in a process of its own, counting its requests.

    python benchmarks/upstream/server.py DATA_DIR READY_FILE      # run.py does it

`GET /bench/requests` says how many requests of clients it has answered.
"""

import json
import socket
import sys
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from paribus_service.app import create_app
from paribus_service.settings import Settings

COUNT = "/bench/requests"


class Counting:
    """Counts requests, and says how many there were."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] == COUNT:
            body = json.dumps(self._count).encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})
            return
        self._count += scope["type"] == "http"
        await self._app(scope, receive, send)


def main(data_dir: Path, ready_file: Path) -> None:
    """Serve until killed."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app = Counting(create_app(Settings(data_dir=data_dir, dev=True, observer_interval_seconds=0)))
    config = uvicorn.Config(app, log_level="warning", lifespan="on", ws="none")
    ready_file.write_text(f"http://127.0.0.1:{listener.getsockname()[1]}")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
