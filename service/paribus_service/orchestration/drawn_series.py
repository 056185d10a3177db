"""Runs as figures of curves read them: as rules see them, and as the curves answer has them.

Only what draws figures of curves imports this: numpy comes with it.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from paribus_service.orchestration import finding_answers
from paribus_service.orchestration.asked_findings import Asked
from paribus_service.orchestration.columns import read_histories
from paribus_service.orchestration.drawn_curves import known_numbers, unknown_key
from paribus_service.orchestration.figures import Scene, refused
from paribus_service.orchestration.rule_book import RuleBook
from paribus_service.orchestration.run_facts import facts_of, observed
from paribus_service.store import findings as finding_store
from paribus_service.store.evidence import RunRow
from paribus_sweeps.analysis.findings.rule import Seen
from paribus_sweeps.analysis.roles import has_role
from paribus_sweeps.analysis.series.requests import SeriesRequest
from paribus_sweeps.analysis.series.series import series_of
from paribus_sweeps.errors import InvalidSeries, UnknownKey
from paribus_sweeps.figures import Mark, Marked

POINTS = 1_000  # of a line: more than a figure is pixels wide


def seen_of(
    scene: Scene,
    rows: Sequence[RunRow],
    keys: Collection[str | None] | Callable[[str], bool],
) -> list[Seen]:
    """Runs as rules see them: keys with a role, and those that are wanted."""
    book = book_of(scene)
    named = set(book.named.values())

    def wanted(key: str) -> bool:
        asked = keys(key) if callable(keys) else key in keys
        return asked or key in named or has_role(key)

    texts = finding_store.run_texts(scene.session, [row.pk for row in rows])
    facts = facts_of(scene.session, texts)
    if scene.subject is None or scene.subject.is_project:
        facts = observed(facts)
    histories = read_histories(scene.session, list(texts), wanted)
    return [
        Seen(facts[row.pk], histories[row.pk], book.thresholds, book.named)
        for row in rows
        if row.pk in texts
    ]


def book_of(scene: Scene) -> RuleBook:
    """The rules, thresholds and names of keys of this service."""
    book: RuleBook = scene.observer.rules()
    return book


def one_key(scene: Scene) -> str | None:
    """The logged key that is asked for; None where none is.

    Raises:
        InvalidRequest: Several are named.
    """
    keys = scene.request.keys
    if len(keys) > 1:
        name = scene.request.name
        raise refused(
            "?keys", f"{name} is of one key, and {len(keys)} are named: {', '.join(keys)}"
        )
    return keys[0] if keys else None


def series_in(scene: Scene, seen: Sequence[Seen], request: SeriesRequest) -> dict[str, Any]:
    """Lines and bands as the curves answer has them.

    Raises:
        InvalidRequest: A part of the request cannot be read, or names what no run has.
    """
    try:
        return series_of(seen, request)
    except InvalidSeries as error:
        raise refused(f"?{error.field}", str(error), code="invalid_series") from error
    except UnknownKey as error:  # what was read is what was asked for: say what else there is
        known = known_numbers(scene.session, [row.pk for row in scene.rows])
        told = UnknownKey(error.key, {*error.known, *known})
        raise unknown_key(told, request.keys) from error


def marks_in(
    scene: Scene, rows: Sequence[RunRow], keys: Collection[str], x_name: str | None
) -> dict[str, list[Marked]]:
    """Run → what rules found in these keys on this x, where they found it at steps."""
    asked = Asked(statuses=("found",))
    found = finding_answers.of_runs(scene.session, rows, asked, book_of(scene), root=scene.root)
    return {
        run["id"]: [
            (finding["keys"], mark)
            for finding in run["findings"]
            if set(finding["keys"]) & set(keys) and finding["x_name"] == x_name
            if (mark := Mark.of_finding(finding)) is not None
        ]
        for run in found.document["runs"]
    }
