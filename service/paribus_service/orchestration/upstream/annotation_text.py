"""What an annotation is in a run there: keys of its summary, tags, a block in its notes.

    paribus/best_for       "batch=8, lr=0.1": levels of which it is the best run
    paribus/findings       "overfitting, plateau": the rules that found something
    paribus:best           a tag of the best run of all; `paribus:overfitting` of a finding

The block stands between two marks. Its last line names what was added, with a digest of each
value, and its end mark carries a digest of the block. So what is ours can be told from what a
person wrote, and taken back to the byte, by whoever finds it, with no database.

Promises:
- Texts of others stay as they are: a summary is cut and not written anew, so bare NaN, numbers
  beyond 2^53, the order of keys and the spacing survive.
- A tag or a key that was there before stays, and so does whatever somebody changed since: it is
  named in `Change.left`.
- Nothing is added where no block can tell so: an edited one is in its place.
- The same annotation twice is no change.

Standard library only: this runs beside the client, in its environment.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from paribus_service.orchestration.upstream.messages import Added, Content

KEY_PREFIX = "paribus/"
TAG_PREFIX = "paribus:"
LONGEST_TAG = 64
"""Characters. Source: wandb 0.31.0, sdk/wandb_settings.py, `validate_run_tags`."""
NOTHING = Content({}, [], [])
NONE_ADDED = Added({}, [])

_BEGIN, _END = "[Paribus says]", "[/Paribus says "
_BLOCK = re.compile(
    r"(?P<gap>\n\n)?\[Paribus says\]\n(?P<body>(?:(?!\[Paribus says\]).)*?)\n"
    r"\[/Paribus says (?P<mark>\w{12})\]",
    re.DOTALL,
)
_ADDED = "added here: "
_READER = json.JSONDecoder(strict=False, parse_int=str, parse_float=str, parse_constant=str)
"""Only where values end is asked: no number is read, whatever its size."""
_SPACES = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written; None leaves a thing as it is."""

    tags: list[str] | None
    notes: str | None
    summary_text: str | None
    added: Added
    """What is ours there once it is written."""
    known: Added
    """What of it was ours before, by our record and its block."""
    left: list[str]
    """What was left as it is although an annotation is of that name, in sentences."""
    has_block: bool
    """A block of ours stands in the notes then."""

    @property
    def is_empty(self) -> bool:
        """Nothing is to be written."""
        return self.tags is None and self.notes is None and self.summary_text is None


def change_of(
    *,
    summary_text: str,
    tags: Sequence[str],
    notes: str | None,
    wanted: Content,
    recorded: Added = NONE_ADDED,
) -> Change:
    """What makes a run there say `wanted`, and nothing else of ours.

    Args:
        summary_text: As it is there now, as are `tags` and `notes`.
        tags: All of them.
        notes: None where there are none.
        wanted: `NOTHING` takes everything back.
        recorded: What we know to have added; its block tells the rest.
    """
    blocks = _blocks_in(notes or "")
    was_edited = not blocks and _BEGIN in (notes or "")
    if was_edited:
        wanted = _without_new(wanted, recorded)
    known = _Ours(recorded, _told_by(blocks), wanted)
    left: list[str] = []
    new_tags, our_tags = _tags(tags, wanted, known)
    new_summary, our_keys = summary_text, known.before.keys
    try:
        new_summary, our_keys = _summary(summary_text, wanted, known, left)
    except (ValueError, RecursionError):
        left.append("its summary is no JSON object, and was left as it is")
    added = Added(our_keys, our_tags)
    if was_edited:
        left.append("its notes hold a block of ours that somebody changed: it was left as it is")
    new_notes = (notes or "") if was_edited else _notes(notes or "", blocks, wanted, added)
    return Change(
        tags=new_tags if new_tags != list(tags) else None,
        notes=new_notes if new_notes != (notes or "") else None,
        summary_text=new_summary if new_summary != summary_text else None,
        added=added,
        known=known.before,
        left=left,
        has_block=bool(wanted.lines) and not was_edited,
    )


