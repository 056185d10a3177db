"""What an inquiry comes to once the factors are known: the question that analysis takes."""

from collections.abc import Sequence
from typing import Any

from paribus_service.orchestration.inquiries import Inquiry, Measured, pairs_of, refuse_unknown
from paribus_service.orchestration.measurements import GIT_COMMIT
from paribus_sweeps.analysis.questions import Question
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
