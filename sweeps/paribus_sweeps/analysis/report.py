"""All answers of one case as one value, and as a document that a person would forward.

    told = report_of(asked)
    document_of(told).markdown()

Source: DESIGN 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paribus_sweeps.analysis.documents import Document
from paribus_sweeps.analysis.words import counted, number, signed

MOST_ROWS = 200  # of one table in a document

STATUSES: Mapping[str, str] = {
    "isolated": "estimable, and the verdict is yes or no",
    "confounded": "it cannot be told apart from something else",
    "inconclusive": "estimable, and the runs do not decide it",
    "not_varied": "one level only",
    "not_ready": "runs are missing",
}


def document_of(told: Mapping[str, Any]) -> Document:
    """Return a report as a document.

    Args:
        told: What `answer("report", case)` gives.
    """
    made = Document(f"Which factor made the difference to {told['response']}?")
    _opening(made, told)
    _verdicts(made, told["factors"])
    _confounding(made, told["confounding"])
    _follow_ups(made, told["follow_ups"])
    _best(made, told["best"])
    _evidence(made, told)
    _responses(made, told["responses"], told["response"])
    _importance(made, told["importance"])
    _small_print(made, told)
    return made


def _opening(made: Document, told: Mapping[str, Any]) -> None:
    goal = {"minimize": "Lower is better.", "maximize": "Higher is better."}.get(told["goal"], "")
    left_out = told["excluded_count"]
    made.say(
        f"{counted(told['n'], 'run')} finished with a value"
        + (f"; {counted(left_out, 'run')} left out." if left_out else "."),
        goal,
    )
    made.points(told["notices"])


def _verdicts(made: Document, factors: Sequence[Mapping[str, Any]]) -> None:
    made.heading("Verdicts")
    made.table(
        ["factor", "status", "answer"],
        [[f"`{f['factor']}`", f["status"], f["sentence"]] for f in factors],
    )
    seen = sorted({factor["status"] for factor in factors})
    made.say(*(f"{status}: {STATUSES[status]}." for status in seen))


def _confounding(made: Document, found: Mapping[str, Any]) -> None:
    made.heading("What these runs cannot tell apart")
    if all(factor["status"] == "estimable" for factor in found["factors"]):
        made.say("Nothing: each factor can be told from the others.")
    elif not found["facts"]:
        made.points([factor["sentence"] for factor in found["factors"]])
    made.points([fact["sentence"] for fact in found["facts"]])
    if found["restoring"]:
        made.say(found["restoring"]["sentence"])
    made.points([fact["sentence"] for fact in found["lurking"]])


def _follow_ups(made: Document, found: Mapping[str, Any]) -> None:
    made.heading("The fewest runs that would tell")
    made.say(found["sentence"])
    made.table(
        ["run", *_names(found["runs"])],
        [
            [str(at + 1), *run["setting"].values()]
            for at, run in enumerate(found["runs"][:MOST_ROWS])
        ],
    )


def _names(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"`{name}`" for name in runs[0]["setting"]] if runs else []


def _best(made: Document, found: Mapping[str, Any] | None) -> None:
    if found is None:
        return
    made.heading("Best run per factor")
    made.say(
        "A best run is a fact and a best level is a claim: it is named only where the factor "
        "made a difference that the runs show."
    )
    for factor in found["factors"]:
        made.say(
            f"`{factor['factor']}`: "
            + (f"{factor['best_level']} is best." if factor["best_level"] else "no level is.")
        )
        made.table(
            ["level", "n", "mean", "best", "run"],
            [
                [
                    level["level"],
                    str(level["n"]),
                    number(level["mean"]),
                    number(level["best"][0]["value"]) if level["best"] else "none",
                    level["best"][0]["name"] if level["best"] else "no finished run",
                ]
                for level in factor["levels"][:MOST_ROWS]
            ],
        )


def _evidence(made: Document, told: Mapping[str, Any]) -> None:
    made.heading("Evidence")
    made.table(
        ["factor", "compared", "pairs", "from pairs", "from the model", "interval", "p adjusted"],
        [
            [
                f"`{factor['factor']}`",
                f"{c['high']} against {c['low']}",
                str(c["matched_pairs"]),
                signed(c["pairs_estimate"]),
                signed(c["model_estimate"]),
                _interval(c["interval_adjusted"]),
                number(c["p_adjusted"]),
            ]
            for factor in told["factors"]
            for c in factor["comparisons"]
            if c["estimate"] is not None
        ][:MOST_ROWS],
    )
    if told["effects"]:
        _model(made, told["effects"])
    if told["lenth"]:
        _lenth(made, told["lenth"])
    if told["box_cox"] and told["box_cox"]["sentence"]:
        made.say(told["box_cox"]["sentence"])
    made.points(
        [
            f"`{pairs['factor']}`, {pairs['high']} against {pairs['low']}: "
            f"{pairs['depends_on']['sentence']}"
            for pairs in told["contrasts"]
            if pairs["depends_on"]
        ]
    )
    if told["crashes"]["crashed"]:
        made.say(told["crashes"]["sentence"])
    made.points([stratum["sentence"] for stratum in told["strata"]])


def _model(made: Document, found: Mapping[str, Any]) -> None:
    made.say(
        f"The model holds {' + '.join(found['model'])}: {found['parameters']} parameters, "
        f"{found['residual_df']} residual df."
    )
    made.table(
        ["term", "df", "sum of squares", "F", "p", "p adjusted", "share of variance"],
        [
            [
                f"`{row['term']}`",
                str(row["df"]),
                *(number(row[key]) for key in ("sum_of_squares", "f", "p", "p_adjusted")),
                number(row["omega_squared"]),
            ]
            for row in found["terms"][:MOST_ROWS]
        ],
    )
    made.points(found["notes"])


def _lenth(made: Document, found: Mapping[str, Any]) -> None:
    made.say(
        f"No error is left to compare with. By Lenth's method, an effect beyond "
        f"{number(found['margin'])} is possibly active, and one beyond "
        f"{number(found['simultaneous_margin'])} active ({found['note']})."
    )
    made.table(
        ["term", "effect", "label"],
        [
            [f"`{e['term']}`", signed(e["effect"]), e["label"] or "none"]
            for e in found["effects"][:MOST_ROWS]
        ],
    )


def _interval(found: Sequence[float] | None) -> str:
    return f"{number(found[0])} to {number(found[1])}" if found else "none"


def _responses(made: Document, rows: Sequence[Mapping[str, Any]], first: str) -> None:
    if all(row["response"] == first for row in rows):
        return
    made.heading("Other responses of the same runs")
    made.table(
        ["response", "factor", "status", "answer", "p", "q"],
        [
            [
                f"`{row['response']}`",
                f"`{row['factor']}`",
                row["status"],
                row["sentence"],
                number(row["p"]),
                number(row["q"]),
            ]
            for row in rows
        ][:MOST_ROWS],
    )
    made.say(
        "q is the share of false differences among those that are at least as clear, over all "
        "responses and factors (Benjamini-Hochberg)."
    )


def _importance(made: Document, found: Mapping[str, Any] | None) -> None:
    if found is None:
        return
    made.heading("Importance: an association")
    made.say(*found["reasons"])
    made.say(found["note"] or "")
    made.points([factor["sentence"] for factor in found["factors"]])


def _small_print(made: Document, told: Mapping[str, Any]) -> None:
    made.heading("Small print")
    made.points([fact["sentence"] for fact in told["moved_along"]])
    held = told["held_fixed"]
    made.table(
        ["held fixed", "at"], [[f"`{key}`", str(value)] for key, value in held.items()][:MOST_ROWS]
    )
    made.table(
        ["left out", "state", "why"],
        [[run["id"], run["state"], run["reason"]] for run in told["excluded"][:MOST_ROWS]],
    )
    made.say(
        f"Data version `{told['data_version']}`, method version `{told['method_version']}`: the "
        "same two give the same report."
    )
