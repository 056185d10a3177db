"""Answer GraphQL as W&B's server does: parse and validate once a text, execute, shape errors.

Promises:
- A mutation runs in the group writer and is answered after its commit; when it fails, all of it
  is taken back. A query runs in a read-only session.
- What the schema does not know inside a variable's input object is left out: nulls silently,
  values with a line in the log, so that a newer client does not break on a field that we lack.
- An answer is whole or an error: the client's generated types panic on half of one (PROTOCOL 4).

Statuses are what the client makes of them (PROTOCOL 4): 400 for what can never work, 401, 403, 404
(an agent that is gone must be told so), 410 (a superseded process), 503 and 507 for what may pass.
Never 409 or 422: the first is retried for UpsertBucket, the second hides the message.

Source: wandb 0.31.0, core/pkg/server and wandb/apis (PROTOCOL 3 and 4).
"""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    execute,
    parse,
    type_from_ast,
    validate,
)
from starlette.concurrency import run_in_threadpool

from paribus_service.dependencies import Services, SessionDep
from paribus_service.errors import InvalidRequest
from paribus_service.orchestration.keys import Scope, Who
from paribus_service.store.engine import session_scope
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.operations import RESOLVERS
from paribus_service.wandb_backend.resolvers import Resolvers, make_schema, read_field

log = logging.getLogger(__name__)

CACHED_DOCUMENTS = 1024  # a client sends about 60 texts, five releases side by side 300
MAX_TOKENS = 20_000  # the client's longest document has 1,400
SUBMITS = frozenset({"upsertSweep"})  # mutations that need `submit`; the others need `agent`


class Refused(InvalidRequest):
    """A request that GraphQL itself refuses: its text, its operation name or its variables."""

    def __init__(self, found: list[GraphQLError]) -> None:
        super().__init__([])
        self.found = found
        self.args = ("; ".join(error.message for error in found),)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and from where."""

    who: Who
    base_url: str
    process_token: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """A GraphQL request, taken apart."""

    query: str
    variables: Mapping[str, Any]
    operation_name: str | None

    @classmethod
    def of(cls, body: Any) -> "Request":
        """The request in a JSON body.

        Raises:
            InvalidRequest: It is none.
        """
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            raise InvalidRequest.one(
                "/query", "a GraphQL request is an object with a text `query`"
            )
        variables = body.get("variables") or {}
        if not isinstance(variables, dict):
            raise InvalidRequest.one("/variables", "variables are an object")
        # The public API sends "" with every document (PROTOCOL 3).
        return cls(body["query"], variables, body.get("operationName") or None)


@dataclass(frozen=True, slots=True)
class Operation:
    """A document that was parsed and validated, and the operation in it that is asked for."""

    document: DocumentNode
    node: OperationDefinitionNode

    @property
    def is_mutation(self) -> bool:
        """It changes something."""
        return self.node.operation == OperationType.MUTATION

    @property
    def root_fields(self) -> list[str]:
        """Names of the fields that it begins with."""
        return [
            selection.name.value
            for selection in self.node.selection_set.selections
            if hasattr(selection, "name")
        ]

    @property
    def scope(self) -> Scope | None:
        """What the key must be allowed to; None for a query, which every good key may send."""
        if not self.is_mutation:
            return None
        return "submit" if SUBMITS.intersection(self.root_fields) else "agent"


class GraphqlServer:
    """A schema with resolvers, and the documents it has seen."""

    def __init__(self, sdl: str, *tables: Resolvers) -> None:
        self.schema: GraphQLSchema = make_schema(sdl, *tables)
        self._prepare = lru_cache(maxsize=CACHED_DOCUMENTS)(self._parse_and_validate)

    def operation(self, query: str, name: str | None) -> Operation:
        """The operation in a text, parsed and validated the first time only.

        Raises:
            Refused: The text is no valid document, or has no such operation.
        """
        return self._prepare(query, name)

    def _parse_and_validate(self, query: str, name: str | None) -> Operation:
        try:
            document = parse(query, no_location=True, max_tokens=MAX_TOKENS)
            problems = validate(self.schema, document)
        except GraphQLError as error:
            raise Refused([error]) from error
        except RecursionError as error:
            raise Refused([GraphQLError("the document is nested too deeply")]) from error
        if problems:
            raise Refused(problems)
        return Operation(document, _chosen(document, name))

    def execute(
        self, operation: Operation, variables: Mapping[str, Any], context: Context
    ) -> dict[str, Any]:
        """The data of an answer.

        Raises:
            Refused: The variables do not fit.
            Exception: Whatever a resolver raised, as it was raised.
        """
        name = operation.node.name
        result = execute(
            self.schema,
            operation.document,
            context_value=context,
            variable_values=self.known_variables(operation, variables),
            operation_name=name.value if name else None,
            field_resolver=read_field,
            is_awaitable=_never_awaitable,
        )
        assert isinstance(result, ExecutionResult)
        for error in result.errors or ():
            if error.original_error is not None:
                raise error.original_error
        if result.errors or result.data is None:
            raise Refused(result.errors or [])
        return result.data

    def known_variables(
        self, operation: Operation, variables: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The variables without nulls and unknown fields below their top level."""
        known = dict(variables)
        for definition in operation.node.variable_definitions:
            name = definition.variable.name.value
            kind = type_from_ast(self.schema, definition.type)
            if name in known and kind is not None:
                known[name] = _known(known[name], kind, where=name)  # type: ignore[arg-type]
        return known


