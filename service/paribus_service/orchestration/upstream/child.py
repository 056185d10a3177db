"""The process that holds the client: started, asked with a time limit, ended.

Promises:
- `exchange` comes back: with an answer, or with None once the process has ended; it is ended by
  us when the time is over, whatever it does meanwhile (not reading, not answering, talking).
- Nothing of it is left behind: processes that it started are in its session and end with it, its
  directory is removed, and it ends by itself when we do.
- The key goes through its input, once; its command line and environment do not hold it, and what
  it said when it died is told without it.
"""

import json
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from paribus_service.orchestration.upstream.refusals import without_key

log = logging.getLogger(__name__)

PRIVATE = "PARIBUS_CLIENT_DIR"
"""Environment variable: the directory that the process owns, as `process` calls it too."""
_LAST_WORDS_BYTES = 2_000


class Child:
    """One process, from its start to its end."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, base_url: str, key: str
    ) -> None:
        """Start it.

        Args:
            command: Program and arguments.
            environment: Laid over ours, of which nothing named WANDB_… or PARIBUS_… is kept.
            base_url: Of the server.
            key: Sent with the first line; kept here to be left out of what is told.

        Raises:
            OSError: There is no such program.
        """
        self._key = key
        self._first = {"base_url": base_url, "api_key": key}
        self._directory = Path(tempfile.mkdtemp(prefix="paribus-client-"))
        self._reaping = threading.Lock()
        self.was_late = False
        """It was ended since a time was over."""
        try:
            with open(self._directory / "stderr", "wb") as said:
                self._process = subprocess.Popen(
                    list(command),
                    env=_environment(self._directory, base_url) | dict(environment),
                    cwd=self._directory,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    encoding="utf-8",
                    errors="replace",
                    start_new_session=True,
                )
        except OSError:
            shutil.rmtree(self._directory, ignore_errors=True)
            raise
        log.debug("the W&B client's process %d started", self.pid)

    @property
    def pid(self) -> int:
        """Its process id, which is also its session's."""
        return self._process.pid

    def start(self, seconds: float) -> bool:
        """Hand it the server's address and the key; whether it is ready within that time."""
        return self.exchange(self._first, lambda line: "ready" in line, seconds) is not None

    def ask(self, question: Mapping[str, Any], seconds: float) -> dict[str, Any] | None:
        """Its answer; None where it ended, or was ended since the time was over."""
        return self.exchange(question, lambda line: line.get("id") == question["id"], seconds)

    def exchange(
        self,
        question: Mapping[str, Any],
        is_answer: Callable[[dict[str, Any]], bool],
        seconds: float,
    ) -> dict[str, Any] | None:
        """Write a line, and read on to the one that answers it; anything else is passed over."""
        timer = threading.Timer(seconds, self._end_late)
        timer.daemon = True
        timer.start()
        try:
            return self._write_and_read(question, is_answer)
        except OSError:  # it ended
            return None
        finally:
            timer.cancel()

    def _write_and_read(
        self, question: Mapping[str, Any], is_answer: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any] | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            found = _object_in(line)
            if found is not None and is_answer(found):
                return found
        return None

    def _end_late(self) -> None:
        self.was_late = True
        self.kill()

    def kill(self) -> None:
        """End it and all that it started, now; from any thread."""
        with self._reaping:
            if self._process.returncode is None:  # else the number may be another process's
                os.killpg(self.pid, signal.SIGKILL)

    def end(self) -> str:
        """Remove it and what it leaves; its last words."""
        self.kill()
        with self._reaping:
            code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            _close(pipe)
        words = self._last_words()
        shutil.rmtree(self._directory, ignore_errors=True)
        log.debug("the W&B client's process %d ended with %d", self.pid, code)
        return words

    def _last_words(self) -> str:
        try:
            with open(self._directory / "stderr", "rb") as said:
                said.seek(max(os.fstat(said.fileno()).st_size - _LAST_WORDS_BYTES, 0))
                text = said.read().decode("utf-8", "replace")
        except FileNotFoundError:  # it removed its directory, as at a regular end
            return ""
        return without_key(text, self._key).strip()


def _environment(directory: Path, base_url: str) -> dict[str, str]:
    """Ours, with nothing of a W&B login: no key, no settings, no netrc, and none is written.

    Proxies and certificates are left as they are. Source: wandb 0.31.0, wandb/env.py and
    sdk/wandb_settings.py; wandb 0.21.4 reads its address from the environment while it logs in.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB", "PARIBUS_"))}
    return kept | {
        PRIVATE: str(directory),
        "NETRC": str(directory / "netrc"),
        "WANDB_BASE_URL": base_url,
        "WANDB_CONFIG_DIR": str(directory / "config"),
        "WANDB_CACHE_DIR": str(directory / "cache"),
        "WANDB_DATA_DIR": str(directory / "data"),
        "WANDB_DIR": str(directory),
        "WANDB_SILENT": "true",
        "WANDB_CONSOLE": "off",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_X_GRAPHQL_RETRY_MAX": "1",  # 0 means its default, 20; see `process`
    }


def _object_in(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _close(pipe: Any) -> None:
    with suppress(OSError):  # what was still to be written has no reader
        pipe.close()
