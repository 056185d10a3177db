"""What people read of an answer: the sentence of each factor first, then the numbers under it.

    show_answer(client.answer(sweep_id, "effects"))

Every word that judges comes from the answer itself; here it is only laid out.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from paribus_service.cli.progress import OPEN, in_words
from paribus_service.cli.tables import Answer, new_table, put
from paribus_sweeps.analysis.words import counted, number, signed
from paribus_sweeps.runs import FINISHED

_MOST_REASONS = 3
_MOST_RUNS = 40  # of a list of runs or pairs; `--json` has all
_BETTER = {
    "minimize": ", lower is better",
    "maximize": ", higher is better",
}


def show_answer(answer: Answer) -> None:
    """Print an answer of any kind but a report, which is a document."""
    put(_opening(answer), *(f"Note: {notice}" for notice in answer["notices"]), "")
    put(*_SHOWN[answer["kind"]](answer))


def _opening(answer: Answer) -> str:
    left_out = answer["excluded_count"]
    states = Counter(run["state"] for run in answer["excluded"])
    why = f", {left_out:,} left out ({in_words(states)})" if left_out else ""
    why += "".join(f"\n  {reason}" for reason in _reasons(answer["excluded"]))
    runs = f"{counted(answer['n'], 'run')} {'counts' if answer['n'] == 1 else 'count'}"
    return f"{answer['response']}{_BETTER.get(answer['goal'], '')}; {runs}{why}"


def _reasons(excluded: Sequence[Answer]) -> Iterator[str]:
    """Why runs that came to their end do not count, the most frequent reason first."""
    told = Counter(run["reason"] for run in excluded if run["state"] == FINISHED)
    yield from (f"{count:,} of them: {why}" for why, count in told.most_common(_MOST_REASONS))


def _points(sentences: Sequence[str]) -> list[str]:
    """A list; what is true of several factors at once is said once."""
    return [f"  - {sentence}" for sentence in dict.fromkeys(sentences) if sentence]


def _under(heading: str, sentences: Sequence[str]) -> list[str]:
    """A heading with sentences under it; nothing where there is none."""
    points = _points(sentences)
    return ["", heading, *points] if points else []


def _grid(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Any]:
    """An empty line and a table; nothing where there is no row."""
    if not rows:
        return []
    table = new_table(*columns)
    for row in rows[:_MOST_RUNS]:
        table.add_row(*row)
    more = len(rows) - _MOST_RUNS
    return ["", table, *([f"and {more:,} more: --json has all"] if more > 0 else [])]


def _interval(found: Sequence[float] | None) -> str:
    return f"{number(found[0])} to {number(found[1])}" if found else "–"


def _counts(found: int | None) -> str:
    return "–" if found is None else f"{found:,}"


# factors


def _factors(answer: Answer) -> list[Any]:
    return [*_verdicts(answer), *_comparisons(answer), *_planned(answer)]


def _verdicts(answer: Answer) -> list[str]:
    return _points([factor["sentence"] for factor in answer["factors"]])


def _comparisons(answer: Answer) -> list[Any]:
    told = [
        (factor, found)
        for factor in answer["factors"]
        for found in factor["comparisons"]
        if found["estimate"] is not None
    ]
    return _grid(
        ["factor", "compared", "difference", "interval", "p", "pairs", "basis", "verdict"],
        [
            [
                factor["factor"],
                f"{found['high']} against {found['low']}",
                signed(found["estimate"]),
                _interval(found["interval_adjusted"]),
                number(found["p_adjusted"]),
                _counts(found["matched_pairs"]),
                found["basis"] or "–",
                found["verdict"] or "–",
            ]
            for factor, found in told
        ],
    )


def _planned(answer: Answer) -> list[str]:
    together = [found["sentence"] for found in answer.get("moved_together", ())]
    return _under("What the plan can never tell apart:", together)


# effects and pairs


def _effects(answer: Answer) -> list[Any]:
    found = answer["effects"]
    model = _model(found) if found else ["", answer["note"]]
    more = [stratum["sentence"] for stratum in answer["strata"]]
    crashes = answer["crashes"]
    return [
        *_verdicts(answer),
        *_comparisons(answer),
        *model,
        *_lenth(answer["lenth"]),
        *_under("Scale:", [(answer["box_cox"] or {}).get("sentence") or ""]),
        *_under("Units:", more),
        *(["", crashes["sentence"]] if crashes["crashed"] else []),
    ]


def _model(found: Answer) -> list[Any]:
    opening = (
        f"Model: {' + '.join(found['model'])}; {counted(found['parameters'], 'parameter')}, "
        f"{found['residual_df']} residual df, residual sd {number(found['residual_sd'])}, "
        f"errors {found['error']}"
    )
    columns = ["term", "df", "sum of squares", "F", "p", "p adjusted", "share of variance"]
    rows = [
        [
            row["term"],
            str(row["df"]),
            *(number(row[key]) for key in ("sum_of_squares", "f", "p", "p_adjusted")),
            number(row["omega_squared"]),
        ]
        for row in found["terms"]
    ]
    return ["", opening, *_grid(columns, rows), *_under("Of the model:", found["notes"])]


def _lenth(found: Answer | None) -> list[Any]:
    """Effects of a design that leaves no error, each against the noise of all (Lenth)."""
    if not found:
        return []
    rows = [[e["term"], signed(e["effect"]), e["label"] or "–"] for e in found["effects"]]
    margins = (
        f"Lenth: no error is left; beyond {number(found['margin'])} an effect is possibly active, "
        f"beyond {number(found['simultaneous_margin'])} active ({found['note']})"
    )
    return ["", margins, *_grid(["term", "effect", "label"], rows)]


def _contrasts(answer: Answer) -> list[Any]:
    found = answer["contrasts"]
    table = _grid(
        [
            "factor",
            "compared",
            "pairs",
            "contexts",
            "mean difference",
            "interval of it alone",
            "exact p",
        ],
        [
            [
                pairs["factor"],
                f"{pairs['high']} against {pairs['low']}",
                str(pairs["n"]),
                str(pairs["contexts"]),
                signed(pairs["headline"]["value"]),
                _interval_of(pairs["headline"]),
                number(pairs["sign_flip"]["p"]),
            ]
            for pairs in found
        ],
    )
    notes = [f"`{pairs['factor']}`: {note}" for pairs in found for note in pairs["notes"]]
    notes += [
        f"`{pairs['factor']}`, {pairs['high']} against {pairs['low']}: "
        f"{pairs['depends_on']['sentence']}"
        for pairs in found
        if pairs["depends_on"]
    ]
    return [*_verdicts(answer), *table, *_under("Of the pairs:", notes), *_pairs(found)]


def _interval_of(headline: Answer) -> str:
    if headline["low"] is None:
        return headline["note"] or "–"
    return _interval((headline["low"], headline["high"]))


def _pairs(contrasts: Sequence[Answer]) -> list[Any]:
    """Every pair with its two runs, so that the difference can be looked up."""
    rows = [
        [
            found["factor"],
            f"{pair['high_name']} − {pair['low_name']}",
            number(pair["high"]),
            number(pair["low"]),
            signed(pair["difference"]),
        ]
        for found in contrasts
        for pair in found["pairs"]
    ]
    return _grid(["factor", "pair", "high", "low", "difference"], rows)


# what cannot be told apart


def _confounding(answer: Answer) -> list[Any]:
    found = answer["confounding"]
    restoring = [found["restoring"]["sentence"]] if found["restoring"] else []
    lurking = [fact["sentence"] for fact in found["lurking"]]
    aliases = [row["sentence"] for row in found["alias_matrix"]]
    return [
        *_points([factor["sentence"] for factor in found["factors"]]),
        *_under("What always changed together:", [fact["sentence"] for fact in found["facts"]]),
        *_under("Runs that are missing:", restoring),
        *_under("What nobody studied:", lurking),
        *_under("If factors interact:", aliases),
        *_under("To be known:", found["notes"]),
        "",
        f"{counted(found['runs'], 'run')} in {counted(found['cells'], 'setting')}; the model has "
        f"{counted(found['parameters'], 'parameter')}, and the runs tell {found['rank']}: "
        f"{found['residual_df']} residual df",
    ]


# what would settle it


def _power(answer: Answer) -> list[Any]:
    found = answer["power"]
    rows = [
        [
            row["factor"],
            f"{told['n']} {told['unit']}",
            number(told["spread"]),
            number(told["detectable"]),
            number(told["smallest_effect"]),
            _counts(told["needed"]),
            _counts(told["more_runs"]),
            number(told["gpu_hours"]),
        ]
        for row in found
        if (told := row["outlook"])
    ]
    columns = ["factor", "now", "spread", "detectable", "smallest effect", "needed"]
    sentences = [_of_factor(row["factor"], row["sentence"]) for row in found]
    return [*_points(sentences), *_grid([*columns, "more runs", "GPU-hours"], rows)]


def _of_factor(name: str, sentence: str) -> str:
    """A sentence that says which factor it is about."""
    return sentence if sentence.startswith(f"`{name}`") else f"`{name}`: {sentence}"


def _follow_ups(answer: Answer) -> list[Any]:
    found = answer["follow_ups"]
    open_trials = [found["open_trials"]["sentence"]] if found["open_trials"] else []
    sentences = [
        found["sentence"],
        found["equally_good"]["sentence"] if found["runs"] else "",
        *open_trials,
        *(told["sentence"] for told in found["impossible"]),
        *found["notes"],
        found["cost"],
    ]
    sets = [f"{name}: {told['sentence']}" for name, told in other_sets(found)]
    return [*_points(sentences), *runs_to_make(found["runs"]), *_under("Other sets:", sets)]


def other_sets(found: Answer) -> Iterator[tuple[str, Answer]]:
    """The alternatives of an answer, by the names that `--set` takes."""
    others = found["alternatives"]
    for name in ("pairs", "finish", "seeds"):
        if others[name]:
            yield name, others[name]
    for fold in others["fold_overs"]:
        yield f"fold_over({fold['factor']})" if fold["factor"] else "fold_over", fold


def runs_to_make(runs: Sequence[Answer]) -> list[Any]:
    """A table of settings, with where and under which seed each is to run."""
    if not runs:
        return []
    rows = [
        [
            str(at),
            *run["setting"].values(),
            ", ".join(f"{name}={label}" for name, label in run["blocks"].items()) or "anywhere",
            _replicate(run["replicate"]),
        ]
        for at, run in enumerate(runs, 1)
    ]
    return _grid(["run", *runs[0]["setting"], "where", "seed"], rows)


def _replicate(told: Any) -> str:
    if isinstance(told, Mapping):
        return ", ".join(f"{key}={value}" for key, value in told.items()) or "–"
    return told or "a new one"


# association


def _importance(answer: Answer) -> list[Any]:
    found = answer["importance"]
    rows = [
        [
            row["factor"],
            number(row["importance"]),
            _interval(row["interval"]),
            _counts(row["rank"]),
        ]
        for row in found["factors"]
        if row["importance"] is not None
    ]
    return [
        *_points([*found["reasons"], found["note"]]),
        *_points([row["sentence"] for row in found["factors"]]),
        *_grid(["factor", "importance", "over the refits", "rank"], rows),
    ]


# best runs


def _best(answer: Answer) -> list[Any]:
    levels = [
        thing
        for factor in answer["factors"]
        for thing in ("", _levels(factor) if factor["levels"] else _holders(factor))
    ]
    return [
        *_verdicts(answer),
        *levels,
        *_not_ranked(answer["not_ranked"], answer["not_ranked_count"]),
        *_under("What these runs can tell, and what not:", _tellings(answer)),
    ]


def _tellings(answer: Answer) -> list[str]:
    """Which factors moved together, which moved alone, and what a best run does not say."""
    together = [found["sentence"] for found in answer["moved_together"]]
    pairs = [found["sentence"] for found in answer["matched_pairs"]]
    return [*together, *pairs, answer.get("not_offered") or ""]


def _not_ranked(runs: Sequence[Answer], count: int) -> list[Any]:
    """Runs that are still to come, counted; those that ended without a value, one by one."""
    more = [f"and {count - len(runs):,} more that are not ranked"] if count > len(runs) else []
    to_come = Counter(run["state"] for run in runs if run["state"] in OPEN)
    rows = [
        [run["name"] or run["id"], run["state"], run["reason"]]
        for run in runs
        if run["state"] not in OPEN
    ]
    lines = [f"\nTo come: {in_words(to_come)}"] if to_come else []
    return [*lines, *_grid(["not ranked", "state", "reason"], rows), *more]


def _levels(factor: Answer) -> Table:
    table = new_table("level", "best", "n", "mean", "sd", "run", "link", title=factor["factor"])
    for level in factor["levels"]:
        best = level["best"]
        ties = f" and {level['best_count'] - 1:,} tied" if len(best) > 1 else ""
        table.add_row(
            level["level"] + _remark(factor, level["level"]),
            _exact(level["value"]) if best else level["note"] or "no finished run",
            str(level["n"]),
            _exact(level["mean"]),
            _exact(level["sd"]),
            f"{best[0]['name']}{ties}" if best else "",
            (best[0]["url"] or "") if best else "",
        )
    return table


def _remark(factor: Answer, level: str) -> str:
    remarks = [
        word
        for word, which in (("baseline", factor["baseline"]), ("best", factor["best_level"]))
        if which == level
    ]
    return f" ({', '.join(remarks)})" if remarks else ""


def _holders(factor: Answer) -> Table:
    table = new_table("value", "best", "run", "link", title=f"{factor['factor']} (continuous)")
    for run in factor["best"]:
        table.add_row(run["at"], _exact(run["value"]), run["name"], run["url"] or "")
    return table


def _exact(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) else "–"


_SHOWN: Mapping[str, Callable[[Answer], list[Any]]] = {
    "best": _best,
    "factors": _factors,
    "effects": _effects,
    "contrasts": _contrasts,
    "confounding": _confounding,
    "power": _power,
    "follow-ups": _follow_ups,
    "importance": _importance,
}
"""Kind → what is printed of it."""
