"""A sweep's config from text: JSON, or YAML 1.1 as W&B's client reads it.

Promises: whatever the text is, the caller gets a plain tree of dicts with string
keys, lists, strings, finite numbers, booleans and None, or `InvalidSpec` with a
line and a column. Texts that are small and explode (aliases of aliases, brackets
ten thousand deep) are refused before anything is built. A key that stands twice
is refused, where PyYAML and json silently keep the last one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

import yaml

from paribus_sweeps.errors import InvalidSpec, Problem, pointer

MAX_TEXT_BYTES = 1_000_000  # a sweep of 10,000 listed levels is about 200 kB
MAX_NODES = 100_000  # keys and values after aliases are expanded
MAX_DEPTH = 50  # W&B's nested parameters use two levels each

_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")
)
_MERGE_TAG = "tag:yaml.org,2002:merge"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's safe loader without dates: 2026-01-01 stays a string, as JSON has no dates."""

    yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read_config(text: str | bytes) -> dict[str, Any]:
    """Return the mapping that `text` holds, as JSON if it is JSON, else as YAML.

    Raises:
        InvalidSpec: Not UTF-8, too large, broken, exploding, a key twice, a tag, or no mapping.
    """
    decoded = _decoded(text)
    config = _from_json(decoded) if decoded.lstrip().startswith(("{", "[")) else None
    if config is None:
        config = _from_yaml(decoded)
    if not isinstance(config, dict):
        found = "nothing" if config is None else f"a {_type_name(config)}"
        raise _broken(f"a sweep is a mapping with keys such as method and parameters; got {found}")
    return config


def _decoded(text: str | bytes) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_TEXT_BYTES:
        limit = MAX_TEXT_BYTES // 1_000_000
        raise _broken(f"the config has {size / 1e6:.1f} MB; at most {limit} MB are read")
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _broken(f"the config is not UTF-8: byte {error.start} cannot be read") from error


def _from_json(text: str) -> Any:
    """Return the JSON value, or None where `text` is not JSON (it may still be YAML)."""
    try:
        return json.loads(text, object_pairs_hook=_unique_pairs)
    except json.JSONDecodeError:
        return None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # an integer of too many digits, or of none
        raise _unreadable_number(error) from error


def _unreadable_number(error: ValueError) -> InvalidSpec:
    said = str(error)
    if "sys." in said:  # Python's advice to its programmers
        said = f"it has more than {sys.get_int_max_str_digits():,} digits"
    return _broken(f"a number cannot be read: {said}")


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise _twice(_first_repeat(key for key, _ in pairs), "")
    return mapping


def _first_repeat(keys: Iterable[str]) -> str:
    seen: set[str] = set()
    return next(key for key in keys if key in seen or seen.add(key))  # type: ignore[func-returns-value]


def _from_yaml(text: str) -> Any:
    try:
        _refuse_depth(text)
        node = yaml.compose(text, Loader=_Loader)
        if node is None:
            return None
        _refuse_explosion(node)
        _refuse_strange_nodes(node, "", set())
        return _constructed(node)
    except yaml.MarkedYAMLError as error:
        raise _broken(_where_and_what(error)) from error
    except yaml.YAMLError as error:  # a control character: no mark, but a readable sentence
        raise _broken(f"the YAML cannot be read: {' '.join(str(error).split())}") from error


def _refuse_depth(text: str) -> None:
    """Read the events only: composing is recursive, and would end in a RecursionError."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _too_deep()


def _refuse_explosion(root: yaml.Node) -> None:
    """Count nodes as they would stand after aliases are expanded, each shared node once."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        known = sizes.get(id(node))
        if known == 0:  # met again while it is being counted
            raise _broken(f"{_at(node)}: an alias refers to what it stands in")
        if known is None:
            sizes[id(node)] = 0
            known = sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
        return known

    total = size(root)
    if total > MAX_NODES:
        raise _broken(
            f"the YAML unfolds to {total:,} values once its aliases are expanded; "
            f"at most {MAX_NODES:,} are taken"
        )


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _refuse_strange_nodes(node: yaml.Node, where: str, done: set[int]) -> None:
    """Refuse tags (dates, sets, Python objects), keys that are no strings, and keys twice."""
    if id(node) in done:
        return
    done.add(id(node))
    if node.tag not in _PLAIN_TAGS:
        raise _broken(f"{_at(node)}: the tag {node.tag} is not taken; write a plain value", where)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _refuse_strange_nodes(item, where + pointer(index), done)
    elif isinstance(node, yaml.MappingNode):
        _refuse_strange_keys(node, where)
        for key, item in node.value:
            if key.tag != _MERGE_TAG or isinstance(item, yaml.CollectionNode):
                _refuse_strange_nodes(item, where + pointer(key.value), done)


def _refuse_strange_keys(node: yaml.MappingNode, where: str) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.tag == _MERGE_TAG:
            continue
        if key.tag != "tag:yaml.org,2002:str":
            raise _strange_key(key, where)
        if key.value in seen:
            raise _twice(key.value, where, key)
        seen.add(key.value)


def _strange_key(key: yaml.Node, where: str) -> InvalidSpec:
    kind = {"bool": "a boolean", "int": "a number", "float": "a number", "null": "null"}
    read_as = kind.get(key.tag.rsplit(":", 1)[-1], "no plain word")
    shown = key.value if isinstance(key.value, str) else "this"
    return _broken(
        f"{_at(key)}: the key {shown} is read as {read_as}; keys are words", where, "quote it"
    )


def _constructed(node: yaml.Node) -> Any:
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    except ValueError as error:  # an integer of too many digits, or of none
        raise _unreadable_number(error) from error
    finally:
        loader.dispose()


def _where_and_what(error: yaml.MarkedYAMLError) -> str:
    what = ", ".join(part for part in (error.context, error.problem) if part)
    begun = f" (begun at {_spot(error.context_mark)})" if error.context_mark else ""
    spot = next(_spot(mark) for mark in (error.problem_mark, error.context_mark) if mark)
    return f"{spot}: the YAML cannot be read: {what}{begun}"


def _spot(mark: yaml.Mark) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"


def _at(node: yaml.Node) -> str:
    return _spot(node.start_mark)


def _twice(key: str, where: str, node: yaml.Node | None = None) -> InvalidSpec:
    at = f"{_at(node)}: " if node is not None else ""
    problem = Problem(where + pointer(key), "duplicate_key", f"{at}the key {key!r} stands twice")
    return InvalidSpec([problem])


def _too_deep() -> InvalidSpec:
    return _broken(f"the config is nested more than {MAX_DEPTH} levels deep")


def _broken(message: str, where: str = "", hint: str | None = None) -> InvalidSpec:
    return InvalidSpec([Problem(where, "unreadable", message, hint)])


def _type_name(value: Any) -> str:
    names: dict[type, str] = {str: "text", list: "list", bool: "boolean", int: "number"}
    return names.get(type(value), "number")
