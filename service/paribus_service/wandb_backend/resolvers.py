"""Which function answers which field of the schema.

resolvers = Resolvers()

@resolvers("Project", "runs")
def runs(project: Project, context: Context, *, first: int | None, **_: object) -> Page: ...

resolvers.fields("Agent", {"name": lambda agent: agent.id})

Arguments arrive in snake case, each of the field's arguments always, None where the client sent
nothing. Input objects are dicts with snake-case keys that hold only what was sent. A field without
a resolver is read from its object: the key of that name in a dict, else the attribute in snake
case.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from graphql import (
    GraphQLAbstractType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
)

from paribus_service.errors import NotOfferedHere
from paribus_service.wandb_backend.scalars import SCALARS

Resolver = Callable[..., Any]
_Function = TypeVar("_Function", bound=Resolver)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake_case(name: str) -> str:
    """`entityName` → `entity_name`, `artifactID` → `artifact_id`, `includeMD5` → `include_md5`."""
    return _HUMP.sub("_", name).lower()


class Resolvers:
    """A table (type, field) → function, filled by the decorators of one module."""

    def __init__(self) -> None:
        self.table: dict[tuple[str, str], Resolver] = {}
        self.kinds: dict[str, Callable[[Any], str]] = {}

    def __call__(self, type_name: str, field: str) -> Callable[[_Function], _Function]:
        """Make the decorated function answer `type_name.field`."""

        def register(function: _Function) -> _Function:
            self._add(type_name, field, function)
            return function

        return register

    def fields(self, type_name: str, getters: Mapping[str, Callable[[Any], Any]]) -> None:
        """Fields that need no more than their object."""
        for field, getter in getters.items():
            self._add(type_name, field, _ignoring_context(getter))

    def kind(self, abstract_type: str) -> Callable[[Callable[[Any], str]], Callable[[Any], str]]:
        """The decorated function says which type of an interface or union a value has."""

        def register(function: Callable[[Any], str]) -> Callable[[Any], str]:
            self.kinds[abstract_type] = function
            return function

        return register

    def _add(self, type_name: str, field: str, function: Resolver) -> None:
        if (type_name, field) in self.table:
            raise ValueError(f"{type_name}.{field} has two resolvers")
        self.table[type_name, field] = function


def _ignoring_context(getter: Callable[[Any], Any]) -> Resolver:
    def resolve(source: Any, context: Any, **_arguments: Any) -> Any:
        return getter(source)

    return resolve


def make_schema(sdl: str, *tables: Resolvers) -> GraphQLSchema:
    """The schema with its resolvers in place.

    Raises:
        LookupError: A resolver for a field that the schema does not have.
    """
    schema = build_schema(sdl)
    # Types of introspection are the library's own, and shared by every schema.
    own = [kind for name, kind in schema.type_map.items() if not name.startswith("__")]
    for graphql_type in own:
        if isinstance(graphql_type, GraphQLScalarType) and graphql_type.name in SCALARS:
            SCALARS[graphql_type.name](graphql_type)
        elif isinstance(graphql_type, GraphQLInputObjectType):
            for name, given in graphql_type.fields.items():
                given.out_name = snake_case(name)
        elif isinstance(graphql_type, GraphQLObjectType):
            for field in graphql_type.fields.values():
                for name, argument in field.args.items():
                    argument.out_name = snake_case(name)
    for table in tables:
        _put_in_place(schema, table)
    _refuse_the_rest(schema)
    return schema


def _refuse_the_rest(schema: GraphQLSchema) -> None:
    """A mutation that nobody answers is refused by name; null would read as done."""
    assert schema.mutation_type is not None
    for name, field in schema.mutation_type.fields.items():
        if field.resolve is None:
            field.resolve = _refusal(name)


def _refusal(name: str) -> Resolver:
    def refuse(*_: Any, **_given: Any) -> None:
        raise NotOfferedHere(f"W&B's operation {name}")

    return refuse


def _put_in_place(schema: GraphQLSchema, table: Resolvers) -> None:
    for (type_name, field_name), function in table.table.items():
        owner = schema.type_map.get(type_name)
        if not isinstance(owner, GraphQLObjectType) or field_name not in owner.fields:
            raise LookupError(f"a resolver for {type_name}.{field_name}, which the schema lacks")
        field = owner.fields[field_name]
        if field.resolve is not None:
            raise LookupError(f"{type_name}.{field_name} has two resolvers")
        field.resolve = _called(function, field)
    for type_name, function in table.kinds.items():
        abstract = schema.type_map[type_name]
        assert isinstance(abstract, GraphQLInterfaceType | GraphQLUnionType)
        abstract.resolve_type = _kind_of(function)


def _called(function: Resolver, field: GraphQLField) -> Resolver:
    absent = {snake_case(name): None for name in field.args}

    def resolve(source: Any, info: GraphQLResolveInfo, **given: Any) -> Any:
        return function(source, info.context, **(absent | given))

    return resolve


def _kind_of(function: Callable[[Any], str]) -> Callable[..., str]:
    def resolve(value: Any, _info: GraphQLResolveInfo, _type: GraphQLAbstractType) -> str:
        return function(value)

    return resolve


def read_field(source: Any, info: GraphQLResolveInfo, **_arguments: Any) -> Any:
    """The answer of a field without a resolver."""
    if isinstance(source, Mapping):
        return source.get(info.field_name)
    if source is None:
        return None
    return getattr(source, snake_case(info.field_name))
