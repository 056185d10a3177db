"""The commands that ask: about a sweep's runs, a project's, or a table of one's own.

They share the options of a question, which a command takes as one value:

    @takes_question
    def effects(asked: Asked, as_json: AsJson = False) -> None: ...

gets SWEEP, --response, --factors and the others, and is called with what was said.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from paribus_service.client import KINDS

Names = list[str] | None

Response = Annotated[
    str | None,
    typer.Option(
        help="What runs are measured by: a summary key, or a feature of a curve such as "
        "'roughness(eval/loss)'; the sweep's metric by default."
    ),
]
Goal = Annotated[
    str | None, typer.Option(help="minimize or maximize; as the sweep or its program says.")
]
Interactions = Annotated[
    Names, typer.Option(help="auto, none, all, or pairs of factors: a*b,c*d.")
]
Transform = Annotated[
    str | None,
    typer.Option(help="Scale on which the model works: identity, log, logit or rank."),
]
Denominator = Annotated[
    int | None,
    typer.Option(help="Of a response that is a share: examples it was counted on."),
]
SmallestEffect = Annotated[
    float | None,
    typer.Option(
        help="In the response's unit: a smaller difference does not matter. Without one no "
        "verdict is ever no."
    ),
]
Error = Annotated[
    str | None,
    typer.Option(help="Errors of the model: auto, pooled, hc3 or permutation."),
]
Compare = Annotated[
    str | None,
    typer.Option(help="Every level with the baseline, or pairwise: each with each."),
]
Level = Annotated[float | None, typer.Option(help="Confidence of intervals; 0.95 by default.")]
Resolution = Annotated[
    float | None,
    typer.Option(help="Runs whose responses differ by no more are tied; in its unit."),
]
AllowCrashed = Annotated[
    bool,
    typer.Option("--allow-crashed", help="Propose settings again that crashed in every attempt."),
]
Bins = Annotated[int | None, typer.Option(min=1, help="Quantile bins for continuous factors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
Form = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="Of a report: markdown, html or json; by default as the name of --out ends, else "
        "markdown.",
    ),
]
Out = Annotated[Path | None, typer.Option(help="Write it to this file.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose runs a command asks about, and the question as it was said."""

    target: str
    """A sweep's id, or `entity/project`."""
    sweeps: Sequence[str]
    with_sweeps: bool
    question: dict[str, Any]

    def but(self, **more: Any) -> "Asked":
        """The same, with more said; None says nothing."""
        return replace(self, question={**self.question, **said(more)})


