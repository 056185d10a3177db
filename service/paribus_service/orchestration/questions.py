"""What an inquiry comes to once the factors are known: the question that analysis takes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from paribus_service.errors import InvalidRequest
from paribus_service.orchestration.inquiries import Inquiry, Measured, pairs_of, refuse_unknown
from paribus_service.orchestration.measurements import GIT_COMMIT
from paribus_sweeps.analysis.questions import Question
from paribus_sweeps.factors import Factor
from paribus_sweeps.spec.designs import BLOCKS

KNOWN_BLOCKS = (*BLOCKS, GIT_COMMIT)
FINISHED_COUNTS = "a finished run"
"""What is asked about where no response was named."""


def question_of(
    inquiry: Inquiry, found: Measured | None, factors: Sequence[str], **more: Any
) -> Question:
    """The question.

    Args:
        inquiry: What is asked.
        found: What runs are measured by.
        factors: Every factor that there is.
        more: What the runs and their plan add: further fields of `Question`.

    Raises:
        InvalidRequest: A factor that is not there, or one that is asked about and ignored.
    """
    refuse_unknown(
        inquiry.factors, factors, pointer="?factors", what="factor", code="unknown_factor"
    )
    for name in inquiry.factors:
        if name in inquiry.ignore:
            raise InvalidRequest.one(
                "?ignore",
                f"{name!r} is asked about (factors) and ignored",
                code="asked_and_ignored",
                hint="leave it out of one of the two",
            )
    return Question(
        response=found.response.text if found else FINISHED_COUNTS,
        goal=found.goal if found else None,
        factors=inquiry.factors,
        transform=inquiry.transform,
        denominator=inquiry.denominator,
        interactions=pairs_of(inquiry.interactions, factors),
        error=inquiry.error,
        against_baseline=None if inquiry.compare is None else inquiry.compare == "baseline",
        level=inquiry.level,
        resolution=inquiry.resolution,
        allow_crashed=inquiry.allow_crashed,
        bins=inquiry.bins,
        **more,
    )


def borne_by_none(names: Iterable[str], factors: Sequence[Factor]) -> tuple[str, ...]:
    """The blocks and lurking keys that no factor has the name of: a table has one such column."""
    taken = {factor.name for factor in factors}
    return tuple(name for name in names if name not in taken)


def named_twice(blocks: Iterable[str], factors: Sequence[Factor]) -> Iterator[str]:
    """Say which blocks are not taken, since a factor has their name."""
    taken = {factor.name for factor in factors}
    for name in blocks:
        if name in taken:
            yield f"`{name}` is a factor here: what runs recorded under that name is no block."


def blocks_of(inquiry: Inquiry, declared: Sequence[str]) -> Sequence[str]:
    """The blocks of a question: those that it names, else those that were declared.

    Raises:
        InvalidRequest: A block that there is not.
    """
    if inquiry.blocks is None:
        return declared
    refuse_unknown(
        inquiry.blocks, KNOWN_BLOCKS, pointer="?blocks", what="block", code="unknown_block"
    )
    return inquiry.blocks
