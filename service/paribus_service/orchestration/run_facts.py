"""What is known of runs beside their histories, as rules, curves and speeds take it in.

Rules themselves stay out of here: whoever draws a curve needs none, nor scipy.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.orchestration.recorder import parse_object
from paribus_service.orchestration.responses import examples_per_step
from paribus_service.store.findings import RunText
from paribus_sweeps.analysis.findings.rule import Facts
from paribus_sweeps.analysis.observed import flat, observe


def facts_of(session: Session, texts: Mapping[int, RunText]) -> dict[int, Facts]:
    """What is known of runs beside their histories, by `pk`."""
    per_step = examples_per_step(session, texts)
    return {pk: _facts(run, per_step[pk]) for pk, run in texts.items()}


def _facts(run: RunText, examples: float | None) -> Facts:
    return Facts(
        run=run.id,
        name=run.name or run.wandb_id,
        state=run.state,
        reason=run.reason,
        config=flat(config_of(run.config_text)),
        summary=flat(parse_object(run.summary_text)),
        setting={name: str(label) for name, label in (run.setting or {}).items()},
        replicate=run.replicate or {},
        blocks={
            name: value
            for name, value in (("gpu_name", run.gpu_name), ("host", run.host))
            if value
        },
        examples_per_step=examples,
        rank=run.wandb_id,  # the same on every server that holds the run; our own id is chance
    )


def observed(facts: Mapping[int, Facts]) -> dict[int, Facts]:
    """Facts of runs that no sweep made: the factors are the config keys that vary among them."""
    found = observe({run.run: run.config for run in facts.values()})
    return {
        pk: replace(run, setting=found.settings[run.run], replicate=found.replicates[run.run])
        for pk, run in facts.items()
    }


def config_of(text: str) -> dict[str, Any]:
    """W&B's config without its wrapping: `{"lr": {"value": 0.1}}` → `{"lr": 0.1}`."""
    return {
        key: entry["value"]
        for key, entry in parse_object(text).items()
        if key != "_wandb" and isinstance(entry, dict) and "value" in entry
    }
