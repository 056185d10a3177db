"""The calls of `messages.Upstream`, carried out through a client; `process` serves them.

A history is read by the client's own HistoryPage document, and by its own rule: a window of as
many steps as rows are asked for can leave nothing out. Its lines are kept as the texts that the
server sends. (The newest client's scan_history takes lines apart on the way: the order of keys is
lost, and so are integers beyond 64 bits.)

Standard library only: this runs beside the client, in its environment.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from paribus_service.orchestration.upstream import documents
from paribus_service.orchestration.upstream.annotation_calls import annotate_run, annotate_sweep
from paribus_service.orchestration.upstream.messages import (
    ConsoleTail,
    HistoryPage,
    RemoteRun,
    RemoteSweep,
    RunPage,
    RunRecords,
    ServerFacts,
)
from paribus_service.orchestration.upstream.readings import (
    Node,
    console_of,
    nodes,
    object_in,
    run_of,
    step_of,
    sweep_of,
    system_of,
)
from paribus_service.orchestration.upstream.refusals import Refusal

FEATURE = "SWEEPS_LOCAL_SCHEDULER"
"""The server's word for taking runs from outside (wandb 0.31.0, apis/public/sweeps.py)."""
_NAMES_A_QUESTION = 100  # display names in one filter: some 5 KB, far below any server's limit
_RUNS_A_PAGE = 100
_LAST_STEP = 2**62  # Int64, with room to add