def both(one: Added, other: Added) -> Added:
    """What either says; of a key, the digest of the other one."""
    tags = dict.fromkeys([*one.tags, *other.tags])
    return Added({**one.keys, **other.keys}, list(tags))


def may_hold_ours(summary_text: str, tags: Sequence[str], notes: str | None) -> bool:
    """Whether it is worth a look; cheap."""
    return (
        KEY_PREFIX in summary_text
        or any(tag.startswith(TAG_PREFIX) for tag in tags)
        or _BEGIN in (notes or "")
    )


def digest(text: str) -> str:
    """Enough of a hash to tell that a text was changed."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


# ---- what is ours


@dataclass(frozen=True, slots=True)
class _Block:
    """The block that we wrote into notes, untouched."""

    start: int
    """Where it begins, the empty line before it included."""
    gap: str
    end: int
    added: Added


@dataclass(frozen=True, slots=True)
class _Ours:
    """What may be ours there: by our record, by its block, by what is to be written."""

    recorded: Added
    told: Added
    wanted: Content

    @property
    def before(self) -> Added:
        """By our record and its block."""
        return both(self.recorded, self.told)

    def has_tag(self, tag: str) -> bool:
        return tag in self.recorded.tags or tag in self.told.tags

    def has_key(self, key: str) -> bool:
        return key in self.recorded.keys or key in self.told.keys

    def wrote(self, key: str, value: Any) -> bool:
        """The key's value is one of ours; `wanted` counts where an answer was lost."""
        if not isinstance(value, str):
            return False
        known = (self.recorded.keys.get(key), self.told.keys.get(key))
        return digest(value) in known or value == self.wanted.keys.get(key)


def _blocks_in(notes: str) -> list[_Block]:
    """The blocks that nobody has touched: one, or more where somebody copied it."""
    blocks = []
    for found in _BLOCK.finditer(notes):
        if digest(found["body"]) != found["mark"]:
            continue
        added = _added_in(found["body"])
        if added is not None:
            blocks.append(_Block(found.start(), found["gap"] or "", found.end(), added))
    return blocks


def _told_by(blocks: Sequence[_Block]) -> Added:
    """All that they name; of a key, what the first one says."""
    keys = {key: mark for block in reversed(blocks) for key, mark in block.added.keys.items()}
    return Added(keys, [tag for block in blocks for tag in block.added.tags])


