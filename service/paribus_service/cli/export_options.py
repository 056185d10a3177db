"""`paribus curves | history`: their options. What they do is imported when they are called."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from paribus_service.cli.questions import AsJson, Names, given

Out = Annotated[
    Path | None,
    typer.Option(help="Write it to this file: .csv, .jsonl, .parquet or .json."),
]
Form = Annotated[
    str | None,
    typer.Option(
        "--format", help="csv, jsonl, parquet or json; by default as the name of --out ends."
    ),
]
Role = Annotated[list[str] | None, typer.Option(help="Which logged key is what: epoch:my/epoch.")]


def curves(
    target: Annotated[
        str,
        typer.Argument(help="A sweep's id, or ENTITY/PROJECT for the runs that no sweep made."),
    ],
    keys: Annotated[
        Names, typer.Option("--keys", "--key", help="Logged keys, with commas between them.")
    ] = None,
    runs: Annotated[
        Names, typer.Option("--runs", "--run", help="Only these, by ids or names.")
    ] = None,
    x: Annotated[
        str | None,
        typer.Option(
            help="step, epoch, examples, relative_time, wall_time, share, or a logged key."
        ),
    ] = None,
    smoothing: Annotated[
        str | None,
        typer.Option(help="none, ema:0.6, twema:0.6, gaussian:3 or mean:5, beside the raw line."),
    ] = None,
    points: Annotated[
        int | None, typer.Option(help="Points of a line at most; 1,000 by default.")
    ] = None,
    thin_to: Annotated[
        str | None,
        typer.Option(help="A run whose cadence the others are thinned to, or a number."),
    ] = None,
    phase: Annotated[
        int | None, typer.Option(help="With --thin-to: which of so many points stays.")
    ] = None,
    common: Annotated[
        bool, typer.Option("--common", help="Only the stretch of x that all runs have.")
    ] = False,
    low: Annotated[
        float | None, typer.Option("--from", help="The part of x that is looked at.")
    ] = None,
    high: Annotated[float | None, typer.Option("--to", help="Itself included.")] = None,
    group_by: Annotated[
        Names, typer.Option(help="What runs agree in to be one band; all_but:seed.")
    ] = None,
    label_by: Annotated[
        Names, typer.Option(help="What lines are labelled with; what differs by default.")
    ] = None,
    role: Role = None,
    sweeps: Annotated[
        Names, typer.Option(help="Of a project: only the runs that count in these sweeps.")
    ] = None,
    with_sweeps: Annotated[
        bool, typer.Option("--with-sweeps", help="Of a project: also the runs of its sweeps.")
    ] = False,
    out: Out = None,
    form: Form = None,
    as_json: AsJson = False,
) -> None:
    """Write logged curves of several runs as one long table, or show where they end.

    Exit code 1 where they are shown and no line has a point yet.
    """
    options = _options(dict(locals()), "target")
    options = {{"low": "from_", "high": "to"}.get(name, name): v for name, v in options.items()}
    _exports().curves(target, options, out=out, form=form, as_json=as_json)


def history(
    run: Annotated[str, typer.Argument(help="The run's own id (run-…).")],
    keys: Annotated[
        Names,
        typer.Option("--keys", "--key", help="Only these, with commas between; all by default."),
    ] = None,
    min_step: Annotated[int | None, typer.Option(help="Rows with _step from here on.")] = None,
    max_step: Annotated[int | None, typer.Option(help="Rows with _step below this.")] = None,
    x: Annotated[
        str | None,
        typer.Option(help="Numbers joined on it, as of curves; rows as they came by default."),
    ] = None,
    role: Role = None,
    out: Out = None,
    form: Form = None,
    as_json: AsJson = False,
) -> None:
    """Write what a run logged, all of it: to a file, else as CSV to stdout.

    CSV and Parquet hold numbers; JSON and JSON lines hold rows as they came.
    """
    _exports().history(run, _options(dict(locals()), "run"), out=out, form=form, as_json=as_json)


def _options(said: dict[str, Any], target: str) -> dict[str, Any]:
    """What is asked of the service, as it was written."""
    return given({k: v for k, v in said.items() if k not in (target, "out", "form", "as_json")})


def _exports() -> Any:
    return import_module("paribus_service.cli.exports")


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(curves)
    app.command()(history)
