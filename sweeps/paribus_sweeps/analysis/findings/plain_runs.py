"""Curves as JSON: the way in for runs that no service knows.

    {"runs": [{"id": "R1", "history": [{"_step": 0, "train/loss": 0.7}, …],
               "config": {"eval_steps": 200}, "setting": {"batch": 8}, "replicate": {"seed": 0},
               "blocks": {"gpu_name": "T4"}, "state": "finished"}],
     "roles": {"eval_loss": "dev/nll"}, "thresholds": {"overfitting.alpha": 0.01},
     "rules": ["overfitting"]}

Of a run only `history` must be there: a list of rows, or an object of equally long columns.
Everything that is wrong with a body is found at once, each with its JSON pointer.
docs/reference/findings.md has examples.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from paribus_sweeps.analysis.findings.documents import findings_document
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Facts, Rule, Seen
from paribus_sweeps.analysis.findings.rules import COMPARISONS, RULES, declared
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.histories import History
from paribus_sweeps.analysis.observed import flat
from paribus_sweeps.analysis.roles import checked
from paribus_sweeps.errors import InvalidSpec, InvalidThreshold, Problem, SweepError, did_you_mean
from paribus_sweeps.factors import level_label
from paribus_sweeps.spec.reading import Keys, is_number, shown

BODY_KEYS = ("runs", "roles", "thresholds", "rules")
RUN_KEYS = (
    "id", "name", "history", "config", "summary", "setting", "replicate", "blocks", "state",
    "reason", "examples_per_step",
)  # fmt: skip
STATES = (
    "finished", "running", "pending", "failed", "crashed", "interrupted", "stopped", "cancelled",
)  # fmt: skip
_MOST_PROBLEMS = 100


def answer_curves(
    body: Mapping[str, Any],
    *,
    rules: Sequence[Rule] = RULES,
    comparisons: Sequence[ComparisonRule] = COMPARISONS,
) -> dict[str, Any]:
    """Return what the rules say of the runs in a body, and of them beside one another.

    Raises:
        InvalidSpec: With every problem that was found.
    """
    if not isinstance(body, Mapping):
        raise InvalidSpec([Problem("", "type", f"{shown(body)}: an object with runs is needed")])
    reading = _Reading(body, rules, comparisons)
    if reading.problems:
        raise InvalidSpec(reading.problems[:_MOST_PROBLEMS])
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode())
    return {
        "kind": "curves",
        "data_version": digest.hexdigest()[:16],
        **findings_document(reading.seen, reading.rules, reading.comparisons),
    }


class _Reading:
    """One body, being read."""

    def __init__(
        self,
        body: Mapping[str, Any],
        rules: Sequence[Rule],
        comparisons: Sequence[ComparisonRule],
    ) -> None:
        self.problems: list[Problem] = []
        self.keys = Keys(body, "", self.problems)
        self.keys.refuse_others(BODY_KEYS, "key of curves")
        known: list[Rule | ComparisonRule] = [*rules, *comparisons]
        self.thresholds = self._thresholds(known)
        self.roles = self._roles()
        chosen = self._chosen([rule.name for rule in known])
        self.rules = [rule for rule in rules if rule.name in chosen]
        self.comparisons = [rule for rule in comparisons if rule.name in chosen]
        self.seen = self._runs()

    def _thresholds(self, rules: Sequence[Rule | ComparisonRule]) -> Thresholds:
        known = declared(rules)
        given = self.keys.mapping_at("thresholds") or {}
        for name, value in given.items():
            if not is_number(value):
                message = f"{shown(value)}: a number was expected"
                self.keys.refuse("type", message, "thresholds", name)
                continue
            try:
                Thresholds.of(known, {name: value})
            except SweepError as error:
                code = "value" if isinstance(error, InvalidThreshold) else "unknown_threshold"
                self.keys.refuse(code, str(error), "thresholds", name)
        return Thresholds.of(known, None if self.problems else given)

    def _roles(self) -> dict[str, str]:
        given = self.keys.mapping_at("roles") or {}
        found: dict[str, str] = {}
        for role, key in given.items():
            try:
                found |= checked({role: str(key)})
            except SweepError as error:
                self.keys.refuse("unknown_role", str(error), "roles", role)
        return found

    def _chosen(self, known: Sequence[str]) -> frozenset[str]:
        names = self.keys.list_at("rules")
        for at, name in enumerate(names or ()):
            if name not in known:
                hint = did_you_mean(str(name), known) or f"there are {', '.join(known)}"
                message = f"there is no rule {shown(name)}"
                self.keys.refuse("unknown_rule", message, "rules", at, hint=hint)
        return frozenset(known if names is None else map(str, names))

    def _runs(self) -> list[Seen]:
        given = self.keys.list_at("runs")
        if not given:
            self.keys.refuse("missing", "at least one run with its history is needed", "runs")
        seen = [self._run(at, run) for at, run in enumerate(given or ())]
        ids: dict[str, int] = {}
        for at, one in enumerate(seen):
            if one.facts.run in ids:
                message = f"the id {one.facts.run!r} is that of run {ids[one.facts.run]} too"
                self.keys.refuse("duplicate", message, "runs", at, "id")
            ids[one.facts.run] = at
        return sorted(seen, key=lambda one: one.facts.run)

    def _run(self, at: int, run: Any) -> Seen:
        if not isinstance(run, Mapping):
            self.keys.refuse("type", f"{shown(run)}: an object was expected", "runs", at)
            run = {"history": []}
        keys = Keys(run, f"/runs/{at}", self.problems)
        keys.refuse_others(RUN_KEYS, "key of a run")
        labels = {
            name: {key: level_label(value) for key, value in (keys.mapping_at(name) or {}).items()}
            for name in ("setting", "blocks")
        }
        facts = Facts(
            run=str(run.get("id", f"run {at + 1}")),
            name=str(run.get("name", "")),
            state=keys.choice("state", STATES) or "finished",
            reason=keys.text("reason"),
            config=flat(keys.mapping_at("config") or {}),
            summary=flat(keys.mapping_at("summary") or {}),
            setting=labels["setting"],
            replicate=keys.mapping_at("replicate") or {},
            blocks=labels["blocks"],
            examples_per_step=keys.number("examples_per_step"),
        )
        return Seen(facts, self._history(keys), self.thresholds, self.roles)

    def _history(self, keys: Keys) -> History:
        given = keys.mapping.get("history")
        if isinstance(given, Mapping):
            return History.of_rows(self._rows_of(given, keys))
        if not isinstance(given, list | tuple):
            code = "missing" if given is None else "type"
            keys.refuse(code, "a list of rows, or an object of columns, is needed", "history")
            return History.of_rows([])
        for at, row in enumerate(given):
            if not isinstance(row, Mapping):
                keys.refuse("type", f"{shown(row)}: a row is an object", "history", at)
        return History.of_rows(row for row in given if isinstance(row, Mapping))

    def _rows_of(self, columns: Mapping[str, Any], keys: Keys) -> list[dict[str, Any]]:
        """The rows of columns; null where a row lacks a key."""
        lengths = {}
        for name, column in columns.items():
            if isinstance(column, list | tuple):
                lengths[name] = len(column)
            else:
                message = f"{shown(column)}: a column is a list"
                keys.refuse("type", message, "history", name)
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} {length}" for name, length in lengths.items())
            keys.refuse("value", f"columns of unequal length: {told}", "history")
            return []
        rows = zip(*(columns[name] for name in lengths), strict=True)
        return [
            {name: cell for name, cell in zip(lengths, row, strict=True) if cell is not None}
            for row in rows
        ]
