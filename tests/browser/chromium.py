"""A headless Chromium, spoken to over its DevTools protocol: just what tests of pages need.

with Chromium.start(tmp_path) as chromium:
    chromium.open("http://127.0.0.1:8080/")
    chromium.value("document.title")

Source: Chrome DevTools Protocol 1.3 (Page, Runtime, Emulation, Log).
"""

import base64
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
]
_START_SECONDS = 60  # a cold start on a busy machine of two cores takes ten
_WAIT_SECONDS = 30


class Chromium:
    """One tab."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._last = 0
        self.complaints: list[str] = []
        """What the console said: errors of scripts, and what the page's policy refused."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    @classmethod
    @contextmanager
    def start(cls, program: str, profile: Path) -> Iterator["Chromium"]:
        """A browser with a fresh profile; it and its children end with the block."""
        with profile.with_suffix(".log").open("wb") as told:
            process = subprocess.Popen(
                [program, *_FLAGS, f"--user-data-dir={profile}"],
                stdout=told,
                stderr=told,
                start_new_session=True,
            )
            try:
                with connect(_tab(process, profile), max_size=None, proxy=None) as connection:
                    yield cls(connection)
            finally:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its answer."""
        self._last += 1
        self._connection.send(
            json.dumps({"id": self._last, "method": method, "params": parameters})
        )
        while True:
            answer = json.loads(self._connection.recv(timeout=_WAIT_SECONDS))
            if answer.get("id") == self._last:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self._listen(answer)

    def _listen(self, event: dict[str, Any]) -> None:
        told = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        if event.get("method") == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(str(told["entry"]["text"]))

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """The value of an expression, once it is true."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < deadline:
            found = self.value(expression)
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"never true: {expression}\n{self.value('document.body.innerText')}")

    @staticmethod
    def until(is_so: Callable[[], bool]) -> None:
        """Wait for something outside of the page: a file that was saved."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while not is_so():
            assert time.monotonic() < deadline, "it never came"
            time.sleep(0.05)

    def open(self, address: str) -> None:
        """Go to a page and wait until it is there, scripts run."""
        self.value("window.before = true")
        self.call("Page.navigate", url=address)
        self.wait_for("!window.before && document.readyState === 'complete'")

    def show_as(self, *, width: int, height: int = 900, dark: bool = False) -> None:
        """A window of this many pixels, light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def press(self, key: str) -> None:
        """One key of the keyboard."""
        codes = {"Tab": 9, "Enter": 13, " ": 32}
        common = {"key": key, "code": key.strip() or "Space", "windowsVirtualKeyCode": codes[key]}
        text = {"text": "\r" if key == "Enter" else key} if key in ("Enter", " ") else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def save_picture(self, path: Path) -> None:
        """The whole page as PNG."""
        taken = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))


def _tab(process: subprocess.Popen[bytes], profile: Path) -> str:
    """The address of the first tab, once the browser has written where it listens."""
    deadline = time.monotonic() + _START_SECONDS
    port_file = profile / "DevToolsActivePort"
    while time.monotonic() < deadline:
        assert process.poll() is None, f"chromium ended with {process.returncode}"
        if port_file.exists() and (lines := port_file.read_text().split()):
            pages = httpx.get(f"http://127.0.0.1:{lines[0]}/json/list", trust_env=False).json()
            for page in pages:
                if page["type"] == "page":
                    return str(page["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise AssertionError(f"chromium was not ready within {_START_SECONDS} seconds")
