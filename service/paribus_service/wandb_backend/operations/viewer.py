"""Viewer, users, entities, and what the server can do.

Source: PROTOCOL 2 and 14 (wandb 0.31.0, core/api/graphql/*.graphql, wandb/apis/public/api.py).
"""

from dataclasses import dataclass
from typing import Any

from paribus_service.errors import NotOfferedHere
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.global_ids import global_id, key_of
from paribus_service.wandb_backend.resolvers import Resolvers

resolvers = Resolvers()

# Advertise what is implemented, and nothing else: each one switches the client to newer requests.
FEATURES = (
    "STRUCTURED_CONSOLE_LOGS",
    "FILESTREAM_GZIP",
    "MARK_RUN_FILES_UPLOADED",
    "SWEEPS_LOCAL_SCHEDULER",
    # What clients around 0.21 ask before they use documents that 0.31 always sends.
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILES",
    "ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE",
    "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP",
    "TOTAL_COUNT_IN_FILE_CONNECTION",
    "USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION",
)


@dataclass(frozen=True, slots=True)
class User:
    """Whoever has a key; `name` is the key's."""

    name: str
    entity: str
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Entity:
    """Where projects live. One that nobody uses yet looks like any other."""

    name: str


@resolvers("Query", "viewer")
def viewer(_root: None, context: Context) -> User:
    """Who asks."""
    who = context.who
    return User(who.name, who.entity, admin="admin" in who.scopes)


@resolvers("Query", "user")
def user(_root: None, context: Context, **asked: str | None) -> User | None:
    """Whoever asks, if that is whom they ask for: nobody else is shown."""
    found = viewer(None, context)
    names = {value for value in asked.values() if value}
    return found if names <= {found.name, global_id("User", found.name)} else None


@resolvers("Query", "users")
def users(_root: None, context: Context, *, query: str | None, **_page: Any) -> dict[str, Any]:
    """Whoever asks, if the search finds them."""
    found = viewer(None, context)
    edges = [{"node": found}] if query is None or query in found.name else []
    return {"edges": edges, "pageInfo": {"hasNextPage": False, "endCursor": None}}


@resolvers("Query", "entity")
def entity(_root: None, context: Context, *, name: str | None, id: str | None) -> Entity:
    """The entity of that name or id, else one's own."""
    return Entity(context.entity(key_of("Entity", id) if id else name))


@resolvers("Entity", "storageBytes")
def storage_bytes(entity: Entity, context: Context) -> int:
    """Asked by `Api().team(…)` alone, which fails obscurely on null (wandb 0.31.0, teams.py).

    Raises:
        NotOfferedHere: Always.
    """
    raise NotOfferedHere("a team", hint="`paribus keys create` makes a key for each person")


@resolvers("Query", "organization")
def organization(_root: None, context: Context, **_asked: Any) -> None:
    """There are no organizations here; the client takes null as that."""


@resolvers("Query", "serverInfo")
def server_info(_root: None, context: Context) -> dict[str, Any]:
    """What this server can do."""
    return {
        # Old clients compare these with their own version; no client is too old or too new here.
        "cliVersionInfo": {"max_cli_version": "99.0.0", "min_cli_version": "0.10.0"},
        "latestLocalVersionInfo": None,
        "features": [{"name": name, "isEnabled": True} for name in FEATURES],
    }


resolvers.fields(
    "User",
    {
        "id": lambda user: global_id("User", user.name),
        "username": lambda user: user.name,
        "email": lambda user: "",
        "flags": lambda user: "{}",
        "deletedAt": lambda user: None,
        "photoUrl": lambda user: None,
        "accountType": lambda user: None,
        "apiKeys": lambda user: {"edges": []},
        "teams": lambda user: {"edges": [{"node": Entity(user.entity)}]},
        "organizations": lambda user: [],
        "userEntity": lambda user: Entity(user.entity),
    },
)
resolvers.fields(
    "Entity",
    {
        "id": lambda entity: global_id("Entity", entity.name),
        "available": lambda entity: False,
        "photoUrl": lambda entity: None,
        "readOnly": lambda entity: False,
        "readOnlyAdmin": lambda entity: False,
        "isTeam": lambda entity: False,
        "entityType": lambda entity: "user",
        "privateOnly": lambda entity: False,
        "codeSavingEnabled": lambda entity: True,
        "defaultAccess": lambda entity: None,
        "isPaid": lambda entity: False,
        "limits": lambda entity: None,
        "members": lambda entity: [],
        "organization": lambda entity: None,
        "user": lambda entity: None,
        "xxhashDigestsEnabled": lambda entity: False,
    },
)
