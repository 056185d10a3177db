"""Addresses and cookies that prove by themselves that we made them.

A wandb client uploads and downloads bytes without any authorization (PROTOCOL 2), so each such
address carries its own proof, as presigned addresses of object stores do.
"""

from typing import Any

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from paribus_service.errors import SignatureInvalid


class Signer:
    """Signs small values for one purpose each, and reads them back."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, purpose: str, value: Any) -> str:
        """`value` (JSON) as a text for addresses and cookies that only this service can make."""
        return self._serializer(purpose).dumps(value)

    def read(self, purpose: str, signed: str, *, max_age_seconds: int) -> Any:
        """The value in a signed text.

        Raises:
            SignatureInvalid: Not made by us for this purpose, or older than `max_age_seconds`.
        """
        try:
            return self._serializer(purpose).loads(signed, max_age=max_age_seconds)
        except SignatureExpired as error:
            raise SignatureInvalid(
                f"this {purpose} address has expired; ask for a new one"
            ) from error
        except BadSignature as error:
            raise SignatureInvalid(
                f"this {purpose} address was not made by this service"
            ) from error

    def _serializer(self, purpose: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._secret, salt=f"paribus.{purpose}")
