"""The main job from end to end, on this machine: `make demo`.

Starts the service on a fresh data directory, launches a sweep over REST, runs two plain
`wandb agent` processes that train a real BERT on real reviews, shows the progress, and ends with
the best run per factor, the links, and the verdict on each factor: yes, no, or inconclusive and
how many more runs would settle it.

The sweep's seeds and sizes stand in the library's file; whatever comes out is what is shown.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paribus_service.client import Client

ROOT = Path(__file__).resolve().parent.parent
SWEEP = "batch-size-or-ratio-demo"
AGENTS = 2
BIN = Path(sys.executable).parent


def main() -> int:
    """Run the demo; 0 when every trial finished."""
    started = time.monotonic()
    home = ROOT / ".demo" / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    home.mkdir(parents=True)
    with ExitStack() as processes:
        url, key, log = start_service(home, processes)
        say(f"the service is ready at {url} (data and logs in {home.relative_to(ROOT)})")
        env = client_environment(url, key, home)
        sweep = launch(env)
        agents = [start_agent(sweep, env, home, number, processes) for number in range(AGENTS)]
        say(f"{AGENTS} agents are at work; each trial is a process of its own:")
        try:
            paribus(env, "status", sweep["id"], "--follow")
        except KeyboardInterrupt:
            cancel(url, key, sweep, agents)
            return 130
        code = paribus(env, "best", sweep["id"])
        verdicts(url, key, sweep)
        curves(url, key, sweep)
        say(f"done in {time.monotonic() - started:.0f} s")
        keep_serving(url, sweep, home, log)
    return code


def say(text: str) -> None:
    """One line of our own."""
    print(f"\n▸ {text}", flush=True)


def start_service(home: Path, processes: ExitStack) -> tuple[str, str, Path]:
    """Start `paribus serve` on a free port; its address, a key, and its log."""
    log, ready = home / "service.log", home / "ready.json"
    command = [
        "paribus", "serve", "--dev", "--port", "0", "--data-dir", str(home / "data"),
        "--ready-file", str(ready),
    ]  # fmt: skip
    process = start(command, dict(os.environ), log, processes)
    deadline = time.monotonic() + 60
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"the service did not start:\n{log.read_text()}")
        time.sleep(0.05)
    told = json.loads(ready.read_text())
    return told["url"], told["api_key"], log


def client_environment(url: str, key: str, home: Path) -> dict[str, str]:
    """What a GPU host sets: two variables. The rest is for this machine and this demo."""
    return {
        **os.environ,
        "WANDB_BASE_URL": url,
        "WANDB_API_KEY": key,
        "PARIBUS_URL": url,
        "PARIBUS_API_KEY": key,
        # `wandb agent` starts what `python` is on PATH
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        "HF_HUB_OFFLINE": "1",  # the demo's weights and reviews come from packages
        "OMP_NUM_THREADS": "1",  # two agents, two cores
        "WANDB_DIR": str(home),
        "PARIBUS_CHECKPOINTS": str(home / "checkpoints"),
        "NETRC": str(home / "netrc"),  # the client would remember our key for this address
    }


def launch(env: dict[str, str]) -> dict[str, Any]:
    """Show what the sweep will do, then register it."""
    say(f"paribus launch {SWEEP}")
    paribus(env, "launch", SWEEP, "--dry-run")
    command = [str(BIN / "paribus"), "launch", SWEEP, "--json"]
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    sweep: dict[str, Any] = json.loads(done.stdout)
    return sweep


def start_agent(
    sweep: dict[str, Any], env: dict[str, str], home: Path, number: int, processes: ExitStack
) -> subprocess.Popen[bytes]:
    """One plain `wandb agent`, its output in a file."""
    command = shlex.split(sweep["agent_command"])
    if number == 0:
        say(f"{sweep['agent_command']}   (the client as it is published)")
    return start(command, env, home / f"agent-{number}.log", processes, cwd=home)


def start(
    command: list[str],
    env: dict[str, str],
    log: Path,
    processes: ExitStack,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """A process that ends with the demo."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(BIN / command[0]), *command[1:]],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    processes.callback(end, process)
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end; make it, if it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cancel(
    url: str, key: str, sweep: dict[str, Any], agents: list[subprocess.Popen[bytes]]
) -> None:
    """Ctrl-C: cancel the sweep, so that the agents end their trainings and then themselves."""
    say("cancelling the sweep; the agents end what runs (a few seconds)")
    request = urllib.request.Request(
        f"{url}/api/v1/sweeps/{sweep['id']}:cancel",
        data=b"{}",
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).close()
    for agent in agents:
        try:
            agent.wait(60)
        except subprocess.TimeoutExpired:
            say(f"agent {agent.pid} does not end; its training may go on")


def paribus(env: dict[str, str], *arguments: str) -> int:
    """One command of ours, its output for people; its exit code."""
    return subprocess.run([str(BIN / "paribus"), *arguments], env=env, check=False).returncode


def verdicts(url: str, key: str, sweep: dict[str, Any]) -> None:
    """Whether each factor made a difference, what would settle the rest, and the report."""
    with Client(url, key) as client:
        factors = client.answer(sweep["id"], "factors")["factors"]
        next_runs = client.answer(sweep["id"], "follow-ups")["follow_ups"]
    say(f"which factor made the difference   (paribus factors {sweep['id']})")
    for sentence in dict.fromkeys(factor["sentence"] for factor in factors):
        print(f"  - {sentence}")  # of factors that changed together, one for all
    say(f"which runs are missing to tell   (paribus follow-ups {sweep['id']})")
    print(f"  - {next_runs['sentence']}", flush=True)
    say(f"all of it, to forward: {sweep['links']['report']}")


def curves(url: str, key: str, sweep: dict[str, Any]) -> None:
    """What the runs' curves show: by rule in how many runs, and runs beside one another."""
    with Client(url, key) as client:
        found = client.findings(sweep["id"], status=["found"])
    say(f"what the curves show   (paribus findings {sweep['id']}; --all has what was not found)")
    for finding in found["comparisons"]:
        print(f"  - {finding['sentence']}")
    for rule, counts in found["counts"].items():
        if counts["found"]:
            print(f"  - {rule}: in {counts['found']} of {len(found['runs'])} runs")
    sys.stdout.flush()


def keep_serving(url: str, sweep: dict[str, Any], home: Path, log: Path) -> None:
    """At a terminal, keep the pages up until Ctrl-C; else say how to see them again."""
    port = url.rpartition(":")[2]
    again = f".venv/bin/paribus serve --dev --port {port} --data-dir {home.relative_to(ROOT)}/data"
    if not sys.stdout.isatty():
        say(f"to look at the pages: {again}\n  then open {sweep['links']['page']}")
        return
    say(f"look around: {sweep['links']['page']}\n  Ctrl-C ends the service; later: {again}")
    try:
        while urllib.request.urlopen(f"{url}/healthz").status == 200:
            time.sleep(2)
    except (KeyboardInterrupt, OSError):
        pass


if __name__ == "__main__":
    sys.exit(main())
