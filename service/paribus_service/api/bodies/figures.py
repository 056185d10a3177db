"""Figures, as they are sent."""

from paribus_service.api.bodies.base import Answer, JsonObject


class FigureKindOut(Answer):
    """A figure that can be asked for."""

    name: str
    meaning: str
    of: list[str]
    """What it can be about: `sweep`, `project`, `run`."""
    takes: list[str]
    """Query parameters beside whose it is, `theme`, `width` and `data_version`."""
    links: dict[str, str]


class FigureOut(Answer):
    """Plain Plotly JSON: what `plotly.graph_objects.Figure` and `Plotly.newPlot` take."""

    data: list[JsonObject]
    """Traces."""
    layout: JsonObject
    """Axes, title and texts. `meta` holds the `figure`'s name, a `description` for who does not
    see it, the `caption` in sentences, `is_empty` where there is nothing to draw yet, and the
    `data_version`."""