def _added_in(body: str) -> Added | None:
    """What a block names; None where that is nothing that we ever add: then we did not write it.

    Anybody can work out a digest. No block makes a key or a tag of somebody else ours.
    """
    last = body.rpartition("\n")[2]
    try:
        found = json.loads(last.removeprefix(_ADDED))
        added = Added(dict(found["keys"]), list(found["tags"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    are_ours = (
        all(isinstance(key, str) and key.startswith(KEY_PREFIX) for key in added.keys)
        and all(isinstance(mark, str) for mark in added.keys.values())
        and all(isinstance(tag, str) and tag.startswith(TAG_PREFIX) for tag in added.tags)
    )
    return added if are_ours else None


def _without_new(wanted: Content, recorded: Added) -> Content:
    """Only what stands there already, as it is to be now."""
    keys = {key: value for key, value in wanted.keys.items() if key in recorded.keys}
    return Content(keys, [tag for tag in wanted.tags if tag in recorded.tags], wanted.lines)


# ---- tags


def _tags(tags: Sequence[str], wanted: Content, known: _Ours) -> tuple[list[str], list[str]]:
    """(all tags then, those of them that are ours)."""
    stay = [tag for tag in tags if tag in wanted.tags or not known.has_tag(tag)]
    new = [tag for tag in wanted.tags if tag not in tags]
    ours = [tag for tag in wanted.tags if tag in new or known.has_tag(tag)]
    return [*stay, *new], ours


# ---- the summary


@dataclass(frozen=True, slots=True)
class _Member:
    """A key of an object with its value, where they stand in its text."""

    key: str
    start: int
    value_start: int
    end: int
    value: Any


def _summary(
    text: str, wanted: Content, known: _Ours, left: list[str]
) -> tuple[str, dict[str, str]]:
    """(the summary then, the keys of it that are ours)."""
    ours: dict[str, str] = {}
    for key in sorted({*wanted.keys, *known.recorded.keys, *known.told.keys}):
        found = next((m for m in _members(text) if m.key == key), None)
        value = wanted.keys.get(key)
        if found is not None and not known.has_key(key):
            left.append(f"its summary had a key {key!r} before, which was left as it is")
        elif found is not None and not known.wrote(key, found.value):
            left.append(f"the value of {key!r} was changed there, and was left as it is")
        elif value is None:
            text = text if found is None else _without(text, found)
        else:
            text = _with(text, found, key, value)
            ours[key] = digest(value)
    return text, ours


def _members(text: str) -> list[_Member]:
    """The keys of an object in its text.

    Raises:
        ValueError: It holds no object.
        RecursionError: It is nested too deeply.
    """
    at = _expect(text, 0, "{")
    found: list[_Member] = []
    if text[at : at + 1] == "}":
        return found
    while True:
        start = _expect(text, at, '"', skip=False)
        key, at = scanstring(text, start + 1, False)
        value_start = _expect(text, at, ":")
        value, end = _READER.raw_decode(text, value_start)
        found.append(_Member(key, start, value_start, end, value))
        at = _after_spaces(text, end)
        if text[at : at + 1] == "}":
            return found
        at = _expect(text, at, ",")


def _expect(text: str, at: int, sign: str, *, skip: bool = True) -> int:
    """Where the sign is, or with `skip` where what follows it is."""
    at = _after_spaces(text, at)
    if text[at : at + 1] != sign:
        raise ValueError(f"expected {sign!r} at {at}")
    return _after_spaces(text, at + 1) if skip else at


def _after_spaces(text: str, at: int) -> int:
    found = _SPACES.match(text, at)
    assert found is not None
    return found.end()


def _with(text: str, found: _Member | None, key: str, value: str) -> str:
    if found is not None:
        same = found.value == value
        return text if same else text[: found.value_start] + json.dumps(value) + text[found.end :]
    member = f"{json.dumps(key)}: {json.dumps(value)}"
    members = _members(text)
    if members:
        end = members[-1].end
        return f"{text[:end]}, {member}{text[end:]}"
    opening = text.index("{") + 1
    return text[:opening] + member + text[opening:]


def _without(text: str, found: _Member) -> str:
    """Cut it with the comma that stood before it, or behind the first one."""
    members = _members(text)
    at = next(i for i, member in enumerate(members) if member.start == found.start)
    if at > 0:
        return text[: members[at - 1].end] + text[found.end :]
    end = members[1].start if len(members) > 1 else found.end
    return text[: found.start] + text[end:]


# ---- the notes


def _notes(notes: str, blocks: Sequence[_Block], wanted: Content, added: Added) -> str:
    """The notes then, with one block or none."""
    text = _block_of(wanted, added)
    if not blocks:
        gap = "\n\n" if notes and text else ""
        return notes + gap + text
    for copy in reversed(blocks[1:]):
        notes = notes[: copy.start] + notes[copy.end :]
    first = blocks[0]
    gap = first.gap if text else ""
    return notes[: first.start] + gap + text + notes[first.end :]


def _block_of(wanted: Content, added: Added) -> str:
    if not wanted.lines:
        return ""
    told = json.dumps({"keys": added.keys, "tags": added.tags}, ensure_ascii=False)
    lines = [" ".join(line.split()) for line in wanted.lines]
    lines = [re.sub(r"\[(?=/?Paribus)", "(", line) for line in lines]
    body = "\n".join([*lines, _ADDED + told])
    return f"{_BEGIN}\n{body}\n{_END}{digest(body)}]"
