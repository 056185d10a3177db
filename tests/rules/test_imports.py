"""What may be imported where, beside the contracts of pyproject.toml."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions, requires

import pytest
from packaging.requirements import Requirement

from tests.rules.sources import PACKAGES, ROOT, Module, imports_in, modules

IN_A_FUNCTION = {
    ("paribus_agent.preflight", "torch"): "it asks whether torch is there at all",
    ("paribus_agent.sources", "datasets"): "takes most of a second, and only the hub needs it",
    ("paribus_agent.train", "paribus_agent"): "torch behind it: --help answers at once",
    ("paribus_agent.train", "paribus_agent.assembly"): "torch behind it",
    ("paribus_agent.train", "paribus_agent.recorded"): "torch behind it",
    ("paribus_sweeps.design.grids", "paribus_sweeps.design"): "numpy behind it",
    ("paribus_sweeps.design.search_space", "numpy.random"): "25 MB that few services need",
    ("paribus_sweeps.design.search_space", "scipy.special"): "65 MB that few services need",
}
"""(module, imported) → why; whoever adds a line gives the reason."""

EXTRAS = {"paribus_service": "service", "paribus_agent": "agent", "paribus_sweeps": None}
OF_ITS_OWN = {"paribus_service.orchestration.upstream.process": "upstream"}
"""Modules that run in a process of their own, and only where this extra is installed."""
SHAPELESS = {"utils", "util", "helpers", "helper", "manager", "managers", "misc", "common"}


class TestImportsStandOnTop:
    def test_none_is_inside_a_function(self):
        """An import that hides in a function hides a dependency, from readers and from contracts.

        The exceptions are heavy and seldom needed.
        """
        found = {
            (module.name, name)
            for module in modules()
            for function in ast.walk(module.tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            for _, name in imports_in(function)
        }

        assert found - IN_A_FUNCTION.keys() == set()
        assert IN_A_FUNCTION.keys() - found == set(), "no longer so: take the line out"


class TestEachExtraAlone:
    @pytest.mark.parametrize("package", PACKAGES)
    def test_what_is_imported_is_declared(self, package):
        """`pip install "paribus[agent]"` must bring all that the agent imports, and no luck.

        Where everything is installed, a missing dependency works, and breaks at the user's.
        What a declared library itself requires, such as FastAPI's starlette, counts as declared.
        """
        allowed = _with_their_own(_declared(EXTRAS[package]))
        foreign = {
            f"{module.where}:{line} {name}"
            for module in modules(package)
            if module.name not in OF_ITS_OWN
            for line, name in imports_in(module.tree)
            if _is_foreign(name, package) and not _distributions(name) & allowed
        }

        assert foreign == set()

    @pytest.mark.parametrize("module", OF_ITS_OWN)
    def test_a_process_of_its_own_needs_its_extra_alone(self, module):
        """It runs in the client's environment, where nothing of the service is installed."""
        brought = _declared(OF_ITS_OWN[module]) - _declared(None)

        assert _imported_by(module) - sys.stdlib_module_names == {"paribus_service", *brought}

    def test_the_service_loads_no_torch_and_no_client(self):
        """They take gigabytes and seconds that a web service has no use for."""
        assert _loaded_by("paribus_service.app") & {"torch", "transformers", "wandb"} == set()

    def test_the_service_starts_without_numpy(self):
        """They take 65 MB and half a second, which a service that only hands out trials keeps."""
        assert _loaded_by("paribus_service.app") & {"numpy", "scipy"} == set()

    def test_the_command_line_answers_without_the_service(self):
        """`paribus --help` must not wait for FastAPI, SQLAlchemy and scipy."""
        heavy = {"fastapi", "sqlalchemy", "scipy", "numpy", "pydantic"}

        assert _loaded_by("paribus_service.cli.program") & heavy == set()

    def test_keys_are_made_without_the_web_server(self):
        """`paribus keys` and `paribus db` open the database, and serve nothing."""
        assert _loaded_by("paribus_service.cli.local") & {"fastapi", "uvicorn", "scipy"} == set()

    def test_sweeps_loads_nothing_heavy(self):
        """A notebook that only reads a YAML should not wait; a service should idle small."""
        heavy = {"fastapi", "sqlalchemy", "numpy", "scipy", "torch", "wandb"}

        assert _loaded_by("paribus_sweeps") & heavy == set()

    def test_joining_a_sweep_loads_only_pythons_own_library(self):
        """It is the first thing that runs in a container, before the client takes over."""
        loaded = {name for name in _loaded_by("paribus_agent.join") if not name.startswith("_")}

        assert loaded - sys.stdlib_module_names - {"paribus_agent", "sitecustomize"} == set()

    def test_serving_can_be_imported(self):
        """The command imports it by name, so no other import would notice that it is broken."""
        assert "uvicorn" in _loaded_by("paribus_service.cli.serve")


class TestNames:
    def test_no_module_is_named_after_nothing(self):
        """What is called `utils` grows: a module is named for what it acts on."""
        found = [module.where for module in modules() if SHAPELESS & set(module.name.split("."))]

        assert found == []

    def test_packages_cost_nothing_to_import(self):
        """Importing `paribus_service` or `paribus_agent` runs nothing at all."""
        for name in ("paribus_service", "paribus_agent"):
            [init] = [module for module in modules(name) if module.name == name]

            assert _without_docstring(init) == []


def _without_docstring(module: Module) -> list[ast.stmt]:
    body = module.tree.body
    return body[1:] if ast.get_docstring(module.tree) is not None else body


def _imported_by(name: str) -> set[str]:
    """Top-level names that a module imports, and so on through what of ours it imports."""
    known = {module.name: module for module in modules()}
    found: set[str] = set()
    waiting = [name]
    while waiting:
        names = {imported for _, imported in imports_in(known[waiting.pop()].tree)}
        waiting += [each for each in names - found if each in known]
        found |= names
    return {each.partition(".")[0] for each in found}


@cache
def _loaded_by(module: str) -> frozenset[str]:
    """Top-level names in `sys.modules` of a fresh process that imported `module`."""
    program = f"import sys, {module}; print(*{{n.partition('.')[0] for n in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return frozenset(done.stdout.split())


def _is_foreign(name: str, package: str) -> bool:
    top = name.partition(".")[0]
    return top not in sys.stdlib_module_names and top not in {package, "paribus_sweeps"}


@cache
def _declared(extra: str | None) -> frozenset[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = list(project["dependencies"])
    if extra is not None:
        listed += project["optional-dependencies"][extra]
    return frozenset(_plain(Requirement(line).name) for line in listed)


def _with_their_own(declared: frozenset[str]) -> frozenset[str]:
    brought = {
        _plain(requirement.name)
        for name in declared
        for requirement in map(Requirement, requires(name) or [])
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }
    return declared | brought


def _distributions(name: str) -> set[str]:
    top = name.partition(".")[0]
    return {_plain(found) for found in _installed().get(top, [])}


@cache
def _installed() -> Mapping[str, list[str]]:
    return packages_distributions()  # reads every installed package's list of files


def _plain(name: str) -> str:
    """PEP 503: one spelling for one distribution."""
    return re.sub(r"[-_.]+", "-", name).lower()
