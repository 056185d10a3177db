"""The command line: `paribus serve | launch | status | best | library | agents | keys | db`.

Exit codes, for scripts:
0  done
1  answered, and not all is well: the sweep has failed trials, or the question has no answer yet
2  used wrongly, or refused; one sentence on stderr says what to do
3  the service cannot be reached
4  the key is missing, unknown, or may not do this
"""

from paribus_service.cli.program import main

__all__ = ["main"]
