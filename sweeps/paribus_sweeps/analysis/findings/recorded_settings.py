"""Numbers and words of a run's config by the names that programs give them, and its plan.

    setting(config, CLIP_NORM)        # Setting("max_grad_norm", 1.0)
    planned_steps(seen)               # Planned(9375, "planned.steps")

A name is found as a whole key (`max_grad_norm`) or as the last part of a dotted one
(`training.max_grad_norm`). Where several such keys hold different values, nothing is guessed.

Source: transformers 5.23.0, training_args.py (names of `TrainingArguments`, which
integration_utils.py writes into the config) and trainer.py, `set_initial_training_values`
(steps from epochs); lightning 2.5, trainer/trainer.py (`gradient_clip_val`); our own
`planned.steps`: agent/paribus_agent/recorded.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.findings.cadences import usual_gap
from paribus_sweeps.analysis.findings.rule import Seen
from paribus_sweeps.analysis.labels import number_of

CLIP_NORM = ("max_grad_norm", "gradient_clip_val", "clip_grad_norm", "grad_clip", "grad_norm_clip")
LEARNING_RATE = ("learning_rate", "lr")
LEAST_EPOCHS = 0.25  # rounded to two decimals (transformers up to 4.39), within 2 % from there


@dataclass(frozen=True, slots=True)
class Setting:
    """A value of the config, and the key that holds it."""

    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Planned:
    """How many optimizer steps a run was to take."""

    steps: float
    source: str
    """The config's key that says so."""
    is_estimate: bool = False
    """Worked out from epochs and the steps that they took so far."""

    @property
    def words(self) -> str:
        """Return it as a sentence has it: `about 375 steps (num_train_epochs)`."""
        return f"{'about ' if self.is_estimate else ''}{self.steps:,.0f} steps ({self.source})"


def setting(config: Mapping[str, Any], names: tuple[str, ...]) -> Setting | None:
    """Return the first name that the config knows, None where none or where it is ambiguous."""
    for name in names:
        if name in config:
            return Setting(name, config[name])
        keys = sorted(key for key in config if key.endswith(f".{name}"))
        if keys:
            same = all(config[key] == config[keys[0]] for key in keys)
            return Setting(keys[0], config[keys[0]]) if same else None
    return None


def number_setting(config: Mapping[str, Any], *names: str) -> float | None:
    """Return a finite number of the config by its names, or None."""
    found = setting(config, names)
    return None if found is None else number_of(found.value)


def text_setting(config: Mapping[str, Any], *names: str) -> str | None:
    """Return a text of the config by its names, or None."""
    found = setting(config, names)
    return found.value if found is not None and isinstance(found.value, str) else None


def uses_fp16(config: Mapping[str, Any]) -> bool:
    """Return whether the config says that losses are scaled, so that steps can be skipped."""
    named = setting(config, ("fp16",))
    if named is not None and named.value is True:
        return True
    precision = setting(config, ("precision", "mixed_precision"))
    return precision is not None and precision.value in ("fp16", "16-mixed", 16, "16")


def steps_done(seen: Seen) -> float | None:
    """Return the largest optimizer step that was logged, or None."""
    key = seen.key("global_step")
    steps = seen.history[key].values if key is not None else np.empty(0)
    steps = steps[np.isfinite(steps)]
    return float(steps.max()) if len(steps) else None


def usual_interval(seen: Seen) -> float:
    """Return the usual distance of two optimizer steps that were logged; 0 where there is none.

    The last one may lie so far before a run's end.
    """
    key = seen.key("global_step")
    steps = _distinct(seen.history[key].values) if key is not None else np.empty(0)
    return usual_gap(steps) if len(steps) > 1 else 0.0


def _distinct(values: FloatArray) -> FloatArray:
    """Return the finite ones, by size, each once; those that rise already are not sorted."""
    finite = values[np.isfinite(values)]
    if (finite[1:] >= finite[:-1]).all():
        rises: FloatArray = finite[np.append(finite[1:] > finite[:-1], True)[: len(finite)]]
        return rises
    return np.unique(finite)


def planned_steps(seen: Seen) -> Planned | None:
    """Return how many optimizer steps the run was to take, None where nothing tells."""
    for key in ("planned.steps", "max_steps"):
        steps = number_setting(seen.facts.config, key)
        if steps is not None and steps > 0:
            return Planned(steps, key)
    epochs, per_epoch = number_setting(seen.facts.config, "num_train_epochs"), steps_an_epoch(seen)
    if epochs is None or epochs <= 0 or per_epoch is None:
        return None
    steps = epochs * per_epoch
    if not np.isfinite(steps):
        return None
    return Planned(float(max(round(steps), 1)), "num_train_epochs", is_estimate=True)


def steps_an_epoch(seen: Seen) -> float | None:
    """Return the steps that a pass took, from the furthest row with both; None if unknown.

    Of the Trainer's `train/epoch` alone: other programs count passes from 0, in whole numbers.
    """
    step_key, epoch_key = seen.key("global_step"), seen.key("epoch")
    if step_key is None or epoch_key != "train/epoch":
        return None
    epochs = seen.history[epoch_key].values
    steps = seen.history.along(epoch_key, step_key)
    both = np.isfinite(steps) & np.isfinite(epochs) & (epochs >= LEAST_EPOCHS)
    if not both.any():
        return None
    furthest = int(np.argmax(np.where(both, epochs, -np.inf)))
    found = float(steps[furthest] / epochs[furthest])
    return found if found > 0 else None
