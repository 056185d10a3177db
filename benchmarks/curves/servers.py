"""The servers that hold the runs, and how each gives curves of many runs: its own way.

A fetch is what a page of that program asks for when it draws one key of many runs.

- Paribus: `GET …/curves?keys=K&runs=…&points=N`: one call. Of each stretch the lowest, highest and
  last point stand, so that no spike is lost.
- MLflow: `metrics/get-history-bulk-interval` for up to 100 runs, which its pages call: N steps at
  even distances, others are dropped. For every point, `metrics/get-history` run by run.
- Trackio: `/api/get_logs_batch` for up to 64 runs, which its pages call: N rows at even distances,
  and always all keys of a row; it has no way to ask for one of many runs.
"""

import http.client
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.curves.filling import ENTITY, PROJECT, trackio_environment
from benchmarks.curves.made_up import DRAWN, name_of
from benchmarks.service.peers import Mlflow, Paribus, Peer

MLFLOW_RUNS, TRACKIO_RUNS = 100, 64  # that one call may name
EVERY_POINT = 25_000  # MLflow's largest page


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None


@dataclass
class Fetched:
    """What it took to have all curves."""

    calls: int
    first_byte_ms: float
    """Until the first byte of the first answer's body."""
    whole_ms: float
    bytes: int
    points: int
    """Of the drawn key, that were received."""


def fetched(port: int, calls: Iterable[Call], count: Any) -> Fetched:
    """Make calls one after the other on one kept connection; points are counted afterwards."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    bodies, first = [], 0.0
    began = time.perf_counter()
    for call in calls:
        connection.request(call.method, call.path, call.body, call.headers)
        answer = connection.getresponse()
        head = answer.read(1)
        first = first or time.perf_counter() - began
        bodies.append(head + answer.read())
        if answer.status != 200:
            raise RuntimeError(f"{call.path[:100]} answers {answer.status}: {bodies[-1][:300]!r}")
    whole = time.perf_counter() - began
    connection.close()
    points = sum(count(json.loads(body)) for body in bodies)
    return Fetched(len(bodies), 1000 * first, 1000 * whole, sum(map(len, bodies)), points)


class OurCurves(Paribus):
    """The service, on a database that is there; its observer is off."""

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "PARIBUS_OBSERVER_INTERVAL_SECONDS": "0"}

    def sampled(self, runs: int, points: int, key: str = DRAWN) -> Fetched:
        told = {"keys": key, "points": points, "runs": ",".join(map(name_of, range(runs)))}
        path = f"/api/v1/projects/{ENTITY}/{PROJECT}/curves?{urlencode(told)}"
        return fetched(self.port, [Call("GET", path, self.headers)], _our_points)

    def every(self, runs: int, steps: int) -> Fetched:
        """Every logged point; one more is asked for, so that no answer is kept for it."""
        return self.sampled(runs, steps + 1)


def _our_points(answer: Any) -> int:
    return sum(len(line["y"]) for line in answer["series"])


class MlflowCurves(Mlflow):
    ids: Sequence[str] = ()

    def sampled(self, runs: int, points: int, key: str = DRAWN) -> Fetched:
        calls = []
        for some in _portions(self.ids[:runs], MLFLOW_RUNS):
            told = [("run_ids", run) for run in some]
            told += [("metric_key", key), ("max_results", str(points))]
            path = f"/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?{urlencode(told)}"
            calls.append(Call("GET", path))
        return fetched(self.port, calls, _mlflow_points)

    def every(self, runs: int, steps: int) -> Fetched:
        """Every logged point, run by run."""
        assert steps <= EVERY_POINT
        calls = [
            Call(
                "GET",
                "/api/2.0/mlflow/metrics/get-history?"
                + urlencode({"run_id": run, "metric_key": DRAWN, "max_results": EVERY_POINT}),
            )
            for run in self.ids[:runs]
        ]
        return fetched(self.port, calls, _mlflow_points)


def _mlflow_points(answer: Any) -> int:
    return len(answer.get("metrics", ()))


@dataclass
class TrackioCurves(Peer):
    """Trackio's dashboard server."""

    python: str = ""
    data: Path = Path()

    def command(self) -> list[str]:
        told = (
            f"project={PROJECT!r}, open_browser=False, block_thread=True, server_port={self.port}"
        )
        return [self.python, "-c", f"import trackio; trackio.show({told})"]

    def environment(self) -> dict[str, str]:
        return trackio_environment(self.data)

    def sampled(self, runs: int, points: int, key: str = DRAWN) -> Fetched:
        """Fetch all keys of each row: `key` says only whose points are counted."""
        calls = []
        for some in _portions(list(map(name_of, range(runs))), TRACKIO_RUNS):
            asked = [{"run": name, "run_id": name} for name in some]
            told = {"project": PROJECT, "runs": asked, "max_points": points, "scalar_only": True}
            headers = {"Content-Type": "application/json"}
            calls.append(Call("POST", "/api/get_logs_batch", headers, json.dumps(told)))
        return fetched(self.port, calls, lambda answer: _trackio_points(answer, key))

    def every(self, runs: int, steps: int) -> Fetched:
        return self.sampled(runs, min(10_000, 2 * steps))  # 10,000 rows is its own bound


def _trackio_points(answer: Any, key: str) -> int:
    runs = answer["data"] if isinstance(answer, dict) else answer
    return sum(key in row for run in runs for row in run["logs"])


def _portions(names: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    for first in range(0, len(names), most):
        yield names[first : first + most]
