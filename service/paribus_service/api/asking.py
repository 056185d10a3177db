"""A question's parameters, and its answer as it is sent: kept bytes, a strong ETag, 304.

A name may be given several times or with commas between: `factors=a,b` is `factors=a&factors=b`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Query, Response

from paribus_service.api.errors_declared import Responses, problems
from paribus_service.api.etags import is_known
from paribus_service.dependencies import BaseUrl, ServicesDep, SessionDep
from paribus_service.errors import InvalidRequest
from paribus_service.orchestration import answers
from paribus_service.orchestration.answers import Answered
from paribus_service.orchestration.inquiries import (
    Compare,
    ErrorModel,
    Form,
    Inquiry,
    Kind,
    Subject,
    TransformWord,
)
from paribus_service.settings import Settings
from paribus_sweeps.analysis.best_runs import Goal

ANSWERS: Responses = {
    304: {"description": "Not changed since the ETag in If-None-Match."},
    **problems(401, 403, 404, 409, 422, 503),
}
"""What a question answers beside its answer."""


def listed(given: Sequence[str] | None) -> tuple[str, ...]:
    """Names that were given several times, with commas between, or both; each once."""
    parts = [part.strip() for text in given or () for part in text.split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))


def pairs_in(parameter: str, given: Sequence[str] | None) -> list[tuple[str, str]]:
    """Each `NAME:VALUE` as (NAME, VALUE).

    Args:
        parameter: Of the query, for the refusal.
        given: As it was written.

    Raises:
        InvalidRequest: One of them lacks its name, its colon or its value.
    """
    found = [text.partition(":") for text in given or ()]
    for name, _, value in found:
        if not name or not value:
            raise InvalidRequest.one(
                f"?{parameter}", f"{name!r} names nothing: expected {parameter.upper()}:VALUE"
            )
    return [(name, value) for name, _, value in found]


def named_roles(settings: Settings, given: Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    """Each role with its key: as the service's settings name them, and as a request does.

    Raises:
        InvalidRequest: One of the request's lacks its role, its colon or its key.
    """
    return tuple({**settings.finding_roles, **dict(pairs_in("role", given))}.items())


def _inquiry(
    response: Annotated[
        str | None,
        Query(
            description="Summary key that is asked about, or a feature of a curve: "
            "`roughness(eval/loss)`. The sweep's metric by default."
        ),
    ] = None,
    goal: Annotated[
        Goal | None,
        Query(description="Which way the key is better; as the sweep or its program says."),
    ] = None,
    factors: Annotated[
        list[str] | None,
        Query(description="Only these factors; of a project, config keys. All by default."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        Query(
            description="Blocks that the runs of a pair may differ in (`gpu_name`, `host`, "
            "`software`, `wave`, `git_commit`); of a project also config keys and classes of "
            "keys that are left out altogether."
        ),
    ] = None,
    blocks: Annotated[
        list[str] | None,
        Query(
            description="What stands in models and must agree in pairs; as the design declares, "
            "else `gpu_name`. Empty for none."
        ),
    ] = None,
    interactions: Annotated[
        list[str] | None,
        Query(description="`auto`, `none`, `all`, or pairs of factors: `a*b,c*d`."),
    ] = None,
    transform: Annotated[
        TransformWord, Query(description="Scale on which the model works.")
    ] = "identity",
    denominator: Annotated[
        int | None,
        Query(ge=1, description="Of a response that is a share: examples it was counted on."),
    ] = None,
    smallest_effect: Annotated[
        float | None,
        Query(
            gt=0,
            allow_inf_nan=False,
            description="In the response's unit: a smaller difference does not matter. Without "
            "it, and without the design's, no verdict is ever `no`.",
        ),
    ] = None,
    error: Annotated[
        ErrorModel,
        Query(
            description="Errors of the model: one spread for all runs, robust (HC3), or "
            "permutation tests beside it; robust where spreads differ by default."
        ),
    ] = "auto",
    compare: Annotated[
        Compare | None,
        Query(description="Every level with the baseline, or each with each; as declared."),
    ] = None,
    level: Annotated[
        float, Query(ge=0.5, lt=1, allow_inf_nan=False, description="Confidence of intervals.")
    ] = 0.95,
    resolution: Annotated[
        float,
        Query(
            ge=0,
            allow_inf_nan=False,
            description="Runs whose responses differ by no more are tied; in its unit.",
        ),
    ] = 0.0,
    allow_crashed: Annotated[
        bool, Query(description="Propose settings again that crashed in every attempt.")
    ] = False,
    bins: Annotated[
        int | None, Query(ge=1, le=100, description="Quantile bins of continuous factors.")
    ] = None,
) -> Inquiry:
    return Inquiry(
        response=response,
        goal=goal,
        factors=listed(factors),
        ignore=listed(ignore),
        blocks=None if blocks is None else listed(blocks),
        interactions=",".join(listed(interactions)) or "auto",
        transform=transform,
        denominator=denominator,
        smallest_effect=smallest_effect,
        error=error,
        compare=compare,
        level=level,
        resolution=resolution,
        allow_crashed=allow_crashed,
        bins=bins,
    )


@dataclass(frozen=True, slots=True)
class Asking:
    """A question as it came, and what answers it."""

    session: SessionDep
    services: ServicesDep
    base: BaseUrl
    inquiry: Annotated[Inquiry, Depends(_inquiry)]
    data_version: Annotated[
        str | None,
        Query(description="Of an answer seen before: 409 where the runs have changed since."),
    ] = None
    if_none_match: Annotated[str | None, Header(description="An ETag seen before.")] = None

    def answer(self, subject: Subject, kind: Kind, form: Form = "json") -> Response:
        """The answer, or that the caller has it already.

        Raises:
            DataChanged: `data_version` is that of other runs.
            InvalidRequest: Something in the question is not there, or cannot be asked here.
        """
        found = answers.answer(
            self.session,
            subject,
            kind,
            self.inquiry,
            root=self.base,
            cache=self.services.answers,
            form=form,
        )
        found.check(self.data_version)
        return sent(found, self.if_none_match)


AskingDep = Annotated[Asking, Depends()]


_WORDS: dict[str, Form] = {
    "text/markdown": "markdown",
    "text/html": "html",
    "application/json": "json",
    "*/*": "json",
}


def _form(
    asked: Annotated[
        Form | None, Query(alias="format", description="How to write it; wins over `Accept`.")
    ] = None,
    accept: Annotated[str | None, Header(description="`text/markdown`, `text/html`.")] = None,
) -> Form:
    """As `format` says, else the first type in Accept that a report has; JSON where none is."""
    if asked is not None:
        return asked
    kinds = (part.partition(";")[0].strip().lower() for part in (accept or "").split(","))
    return next((_WORDS[kind] for kind in kinds if kind in _WORDS), "json")


FormDep = Annotated[Form, Depends(_form)]


def sent(found: Answered, if_none_match: str | None) -> Response:
    """The kept bytes, or 304 for who has them."""
    headers = {
        "ETag": found.etag,
        "Cache-Control": "no-cache",
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
    }
    if is_known(if_none_match, found.etag):
        return Response(status_code=304, headers=headers)
    if found.media_type.startswith("text/html"):
        headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return Response(found.body, headers=headers, media_type=found.media_type)