class Client(Protocol):
    """The official client, of whichever release."""

    base_url: str
    version: str
    can_enqueue: bool
    """This release has `Sweep.enqueue_run`."""

    @property
    def app_url(self) -> str:
        """Where the server's pages are."""
        ...

    @property
    def is_late(self) -> bool:
        """More than half of this call's time is over."""
        ...

    def ask(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The data of an answer; what fails may be sent again."""
        ...

    def tell(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The data of an answer to something that must not be sent twice."""
        ...

    def enqueue(self, sweep_path: str, config: Mapping[str, Any], display_name: str) -> str:
        """`Sweep.enqueue_run`, sent once; the run's id."""
        ...


# ---- the server


def server(client: Client) -> ServerFacts:
    """`Upstream.server`: the key's user, the release, and whether runs can be enqueued."""
    viewer = client.ask(documents.VIEWER, {})["viewer"] or {}
    return ServerFacts(
        base_url=client.base_url,
        version=_version(client),
        default_entity=viewer.get("entity"),
        username=viewer.get("username"),
        can_enqueue=client.can_enqueue and _takes_runs(client),
        client_version=client.version,
    )


def _version(client: Client) -> str | None:
    """Only a self-managed server says its release."""
    info = _server_info(client, documents.VERSION).get("latestLocalVersionInfo") or {}
    version: str | None = info.get("versionOnThisInstanceString")
    return version


def _takes_runs(client: Client) -> bool:
    features = _server_info(client, documents.FEATURES).get("features") or []
    return any(each and each["name"] == FEATURE and each["isEnabled"] for each in features)


def _server_info(client: Client, document: str) -> Node:
    """A server too old to be asked has nothing of it."""
    try:
        return client.ask(document, {}).get("serverInfo") or {}
    except Refusal as refusal:
        if refusal.kind != "too_old":
            raise
        return {}


# ---- sweeps


def register_sweep(
    client: Client, entity: str | None, project: str, config_text: str
) -> RemoteSweep:
    """`Upstream.register_sweep`: the new sweep, from the answer to the one request."""
    answer = client.tell(
        documents.REGISTER_SWEEP,
        {"config": config_text, "entityName": entity, "projectName": project},
    )["upsertSweep"]
    warnings = [str(each) for each in answer.get("configValidationWarnings") or []]
    return sweep_of(answer["sweep"], client.app_url, warnings)


def sweep(client: Client, entity: str, project: str, sweep_id: str) -> RemoteSweep:
    """`Upstream.sweep`."""
    node = _in_project(client, documents.SWEEP, entity, project, "sweep", sweep_id)
    return sweep_of(node, client.app_url, [])


def find_sweeps(
    client: Client, entity: str | None, project: str, marker: str
) -> list[RemoteSweep]:
    """`Upstream.find_sweeps`: the config that was registered holds its description."""
    entity = entity or (client.ask(documents.VIEWER, {})["viewer"] or {}).get("entity")
    found = []
    cursor, has_more = None, True
    while has_more:
        variables = {"entity": entity, "project": project, "cursor": cursor}
        sweeps = (client.ask(documents.SWEEPS, variables).get("project") or {}).get("sweeps") or {}
        found += [
            sweep_of(node, client.app_url, [])
            for node in nodes(sweeps)
            if marker in (node.get("config") or "")
        ]
        page = sweeps.get("pageInfo") or {}
        cursor = page.get("endCursor")
        has_more = bool(page.get("hasNextPage")) and cursor is not None
    return found


def set_sweep_state(client: Client, entity: str, project: str, sweep_id: str, state: str) -> None:
    """`Upstream.set_sweep_state`; which states follow which is the server's to say."""
    node = _in_project(client, documents.SWEEP_ID, entity, project, "sweep", sweep_id)
    client.tell(
        documents.SET_SWEEP_STATE,
        {"id": node["id"], "state": state, "entityName": entity, "projectName": project},
    )


def write_controller(client: Client, gql_id: str, controller: Mapping[str, Any]) -> None:
    """`Upstream.write_controller`."""
    client.tell(documents.WRITE_CONTROLLER, {"id": gql_id, "controller": json.dumps(controller)})


def enqueue_run(
    client: Client,
    entity: str,
    project: str,
    sweep_id: str,
    config: Mapping[str, Any],
    display_name: str,
) -> str:
    """`Upstream.enqueue_run`, by the client's own `Sweep.enqueue_run`."""
    if not client.can_enqueue:
        raise Refusal(
            "too_old",
            f"client {client.version} has no Sweep.enqueue_run: install wandb 0.31 or newer",
            feature="to enqueue a run",
        )
    if not _takes_runs(client):
        raise Refusal(
            "too_old",
            f"that server does not offer {FEATURE}: upgrade it, or have the sweep driven by its "
            "controller (controller: {type: local})",
            feature="to enqueue a run",
        )
    return client.enqueue(f"{entity}/{project}/{sweep_id}", config, display_name)


# ---- runs


def stop_run(client: Client, entity: str, project: str, run_id: str) -> None:
    """`Upstream.stop_run`."""
    node = _in_project(client, documents.RUN_ID, entity, project, "run", run_id)
    client.tell(documents.STOP_RUN, {"id": node["id"]})


def runs(
    client: Client,
    entity: str,
    project: str,
    filters: Mapping[str, Any] | None,
    after: str | None,
    limit: int,
) -> RunPage:
    """`Upstream.runs`."""
    variables = {
        "entity": entity,
        "project": project,
        "cursor": after,
        "perPage": limit,
        "order": "+created_at",  # the client's own default; a run that comes later is listed later
        "filters": json.dumps(filters or {}),
    }
    found = client.ask(documents.RUNS, variables).get("project")
    if found is None:
        raise Refusal.missing("project", f"{entity}/{project}")
    listed = [run_of(node, entity, project, client.app_url) for node in nodes(found["runs"])]
    page = found["runs"].get("pageInfo") or {}
    cursor = page.get("endCursor") if page.get("hasNextPage") else None
    return RunPage(listed, cursor if listed else None, found.get("runCount"))


def find_runs(
    client: Client, entity: str, project: str, display_names: Sequence[str]
) -> list[RemoteRun]:
    """`Upstream.find_runs`, some names at a time."""
    return [
        run
        for start in range(0, len(display_names), _NAMES_A_QUESTION)
        for run in _named(
            client, entity, project, display_names[start : start + _NAMES_A_QUESTION]
        )
    ]


def _named(client: Client, entity: str, project: str, names: Sequence[str]) -> Iterator[RemoteRun]:
    filters = {"display_name": {"$in": list(names)}}
    cursor = None
    while True:
        page = runs(client, entity, project, filters, cursor, _RUNS_A_PAGE)
        yield from page.runs
        cursor = page.next_cursor
        if cursor is None:
            return


# ---- histories


def history(
    client: Client,
    entity: str,
    project: str,
    run_id: str,
    min_step: int,
    max_step: int | None,
    limit: int,
    samples: int = 0,
) -> HistoryPage:
    """Windows of steps, from `min_step` on, until about `limit` rows are there.

    Where steps lie far apart (some count examples, or tokens), windows are wider. One that comes
    back full may have been thinned by the server: it is asked for again, narrower. System metrics
    come with the first window.
    """
    rows: list[tuple[int | None, str]] = []
    low, width, system = min_step, limit, None
    stop = _LAST_STEP if max_step is None else max_step
    while low < stop:
        high = min(low + width, stop)
        wanted = samples if system is None else 0
        run = _window(client, entity, project, run_id, low, high, limit, wanted)
        system = system_of(run) if wanted else system
        lines = run["history"] or []
        if len(lines) >= limit and high - low > limit:
            width = max((high - low) // 4, limit)
            continue
        rows += [(step_of(line), line) for line in lines]
        low = high
        last_step = object_in(run.get("historyKeys")).get("lastStep", -1)
        if low > last_step:
            break
        if len(rows) >= limit or client.is_late:
            return HistoryPage(rows, low, system)
        steps_a_row = (last_step + 1) // max(run.get("historyLineCount") or 1, 1)
        width = max(limit * steps_a_row, limit, 0 if lines else width * 4)
    return HistoryPage(rows, None, system)


def _window(
    client: Client,
    entity: str,
    project: str,
    run_id: str,
    low: int,
    high: int,
    limit: int,
    samples: int,
) -> Node:
    document, more = documents.HISTORY, {"minStep": low, "maxStep": high, "pageSize": limit}
    if samples:
        document, more = documents.HISTORY_AND_SYSTEM, more | {"samples": samples}
    return _in_project(client, document, entity, project, "run", run_id, variable="run", **more)


# ---- what a run has beside its history


def records(
    client: Client, entity: str, project: str, run_id: str, samples: int, console_lines: int
) -> RunRecords:
    """`Upstream.records`; a server that does not know console lines is asked for the rest."""
    if not console_lines:
        run = _beside(client, documents.SYSTEM, entity, project, run_id, samples=samples)
        return RunRecords(system_of(run), None)
    document, more = documents.CONSOLE, {"last": console_lines}
    if samples:
        document, more = documents.SYSTEM_AND_CONSOLE, more | {"samples": samples}
    try:
        run = _beside(client, document, entity, project, run_id, **more)
    except Refusal as refusal:
        if refusal.kind != "too_old":
            raise
        problem = f"that server gives out no console lines ({refusal.said})"
        rest = records(client, entity, project, run_id, samples, 0) if samples else None
        return RunRecords(rest.system if rest else None, ConsoleTail([], 0, problem))
    return RunRecords(system_of(run) if samples else None, console_of(run))


def _beside(
    client: Client, document: str, entity: str, project: str, run_id: str, **more: int
) -> Node:
    return _in_project(client, document, entity, project, "run", run_id, variable="run", **more)


def _in_project(
    client: Client,
    document: str,
    entity: str,
    project: str,
    kind: str,
    key: str,
    *,
    variable: str = "name",
    **more: Any,
) -> Node:
    """The sweep or the run that a document asks for."""
    named = {"entity": entity, "project": project, variable: key}
    found = client.ask(document, named | more).get("project")
    if found is None:
        raise Refusal.missing("project", f"{entity}/{project}")
    if found.get(kind) is None:
        raise Refusal.missing(kind, f"{entity}/{project}/{key}")
    node: Node = found[kind]
    return node


CALLS: dict[str, Callable[..., Any]] = {
    call.__name__: call
    for call in (
        server,
        register_sweep,
        sweep,
        find_sweeps,
        set_sweep_state,
        write_controller,
        enqueue_run,
        stop_run,
        runs,
        find_runs,
        history,
        records,
        annotate_run,
        annotate_sweep,
    )
}
