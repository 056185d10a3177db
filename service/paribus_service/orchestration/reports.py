"""What a sweep studies, as it was registered, and what its plan can never tell apart."""

from sqlalchemy.orm import Session

from paribus_service.store import sweeps as sweep_store
from paribus_service.store.tables import Sweep
from paribus_sweeps.design.confounding import MovedTogether, moved_together_by_design
from paribus_sweeps.design.grids import Trial as PlannedTrial
from paribus_sweeps.factors import Factor, Level


def factors_of_sweep(sweep: Sweep) -> tuple[Factor, ...]:
    """The factors as they were stored when the sweep was registered."""
    return tuple(
        Factor(
            name=stored["name"],
            keys=tuple(stored["keys"]),
            levels=tuple(Level(lv["label"], lv["values"]) for lv in stored["levels"]),
            baseline=stored["baseline"],
            kind=stored["kind"],
        )
        for stored in sweep.factors
    )


def responses_of_sweep(sweep: Sweep) -> tuple[str, ...]:
    """The responses that the sweep's design declares: summary keys and features of curves."""
    design = sweep.config.get("design")
    declared = design.get("responses") if isinstance(design, dict) else None
    return tuple(declared or ())


def planned_together(session: Session, sweep: Sweep) -> tuple[MovedTogether, ...]:
    """Which factors the sweep's settings cannot tell apart, even if every trial finishes."""
    rows = sweep_store.list_trials(session, sweep.id)
    planned = [PlannedTrial(t.number, t.setting, t.replicate, t.args) for t in rows]
    return moved_together_by_design(factors_of_sweep(sweep), planned)
