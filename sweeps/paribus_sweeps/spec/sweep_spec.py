"""`SweepSpec`: a W&B sweep config, checked, with Paribus's `design` and `retry` on top.

Every key of W&B's schema is understood; what is not offered is refused by name
and never ignored.

Source: wandb/sweeps 0.3.0, sweeps/config/schema.json and cfg.py (keys, which go
together); wandb 0.31.0, wandb/wandb_agent.py (the command's macros),
wandb/cli/cli.py and wandb/sdk/launch/sweeps (launch's keys).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paribus_sweeps.errors import Problem, did_you_mean, refusal
from paribus_sweeps.spec.designs import Design, labelled, read_design
from paribus_sweeps.spec.driver import Driver, read_driver
from paribus_sweeps.spec.early_terminate import EarlyTerminate, read_early_terminate
from paribus_sweeps.spec.intake import Intake, Program, Programs, no_programs
from paribus_sweeps.spec.parameters import IN_GRIDS, Parameter, read_parameters
from paribus_sweeps.spec.reading import Keys, is_integer, shown
from paribus_sweeps.spec.text import read_config
from paribus_sweeps.spec.tree import check_tree

MAX_TRIALS = 10_000  # a lab's largest sweep has hundreds; a slip of the pen has millions

_TAKEN = (
    "apiVersion",
    "kind",
    "name",
    "description",
    "project",
    "entity",
    "program",
    "command",
    "method",
    "metric",
    "parameters",
    "run_cap",
    "early_terminate",
    "design",
    "retry",
    "controller",
    "scheduler",
    "tracking",
)
# key → what to do instead
_NOT_OFFERED = {
    "metrics": "several objectives; name one as metric",
    "job": "W&B Launch; run `wandb agent` on the hosts",
    "image_uri": "W&B Launch; run `wandb agent` on the hosts",
    "imageuri": "W&B Launch; run `wandb agent` on the hosts",
    "image": "W&B Launch; run `wandb agent` on the hosts",
    "launch": "W&B Launch; run `wandb agent` on the hosts",
    "resource": "W&B Launch; run `wandb agent` on the hosts",
    "resource_args": "W&B Launch; run `wandb agent` on the hosts",
    "template_variables": "W&B Launch; run `wandb agent` on the hosts",
    "prior_runs": "starting from earlier runs",
}
_METHODS = ("grid", "random", "bayes", "custom")
TRACKINGS = ("embedded", "upstream")
_METRIC_KEYS = ("name", "goal", "target", "impute", "impute_while_running")
_IMPUTE = ("latest", "best", "worst")
_MACROS = (
    "env",
    "interpreter",
    "program",
    "args",
    "args_no_equals",
    "args_no_hyphens",
    "args_no_boolean_flags",
    "args_json",
    "args_json_file",
    "args_append_hydra",
    "args_override_hydra",
)
_MACRO = re.compile(r"\$\{([^}]*)\}")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_SCRIPT_SUFFIXES = (".py", ".sh", ".bash", ".exe", ".ipynb", ".pl", ".r", ".jl", ".rb")


@dataclass(frozen=True, slots=True)
class Metric:
    """What the sweep is about: a key of the run's summary, and which way is better."""

    name: str
    goal: str = "minimize"
    target: float | None = None
    """The sweep ends once a run reaches it."""
    impute: str = "worst"
    """What W&B's bayes search takes for runs that fail."""
    impute_while_running: str = "false"


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a trial is queued again.

    Retry()                       # once after a failure, three times after an interruption
    Retry(failed=0)               # a program that exits with an error is not tried again
    """

    failed: int = 1
    interrupted: int = 3


@dataclass(frozen=True, slots=True)
class SweepSpec:
    """A sweep that can run, as it was declared and complete."""

    config: Mapping[str, Any]
    """What to store and to hand to W&B's clients: the input with `method` and `command`."""
    method: str
    """"grid", "random", or "custom" where a design or a client says what runs; where a client
    drives the sweep, whatever its search is called."""
    parameters: tuple[Parameter, ...]
    design: Design | None = None
    driver: Driver | None = None
    """The client that says what runs next; None: the service does."""
    name: str | None = None
    description: str | None = None
    project: str | None = None
    entity: str | None = None
    program: str | None = None
    command: tuple[str, ...] | None = None
    """None where the agent's own default holds."""
    metric: Metric | None = None
    run_cap: int | None = None
    early_terminate: EarlyTerminate | None = None
    """Which runs are stopped before their end; None: none."""
    retry: Retry = Retry()
    tracking: str | None = None
    """Where runs report: "embedded", this service; "upstream", a W&B server. None: as the service
    is set up."""
    program_schema: Program | None = None
    """The program's schema, where one is known: its `check` holds for every trial."""
    max_trials: int = MAX_TRIALS
    warnings: tuple[str, ...] = field(default=())
    """What was taken, and may not be what was meant; each begins with where it stands."""

    @property
    def is_search(self) -> bool:
        """Whether the trials come one by one, so that nobody knows them beforehand."""
        return self.driver is not None or self.method in ("random", "bayes")

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        *,
        programs: Programs = no_programs,
        max_trials: int = MAX_TRIALS,
    ) -> SweepSpec:
        """Check a config as it comes from JSON or YAML.

        Args:
            config: A W&B sweep config, with `design` and `retry` or without.
            programs: Finds a program's schema by name, `paribus_sweeps.programs.shipped` say.
            max_trials: More trials than this are refused when the spec is expanded.

        Raises:
            InvalidSpec: With every problem that was found; `NotOffered` if all of them are
                wishes that are understood and not offered yet.
        """
        check_tree(config)
        problems: list[Problem] = []
        keys = Keys(config, "", problems)
        _refuse_top_level(keys)
        program = keys.text("program")
        intake = Intake(programs(program) if program else None, problems)
        fields = _read_search(keys, intake) | _read_words(keys) | _read_command(keys, program)
        metric = config.get("metric")
        fields["early_terminate"] = read_early_terminate(
            keys,
            metric if isinstance(metric, Mapping) else None,
            intake,
            client_decides=fields["driver"] in ("controller", "scheduler"),
        )
        _check_varying(fields, intake)
        if problems:
            raise refusal(problems)
        stored = dict(config) | {"method": fields["method"]}
        if fields["command"]:
            stored["command"] = list(fields["command"])
        return cls(
            config=stored,
            program=program,
            program_schema=intake.program,
            max_trials=max_trials,
            warnings=tuple(intake.warnings),
            **fields,
        )

    @classmethod
    def from_text(
        cls,
        text: str | bytes,
        *,
        programs: Programs = no_programs,
        max_trials: int = MAX_TRIALS,
    ) -> SweepSpec:
        """Check a config as it stands in a file, YAML or JSON.

        Raises:
            InvalidSpec: As `from_config`; and where the text cannot be read, with its line.
        """
        return cls.from_config(read_config(text), programs=programs, max_trials=max_trials)


