"""What docker/README.md promises of the images can be read off their files.

No engine is asked for: these run wherever the suite runs. hadolint and `docker compose config`
are run by hand; docker/README.md says when.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rules.sources import ROOT

DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
COMPOSE = ROOT / "docker" / "compose.yaml"
EXACT_TAG = re.compile(r"^[a-z0-9/._-]+:\d+\.\d+\.\d+[a-z0-9.-]*$")


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """(instruction, the rest) in order; continued lines joined, comments left out."""
    lines = [
        line for line in dockerfile.read_text().splitlines() if not line.lstrip().startswith("#")
    ]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    words = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [(name.upper(), rest) for name, rest in words]


def values(dockerfile: Path, name: str) -> list[str]:
    return [rest for found, rest in instructions(dockerfile) if found == name]


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return found


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
class TestADockerfile:
    def test_base_images_have_exact_tags(self, dockerfile):
        """`latest` or `3.11` is another image next month, and nobody can say which one ran."""
        bases = [base.split()[0] for base in values(dockerfile, "FROM")]

        assert bases
        assert [base for base in bases if not EXACT_TAG.match(base)] == []

    def test_the_process_is_not_root(self, dockerfile):
        """What breaks out of the process is then nobody on the host; a number needs no lookup."""
        last_stage = dockerfile.read_text().rpartition("\nFROM ")[2]
        users = re.findall(r"^USER (\S+)$", last_stage, re.MULTILINE)

        assert users
        assert int(users[-1]) > 0

    def test_there_is_a_health_check(self, dockerfile):
        """The agent waits for a healthy service; an orchestrator replaces one that is not."""
        assert len(values(dockerfile, "HEALTHCHECK")) == 1

    def test_what_is_copied_exists_and_is_not_ignored(self, dockerfile):
        """A build that fails on a missing file fails on somebody else's machine first."""
        copied = [
            source
            for rest in values(dockerfile, "COPY")
            if not rest.startswith("--from=")
            for source in rest.split()[:-1]
        ]
        allowed = [
            line[1:]
            for line in (ROOT / ".dockerignore").read_text().splitlines()
            if line[:1] == "!"
        ]

        assert copied
        for source in copied:
            assert (ROOT / source).exists(), source
            assert any(Path(source).match(pattern) for pattern in allowed), source

    def test_dependencies_are_constrained(self, dockerfile):
        """The same commit has to build the same image."""
        runs = values(dockerfile, "RUN")
        installs = [rest for rest in runs if re.search(r'pip"?,? "?install', rest)]

        assert installs
        assert all("-constraints.txt" in rest for rest in installs)


class TestTheServiceImage:
    def test_it_holds_no_torch(self):
        """Two gigabytes that a web service never loads."""
        constraints = (ROOT / "docker" / "service-constraints.txt").read_text().lower()

        assert "\nfastapi==" in constraints
        assert not re.search(r"^(torch|transformers|wandb)==", constraints, re.MULTILINE)

    def test_it_holds_the_wandb_client_only_where_that_is_asked_for(self):
        dockerfile = ROOT / "docker" / "service.Dockerfile"
        added = (ROOT / "docker" / "upstream-constraints.txt").read_text().lower()

        assert "EXTRAS=service" in values(dockerfile, "ARG")
        assert "\nwandb==" in added
        assert not re.search(r"^(torch|transformers)==", added, re.MULTILINE)


class TestCompose:
    def test_the_agent_waits_for_the_healthy_service(self):
        services = compose()["services"]

        assert services["service"]["healthcheck"]["test"][0] == "CMD"
        condition = services["agent"]["depends_on"]["service"]["condition"]
        assert condition == "service_healthy"

    def test_the_agent_is_started_only_with_the_profile_gpu(self):
        """`docker compose up` has to work on a machine without a GPU."""
        services = compose()["services"]

        assert services["agent"]["profiles"] == ["gpu"]
        assert "profiles" not in services["service"]

    def test_the_data_lie_on_a_named_volume(self):
        """An anonymous one is lost with its container, and all runs with it."""
        found = compose()
        source, _, target = found["services"]["service"]["volumes"][0].partition(":")

        assert source in found["volumes"]
        assert values(ROOT / "docker" / "service.Dockerfile", "VOLUME") == [target]

    def test_development_mode_is_never_asked_for(self):
        """It asks nobody for a key, and a container listens on every address."""
        text = COMPOSE.read_text() + "".join(path.read_text() for path in DOCKERFILES)

        assert not re.search(r"PARIBUS_DEV\s*[:=]|--dev\b", text)

    def test_the_port_is_published_on_loopback_unless_asked(self):
        [port] = compose()["services"]["service"]["ports"]

        assert port == "${PARIBUS_PUBLISH:-127.0.0.1:8080}:8080"

    def test_no_key_stands_in_the_file(self):
        """It comes from the environment, as a secret that `docker inspect` does not show."""
        found = compose()

        assert found["secrets"] == {"agent_key": {"environment": "PARIBUS_AGENT_KEY"}}
        environment = found["services"]["agent"]["environment"]
        assert environment["WANDB_API_KEY_FILE"] == "/run/secrets/agent_key"

    def test_a_wandb_server_is_laid_over_it(self):
        """With the client in an image of another name, and the key as a secret."""
        over = yaml.safe_load((COMPOSE.parent / "compose.upstream.yaml").read_text())
        service = over["services"]["service"]

        assert service["build"]["args"] == {"EXTRAS": "service,upstream"}
        assert service["image"] != compose()["services"]["service"]["image"]
        assert over["secrets"] == {"wandb_key": {"environment": "PARIBUS_WANDB_API_KEY"}}
        assert service["environment"]["PARIBUS_WANDB_API_KEY_FILE"] == "/run/secrets/wandb_key"

    @pytest.mark.parametrize("name", ["service", "agent"])
    def test_its_dockerfile_exists(self, name):
        build = compose()["services"][name]["build"]

        assert (COMPOSE.parent / build["context"] / build["dockerfile"]).is_file()
