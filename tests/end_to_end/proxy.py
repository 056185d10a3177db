"""A proxy that loses replies to agents' heartbeats and sends some of them twice."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import httpx

_HOP = {"connection", "transfer-encoding", "content-length", "content-encoding", "host"}


class Proxy:
    """Forwards to `target`; of the heartbeats with nothing to hide, every nth goes wrong.

    Args:
        target: Address of the service.
        lose_every: Every nth heartbeat reaches the service, and its reply is lost.
        repeat_every: Every nth heartbeat reaches the service twice.
    """

    def __init__(self, target: str, *, lose_every: int, repeat_every: int) -> None:
        self.target = target
        self.lose_every, self.repeat_every = lose_every, repeat_every
        self.heartbeats = self.lost = self.repeated = 0
        self.lock = threading.Lock()
        self.client = httpx.Client(timeout=60)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.client.close()

    def forward(self, method: str, path: str, headers: Any, body: bytes) -> httpx.Response | None:
        """The service's reply; None where it is lost."""
        lose = repeat = False
        if b"agentHeartbeat" in body:
            with self.lock:
                self.heartbeats += 1
                lose = self.heartbeats % self.lose_every == 0
                repeat = self.heartbeats % self.repeat_every == 0
                self.lost += lose
                self.repeated += repeat
        kept = {name: value for name, value in headers.items() if name.lower() not in _HOP}
        reply = self.client.request(method, self.target + path, headers=kept, content=body)
        if repeat:
            reply = self.client.request(method, self.target + path, headers=kept, content=body)
        return None if lose else reply


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            reply = proxy.forward(self.command, self.path, self.headers, body)
            if reply is None:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(reply.status_code)
            for name, value in reply.headers.items():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
