"""Rules of one's own, as a service's owner would write them; tests load them by their name."""

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Rule, Seen, each_time
from paribus_sweeps.analysis.findings.thresholds import Threshold


class CountsValues:
    """Counts values above a threshold once each, and says how many it has looked at in all."""

    def __init__(self) -> None:
        self.looked = 0
        self.above = 0

    def tell(self, seen: Seen) -> Finding:
        values = seen.history["k"].values
        fresh = values[self.looked :]
        self.looked += len(fresh)
        self.above += int((fresh > seen.thresholds["high.limit"]).sum())
        told = f"{self.above} of {len(values)} values of k are above the limit"
        numbers = {"above": self.above, "looked": self.looked}
        if not self.above:
            return Finding.absent("high", told, numbers=numbers)
        return Finding.found("high", told, numbers=numbers, steps=(0, len(values) - 1))


def _fails(seen: Seen) -> Finding:
    raise ZeroDivisionError(f"nothing in {seen.facts.run}")


def _reads_a_role(seen: Seen) -> Finding:
    key = seen.key("eval_loss")
    if key is None:
        return Finding.unknown("named", seen.missing("eval_loss"))
    return Finding.absent("named", f"it is {key}", keys=(key,))


def _beside(runs: list[Seen]) -> list[Finding]:
    settings = "; ".join(f"{seen.facts.setting}" for seen in runs)
    return [Finding.found("beside", settings, runs=tuple(seen.facts.run for seen in runs))]


RULES = [
    Rule(
        name="high",
        version=1,
        section="tests",
        meaning="Values of k above a limit.",
        watch=CountsValues,
        thresholds=(Threshold("high.limit", 10.0, "ten is high here"),),
        keys=("k",),
    ),
    Rule("fails", 1, "tests", "Fails always.", each_time(_fails)),
    Rule("named", 1, "tests", "Names the key.", each_time(_reads_a_role), roles=("eval_loss",)),
    ComparisonRule("beside", 1, "tests", "Lists settings.", _beside),
]
NOT_RULES = ["high"]
