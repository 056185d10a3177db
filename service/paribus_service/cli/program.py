"""The commands and their options.

What a command does stands in a module of its own that is imported when it is called: `--help`
and the commands that speak HTTP must not wait for FastAPI, SQLAlchemy and scipy.
"""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from paribus_service.cli import export_options, figure_options, questions
from paribus_service.cli.questions import AsJson

app = typer.Typer(
    help="Launches W&B sweeps and says which factor made the difference.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
keys = typer.Typer(
    no_args_is_help=True, help="Make, list and revoke keys, in the database itself."
)
database = typer.Typer(no_args_is_help=True, help="The service's database.")
app.add_typer(keys, name="keys")
app.add_typer(database, name="db")

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Directory of the database and of run files."),
]


def main() -> None:
    """Run the command line."""
    app()


def _module(name: str) -> Any:
    return import_module(f"paribus_service.cli.{name}")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = None,
    data_dir: DataDir = None,
    public_url: Annotated[
        str | None,
        typer.Option(help="Address under which people and agents reach it, for links."),
    ] = None,
    dev: Annotated[
        bool | None,
        typer.Option("--dev", help="Development mode, on loopback only: asks nobody for a key."),
    ] = None,
    ready_file: Annotated[
        Path | None,
        typer.Option(
            help="Write address, process id and the first key there as JSON once it is ready."
        ),
    ] = None,
) -> None:
    """Start the service. Options win over PARIBUS_… variables."""
    chosen = {
        "host": host,
        "port": port,
        "data_dir": data_dir,
        "public_url": public_url,
        "dev": dev,
    }
    _module("serve").serve(
        {name: value for name, value in chosen.items() if value is not None},
        ready_file=ready_file,
    )