def said(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given; `--blocks ''` names none, and that is said too."""
    return {
        name: names_in(value) if isinstance(value, list) else value
        for name, value in given(options).items()
    }


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as they were written."""
    return {
        name: value
        for name, value in options.items()
        if value is not None and value is not False and value != []
    }


def names_in(texts: Sequence[str]) -> list[str]:
    """Names that stood several times, with commas between them, or both; each once."""
    parts = [part.strip() for text in texts for part in text.split(",")]
    return list(dict.fromkeys(part for part in parts if part))


def read_options(
    sweep: Annotated[
        str,
        typer.Argument(help="The sweep's id; or ENTITY/PROJECT for the runs that no sweep made."),
    ],
    sweeps: Annotated[
        Names, typer.Option(help="Of a project: only the runs that count in these sweeps.")
    ] = None,
    with_sweeps: Annotated[
        bool,
        typer.Option("--with-sweeps", help="Of a project: also the runs of its sweeps."),
    ] = False,
    response: Response = None,
    goal: Goal = None,
    factors: Annotated[
        Names,
        typer.Option("--factors", "--factor", help="Only these, with commas between them."),
    ] = None,
    ignore: Annotated[
        Names,
        typer.Option(
            help="Blocks that the runs of a pair may differ in (gpu_name, host, software, wave, "
            "git_commit); of a project also config keys and classes of keys."
        ),
    ] = None,
    blocks: Annotated[
        Names,
        typer.Option(
            help="What stands in models and must agree in pairs; as the design declares, else "
            "gpu_name; '' for none."
        ),
    ] = None,
    interactions: Interactions = None,
    transform: Transform = None,
    denominator: Denominator = None,
    smallest_effect: SmallestEffect = None,
    error: Error = None,
    compare: Compare = None,
    level: Level = None,
    resolution: Resolution = None,
    allow_crashed: AllowCrashed = False,
    data_version: Annotated[
        str | None,
        typer.Option(help="Of an answer seen before: refused where the runs have changed since."),
    ] = None,
) -> Asked:
    """What every command that asks takes; nothing that was not said is sent."""
    options = dict(locals())
    for whose in ("sweep", "sweeps", "with_sweeps"):
        del options[whose]
    return Asked(sweep, names_in(sweeps or ()), with_sweeps, said(options))


def takes_question(command: Callable[..., None]) -> Callable[..., None]:
    """A command with the options of a question in place of its parameter `asked`.

    Typer reads signature and annotations, so these are written for it.
    """
    shared = list(inspect.signature(read_options).parameters.values())
    own = [p for p in inspect.signature(command).parameters.values() if p.name != "asked"]

    @wraps(command)
    def run(**options: Any) -> None:
        asked = read_options(
            **{parameter.name: options.pop(parameter.name) for parameter in shared}
        )
        command(asked=asked, **options)

    run.__signature__ = inspect.Signature([*shared, *own])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in (*shared, *own)}
    return run


def _asking() -> Any:
    """What the commands do; imported when one is called."""
    return import_module("paribus_service.cli.asking")


@takes_question
def factors(asked: Asked, as_json: AsJson = False) -> None:
    """Say of each factor whether it made a difference, or why the runs cannot tell.

    Exit code 1 where no run counts yet; so for every question.
    """
    _asking().ask("factors", asked, as_json=as_json)


@takes_question
def best(asked: Asked, bins: Bins = None, as_json: AsJson = False) -> None:
    """Show the best run of each level of each factor; a best level only where the runs show it."""
    _asking().ask("best", asked.but(bins=bins), as_json=as_json)


@takes_question
def effects(asked: Asked, as_json: AsJson = False) -> None:
    """Show what the model says: a test of each term, contrasts of levels, spread, crashes."""
    _asking().ask("effects", asked, as_json=as_json)


@takes_question
def contrasts(asked: Asked, as_json: AsJson = False) -> None:
    """Show matched pairs: what one factor did while all else, seed included, stood still."""
    _asking().ask("contrasts", asked, as_json=as_json)


@takes_question
def confounding(asked: Asked, as_json: AsJson = False) -> None:
    """Show what the finished runs cannot tell apart, and what caused it."""
    _asking().ask("confounding", asked, as_json=as_json)


@takes_question
def power(asked: Asked, as_json: AsJson = False) -> None:
    """Show what the present runs could have found, and how many more would settle it."""
    _asking().ask("power", asked, as_json=as_json)


@takes_question
def importance(asked: Asked, as_json: AsJson = False) -> None:
    """Show how much of the variation goes along with each factor: an association."""
    _asking().ask("importance", asked, as_json=as_json)


