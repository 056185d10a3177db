"""What must not be in any file that is tracked."""

import re
from pathlib import Path

from tests.rules.sources import tracked_files

# Written in pieces, so that this file does not hold them.
MACHINE_PATHS = re.compile(
    r"(?<![\w./~-])/(?:" + "|".join(["work", "root", "tmp/paribus"]) + r")/"
)
REGISTRY_HOSTS = re.compile(
    "|".join(
        re.escape(host)
        for host in (
            "files.python" + "hosted.org",
            "pypi" + ".org/simple",
            "registry.npm" + "js.org",
            "download.py" + "torch.org",
            "deb.debian" + ".org",
        )
    )
)
SECRETS = re.compile(r"local-(?!0{40}|f{40}|0123456789abcdef)[0-9a-f]{40}\b")
LARGEST_BYTES = 1_000_000


def offenders(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in tracked_files():
        for number, line in enumerate(_text(path).splitlines(), 1):
            if match := pattern.search(line):
                found.append(f"{path}:{number}: {match.group()}")
    return found


def _text(path: Path) -> str:
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode(errors="replace")


class TestTrackedFiles:
    def test_they_name_no_path_of_a_developers_machine(self):
        """It is true on one machine, and misleads on every other."""
        assert offenders(MACHINE_PATHS) == []

    def test_they_name_no_package_registry(self):
        """Which index is used is the business of whoever installs: many have a mirror."""
        assert offenders(REGISTRY_HOSTS) == []

    def test_they_hold_no_key(self):
        """What looks like a real key is taken for one; examples count upwards."""
        assert offenders(SECRETS) == []

    def test_they_are_small(self):
        """Data, weights and databases do not belong into the history for ever."""
        assert [p for p in tracked_files() if p.stat().st_size > LARGEST_BYTES] == []