def _chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    found = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    if name is not None:
        found = [node for node in found if node.name is not None and node.name.value == name]
    if len(found) != 1:
        what = f"operation {name!r}" if name else "single operation"
        raise Refused([GraphQLError(f"the document has no {what}")])
    if found[0].operation == OperationType.SUBSCRIPTION:
        raise Refused([GraphQLError("subscriptions are not offered yet")])
    return found[0]


def _known(value: Any, kind: GraphQLInputType, *, where: str) -> Any:
    if isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    if isinstance(kind, GraphQLList):
        if isinstance(value, list):
            return [_known(item, kind.of_type, where=where) for item in value]
        return _known(value, kind.of_type, where=where)
    if not isinstance(kind, GraphQLInputObjectType) or not isinstance(value, dict):
        return value
    for name, item in value.items():
        if item is not None and name not in kind.fields:
            log.warning("a client sent %s.%s, which is not understood here", where, name)
    return {
        name: _known(item, kind.fields[name].type, where=f"{where}.{name}")
        for name, item in value.items()
        if item is not None and name in kind.fields
    }


def _never_awaitable(_value: Any) -> bool:
    return False


@lru_cache(maxsize=1)
def graphql_server() -> GraphqlServer:
    """The server of our own schema; made at its first use, in about 50 ms."""
    sdl = resources.files(__package__).joinpath("schema.graphql").read_text("utf-8")
    return GraphqlServer(sdl, *RESOLVERS)


async def answer(request: Request, caller: Caller, services: Services) -> dict[str, Any]:
    """The data that a request is answered with.

    Raises:
        Refused: GraphQL itself refuses the request.
        NotAllowed: The key lacks the scope.
        Exception: Whatever a resolver raised.
    """
    server = graphql_server()
    operation = server.operation(request.query, request.operation_name)
    if operation.scope is not None:
        caller.who.require(operation.scope)

    unused_blobs: list[str] = []

    def run(session: SessionDep) -> dict[str, Any]:
        context = Context(
            session=session,
            services=services,
            who=caller.who,
            now=services.clock.now(),
            base_url=caller.base_url,
            process_token=caller.process_token,
            unused_blobs=unused_blobs,
        )
        return server.execute(operation, request.variables, context)

    if operation.is_mutation:
        future: Future[dict[str, Any]] = services.writer.submit(run)
        data = await asyncio.wrap_future(future)
        for blob in unused_blobs:
            services.files.delete(blob)
        return data
    return await run_in_threadpool(_reading, services, run)


def _reading(services: Services, run: Any) -> dict[str, Any]:
    with session_scope(services.engine, reads_only=True) as session:
        data: dict[str, Any] = run(session)
        return data