def _refuse_top_level(keys: Keys) -> None:
    for key in keys.mapping:
        if key in _NOT_OFFERED:
            keys.refuse("not_offered", f"{key} is not offered yet: {_NOT_OFFERED[key]}", key)
        elif key not in _TAKEN:
            hint = did_you_mean(key, _TAKEN) or f"keys of a sweep: {', '.join(_TAKEN)}"
            keys.refuse("unknown_key", f"a sweep has no key {key!r}", key, hint=hint)
    if keys.mapping.get("kind", "sweep") != "sweep":
        keys.refuse("value", f"{shown(keys.mapping['kind'])}: sweep was expected", "kind")


def _read_words(keys: Keys) -> dict[str, Any]:
    words = {key: keys.text(key) for key in ("name", "description", "project", "entity")}
    return {
        **words,
        "metric": _read_metric(keys),
        "run_cap": keys.integer("run_cap", at_least=1),
        "retry": _read_retry(keys),
        "tracking": keys.choice("tracking", TRACKINGS),
    }


def _read_metric(keys: Keys) -> Metric | None:
    given = keys.mapping_at("metric")
    if given is None:
        return None
    inner = Keys(given, "/metric", keys.problems)
    inner.refuse_others(_METRIC_KEYS, "key of a metric")
    if given.get("name") is None:
        inner.refuse("missing", "a metric needs a name, a key of the run's summary", "name")
    target = inner.number("target")
    return Metric(
        name=inner.text("name") or "",
        goal=inner.choice("goal", ("minimize", "maximize")) or "minimize",
        target=None if target is None else float(target),
        impute=inner.choice("impute", _IMPUTE) or "worst",
        impute_while_running=_impute_while_running(inner),
    )


