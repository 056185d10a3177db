"""A thin Python client of the REST API; the command line is made of it.

with Client("http://127.0.0.1:8080", api_key="local-…") as client:
    sweep = client.register(Path("sweep.yaml").read_text())
    print(sweep["agent_command"])
    for trial in client.trials(sweep["id"]):
        print(trial["setting"], trial["state"])
    for factor in client.answer(sweep["id"], "factors")["factors"]:
        print(factor["sentence"])

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
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote, unquote

import httpx

DEFAULT_URL = "http://127.0.0.1:8080"
API = "/api/v1"
KINDS = (
    "factors",
    "best",
    "effects",
    "contrasts",
    "confounding",
    "power",
    "follow-ups",
    "importance",
    "report",
)
"""What can be asked, the plainest first."""
Format = Literal["markdown", "html"]
TableFormat = Literal["csv", "jsonl", "parquet"]
_TABLE_TYPES = ("text/csv", "application/jsonl", "application/vnd.apache.parquet")
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


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table while it is received."""

    notes: tuple[str, ...]
    """What is to be known of its rows."""
    left_out: tuple[str, ...]
    """Keys of a history that hold no number, and have no column."""
    chunks: Iterator[bytes]
    """The file, from its first byte to its last."""


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
        annotate: bool = False,
    ) -> dict[str, Any]:
        """Register a sweep; see `plan` for what it takes and raises.

        With `annotate`, one on a W&B server is annotated there once it has ended.
        """
        told = "true" if annotate else None
        return self._send_config(config, entity=entity, project=project, annotate=told)

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

    def events(self, sweep_id: str) -> Iterator[dict[str, Any]]:
        """What happened to a sweep, oldest first."""
        return self._walk(f"/sweeps/{_part(sweep_id)}/events")

    # questions

    def answer(self, sweep_id: str, kind: str, **question: Any) -> dict[str, Any]:
        """What a sweep's runs say, with the evidence, or why they cannot tell.

            client.answer(sweep_id, "factors")["factors"][0]["sentence"]
            client.answer(sweep_id, "effects", response="roughness(eval/loss)", factors=["batch"])
            client.answer(sweep_id, "best", bins=4, data_version=seen["data_version"])

        Args:
            sweep_id: The sweep.
            kind: One of `KINDS`.
            question: The question's parameters, as docs/reference/rest.md lists them: response,
                goal, factors, ignore, blocks, interactions, smallest_effect, ….

        Raises:
            ApiError: 422 with what is not there, or cannot be asked of these runs; 409 where
                the runs are others than those of `data_version`.
        """
        return self._get(f"/sweeps/{_part(sweep_id)}/{_part(kind)}", **_asked(question))

    def project_answer(
        self,
        entity: str,
        project: str,
        kind: str,
        *,
        sweeps: Sequence[str] = (),
        with_sweeps: bool = False,
        **question: Any,
    ) -> dict[str, Any]:
        """What a project's runs say: by default those that no sweep made.

            client.project_answer("lab", "imdb", "confounding", factors=["batch", "lr"])
            client.project_answer("lab", "imdb", "best", sweeps=[one, other])

        Args:
            entity: The project's.
            project: Its name.
            kind: One of `KINDS`.
            sweeps: Only the runs that count in these sweeps.
            with_sweeps: Also the runs that count in the project's sweeps.
            question: As `answer` takes it.

        Raises:
            ApiError: As `answer` does; 404 where there is no such project or sweep.
        """
        whose = {"sweeps": sweeps, "with_sweeps": with_sweeps}
        path = f"/projects/{_part(entity)}/{_part(project)}/{_part(kind)}"
        return self._get(path, **_asked({**whose, **question}))

    def answer_table(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What a plain table says; nothing is stored.

            runs = [{"batch": 8, "loss": 0.31}, {"batch": 64, "loss": 0.35}]
            client.answer_table(
                "effects", {"factors": ["batch"], "response": {"name": "loss"}, "runs": runs}
            )

        Args:
            kind: One of `KINDS`.
            body: As docs/reference/answers.md describes it.

        Raises:
            ApiError: 422 with every problem of the table, each with its place.
        """
        return _read(self._url, self._send_table(kind, body))

    def report(self, sweep_id: str, *, format: Format = "markdown", **question: Any) -> str:
        """Every answer about a sweep as a document; as one value, `answer(…, "report")`.

        Path("report.html").write_text(client.report(sweep_id, format="html"))
        """
        asked = {**_asked(question), "format": format}
        return self._get_text(f"/sweeps/{_part(sweep_id)}/report", asked)

    def project_report(
        self,
        entity: str,
        project: str,
        *,
        format: Format = "markdown",
        sweeps: Sequence[str] = (),
        with_sweeps: bool = False,
        **question: Any,
    ) -> str:
        """Every answer about a project's runs as a document; see `project_answer`."""
        asked = _asked({"sweeps": sweeps, "with_sweeps": with_sweeps, **question})
        path = f"/projects/{_part(entity)}/{_part(project)}/report"
        return self._get_text(path, {**asked, "format": format})

    def table_report(self, body: Mapping[str, Any], *, format: Format = "markdown") -> str:
        """Every answer about a plain table as a document; see `answer_table`."""
        return _text(self._url, self._send_table("report", body, format=format))

    def enqueue_follow_ups(
        self,
        sweep_id: str,
        *,
        chosen: str = "proposed",
        seeds: int | None = None,
        validate_only: bool = False,
        **question: Any,
    ) -> dict[str, Any]:
        """Queue the runs that a question calls for, in the same sweep, as a new revision.

            seen = client.answer(sweep_id, "follow-ups", factors=["batch"])
            client.enqueue_follow_ups(
                sweep_id, factors=["batch"], data_version=seen["data_version"]
            )

        Args:
            sweep_id: The sweep.
            chosen: The smallest set, or an alternative of the answer: `pairs`, `finish`,
                `seeds`, `fold_over`, `fold_over(FACTOR)`.
            seeds: Replicates of each setting; None for those of the answer.
            validate_only: Answer what would be queued, and write nothing.
            question: As `answer` takes it; without `bins`.

        Raises:
            ApiError: 409 `nothing_to_add` where all of it is queued or nothing is needed; 409
                `data_changed`; 422 as for `answer`.
        """
        wish = {"set": chosen, "seeds": seeds, **question}
        return self._post(
            f"/sweeps/{_part(sweep_id)}/follow-ups",
            json={name: _plain(value) for name, value in wish.items() if value is not None},
            params={"validate_only": "true"} if validate_only else {},
        )

    def factors(self, sweep_id: str, **question: Any) -> dict[str, Any]:
        """Which factor made the difference; see `answer`."""
        return self.answer(sweep_id, "factors", **question)

    def best(self, sweep_id: str, **question: Any) -> dict[str, Any]:
        """Best run per factor; see `answer`."""
        return self.answer(sweep_id, "best", **question)

    # figures

    def figures(self) -> list[dict[str, Any]]:
        """Which figures there are, each with its meaning and with what it takes."""
        return list(self._walk("/figures", page_size=None))

    def figure(
        self,
        name: str,
        *,
        sweep: str | None = None,
        project: str | None = None,
        runs: Sequence[str] = (),
        **options: Any,
    ) -> dict[str, Any]:
        """A figure as plain Plotly JSON, which `plotly.graph_objects.Figure` takes.

            client.figure("effects", sweep=sweep_id, response="holdout/loss")
            client.figure("overlay", runs=[one, other], keys="eval/loss", smoothing="ema:0.6")
            client.figure("parallel-coordinates", project="lab/imdb", response="loss")

        Args:
            name: One of `figures`.
            sweep: Whose: a sweep's id.
            project: Whose: ENTITY/PROJECT.
            runs: Whose: runs, by our own ids; or, of a sweep or a project, these alone.
            options: What the figure takes: theme, width, response, factors, keys, x, ….

        Raises:
            ApiError: 404 where there is no such figure or subject; 422 with what it does not
                take, or what is not there.
        """
        whose = {"sweep": sweep, "project": project, "run": runs or None}
        return self._get(f"/figures/{_part(name)}", **_asked({**whose, **options}))

    # curves

    def curves(self, sweep_id: str, keys: Sequence[str], **asked: Any) -> dict[str, Any]:
        """Curves of a sweep's runs over one x: lines, and bands where runs are grouped.

            client.curves(sweep_id, ["eval/loss"], x="examples", smoothing="ema:0.6")
            client.curves(sweep_id, ["eval/loss"], group_by=["all_but:seed"], from_=0, to=500)

        Args:
            sweep_id: The sweep.
            keys: Logged keys.
            asked: `runs`, `group_by`, `label_by` (lists), `x`, `smoothing`, `points`, `thin_to`,
                `phase`, `common`, `from_`, `to`, `roles` (a mapping), as docs/reference/curves.md
                has them.

        Raises:
            ApiError: 422 with what cannot be read, or is not there.
        """
        return self._get(f"/sweeps/{_part(sweep_id)}/curves", **_curves(keys, asked))

    def project_curves(
        self, entity: str, project: str, keys: Sequence[str], **asked: Any
    ) -> dict[str, Any]:
        """Curves of a project's runs; see `curves`. Also `sweeps` (a list) and `with_sweeps`."""
        path = f"/projects/{_part(entity)}/{_part(project)}/curves"
        return self._get(path, **_curves(keys, asked))

    def curves_file(
        self, sweep_id: str, keys: Sequence[str], *, format: TableFormat = "csv", **asked: Any
    ) -> bytes:
        """The same as one long table: a row for each point of a line, then of a band.

            pandas.read_csv(io.BytesIO(client.curves_file(sweep_id, ["eval/loss"])))

        Raises:
            ApiError: As `curves` does; 422 where the service cannot write Parquet.
        """
        with self.open_curves((sweep_id,), keys, format=format, **asked) as table:
            return b"".join(table.chunks)

    def project_curves_file(
        self,
        entity: str,
        project: str,
        keys: Sequence[str],
        *,
        format: TableFormat = "csv",
        **asked: Any,
    ) -> bytes:
        """Curves of a project's runs as one long table; see `curves_file`."""
        with self.open_curves((entity, project), keys, format=format, **asked) as table:
            return b"".join(table.chunks)

    @contextmanager
    def open_curves(
        self,
        whose: tuple[str] | tuple[str, str],
        keys: Sequence[str],
        *,
        format: TableFormat = "csv",
        **asked: Any,
    ) -> Iterator[TableFile]:
        """Curves as a table that is read while it comes in, with its notes.

        Args:
            whose: (a sweep's id,) or (entity, project).
            keys: Logged keys.
            format: What the table is written as.
            asked: As `curves` takes it.
        """
        path = "/sweeps" if len(whose) == 1 else "/projects"
        path = "/".join([path, *map(_part, whose), "curves"])
        with self._stream(path, {**_curves(keys, asked), "format": format}) as table:
            yield table

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
        x: str | None = None,
        roles: Mapping[str, str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """The rows that a run logged, in order; NaN and infinities as strings.

        Args:
            run_id: Our own id.
            keys: Only these.
            min_step: Rows with `_step` from here on.
            max_step: Rows with `_step` below this.
            x: Numbers joined on it, steps that were logged again once: `step`, `epoch`, ….
            roles: Which logged key is what, for an x: {"epoch": "my/epoch"}.
        """
        asked = {"keys": keys, "min_step": min_step, "max_step": max_step, "x": x, "roles": roles}
        return self._walk(f"/runs/{_part(run_id)}/history", **_with_roles(asked))

    def history_file(self, run_id: str, *, format: TableFormat = "csv", **asked: Any) -> bytes:
        """A run's history as a file.

            Path("run.parquet").write_bytes(client.history_file(run_id, format="parquet"))
            client.history_file(run_id, keys=["train/loss", "eval/loss"], x="epoch")

        Args:
            run_id: Our own id.
            format: CSV and Parquet hold numbers, JSON lines every row as it came.
            asked: `keys`, `min_step`, `max_step`, `x`, `roles`, as `history` takes them.

        Raises:
            ApiError: 422 where a key is not there, a table is too large, or the service cannot
                write Parquet.
        """
        with self.open_history(run_id, format=format, **asked) as table:
            return b"".join(table.chunks)

    @contextmanager
    def open_history(
        self, run_id: str, *, format: TableFormat = "csv", **asked: Any
    ) -> Iterator[TableFile]:
        """A run's history as a table that is read while it comes in; see `history_file`."""
        query = {**_with_roles(asked), "format": format}
        with self._stream(f"/runs/{_part(run_id)}/history", query) as table:
            yield table

    def run_findings(self, run_id: str, **asked: Any) -> dict[str, Any]:
        """What the rules say of one run; see `findings`."""
        return self._get(f"/runs/{_part(run_id)}/findings", **_plain_findings(asked))

    def findings(self, sweep_id: str, **asked: Any) -> dict[str, Any]:
        """What the rules say of a sweep's runs, and of them beside one another.

            found = client.findings(sweep_id, status=["found"])
            client.findings(sweep_id, thresholds={"overfitting.alpha": 0.01})

        Args:
            sweep_id: The sweep.
            asked: `status`, `rule` (lists), `thresholds`, `roles` (mappings), `page_size`,
                `page_token`.

        Raises:
            ApiError: 422 where a rule, a threshold or a role is not there.
        """
        return self._get(f"/sweeps/{_part(sweep_id)}/findings", **_plain_findings(asked))

    def project_findings(self, entity: str, project: str, **asked: Any) -> dict[str, Any]:
        """What the rules say of a project's runs; see `findings`."""
        path = f"/projects/{_part(entity)}/{_part(project)}/findings"
        return self._get(path, **_plain_findings(asked))

    def run_throughput(
        self, run_id: str, *, roles: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """How fast a run trained and looked, and where its time went; also one that was cut off.

        Args:
            run_id: Our own id.
            roles: Which logged key is what: {"global_step": "it"}.
        """
        query = _with_roles({"roles": roles})
        return self._get(f"/runs/{_part(run_id)}/throughput", **query)

    def throughput(self, sweep_id: str, **asked: Any) -> dict[str, Any]:
        """How fast a sweep's runs were by kind of GPU, and ratios over matched pairs.

            client.throughput(sweep_id)["evaluation"]["ratios"][0]["sentence"]
            client.throughput(sweep_id, ignore=["versions"])

        Args:
            sweep_id: The sweep; every attempt at its trials counts.
            asked: `ignore` (a list), `level`, `roles` (a mapping), `page_size`, `page_token`.

        Raises:
            ApiError: 422 where a key or a role is not there.
        """
        return self._get(f"/sweeps/{_part(sweep_id)}/throughput", **_with_roles(asked))

    def project_throughput(self, entity: str, project: str, **asked: Any) -> dict[str, Any]:
        """How fast a project's runs were; see `throughput`."""
        path = f"/projects/{_part(entity)}/{_part(project)}/throughput"
        return self._get(path, **_with_roles(asked))

    def answer_curves(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What the rules say of runs that no service knows; nothing is stored.

        Args:
            body: As docs/reference/findings.md describes it.

        Raises:
            ApiError: 422 with every problem of the body, each with its place.
        """
        return _read(self._url, self._send_table("curves", body))

    def logs(self, run_id: str) -> Iterator[str]:
        """The lines that a run wrote to its console."""
        return (line["text"] for line in self._walk(f"/runs/{_part(run_id)}/logs"))

    def files(self, run_id: str) -> list[dict[str, Any]]:
        """The files of a run."""
        return list(self._walk(f"/runs/{_part(run_id)}/files", page_size=None))

    # imports

    def import_project(
        self, wanted: Mapping[str, Any], *, seconds: float | None = None
    ) -> dict[str, Any]:
        """Begin to copy a project of the W&B server that the service works with, or go on.

            found = client.import_project({"entity": "lab", "project": "imdb"})
            while not found["is_done"]:
                found = client.continue_import(found["id"])

        Args:
            wanted: entity, project; filters, into_entity, into_project.
            seconds: About how long this request may take.

        Raises:
            ApiError: 404 where there is no such project; 422 where the service works with no
                server; 503 while it cannot be reached.
        """
        return self._post("/imports", json=dict(wanted), params=_said({"seconds": seconds}))

    def continue_import(self, import_id: int, *, seconds: float | None = None) -> dict[str, Any]:
        """Take in more of an import; `retry_after_seconds` says when it makes sense to."""
        query = _said({"seconds": seconds})
        return self._post(f"/imports/{import_id}:continue", params=query)

    def imports(self) -> list[dict[str, Any]]:
        """Every import, the oldest first."""
        return list(self._walk("/imports", page_size=None))

    def upstream(self) -> dict[str, Any]:
        """The W&B server that the service works with, as it answers now; nothing is written there.

        Raises:
            ApiError: 422 where there is none; 502 where it refuses the key; 503 where it is down.
        """
        return self._get("/upstream")

    # annotations

    def annotate(
        self, target: str, question: Mapping[str, Any] = {}, *, seconds: float | None = None
    ) -> dict[str, Any]:
        """Write best run per factor, verdict and findings to runs on their W&B server.

            found = client.annotate("lab/imdb", {"response": "loss", "goal": "minimize"})
            while not found["is_done"]:
                found = client.continue_annotation(found["id"])

        Args:
            target: A sweep's id, or `ENTITY/PROJECT` for its imported runs.
            question: response, goal, factors, ignore; a sweep's metric by default.
            seconds: About how long this request may take.

        Raises:
            ApiError: 422 for what is tracked here, or where the service works with no server.
        """
        query = _said({"seconds": seconds})
        return self._post(_annotations(target), json=dict(question), params=query)

    def plan_annotations(self, target: str, question: Mapping[str, Any] = {}) -> dict[str, Any]:
        """What `annotate` would write; nothing is."""
        query = {"validate_only": True}
        return self._post(_annotations(target), json=dict(question), params=query)

    def annotations(self, target: str) -> dict[str, Any]:
        """What is written where, as `annotate` left it."""
        return self._get(_annotations(target))

    def remove_annotations(self, target: str, *, seconds: float | None = None) -> dict[str, Any]:
        """Take back what `annotate` wrote: notes, tags and summaries are then as they were."""
        query = _said({"seconds": seconds})
        return self._request("DELETE", _annotations(target), params=query)

    def continue_annotation(
        self, annotation_id: int, *, seconds: float | None = None
    ) -> dict[str, Any]:
        """Write, or take back, more of it; `retry_after_seconds` says when it makes sense to."""
        query = _said({"seconds": seconds})
        return self._post(f"/annotations/{annotation_id}:continue", params=query)

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

    def _get_text(self, path: str, query: Mapping[str, Any]) -> str:
        return _text(self._url, self._send("GET", path, params=query))

    def _send_table(self, kind: str, body: Mapping[str, Any], **query: str) -> httpx.Response:
        headers = {"Content-Type": "application/json"}
        text = json.dumps(dict(body))  # NaN stays NaN; httpx's own `json` refuses it
        path = f"/answers/{_part(kind)}"
        return self._send("POST", path, content=text, headers=headers, params=query)

    @contextmanager
    def _stream(self, path: str, query: Mapping[str, Any]) -> Iterator[TableFile]:
        """A file while it comes in; what breaks on the way is told as what does not answer is."""
        address = f"{self._url}{API}{path}"
        try:
            with self._http.stream("GET", address, params=_said(query)) as answer:
                if not _is_table(answer):
                    answer.read()
                    _read(self._url, answer)
                    raise NotReachable(self._url, "JSON for a table: an older service")
                yield TableFile(
                    _in_header(answer, "X-Paribus-Notes"),
                    _in_header(answer, "X-Paribus-Left-Out"),
                    answer.iter_bytes(),
                )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise NotReachable(self._url, str(error) or type(error).__name__) from error

    def _request(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        return _read(self._url, self._send(method, path, **more))

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return self._http.request(method, f"{self._url}{API}{path}", **more)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise NotReachable(self._url, str(error) or type(error).__name__) from error


def _plain_findings(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The words of a question about findings as a query writes them."""
    pairs = {"thresholds": "threshold", "roles": "role"}
    query = {name: value for name, value in asked.items() if name not in pairs}
    for plural, name in pairs.items():
        query[name] = [f"{key}:{value}" for key, value in (asked.get(plural) or {}).items()]
    return query


def _curves(keys: Sequence[str], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The words of a request for curves as a query writes them."""
    told = {"from" if name == "from_" else name: value for name, value in asked.items()}
    return _with_roles({**told, "keys": keys})


def _with_roles(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The words of a question as a query writes them: `roles` as pairs."""
    roles = [f"{role}:{key}" for role, key in (asked.get("roles") or {}).items()]
    return {**{name: value for name, value in asked.items() if name != "roles"}, "role": roles}


def _is_table(answer: httpx.Response) -> bool:
    kind = answer.headers.get("content-type", "")
    return answer.is_success and kind.startswith(_TABLE_TYPES)


def _in_header(answer: httpx.Response, name: str) -> tuple[str, ...]:
    """Texts that a header holds percent-encoded, with commas between."""
    return tuple(unquote(text) for text in answer.headers.get(name, "").split(",") if text)


def _text(url: str, answer: httpx.Response) -> str:
    kind = answer.headers.get("content-type", "")
    if answer.is_success and kind.startswith(("text/markdown", "text/html")):
        return answer.text
    _read(url, answer)
    raise NotReachable(url, f"{answer.status_code} with JSON for a document: an older service")


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


_NAMED_OR_ALL = ("factors", "ignore", "interactions", "sweeps")
"""Lists that say nothing where they are empty; no `blocks` at all is a choice."""


def _asked(question: Mapping[str, Any]) -> dict[str, Any]:
    """A question as query parameters; what is None was not said."""
    told = {name: _listed(value) for name, value in question.items() if value is not None}
    return {name: v for name, v in told.items() if v != "" or name not in _NAMED_OR_ALL}


def _listed(value: Any) -> Any:
    """Names with commas between them; anything else as it is."""
    return ",".join(value) if isinstance(value, list | tuple | set | frozenset) else value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | set | frozenset) else value


def _annotations(target: str) -> str:
    entity, slash, project = target.partition("/")
    if slash:
        return f"/projects/{_part(entity)}/{_part(project)}/annotations"
    return f"/sweeps/{_part(target)}/annotations"


def _said(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value not in (None, [])}


def _part(text: str) -> str:
    """One segment of a path."""
    return quote(text, safe="")
