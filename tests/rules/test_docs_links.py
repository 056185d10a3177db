"""What the documentation points at exists: pages, headings, make targets, commands, settings.

A page that names what is gone costs a reader more than a page that is missing.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from paribus_service.cli.program import app
from paribus_service.settings import Settings
from paribus_sweeps import library

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / name / "README.md" for name in ("service", "agent", "sweeps", "docker")),
    ]
)
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
FENCE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


def links(page: Path) -> Iterator[str]:
    prose = FENCE.sub("", page.read_text())
    return (link for link in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in link)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


def code(page: Path) -> str:
    """Everything that stands as code: inline, and in shell blocks."""
    text = page.read_text()
    return "\n".join([*re.findall(r"`([^`\n]+)`", FENCE.sub("", text)), *SHELL.findall(text)])


def commands() -> dict[str, set[str]]:
    """Each command, such as "keys create", with its options."""
    found: dict[str, set[str]] = {}

    def walk(command: typer.core.TyperGroup | typer.core.TyperCommand, path: str) -> None:
        found[path] = {opt for p in command.params for opt in p.opts} | {"--help", "-h"}
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{path} {name}".strip())

    walk(typer.main.get_command(app), "")
    return found


COMMANDS = commands()


def invocations(page: Path) -> list[list[str]]:
    """The words after each `paribus` in the page's code."""
    lines = re.findall(r"(?:^|[\s/])paribus ([^\n|#&]+)", code(page))
    return [shlex.split(line.partition("  ")[0], posix=False) for line in lines]


def command_of(words: list[str]) -> str:
    """The longest command that `words` begin with."""
    best = ""
    for count in range(1, len(words) + 1):
        if " ".join(words[:count]) in COMMANDS:
            best = " ".join(words[:count])
    return best


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
class TestPage:
    def test_its_links_lead_somewhere(self, page: Path) -> None:
        dead = []
        for link in links(page):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                dead.append(link)

        assert dead == []

    def test_the_make_targets_that_it_names_exist(self, page: Path) -> None:
        named = set(re.findall(r"(?:^|\s)make ([a-z][a-z-]*)", code(page), re.MULTILINE))

        assert named <= TARGETS

    def test_the_commands_and_options_that_it_names_exist(self, page: Path) -> None:
        unknown = []
        for words in invocations(page):
            command = command_of(words)
            options = {word.partition("=")[0] for word in words if word.startswith("--")}
            if not command or not options <= COMMANDS[command]:
                unknown.append(" ".join(words))

        assert unknown == []

    def test_the_settings_that_it_names_exist(self, page: Path) -> None:
        known = {f"PARIBUS_{name.upper()}" for name in Settings.model_fields} | OTHERS

        assert set(re.findall(r"PARIBUS_[A-Z_]+[A-Z]", page.read_text())) <= known


OTHERS = {
    # of the command line
    "PARIBUS_URL",
    "PARIBUS_API_KEY",
    # of the agent
    "PARIBUS_SWEEP",
    "PARIBUS_POLL_SECONDS",
    "PARIBUS_CHECKPOINTS",
    "PARIBUS_CACHE",
    "PARIBUS_SAVE_MODEL",
    # of docker/compose.yaml
    "PARIBUS_AGENT_KEY",
    "PARIBUS_GPU",
    "PARIBUS_PUBLISH",
    # the name of a secret in the example of a notebook
    "PARIBUS_KEY",
}


class TestTrialsPage:
    def test_each_timeout_has_the_default_that_the_page_says(self) -> None:
        page = (ROOT / "docs/explanation/trials.md").read_text()
        told = dict(re.findall(r"^\| `([A-Z_]+)` \| ([0-9.]+) \|", page, re.MULTILINE))
        defaults = {name: str(Settings.model_fields[name.lower()].default) for name in told}

        assert told
        assert {k: float(v) for k, v in told.items()} == {k: float(v) for k, v in defaults.items()}


class TestReadme:
    def test_it_names_the_commands_that_people_need_first(self) -> None:
        text = (ROOT / "README.md").read_text()

        for target in ("demo", "test", "test-deps", "test-all", "check"):
            assert f"make {target}" in text


class TestDecisions:
    def test_the_list_has_every_page(self) -> None:
        folder = ROOT / "docs/decisions"
        listed = re.findall(r"\]\((\d{4}-[^)]+)\)", (folder / "README.md").read_text())

        assert listed == [page.name for page in sorted(folder.glob("[0-9]*.md"))]

    def test_each_says_context_choice_and_price(self) -> None:
        for page in (ROOT / "docs/decisions").glob("[0-9]*.md"):
            assert re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) == [
                "Context",
                "Choice",
                "Price",
            ], page.name


class TestLibraryPage:
    def test_sweeps_that_pages_launch_are_in_the_library(self) -> None:
        launched = {
            words[1]
            for page in PAGES
            for words in invocations(page)
            if words[0] == "launch" and len(words) > 1 and re.fullmatch("[a-z][a-z-]*", words[1])
        }

        assert launched - {"warmup-by-rate"} <= set(library.names())
