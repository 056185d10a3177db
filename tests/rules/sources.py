"""The repository's own source, parsed: what the rules are asked of."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "paribus_service": ROOT / "service" / "paribus_service",
    "paribus_agent": ROOT / "agent" / "paribus_agent",
    "paribus_sweeps": ROOT / "sweeps" / "paribus_sweeps",
}


@dataclass(frozen=True)
class Module:
    """One module of one of the three packages."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @property
    def where(self) -> str:
        """Path inside the repository, as a failed rule names it."""
        return self.path.relative_to(ROOT).as_posix()


@cache
def modules(*packages: str) -> tuple[Module, ...]:
    """Every module of the named packages, or of all three."""
    return tuple(
        Module(_dotted(path, root), path, ast.parse(path.read_bytes(), str(path)))
        for root in (PACKAGES[name] for name in packages or PACKAGES)
        for path in sorted(root.rglob("*.py"))
    )


def _dotted(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, module) of every absolute import below `tree`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, str(node.module)


def tracked_files() -> list[Path]:
    """What git tracks and is on disk."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]
