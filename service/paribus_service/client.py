"""A thin Python client of the REST API; the command line is made of it.

with Client("http://127.0.0.1:8080", api_key="local-…") as client:
    sweep = client.register(Path("sweep.yaml").read_text())
    print(sweep["agent_command"])
    for trial in client.trials(sweep["id"]):
        print(trial["setting"], trial["state"])
    print(client.best(sweep["id"])["factors"][0])

What comes back is the answer's JSON as docs/reference/rest.md describes it; lists are read page
by page while they are walked through. Whatever is created is created once, even where the network
swallows an answer and the request is sent again.

ClientError
├── NotReachable    nothing answers at that address; `url`
└── ApiError        the service refused; `status`, `code`, `detail`, `problems`
"""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

DEFAULT_URL = "http://127.0.0.1:8080"
API = "/api/v1"
_CONNECT_RETRIES = 2
_PAGE_SIZE = 500  # the largest that the service takes: fewer requests for long lists


class ClientError(Exception):
    """A request that got no useful answer; the text says why."""


class NotReachable(ClientError):
    """Nothing answers at that address, or not in time."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"no service answers at {url} ({reason}): is `paribus serve` running there? "
            "PARIBUS_URL names another address"
        )
        self.url = url


class ApiError(ClientError):
    """The service refused; the text is its own, with each problem and its hint."""

    def __init__(
        self, status: int, *, code: str, detail: str, problems: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__("\n".join(_sentence(p) for p in problems) or detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.problems = tuple(problems)


def _sentence(problem: Mapping[str, Any]) -> str:
    where = f"{problem['pointer']}: " if problem.get("pointer") else ""
    hint = f" ({problem['hint']})" if problem.get("hint") else ""
    return f"{where}{problem['message']}{hint}"


class Client:
    """Speaks to one service with one key.

    Client()                                   # a service in development mode on this machine
    Client("https://paribus.example", api_key="local-…")
    Client(transport=httpx.ASGITransport(…))   # anything that httpx can speak through
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        api_key: str | None = None,
        *,
        timeout_seconds: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key.strip()}"} if api_key else {}
        self._url = base_url.rstrip("/")
        self._http = httpx.Client(
            headers=headers,
            timeout=timeout_seconds,
            transport=transport or httpx.HTTPTransport(retries=_CONNECT_RETRIES),
            follow_redirects=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def version(self) -> dict[str, Any]:
        """Which release answers."""
        return self._get("/version")

    # sweeps

    def plan(
        self,
        config: str | Mapping[str, Any],
        *,
        entity: str | None = None,
        project: str | None = None,
    ) -> dict[str, Any]:
        """What registering a config would make: trials, price, warnings; nothing is written.

        Args:
            config: A W&B sweep config: a mapping, or YAML or JSON text.
            entity: Where the config names none.
            project: Where the config names none.

        Raises:
            ApiError: 422 with every problem that was found.
            NotReachable: Nothing answers.
        """
        return self._send_config(config, entity=entity, project=project, validate_only="true")

    def register(
        self,
        config: str | Mapping[str, Any],
        *,
        entity: str | None = None,
        project: str | None = None,
    ) -> dict[str, Any]:
        """Register a sweep; see `plan` for what it takes and raises."""
        return self._send_config(config, entity=entity, project=project)

    def _send_config(self, config: str | Mapping[str, Any], **query: str | None) -> dict[str, Any]:
        text, kind = config, "application/yaml"
        if not isinstance(config, str):
            text, kind = json.dumps(config), "application/json"
        headers = {"Content-Type": kind}
        return self._post("/sweeps", content=text, headers=headers, params=_said(query))

    def sweeps(
        self,
        *,
        state: Sequence[str] = (),
        entity: str | None = None,
        project: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Sweeps, newest first."""
        return self._walk("/sweeps", state=list(state), entity=entity, project=project)

    def sweep(self, sweep_id: str) -> dict[str, Any]:
        """A sweep: state, progress, links, the agent command."""
        return self._get(f"/sweeps/{_part(sweep_id)}")

    def act(self, sweep_id: str, verb: str, *, reason: str | None = None) -> dict[str, Any]:
        """Pause, resume, stop, cancel or retry a sweep.

        Raises:
            ApiError: 409 where the verb does not fit the sweep's state.
        """
        return self._post(f"/sweeps/{_part(sweep_id)}:{verb}", json={"reason": reason})

    def factors(self, sweep_id: str) -> dict[str, Any]:
        """What the sweep studies, and what its settings cannot tell apart."""
        return self._get(f"/sweeps/{_part(sweep_id)}/factors")

    def best(
        self,
        sweep_id: str,
        *,
        response: str | None = None,
        goal: str | None = None,
        factors: Sequence[str] = (),
        bins: int | None = None,
    ) -> dict[str, Any]:
        """Best run per factor.

        Args:
            sweep_id: The sweep.
            response: Summary key that runs are ranked by; the sweep's metric by default.
            goal: `minimize` or `maximize`; the metric's own by default.
            factors: Only these; all by default.
            bins: Quantile bins for continuous factors.
        """
        names = ",".join(factors) or None
        return self._get(
            f"/sweeps/{_part(sweep_id)}/best",
            response=response,
            goal=goal,
            factors=names,
            bins=bins,
        )

    def events(self, sweep_id: str) -> Iterator[dict[str, Any]]:
        """What happened to a sweep, oldest first."""
        return self._walk(f"/sweeps/{_part(sweep_id)}/events")

    # trials and runs

    def trials(self, sweep_id: str, *, state: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """The trials of a sweep, in the order of its design."""
        return self._walk(f"/sweeps/{_part(sweep_id)}/trials", state=list(state))

    def trial(self, trial_id: str) -> dict[str, Any]:
        """A trial with its runs."""
        return self._get(f"/trials/{_part(trial_id)}")

    def retry_trial(self, trial_id: str, *, reason: str | None = None) -> dict[str, Any]:
        """Queue a trial that ended without a result again."""
        return self._post(f"/trials/{_part(trial_id)}:retry", json={"reason": reason})

    def runs(
        self,
        *,
        sweep_id: str | None = None,
        trial_id: str | None = None,
        agent_id: str | None = None,
        entity: str | None = None,
        project: str | None = None,
        state: Sequence[str] = (),
    ) -> Iterator[dict[str, Any]]:
        """Runs, newest first."""
        return self._walk(
            "/runs",
            sweep_id=sweep_id,
            trial_id=trial_id,
            agent_id=agent_id,
            entity=entity,
            project=project,
            state=list(state),
        )

    def run(self, run_id: str) -> dict[str, Any]:
        """A run with its config and summary."""
        return self._get(f"/runs/{_part(run_id)}")

    def find_run(self, entity: str, project: str, wandb_id: str) -> dict[str, Any]:
        """The run that wandb knows as `entity/project/wandb_id`."""
        return self._get(f"/projects/{_part(entity)}/{_part(project)}/runs/{_part(wandb_id)}")

    def stop_run(self, run_id: str, *, reason: str | None = None) -> dict[str, Any]:
        """Ask a live run to stop."""
        return self._post(f"/runs/{_part(run_id)}:stop", json={"reason": reason})

    def history(
        self,
        run_id: str,
        *,
        keys: Sequence[str] = (),
        min_step: int | None = None,
        max_step: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """The rows that a run logged, in order; NaN and infinities as strings."""
        return self._walk(
            f"/runs/{_part(run_id)}/history",
            keys=",".join(keys) or None,
            min_step=min_step,
            max_step=max_step,
        )

    def logs(self, run_id: str) -> Iterator[str]:
        """The lines that a run wrote to its console."""
        return (line["text"] for line in self._walk(f"/runs/{_part(run_id)}/logs"))

    def files(self, run_id: str) -> list[dict[str, Any]]:
        """The files of a run."""
        return list(self._walk(f"/runs/{_part(run_id)}/files", page_size=None))

    # agents, library, programs

    def agents(
        self, *, sweep_id: str | None = None, state: Sequence[str] = ()
    ) -> Iterator[dict[str, Any]]:
        """Agents, oldest first."""
        return self._walk("/agents", sweep_id=sweep_id, state=list(state))

    def hosts(self) -> Iterator[dict[str, Any]]:
        """Machines that agents run or ran on."""
        return self._walk("/hosts")

    def library(self) -> list[dict[str, Any]]:
        """The shipped sweeps."""
        return list(self._walk("/library", page_size=None))

    def library_sweep(self, name: str) -> dict[str, Any]:
        """A shipped sweep; `text` is its YAML."""
        return self._get(f"/library/{_part(name)}")

    def program_schema(self, program: str) -> dict[str, Any]:
        """The parameters of a program."""
        return self._get(f"/programs/{quote(program)}/schema")

    def publish_program_schema(self, program: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Say what a program takes."""
        return self._request("PUT", f"/programs/{quote(program)}/schema", json=dict(schema))

    # how

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        return self._request("GET", path, params=_said(query))

    def _post(
        self, path: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> dict[str, Any]:
        once = {"Idempotency-Key": str(uuid.uuid4())}
        return self._request("POST", path, headers={**once, **(headers or {})}, **more)

    def _walk(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list, page by page."""
        query = {"page_size": _PAGE_SIZE, **query}
        token: str | None = None
        while True:
            page = self._get(path, **query, page_token=token)
            yield from page["items"]
            token = page["next_page_token"]
            if token is None:
                return

    def _request(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        url = f"{self._url}{API}{path}"
        try:
            answer = self._http.request(method, url, **more)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise NotReachable(self._url, str(error) or type(error).__name__) from error
        return _read(self._url, answer)


def _read(url: str, answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError as error:
        reason = f"{answer.status_code} without JSON: that is another program"
        raise NotReachable(url, reason) from error
    if answer.is_success and isinstance(body, dict):
        return body
    if not isinstance(body, dict) or "code" not in body:
        raise NotReachable(url, f"{answer.status_code} in another program's words")
    raise ApiError(
        answer.status_code,
        code=body["code"],
        detail=body.get("detail", ""),
        problems=body.get("errors") or (),
    )


def _said(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value not in (None, [])}


def _part(text: str) -> str:
    """One segment of a path."""
    return quote(text, safe="")