@takes_question
def follow_ups(
    asked: Asked,
    enqueue: Annotated[
        bool,
        typer.Option(
            "--enqueue", help="Queue the runs in the same sweep, after a look at the price."
        ),
    ] = False,
    chosen: Annotated[
        str | None,
        typer.Option(
            "--set",
            help="Which runs: proposed, or another set of the answer (pairs, finish, seeds, "
            "fold_over, fold_over(FACTOR)).",
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Replicates of each setting; as the answer has.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Queue without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the fewest runs that make the question answerable, and why no fewer; or queue them.

    Exit code 1 where there is nothing to queue.
    """
    if enqueue:
        _asking().enqueue(asked, chosen=chosen, seeds=seeds, yes=yes, as_json=as_json)
    else:
        _asking().follow_ups(asked, said({"--set": chosen, "--seeds": seeds}), as_json=as_json)


@takes_question
def report(
    asked: Asked,
    form: Form = None,
    out: Out = None,
    bins: Bins = None,
    as_json: AsJson = False,
) -> None:
    """Write every answer as one document that a person would forward."""
    _asking().report(asked.but(bins=bins), form=form, out=out, as_json=as_json)


def answer(
    file: Annotated[
        str,
        typer.Argument(help="A CSV file, a JSON body as docs/reference/answers.md has it, or -."),
    ],
    kind: Annotated[
        str, typer.Argument(help=f"One of {', '.join(KINDS)}; factors by default.")
    ] = "factors",
    factors: Annotated[
        Names, typer.Option("--factors", help="The columns that were changed on purpose: a,b.")
    ] = None,
    response: Annotated[
        str | None, typer.Option(help="The column that the runs are measured by.")
    ] = None,
    goal: Annotated[str | None, typer.Option(help="minimize or maximize the response.")] = None,
    replicate: Annotated[
        Names, typer.Option(help="Columns that number repetitions of a setting, such as seed.")
    ] = None,
    blocks: Annotated[
        Names,
        typer.Option(help="Columns that must agree in pairs and stand in models, such as gpu."),
    ] = None,
    lurking: Annotated[
        Names, typer.Option(help="Columns that nobody studied and that may explain a factor.")
    ] = None,
    baseline: Annotated[
        Names, typer.Option(help="Level that others are compared with: batch=8.")
    ] = None,
    levels: Annotated[
        Names, typer.Option(help="Levels in their order, also ones without runs: batch=8,32,64.")
    ] = None,
    numeric: Annotated[
        Names, typer.Option(help="Factors that are analysed on their values: lr.")
    ] = None,
    scale: Annotated[
        Names, typer.Option(help="Scale of a numeric factor: lr=log10 (identity, log2, log10).")
    ] = None,
    forbid: Annotated[
        Names, typer.Option(help="Levels that must not meet in a run: batch=64,ratio=8:1.")
    ] = None,
    about: Annotated[
        Names, typer.Option(help="Of the factors, only these are asked about.")
    ] = None,
    ignore: Annotated[
        Names, typer.Option(help="Blocks and lurking columns that pairs may differ in.")
    ] = None,
    interactions: Interactions = None,
    transform: Transform = None,
    denominator: Denominator = None,
    smallest_effect: SmallestEffect = None,
    error: Error = None,
    compare: Compare = None,
    level: Level = None,
    resolution: Resolution = None,
    allow_crashed: AllowCrashed = False,
    bins: Bins = None,
    observed: Annotated[
        bool,
        typer.Option("--observed", help="No design chose the settings: answers are associations."),
    ] = False,
    sampler: Annotated[
        str | None, typer.Option(help="What chose the settings: random or bayes.")
    ] = None,
    hours_per_run: Annotated[
        float | None, typer.Option(help="GPU-hours of one run, for the price of more.")
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Work it out here; no service is asked.")
    ] = False,
    form: Form = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question about a table of runs that are in no sweep, one run a row.

    Options that name several take commas, or stand several times.
    A column of a CSV file is read as numbers where every value of it is one: 32 and 32.0 are one
    level then. Else its values are texts, all of them. An empty cell is a missing value.
    Columns called id, state and reason say which run it is, how it ended, and why.
    """
    options = dict(locals())
    for name in ("file", "kind", "local", "form", "out", "as_json"):
        del options[name]
    import_module("paribus_service.cli.answering").answer(
        file, kind, given(options), local=local, form=form, out=out, as_json=as_json
    )


def add_to(app: typer.Typer) -> None:
    """Register the commands, the plainest first."""
    for command in (factors, best, effects, contrasts, confounding, power, importance):
        app.command()(command)
    app.command("follow-ups")(follow_ups)
    app.command()(report)
    app.command()(answer)
