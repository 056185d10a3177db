"""Which rules a service asks: ours and its owner's own, with their thresholds and names of keys.

Only what evaluates findings imports this: numpy and scipy come with the rules.
"""

import hashlib
import importlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from paribus_service.errors import StartRefused
from paribus_service.settings import Settings
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Rule, Seen, Watch
from paribus_sweeps.analysis.findings.rules import COMPARISONS, RULES, declared, rules_version
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.findings.watching import watches_of
from paribus_sweeps.analysis.roles import checked, has_role
from paribus_sweeps.errors import SweepError

log = logging.getLogger(__name__)

_QUIET = partial(np.errstate, over="ignore", invalid="ignore", divide="ignore")
"""Values near the largest float may leave it, and a rule says what it makes of that."""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules in force.

    RuleBook.of(settings)
    book.changed({"overfitting.alpha": 0.01}, {"eval_loss": "dev/nll"})   # for one question
    """

    rules: tuple[Rule, ...]
    comparisons: tuple[ComparisonRule, ...]
    thresholds: Thresholds
    named: Mapping[str, str]

    @classmethod
    def of(cls, settings: Settings) -> "RuleBook":
        """The rules as the settings have them.

        Raises:
            StartRefused: A rule cannot be loaded, or a threshold or a role is not there.
        """
        own = [rule for place in settings.finding_rules for rule in load_rules(place)]
        rules = (*RULES, *(rule for rule in own if isinstance(rule, Rule)))
        comparisons = (*COMPARISONS, *(r for r in own if isinstance(r, ComparisonRule)))
        _refuse_double([*rules, *comparisons])
        try:
            thresholds = Thresholds.of(
                declared([*rules, *comparisons]), settings.finding_thresholds
            )
            return cls(rules, comparisons, thresholds, checked(settings.finding_roles))
        except SweepError as error:
            raise StartRefused(
                f"PARIBUS_FINDING_THRESHOLDS or PARIBUS_FINDING_ROLES: {error}"
            ) from error

    @property
    def everything(self) -> list[Rule | ComparisonRule]:
        """All rules, those about one run first."""
        return [*self.rules, *self.comparisons]

    @property
    def version(self) -> str:
        """Another text where the same rows could give other findings."""
        told = rules_version(self.everything)
        return f"{told}-{hash_of(self.thresholds.values, self.named)}"

    def changed(self, thresholds: Mapping[str, float], named: Mapping[str, str]) -> "RuleBook":
        """The same rules with other thresholds and names of keys.

        Raises:
            UnknownThreshold: There is no such threshold.
            InvalidThreshold: One is out of its bounds.
            UnknownRole: There is no such role.
        """
        known = declared(self.everything)
        values = Thresholds.of(known, {**self.thresholds.values, **thresholds})
        return RuleBook(self.rules, self.comparisons, values, {**self.named, **checked(named)})

    def reads(self, key: str) -> bool:
        """Whether a rule reads a key by its name or its role; some look at every key there is."""
        named = {name for rule in self.everything for name in rule.keys}
        return key in named or key in self.named.values() or has_role(key)

    def watches(self) -> list[tuple[Rule, Watch]]:
        """A fresh memory for each rule about one run."""
        return watches_of(self.rules)


def hash_of(*parts: Mapping[str, Any]) -> str:
    """A short text that differs where one of the mappings does."""
    told = repr([sorted(part.items()) for part in parts])
    return hashlib.sha256(told.encode()).hexdigest()[:8]


def load_rules(place: str) -> Sequence[Rule | ComparisonRule]:
    """The rules of a module: `my_rules:RULES`.

    Raises:
        StartRefused: There is no such module or name, or it holds no rules.
    """
    module, _, name = place.partition(":")
    told = f"PARIBUS_FINDING_RULES names {place!r}"
    try:
        found = getattr(importlib.import_module(module), name or "RULES")
    except (ImportError, AttributeError, ValueError) as error:
        raise StartRefused(f"{told}, which cannot be loaded: {error}") from error
    if not isinstance(found, list | tuple) or not all(
        isinstance(rule, Rule | ComparisonRule) for rule in found
    ):
        raise StartRefused(f"{told}: expected a list of Rule and ComparisonRule")
    return found


def _refuse_double(rules: Sequence[Rule | ComparisonRule]) -> None:
    names = [rule.name for rule in rules]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise StartRefused(
            f"PARIBUS_FINDING_RULES brings {double[0]!r}, and there is a rule of that name: "
            "give yours another"
        )


def ask(rule: Rule, watch: Watch, seen: Seen) -> Finding:
    """What a rule says; one that fails says that it failed, and costs no other."""
    try:
        with _QUIET():
            return watch.tell(seen)
    except Exception as error:
        log.exception("the rule %s failed on run %s", rule.name, seen.facts.run)
        return _failed(rule, error)


def compare(rule: ComparisonRule, runs: Sequence[Seen]) -> list[Finding]:
    """What a rule says of several runs; the same promise."""
    try:
        with _QUIET():
            return list(rule.compare(runs))
    except Exception as error:
        log.exception("the rule %s failed on %d runs", rule.name, len(runs))
        return [_failed(rule, error)]


def _failed(rule: Rule | ComparisonRule, error: Exception) -> Finding:
    return Finding.unknown(
        rule.name,
        f"the rule failed ({type(error).__name__}: {error}): this is a fault of the rule, and the "
        "service's log has its trace",
    )
