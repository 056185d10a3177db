"""What is asked of a W&B server, in GraphQL: each field occurs in a document of the client's own.

A server refuses a document with a field that it does not know, so nothing is asked for that some
release of the client does not ask for as well. Old releases of servers lack some of it still:
they answer "Cannot query field …", and `process` calls that too old.

Source, wandb 0.31.0: apis/_generated/operations.py (GetViewer, GetSweep, GetSweeps,
GetSweepAgents),
apis/public/runs.py (Runs, RUN_FRAGMENT), apis/public/sweeps.py (UpsertSweep; SweepWithRuns, which
also asks runs for `stopped`),
core/api/graphql/mutation_stop_run.graphql and query_server_features.graphql. wandb 0.21.4:
apis/public/history.py (HistoryPage), apis/public/api.py (ServerInfo).
Of what stands beside a history: wandb 0.31.0, apis/public/runs.py (RunFullHistory: `events`),
core/api/graphql (RunConsoleLogTail: `logLines`, `logLineCount`); RunResumeStatus, of both, for
`eventsLineCount`.
"""

PROBE = "query Viewer { viewer { id } }"

VIEWER = """
query GetViewer {
  viewer { id username entity }
}
"""

FEATURES = """
query ServerFeaturesQuery {
  serverInfo { features { name isEnabled } }
}
"""

VERSION = """
query ServerInfo {
  serverInfo { latestLocalVersionInfo { versionOnThisInstanceString } }
}
"""

_SWEEP_FIELDS = """
  id name displayName state config controller scheduler runCount
  project { id name entity { id name } }
"""

REGISTER_SWEEP = f"""
mutation UpsertSweep($config: String, $entityName: String, $projectName: String) {{
  upsertSweep(input: {{
    config: $config, entityName: $entityName, projectName: $projectName
  }}) {{
    sweep {{ {_SWEEP_FIELDS} }}
    configValidationWarnings
  }}
}}
"""

SWEEP = f"""
query GetSweep($name: String!, $project: String, $entity: String) {{
  project(name: $project, entityName: $entity) {{
    sweep(sweepName: $name) {{
      {_SWEEP_FIELDS}
      agents {{ edges {{ node {{ id name host state totalRuns createdAt heartbeatAt }} }} }}
    }}
  }}
}}
"""

SWEEPS = f"""
query GetSweeps($entity: String!, $project: String!, $cursor: String, $perPage: Int = 50) {{
  project(name: $project, entityName: $entity) {{
    sweeps(after: $cursor, first: $perPage) {{
      edges {{ node {{ {_SWEEP_FIELDS} }} }}
      pageInfo {{ endCursor hasNextPage }}
    }}
  }}
}}
"""

SWEEP_ID = """
query GetSweep($name: String!, $project: String, $entity: String) {
  project(name: $project, entityName: $entity) {
    sweep(sweepName: $name) { id }
  }
}
"""

SET_SWEEP_STATE = """
mutation UpsertSweep($id: ID, $state: String, $entityName: String, $projectName: String) {
  upsertSweep(input: {
    id: $id, state: $state, entityName: $entityName, projectName: $projectName
  }) {
    sweep { name }
  }
}
"""

WRITE_CONTROLLER = """
mutation UpsertSweep($id: ID, $controller: JSONString) {
  upsertSweep(input: {id: $id, controller: $controller}) {
    sweep { name }
  }
}
"""

RUN_ID = """
query Run($project: String!, $entity: String!, $name: String!) {
  project(name: $project, entityName: $entity) {
    run(name: $name) { id }
  }
}
"""

STOP_RUN = """
mutation StopRun($id: ID!) {
  stopRun(input: {id: $id}) { success }
}
"""

ANNOTATED_RUN = """
query Run($project: String!, $entity: String!, $name: String!) {
  project(name: $project, entityName: $entity) {
    run(name: $name) { id state summaryMetrics tags notes }
  }
}
"""

ANNOTATE_RUN = """
mutation UpsertBucket(
  $id: String, $notes: String, $tags: [String!], $summaryMetrics: JSONString
) {
  upsertBucket(input: {id: $id, notes: $notes, tags: $tags, summaryMetrics: $summaryMetrics}) {
    bucket { id state summaryMetrics tags notes }
  }
}
"""
"""What is not among the variables stays as it is. Source: wandb 0.21.4, sdk/internal/
internal_api.py, `upsert_run`, which has all four; 0.31.0, apis/public/runs.py and summary.py,
`Run.update`, which sends them in two requests."""

ANNOTATED_SWEEP = """
query GetSweep($name: String!, $project: String, $entity: String) {
  project(name: $project, entityName: $entity) {
    sweep(sweepName: $name) { id description config }
  }
}
"""

ANNOTATE_SWEEP = """
mutation UpsertSweep(
  $id: ID, $description: String, $entityName: String, $projectName: String
) {
  upsertSweep(input: {
    id: $id, description: $description, entityName: $entityName, projectName: $projectName
  }) {
    sweep { name }
  }
}
"""
"""Source: wandb 0.31.0, apis/public/sweeps.py, `_upsert_sweep`; `SweepFragment` reads it."""

RUNS = """
query Runs(
  $project: String!, $entity: String!, $cursor: String, $perPage: Int = 50, $order: String,
  $filters: JSONString
) {
  project(name: $project, entityName: $entity) {
    runCount(filters: $filters)
    runs(filters: $filters, after: $cursor, first: $perPage, order: $order) {
      edges {
        node {
          id name displayName state sweepName config summaryMetrics historyLineCount tags notes
          group jobType commit createdAt heartbeatAt stopped user { name username }
        }
        cursor
      }
      pageInfo { endCursor hasNextPage }
    }
  }
}
"""

_SYSTEM = "eventsLineCount events(samples: $samples)"
_CONSOLE = """logLineCount
      logLines(last: $last) { edges { node { number timestamp level label line } } }"""


def _history(variable: str = "", beside: str = "") -> str:
    return f"""
query HistoryPage(
  $entity: String!, $project: String!, $run: String!, $minStep: Int64!, $maxStep: Int64!,
  $pageSize: Int!{variable}
) {{
  project(name: $project, entityName: $entity) {{
    run(name: $run) {{
      historyLineCount
      historyKeys
      history(minStep: $minStep, maxStep: $maxStep, samples: $pageSize)
      {beside}
    }}
  }}
}}
"""


def _run(name: str, variables: str, fields: str) -> str:
    return f"""
query {name}($entity: String!, $project: String!, $run: String!{variables}) {{
  project(name: $project, entityName: $entity) {{
    run(name: $run) {{
      {fields}
    }}
  }}
}}
"""


HISTORY = _history()
HISTORY_AND_SYSTEM = _history(", $samples: Int", _SYSTEM)
SYSTEM = _run("RunFullHistory", ", $samples: Int", _SYSTEM)
CONSOLE = _run("RunConsoleLogTail", ", $last: Int!", _CONSOLE)
SYSTEM_AND_CONSOLE = _run(
    "RunConsoleLogTail", ", $samples: Int, $last: Int!", f"{_SYSTEM}\n      {_CONSOLE}"
)
