"""What every body has in common: how values are written, and which fields are taken.

Times are RFC 3339 in UTC with a Z; NaN and the infinities, which JSON cannot say, are the strings
"NaN", "Infinity" and "-Infinity"; a field that an operation does not have is refused by its name.
"""

from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from paribus_service.errors import nearest
from paribus_service.store.json_text import speakable

Item = TypeVar("Item")

Json = Annotated[Any, PlainSerializer(speakable, return_type=Any), WithJsonSchema({})]
"""Any JSON value, as a user or a program chose it."""

JsonObject = Annotated[
    dict[str, Any],
    PlainSerializer(speakable, return_type=dict[str, Any]),
    WithJsonSchema({"type": "object", "additionalProperties": True}),
]
"""Any JSON object."""


class Answer(BaseModel):
    """A body that the service sends."""

    model_config = ConfigDict(ser_json_inf_nan="strings", use_attribute_docstrings=True)


class Asked(BaseModel):
    """A body that the service takes in; a field that it does not know is refused by name."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_fields(cls, value: Any) -> Any:
        unknown = sorted(set(value) - set(cls.model_fields)) if isinstance(value, dict) else []
        if unknown:
            near = nearest(unknown[0], cls.model_fields)
            hint = (
                f"did you mean {near!r}?" if near else f"there are {', '.join(cls.model_fields)}"
            )
            raise PydanticCustomError(
                "unknown_field", "there is no field {name}", {"name": unknown[0], "hint": hint}
            )
        return value


class Page(Answer, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_page_token: str | None = None
    """Send it as `page_token` for the next page; null on the last."""

    @classmethod
    def of(cls, items: list[Item], next_page_token: str | None) -> Self:
        """A page."""
        return cls(items=items, next_page_token=next_page_token)


class FieldProblemOut(Answer):
    """One thing that is wrong with a request."""

    pointer: str
    """JSON pointer into the body, or `?name` for a query parameter."""
    code: str
    message: str
    hint: str | None = None


class Problem(Answer):
    """Why a request was refused (RFC 9457, `application/problem+json`)."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    type: str
    """`urn:paribus:problem:` and the code."""
    title: str
    status: int
    detail: str
    """What is wrong and what to do, in words."""
    instance: str
    """The path that was asked for."""
    code: str
    """A stable word for programs."""
    errors: list[FieldProblemOut]
