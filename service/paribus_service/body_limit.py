"""Refuse bodies over the limit while they come, before they fill the memory."""

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from paribus_service.errors import BodyTooLarge

UPLOAD_PREFIX = "/storage/"  # streamed to disk, with a limit of its own


class BodyLimit:
    """ASGI middleware; uploads are exempt, they are never held in memory."""

    def __init__(self, app: ASGIApp, *, limit_bytes: int) -> None:
        self._app = app
        self._limit = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; a body over the limit is answered 413."""
        if scope["type"] != "http" or scope["path"].startswith(UPLOAD_PREFIX):
            await self._app(scope, receive, send)
            return
        if self._announced(scope) > self._limit:
            await self._refuse(scope, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise BodyTooLarge(self._limit)
            return message

        await self._app(scope, counted, send)

    def _announced(self, scope: Scope) -> int:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit():
                return int(value)
        return 0

    async def _refuse(self, scope: Scope, send: Send) -> None:
        error = BodyTooLarge(self._limit)
        body = json.dumps(
            {
                "type": f"urn:paribus:problem:{error.code}",
                "title": "Too large",
                "status": 413,
                "detail": str(error),
                "instance": scope["path"],
                "code": error.code,
                "errors": [],
            }
        ).encode()
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})
