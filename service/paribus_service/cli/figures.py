"""What `paribus figure` does: fetch a figure, and write it as a page, a picture or JSON.

A page stands by itself: plotly.js comes from the installed `plotly` package and is written into
it, so that it opens without a network. A picture is drawn by kaleido, which drives a Chromium or
Chrome that is installed (kaleido 1.5 finds Debian's `chromium`; BROWSER_PATH names another).
"""

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

from paribus_service.cli import exits
from paribus_service.cli.remote import service
from paribus_service.cli.tables import put

NO_KALEIDO = (
    "--png needs kaleido: pip install 'paribus[figures]' (--html needs it not, and a browser can "
    "save its picture)"
)
NO_BROWSER = (
    "--png needs a Chromium or Chrome, and none was found: apt-get install chromium, or run "
    "kaleido_get_chrome, or name one with BROWSER_PATH"
)
NO_PLOTLY = "--html needs plotly, for plotly.js: pip install 'paribus[service]'"
_STDOUT = Path("-")
_SHARPNESS = 2  # pixels of the picture for one of the figure


def list_figures() -> None:
    """Print which figures there are."""
    with service() as client:
        found = client.figures()
    for kind in found:
        put(f"{kind['name']}  ({', '.join(kind['of'])})", f"  {kind['meaning']}")


def draw(
    name: str,
    target: str | None,
    options: Mapping[str, Any],
    *,
    runs: Sequence[str],
    files: Mapping[str, Path | None],
) -> None:
    """Fetch a figure and write it; exit code 1 where there is nothing to draw yet.

    Args:
        name: Which figure.
        target: A sweep's id, ENTITY/PROJECT, or runs by our own ids.
        options: The question, and how it looks.
        runs: Of a sweep or a project, these alone.
        files: `html`, `png` and `json_file`: where it goes.
    """
    if target is None:
        exits.leave(
            "whose figure? name a sweep's id, ENTITY/PROJECT, or a run's id (paribus figure "
            f"{name} TARGET)",
            exits.REFUSED,
        )
    with service() as client:
        found = client.figure(name, **_whose(target, runs), **options)
    _write(found, files)
    meta = found["layout"]["meta"]
    if not any(files.values()):
        put(meta["description"])
    if meta["is_empty"]:
        raise typer.Exit(exits.NOT_WELL)


def _whose(target: str, runs: Sequence[str]) -> dict[str, Any]:
    """Whose figure it is: runs begin with `run-`, a project holds a slash."""
    if target.startswith("run-"):
        return {"runs": [part for part in target.split(",") if part] + list(runs)}
    kind = "project" if "/" in target else "sweep"
    return {kind: target, **({"runs": list(runs)} if runs else {})}


def _write(found: Mapping[str, Any], files: Mapping[str, Path | None]) -> None:
    if (path := files["html"]) is not None:
        _save(path, page(found), "--html")
    if (path := files["json_file"]) is not None:
        text = json.dumps(found, ensure_ascii=False)
        if path == _STDOUT:
            typer.echo(text)
        else:
            _save(path, text, "--json")
    if (path := files["png"]) is not None:
        _save_picture(path, found)


def _save(path: Path, text: str, option: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        exits.leave(f"{option} {path} cannot be written: {error.strerror}", exits.REFUSED)
    typer.echo(f"{path} is written", err=True)


def page(found: Mapping[str, Any]) -> str:
    """A page with one figure that needs nothing from elsewhere."""
    layout = found["layout"]
    meta = layout["meta"]
    title = escape(meta["figure"])
    told = escape(meta["description"])
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width={_width(found)}">
<title>{title}</title>
<style>
body {{ margin: 0; background: {layout["paper_bgcolor"]}; color: {layout["font"]["color"]};
  font: 15px/1.5 system-ui, sans-serif; }}
figure {{ margin: 0; }}
figcaption {{ padding: 0 12px 12px; max-width: 48rem; }}
</style>
<script>{_plotly_js()}</script>
</head>
<body>
<figure>
<div id="figure" role="img" aria-label="{told}"></div>
<figcaption>{told}</figcaption>
</figure>
<script>
const figure = {_in_script(found)};
Plotly.newPlot("figure", figure.data, figure.layout,
  {{responsive: true, displaylogo: false, showSendToCloud: false}});
</script>
</body>
</html>
"""


def _in_script(value: Any) -> str:
    """JSON that no name in it can end the script with."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def _plotly_js() -> str:
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        exits.leave(NO_PLOTLY, exits.REFUSED)
    path = Path(spec.origin).parent / "package_data" / "plotly.min.js"
    return path.read_text(encoding="utf-8").replace("</script", "<\\/script")


def _save_picture(path: Path, found: Mapping[str, Any]) -> None:
    if find_spec("kaleido") is None:
        exits.leave(NO_KALEIDO, exits.REFUSED)
    if not path.parent.is_dir():
        exits.leave(f"--png {path}: there is no folder {path.parent}", exits.REFUSED)
    kaleido = import_module("kaleido")
    browsers = import_module("choreographer.browsers.chromium")
    layout = found["layout"]
    size = {"width": _width(found), "height": layout["height"], "scale": _SHARPNESS}
    try:
        kaleido.write_fig_sync(
            dict(found),
            path=str(path),
            opts={"format": "png", **size},
            kopts={"mathjax": False},  # it would be fetched from elsewhere
        )
    except browsers.ChromeNotFoundError:
        exits.leave(NO_BROWSER, exits.REFUSED)
    except (OSError, RuntimeError) as error:
        why = " ".join(str(error).split())[:300]
        exits.leave(f"--png {path}: the browser failed ({why})", exits.REFUSED)
    typer.echo(f"{path} is written", err=True)


def _width(found: Mapping[str, Any]) -> int:
    """What its text was wrapped for."""
    return int(found["layout"]["meta"]["width"])
