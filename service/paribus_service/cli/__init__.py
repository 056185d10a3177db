"""The command line: `paribus serve | launch | status | factors | best | report | answer | …`.

Exit codes, for scripts:
0  done
1  answered, and not all is well: the sweep has failed trials, or the question has no answer yet
2  used wrongly, or refused; one sentence on stderr says what to do
3  the service cannot be reached
4  the key is missing, unknown, or may not do this
"""

import sys
from importlib import import_module
from importlib.util import find_spec


def main() -> None:
    """Run the command line, or say what is to be installed for it.

    Every extra brings the command `paribus`, and only one brings what it needs.
    """
    if find_spec("typer") is None:
        sys.exit("paribus: the command line is not installed here: pip install 'paribus[service]'")
    import_module("paribus_service.cli.program").main()
