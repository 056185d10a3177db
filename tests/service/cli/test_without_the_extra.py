"""`paribus` where only another extra is installed: every extra brings the command."""

import subprocess
import sys

HIDE_TYPER = """
import sys
from importlib.machinery import PathFinder

class WithoutTyper(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == "typer" else super().find_spec(name, path, target)

sys.meta_path = [WithoutTyper if finder is PathFinder else finder for finder in sys.meta_path]
from paribus_service.cli import main
main()
"""


class TestWithoutTheServiceExtra:
    def test_the_command_says_what_to_install(self) -> None:
        done = subprocess.run(
            [sys.executable, "-c", HIDE_TYPER], capture_output=True, text=True, timeout=60
        )

        assert done.returncode == 1
        assert done.stderr.strip() == (
            "paribus: the command line is not installed here: pip install 'paribus[service]'"
        )
