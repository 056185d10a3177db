"""Figures as plain Plotly JSON: one function a figure, from documents that already exist.

    from paribus_sweeps.figures import Look, effects

    figure = effects(answer("effects", case), Look(theme="dark"))
    plotly.graph_objects.Figure(figure)       # where plotly is installed; nothing here needs it

| figure | function | from |
|---|---|---|
| `effects` | `effects` | an answer with `factors` |
| `interaction` | `interaction` | runs, and an effects answer |
| `design-matrix` | `design_matrix` | runs, and facts of a confounding answer |
| `parallel-coordinates` | `parallel_coordinates` | runs |
| `importance` | `importance` | an importance answer |
| `progress` | `progress` | counts of trials by state |
| `overlay` | `overlay` | curves, bands of seeds |
| `train-eval` | `train_eval` | two curves of one run |
| `grad-norm-spread` | `grad_norm_spread` | gradient norms of runs |
| `throughput` | `throughput` | rates of runs by device |
| `cadence-phases` | `cadence_phases` | a densely looked-at curve |
| `cadence-price` | `cadence_price` | prices of cadences |

What cannot be drawn yet is a figure too, with the reason in it. Every figure carries a sentence
for who does not see it in `layout.meta.description`.
"""

from paribus_sweeps.figures.cadence import CadencePrice, cadence_phases, cadence_price
from paribus_sweeps.figures.curve_answers import Marked, bands_of, lines_of
from paribus_sweeps.figures.curve_lines import CurveLine, Mark
from paribus_sweeps.figures.design_matrix import design_matrix
from paribus_sweeps.figures.drawing import Figure, empty
from paribus_sweeps.figures.effects import effects
from paribus_sweeps.figures.importance import importance
from paribus_sweeps.figures.interaction import interaction
from paribus_sweeps.figures.look import THEMES, Look, Theme
from paribus_sweeps.figures.overlay import CurveBand, overlay, train_eval
from paribus_sweeps.figures.parallel import parallel_coordinates
from paribus_sweeps.figures.progress import progress
from paribus_sweeps.figures.spread import Spread, grad_norm_spread
from paribus_sweeps.figures.throughput import Rate, throughput

__all__ = [
    "THEMES",
    "CadencePrice",
    "CurveBand",
    "CurveLine",
    "Figure",
    "Look",
    "Mark",
    "Marked",
    "Rate",
    "Spread",
    "Theme",
    "bands_of",
    "cadence_phases",
    "cadence_price",
    "design_matrix",
    "effects",
    "empty",
    "grad_norm_spread",
    "importance",
    "interaction",
    "lines_of",
    "overlay",
    "parallel_coordinates",
    "progress",
    "throughput",
    "train_eval",
]
