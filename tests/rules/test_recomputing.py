"""The script that checks a report shares no code with what wrote it."""

import ast
import sys

from tests.rules.sources import PACKAGES, ROOT, imports_in

SCRIPTS = [
    ROOT / "scripts" / "recompute_report.py",
    *(ROOT / "scripts" / "recomputing").glob("*.py"),
]
ALLOWED = {"numpy", "scipy", "wandb", "recomputing"}
"""numpy and scipy to compute with, wandb to read runs by, and its own modules."""


def imported() -> set[str]:
    trees = [ast.parse(path.read_bytes(), str(path)) for path in SCRIPTS]
    return {name.partition(".")[0] for tree in trees for _, name in imports_in(tree)}


class TestTheRecomputedReport:
    def test_nothing_of_paribus_is_imported(self):
        """A formula that both sides take from one place would agree with itself, right or not."""
        assert len(SCRIPTS) > 5, "the modules were moved: this rule looks at nothing"
        assert imported() & PACKAGES.keys() == set()

    def test_only_numpy_scipy_and_the_client_are_needed(self):
        """Whoever checks a report should not have to install anything else."""
        assert imported() - sys.stdlib_module_names <= ALLOWED
