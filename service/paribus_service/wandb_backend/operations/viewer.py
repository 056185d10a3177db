"""Viewer, users, entities, and what the server can do.

Source: PROTOCOL 2 and 14 (wandb 0.31.0, core/api/graphql/*.graphql, wandb/apis/public/api.py).
"""

from dataclasses import dataclass

from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.resolvers import Resolvers

resolvers = Resolvers()


@dataclass(frozen=True, slots=True)
class User:
    """Whoever has a key; `name` is the key's."""

    name: str
    entity: str


@dataclass(frozen=True, slots=True)
class Entity:
    """Where projects live. One that nobody uses yet looks like any other."""

    name: str


@resolvers("Query", "viewer")
def viewer(_root: None, context: Context) -> User:
    """Who asks."""
    return User(context.who.name, context.who.entity)
