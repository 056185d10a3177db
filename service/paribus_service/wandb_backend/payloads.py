"""JSON in requests and answers, and JSON inside JSON.

orjson is fast and strict; what it refuses (NaN, integers beyond 64 bits, lone surrogates) is read
and written by the standard library, so that nothing a client sent is lost for its form.
"""

import json
import zlib
from typing import Any

import orjson

from paribus_service.errors import BodyTooLarge, InvalidRequest
from paribus_service.wandb_backend.scalars import strict


def read_json(body: bytes) -> Any:
    """A JSON body; bytes that are no UTF-8 and lone surrogates become U+FFFD.

    Raises:
        InvalidRequest: It is no JSON: torn, or something else.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return _whole(json.loads(body.decode("utf-8", "replace")))
    except (ValueError, RecursionError) as error:
        raise InvalidRequest.one("", f"the body is no whole JSON: {error}", code="torn") from error


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value


def write_json(value: Any) -> bytes:
    """Strict JSON; non-finite numbers as strings, integers of any size as they are."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(strict(value), allow_nan=False).encode()


def inflate(body: bytes, encoding: str | None, *, limit_bytes: int) -> bytes:
    """The body behind its Content-Encoding.

    Raises:
        InvalidRequest: An encoding other than gzip, or no whole gzip.
        BodyTooLarge: It inflates beyond the limit.
    """
    if encoding in (None, "", "identity"):
        return body
    if encoding != "gzip":
        raise InvalidRequest.one(
            "", f"Content-Encoding {encoding!r} is not taken: send gzip or none"
        )
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = inflater.decompress(body, limit_bytes + 1)
    except zlib.error as error:
        raise InvalidRequest.one("", f"the body is no whole gzip: {error}", code="torn") from error
    if len(plain) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    if not inflater.eof:
        raise InvalidRequest.one("", "the gzip body ends too early", code="torn")
    return plain
