"""`paribus figure`: its options. What it does is imported when it is called."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from paribus_service.cli.questions import (
    Compare,
    Error,
    Goal,
    Interactions,
    Level,
    Names,
    Response,
    SmallestEffect,
    Transform,
    names_in,
    said,
)


def figure(
    name: Annotated[
        str | None, typer.Argument(help="Which figure; without one, they are listed.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Argument(
            help="A sweep's id, ENTITY/PROJECT, or runs by our own ids (run-…, with commas)."
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="Write a page that stands by itself, plotly.js inside (5 MB)."),
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option(help="Write a picture; needs paribus[figures] and a Chromium or Chrome."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write Plotly JSON; - is stdout.")
    ] = None,
    theme: Annotated[str | None, typer.Option(help="light or dark.")] = None,
    width: Annotated[int | None, typer.Option(help="In pixels; 800 by default.")] = None,
    keys: Annotated[
        str | None, typer.Option("--keys", "--key", help="Logged key; of overlay several.")
    ] = None,
    x: Annotated[
        str | None,
        typer.Option(
            help="step, epoch, examples, relative_time, wall_time, share, or a logged key."
        ),
    ] = None,
    smoothing: Annotated[
        str | None, typer.Option(help="For the eye alone: none, ema:0.6, ….")
    ] = None,
    points: Annotated[
        int | None, typer.Option(help="Of overlay: points of a line at most; 1,000 by default.")
    ] = None,
    thin_to: Annotated[
        str | None,
        typer.Option(help="Of overlay: a run whose cadence others are thinned to, or a number."),
    ] = None,
    phase: Annotated[
        int | None, typer.Option(help="With --thin-to: which of so many points stays.")
    ] = None,
    common: Annotated[
        bool,
        typer.Option("--common", help="Of overlay: only the stretch of x that all runs have."),
    ] = False,
    low: Annotated[
        float | None, typer.Option("--from", help="Of overlay: the part of x that is looked at.")
    ] = None,
    high: Annotated[float | None, typer.Option("--to", help="Itself included.")] = None,
    every: Annotated[
        int | None, typer.Option(help="Of cadence-phases: one of so many looks stays.")
    ] = None,
    group_by: Annotated[
        Names, typer.Option(help="Of overlay: what runs agree in to be one band; all_but:seed.")
    ] = None,
    runs: Annotated[
        Names, typer.Option("--runs", "--run", help="Of a sweep or a project: these runs alone.")
    ] = None,
    sweeps: Annotated[
        Names, typer.Option(help="Of a project: only the runs that count in these sweeps.")
    ] = None,
    with_sweeps: Annotated[
        bool, typer.Option("--with-sweeps", help="Of a project: also the runs of its sweeps.")
    ] = False,
    response: Response = None,
    goal: Goal = None,
    factors: Annotated[
        Names,
        typer.Option("--factors", "--factor", help="Only these, with commas between them."),
    ] = None,
    ignore: Annotated[Names, typer.Option(help="Blocks that are left out.")] = None,
    blocks: Annotated[Names, typer.Option(help="What stands in models; '' for none.")] = None,
    interactions: Interactions = None,
    transform: Transform = None,
    smallest_effect: SmallestEffect = None,
    error: Error = None,
    compare: Compare = None,
    level: Level = None,
) -> None:
    """Draw a figure of a sweep, a project or runs: as a page, a picture, or Plotly JSON.

    Without --html, --png or --json the sentence is printed that describes it.
    """
    options = dict(locals())
    files = {kind: options.pop(kind) for kind in ("html", "png", "json_file")}
    runs_named = names_in(options.pop("runs") or ())
    del options["name"], options["target"]
    options["from"], options["to"] = options.pop("low"), options.pop("high")
    doing = import_module("paribus_service.cli.figures")
    if name is None:
        doing.list_figures()
    else:
        doing.draw(name, target, said(options), runs=runs_named, files=files)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(figure)