def _local(data_dir: Path | None) -> dict[str, Any]:
    return {} if data_dir is None else {"data_dir": data_dir}


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What it is for: shown in lists and as author.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it may: read, submit, agent, admin; several times for several."),
    ] = None,
    entity: Annotated[
        str | None, typer.Option(help="Where its sweeps and runs go when they name no entity.")
    ] = None,
    expires_days: Annotated[
        float | None, typer.Option(help="Days after which it ends; never by default.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, once; by default one that may read, submit and run agents."""
    _module("local").create(
        _local(data_dir),
        name=name,
        scopes=scope or ["read", "submit", "agent"],
        entity=entity,
        expires_days=expires_days,
        as_json=as_json,
    )


@keys.command("list")
def list_keys(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show every key by its first characters, its scopes and its last use."""
    _module("local").list_all(_local(data_dir), as_json=as_json)


@keys.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="Its id, or its first characters as listed.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """End a key; a running service takes it for at most five seconds more."""
    _module("local").revoke(_local(data_dir), key, as_json=as_json)


@database.command("upgrade")
def upgrade_database(data_dir: DataDir = None) -> None:
    """Bring the database to this release's schema; `serve` does it by itself."""
    _module("local").upgrade(_local(data_dir))


@app.command()
def launch(
    source: Annotated[
        str, typer.Argument(help="A sweep of the library, a YAML or JSON file, or - for stdin.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print trials and price, and write nothing.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show a progress bar until the sweep has ended.")
    ] = False,
    entity: Annotated[str | None, typer.Option(help="Where the config names none.")] = None,
    project: Annotated[str | None, typer.Option(help="Where the config names none.")] = None,
    annotate: Annotated[
        bool,
        typer.Option(
            "--annotate",
            help="Of a sweep on a W&B server: write what the answers say to its runs there, once "
            "it has ended.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Register a sweep, and print the command that starts an agent for it."""
    _module("remote").launch(
        source,
        entity=entity,
        project=project,
        dry_run=dry_run,
        follow=follow,
        annotate=annotate,
        as_json=as_json,
    )


@app.command()
def status(
    sweep: Annotated[str | None, typer.Argument(help="Its id; without one, the newest.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show a progress bar until the sweep has ended.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how a sweep goes; exit code 1 where trials have failed."""
    _module("remote").status(sweep, follow=follow, as_json=as_json)


questions.add_to(app)
figure_options.add_to(app)
export_options.add_to(app)


@app.command()
def findings(
    target: Annotated[
        str,
        typer.Argument(
            help="A sweep's id, a run's own id (run-…), or ENTITY/PROJECT for the runs that no "
            "sweep made."
        ),
    ],
    status: Annotated[
        list[str] | None,
        typer.Option(help="found, not_found or cannot_tell; what was found by default."),
    ] = None,
    rule: Annotated[list[str] | None, typer.Option(help="Only these rules.")] = None,
    threshold: Annotated[
        list[str] | None, typer.Option(help="Another threshold for this answer: NAME:NUMBER.")
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(help="Which logged key is what, for this answer: eval_loss:dev/nll."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="What was not found and cannot be told, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what rules find in curves: overfitting, coarse cadences, gradients, cut-off runs."""
    _module("finding_lists").show(
        target,
        {"status": status, "rule": rule, "threshold": threshold, "role": role},
        everything=everything,
        as_json=as_json,
    )


@app.command()
def throughput(
    target: Annotated[
        str,
        typer.Argument(
            help="A sweep's id, a run's own id (run-…), or ENTITY/PROJECT for the runs that no "
            "sweep made."
        ),
    ],
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            help="Config keys, and classes of them (versions, cadence), that the runs of a pair "
            "may differ in; with commas between them."
        ),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(help="Which logged key is what, for this answer: global_step:it."),
    ] = None,
    level: Annotated[
        float | None, typer.Option(help="Confidence of intervals; 0.95 by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how fast runs were by kind of GPU, and what looking cost them; cut-off runs count.

    Exit code 1 where no run has a rate yet.
    """
    _module("speed_lists").show(target, ignore=ignore, role=role, level=level, as_json=as_json)


@app.command()
def library(
    name: Annotated[str | None, typer.Argument(help="Print this one's YAML.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the shipped sweeps with the questions they answer."""
    _module("remote").library(name, as_json=as_json)


@app.command()
def agents(
    sweep: Annotated[str | None, typer.Option(help="Only those of this sweep.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Those that are gone, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the agents that are there."""
    _module("remote").agents(sweep, everyone=everyone, as_json=as_json)


@app.command("import")
def import_runs(
    target: Annotated[
        str,
        typer.Argument(
            help="ENTITY/PROJECT of the W&B server that the service works with, or a folder with "
            "offline runs."
        ),
    ],
    filters: Annotated[
        str | None,
        typer.Option("--filter", help='Which runs, as W&B\'s filter in JSON: {"tags": "good"}.'),
    ] = None,
    entity: Annotated[
        str | None, typer.Option(help="Where to, here; the same name by default.")
    ] = None,
    project: Annotated[
        str | None, typer.Option(help="Where to, here; the same name by default.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also folders that the client has sent before.")
    ] = False,
    patience: Annotated[
        float,
        typer.Option(min=0, help="Minutes to wait for a server that is down or limits its rate."),
    ] = 120.0,
    annotate: Annotated[
        bool,
        typer.Option(
            "--annotate",
            help="Then write findings to the runs there; `paribus annotate` chooses more, and "
            "takes it back.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Copy runs into this service, to ask about them; nothing is written there by default.

    It can be stopped at any time: the same command goes on, and later takes in what changed.
    Runs that are here already are never overwritten. Exit code 1 where some were left out.
    """
    _module("importing").run(
        target,
        filters=filters,
        entity=entity,
        project=project,
        again=again,
        patience_minutes=patience,
        annotate=annotate,
        as_json=as_json,
    )


@app.command()
def upstream(as_json: AsJson = False) -> None:
    """Ask the W&B server that the service works with who it is; nothing is written there.

    What a launch would meet: exit code 2 where no server is set up, 3 where it is down or refuses
    the key.
    """
    _module("server_check").show(as_json=as_json)


@app.command()
def annotate(
    target: Annotated[
        str,
        typer.Argument(
            help="The id of a sweep that a W&B server holds, or ENTITY/PROJECT of imported runs."
        ),
    ],
    response: Annotated[
        str | None, typer.Option(help="What best is measured by; the sweep's metric by default.")
    ] = None,
    goal: Annotated[
        str | None, typer.Option(help="Which way it is better: minimize or maximize.")
    ] = None,
    factors: Annotated[
        list[str] | None, typer.Option(help="Only these factors; of a project, config keys.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="Config keys of a project that are left out.")
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take back all that was written there.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be written, and write nothing.")
    ] = False,
    patience: Annotated[
        float,
        typer.Option(min=0, help="Minutes to wait for a server that is down or limits its rate."),
    ] = 120.0,
    as_json: AsJson = False,
) -> None:
    """Write best run per factor, verdict and findings to runs on their W&B server.

    Summary keys, tags and a block in the notes of runs that have ended, and the verdict in the
    sweep's description. What was there stays; --remove gives back what was there before.
    Exit code 1 where something was left as it is.
    """
    question = {"response": response, "goal": goal, "factors": factors, "ignore": ignore}
    _module("annotating").run(
        target,
        {name: value for name, value in question.items() if value is not None},
        remove=remove,
        dry_run=dry_run,
        patience_minutes=patience,
        as_json=as_json,
    )