def _impute_while_running(keys: Keys) -> str:
    if keys.mapping.get("impute_while_running") is False:  # unquoted false is what W&B shows
        return "false"
    return keys.choice("impute_while_running", (*_IMPUTE, "false")) or "false"


def _read_retry(keys: Keys) -> Retry:
    given = keys.mapping_at("retry")
    if given is None:
        return Retry()
    inner = Keys(given, "/retry", keys.problems)
    inner.refuse_others(("failed", "interrupted"), "key of retry")
    failed, interrupted = (inner.integer(key, at_least=0) for key in ("failed", "interrupted"))
    default = Retry()
    return Retry(
        default.failed if failed is None else failed,
        default.interrupted if interrupted is None else interrupted,
    )


def _read_command(keys: Keys, program: str | None) -> dict[str, Any]:
    given = keys.list_at("command")
    if given is None:
        return {"command": module_command(program) if program else None}
    if not given:
        keys.refuse("empty", "command is empty: there is nothing to run", "command")
    for index, part in enumerate(given):
        if not isinstance(part, str) and not is_integer(part):
            keys.refuse("type", f"{shown(part)}: a text was expected", "command", index)
        _refuse_macros(keys, index, str(part))
    if program is None and "${program}" in given:
        keys.refuse("missing", "command names ${program}, and there is no program", "program")
    return {"command": tuple(str(part) for part in given)}


def _refuse_macros(keys: Keys, index: int, part: str) -> None:
    for macro in _MACRO.findall(part):
        if macro not in _MACROS and not macro.startswith("envvar:"):
            hint = did_you_mean(macro, _MACROS) or f"known: {', '.join(_MACROS)}, envvar:NAME"
            message = f"${{{macro}}} is no macro of a sweep's command"
            keys.refuse("unknown_macro", message, "command", index, hint=hint)


def module_command(program: str) -> tuple[str, ...] | None:
    """Return the command for a program that is a module, None for a file (W&B's default holds)."""
    if not _MODULE.fullmatch(program) or program.lower().endswith(_SCRIPT_SUFFIXES):
        return None
    return ("${env}", "${interpreter}", "-m", program, "${args}")


def _read_search(keys: Keys, intake: Intake) -> dict[str, Any]:
    """Read method, parameters and design, which depend on one another."""
    tree = keys.mapping_at("parameters")
    parameters = tuple(read_parameters(tree, "/parameters", intake)) if tree else ()
    _refuse_collisions(keys, parameters)
    driver = read_driver(keys)
    if keys.mapping.get("design") is None:
        if driver is not None:
            return _read_driven_search(keys, parameters, driver, intake)
        return _read_plain_search(keys, parameters, intake)
    for parameter in parameters:
        if not parameter.is_constant:
            message = f"{parameter.key} varies beside a design, which holds parameters fixed"
            hint = "make it a factor"
            keys.problems.append(Problem(parameter.pointer, "conflict", message, hint))
    if keys.choice("method", _METHODS) not in (None, "custom"):
        message = f"method {keys.mapping['method']} beside a design, which says what runs"
        keys.refuse("conflict", message, "method", hint="leave method out")
    given = keys.mapping_at("design")
    fixed = {p.key: "/parameters" for p in parameters}
    design = None if given is None else read_design(given, "/design", intake, fixed)
    return {"method": "custom", "parameters": parameters, "design": design, "driver": None}


