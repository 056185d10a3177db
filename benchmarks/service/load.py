"""Client processes that send as fast as they are answered, all at once."""

import json
import multiprocessing
import time
from dataclasses import dataclass
from typing import Any

from peers import BATCH_STEPS, HEARTBEAT, METRICS, Connection, Paribus, Peer, Request

_SPAWN = multiprocessing.get_context(
    "spawn"
)  # a forked client would inherit the harness's sockets
_PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Measured:
    """One round of one workload."""

    calls_per_second: float
    points_per_second: float
    p50_ms: float
    p99_ms: float


def ingest(peer: Peer, *, steps: int, clients: int, seconds: float) -> Measured:
    """`steps` steps of ten metrics a call, from `clients` processes, each with its own run."""
    return _together(_ingest, (_sendable(peer), steps), clients, seconds, steps * METRICS)


def heartbeats(peer: Paribus, *, clients: int, seconds: float) -> Measured:
    """Heartbeats of agents that list their live run, as every five seconds of a sweep's life."""
    sweep = peer.open_sweep(clients)
    return _together(_heartbeats, (_sendable(peer), sweep), clients, seconds, 0)


def _sendable(peer: Peer) -> Peer:
    process, peer.process = peer.process, None
    try:
        return type(peer)(**{**peer.__dict__})
    finally:
        peer.process = process


def _together(
    work: Any, given: tuple[Any, ...], clients: int, seconds: float, points: int
) -> Measured:
    begin, told = _SPAWN.Event(), _SPAWN.Queue()
    processes = [
        _SPAWN.Process(target=work, args=(*given, seconds, begin, told)) for _ in range(clients)
    ]
    for process in processes:
        process.start()
    for _ in processes:
        assert told.get(timeout=_PATIENCE_SECONDS) == "ready"
    begin.set()
    answers = [told.get(timeout=seconds + _PATIENCE_SECONDS) for _ in processes]
    for process in processes:
        process.join(_PATIENCE_SECONDS)
    elapsed = max(answer[0] for answer in answers)
    waits = sorted(wait for answer in answers for wait in answer[1])
    calls = len(waits) / elapsed
    return Measured(calls, calls * points, _quantile(waits, 0.5), _quantile(waits, 0.99))


def _quantile(waits: list[float], share: float) -> float:
    return 1000 * waits[min(len(waits) - 1, int(len(waits) * share))]


def _ingest(peer: Peer, steps: int, seconds: float, begin: Any, told: Any) -> None:
    connection = Connection(peer.port)
    run = peer.open_run(connection)
    request = peer.request(run)
    connection.post(request, peer.body(run, 0, steps))  # warm
    told.put("ready")
    begin.wait()

    def call(number: int) -> None:
        connection.post(request, peer.body(run, (number + 1) * steps, steps))

    told.put(_repeat(call, seconds))


def _heartbeats(peer: Paribus, sweep: str, seconds: float, begin: Any, told: Any) -> None:
    connection = Connection(peer.port)
    agent, run = peer.open_agent(connection, sweep)
    variables = {"id": agent, "metrics": "{}", "runState": json.dumps({run: True})}
    request = Request("/graphql", peer.headers)
    body = json.dumps({"query": HEARTBEAT, "variables": variables})
    told.put("ready")
    begin.wait()

    def call(_number: int) -> None:
        answer = connection.post(request, body)
        if b'"errors"' in answer:
            raise RuntimeError(answer.decode())

    told.put(_repeat(call, seconds))


def _repeat(call: Any, seconds: float) -> tuple[float, list[float]]:
    waits: list[float] = []
    began = last = time.perf_counter()
    while last - began < seconds:
        call(len(waits))
        now = time.perf_counter()
        waits.append(now - last)
        last = now
    return last - began, waits


STEP, BATCH = 1, BATCH_STEPS