def _refuse_collisions(keys: Keys, parameters: tuple[Parameter, ...]) -> None:
    """Refuse two spellings of one key: a name with a dot, and a nested one."""
    seen: set[str] = set()
    for parameter in parameters:
        if parameter.key in seen:
            keys.refuse("key_elsewhere", f"{parameter.key} stands twice", "parameters")
        seen.add(parameter.key)


def _read_plain_search(
    keys: Keys, parameters: tuple[Parameter, ...], intake: Intake
) -> dict[str, Any]:
    method = keys.choice("method", _METHODS)
    if keys.mapping.get("method") is None:
        keys.refuse("missing", "a sweep needs a method (grid, random) or a design", "method")
    elif method == "bayes" and keys.mapping.get("tracking") != "upstream":
        hint = (
            "use random, grid or a design; let a client search: controller: {type: local}; or "
            "let a W&B server search: tracking: upstream"
        )
        keys.refuse("not_offered", "method bayes is not offered yet", "method", hint=hint)
    if not parameters and not keys.mapping.get("parameters"):
        keys.refuse("empty", "a sweep needs parameters: there is nothing to vary", "parameters")
    if method == "grid":
        _check_grid(keys, parameters, intake)
    return {"method": method, "parameters": parameters, "design": None, "driver": None}


def _read_driven_search(
    keys: Keys, parameters: tuple[Parameter, ...], driver: Driver, intake: Intake
) -> dict[str, Any]:
    """Read a search that a client makes: any method, and parameters where it needs some."""
    method = keys.choice("method", _METHODS)
    if keys.mapping.get("method") is None and driver == "controller":
        keys.refuse("missing", f"a sweep needs a method: {', '.join(_METHODS)}", "method")
    if driver == "controller" and not parameters and not keys.mapping.get("parameters"):
        message = "wandb.controller() searches over parameters, and there are none"
        keys.refuse("empty", message, "parameters")
    if method == "grid":
        _check_grid(keys, parameters, intake)
    return {
        "method": method or "custom",
        "parameters": parameters,
        "design": None,
        "driver": driver,
    }


def _check_grid(keys: Keys, parameters: tuple[Parameter, ...], intake: Intake) -> None:
    """Refuse what a grid cannot take: it needs values that can be counted, each once.

    Source: wandb/sweeps 0.3.0, sweeps/grid_search.py: probabilities are refused as well.
    """
    for parameter in parameters:
        if parameter.distribution not in IN_GRIDS:
            message = f"{parameter.key}: a grid cannot take a {parameter.distribution} parameter"
            hint = f"it takes {', '.join(sorted(IN_GRIDS))}"
            keys.problems.append(Problem(parameter.pointer, "not_a_grid", message, hint))
        elif parameter.values:
            labelled(list(parameter.values), f"{parameter.pointer}/values", intake)


def _check_varying(fields: Mapping[str, Any], intake: Intake) -> None:
    """Ask the program whether the responses can be compared while these keys vary."""
    if intake.program is None:
        return
    design: Design | None = fields["design"]
    varying = {p.key for p in fields["parameters"] if not p.is_constant}
    responses: tuple[str, ...] = ()
    if design:
        varying |= {key for f in design.factors if len(f.levels) > 1 for key in f.keys}
        varying |= {key for key, values in design.replicates.items() if len(values) > 1}
        responses = design.responses
    intake.problems.extend(intake.program.varying_problems(frozenset(varying), responses))
