"""The written parts of reference pages, answers.md and findings.md: examples, and the lists.

    fill(page)      # the page with everything between its marks written anew

A page marks what is written: `<!-- begin: answer effects -->` to `<!-- end -->` holds the answer
to the last request above it, a JSON block. So an example cannot say what the code does not.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from paribus_sweeps.analysis.answers import KINDS, Asked, answer
from paribus_sweeps.analysis.execution_keys import (
    CLASS_MEANINGS,
    EXECUTION_KEYS,
    LURKING_CLASSES,
    REPLICATE_KEYS,
)
from paribus_sweeps.analysis.findings.plain_runs import answer_curves
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Rule
from paribus_sweeps.analysis.findings.rules import ABOUT_COMPARISONS, ABOUT_RUNS
from paribus_sweeps.analysis.plain_tables import STATES, read_table
from paribus_sweeps.analysis.report import document_of
from paribus_sweeps.analysis.responses import FEATURE_TABLE
from paribus_sweeps.analysis.roles import ROLES

DIGITS = 6  # of a printed number: the last ones differ between machines
_SMALLEST = 1e-12  # of a printed number: what rounding leaves of a zero
_WIDTH = 99

_PART = re.compile(r"<!-- begin: ([^>]+?) -->\n.*?<!-- end -->", re.DOTALL)
_REQUEST = re.compile(r"```json\n(.*?)```", re.DOTALL)


class UnknownPart(ValueError):
    """A page marks a part that nobody writes; `name`."""

    def __init__(self, name: str) -> None:
        super().__init__(f"nobody writes a part {name!r}; known: {', '.join(_PARTS)}")
        self.name = name


def fill(page: str) -> str:
    """Return a page with its marked parts written anew.

    Raises:
        UnknownPart: A mark names a part that nobody writes.
        InvalidSpec: A request on the page cannot be read.
    """
    made, place = [], 0
    for start, end, part, request in _parts(page):
        text = f"<!-- begin: {part} -->\n{_written(part, request)}<!-- end -->"
        made += [page[place:start], text]
        place = end
    return "".join([*made, page[place:]])


def requests(page: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the kinds of answer that a page shows, each with the request above it."""
    words = ((part.split(), request) for _, _, part, request in _parts(page))
    return [(name[1], request) for name, request in words if name[0] in ("answer", "rest")]


def _parts(page: str) -> Iterator[tuple[int, int, str, dict[str, Any]]]:
    """Where each marked part begins and ends, its mark, and the last request before it."""
    place = 0
    request: dict[str, Any] = {}
    for part in _PART.finditer(page):
        blocks = _REQUEST.findall(page[place : part.start()])
        request = json.loads(blocks[-1]) if blocks else request
        yield part.start(), part.end(), part[1], request
        place = part.end()


def _written(part: str, request: Mapping[str, Any]) -> str:
    name, *words = part.split()
    if name not in _PARTS:
        raise UnknownPart(name)
    return _PARTS[name](request, words)


def _answer(request: Mapping[str, Any], words: Sequence[str]) -> str:
    """The whole answer of a kind."""
    return _fenced(answer(words[0], read_table(request)))


def _rest(request: Mapping[str, Any], words: Sequence[str]) -> str:
    """What a kind adds to what every answer carries; further words are keys left out."""
    told = KINDS[words[0]](Asked(read_table(request)))
    return _fenced({key: value for key, value in told.items() if key not in words[1:]})


def _report(request: Mapping[str, Any], words: Sequence[str]) -> str:
    """The report in words."""
    document = document_of(answer("report", read_table(request))).markdown()
    return f"```markdown\n{document}```\n"


def _fenced(told: Mapping[str, Any]) -> str:
    return f"```json\n{layout(rounded(told))}\n```\n"


def rounded(value: Any) -> Any:
    """Return a value with its numbers rounded as a page prints them."""
    if isinstance(value, float):
        return 0.0 if abs(value) < _SMALLEST else float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: rounded(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(held) for held in value]
    return value


def layout(value: Any, indent: int = 0) -> str:
    """Return JSON in which whatever fits on a line stands on one."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= _WIDTH or not isinstance(value, dict | list):
        return flat
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        lines = [f"{json.dumps(k)}: {layout(v, indent + 2)}" for k, v in value.items()]
        opening, closing = "{", "}"
    else:
        lines = [layout(held, indent + 2) for held in value]
        opening, closing = "[", "]"
    body = ",\n".join(inner + line for line in lines)
    return f"{opening}\n{body}\n{' ' * indent}{closing}"


def _features(request: Mapping[str, Any], words: Sequence[str]) -> str:
    rows = [
        f"| `{f.name}` | {f.meaning} | {f.unit} | {_better(f.goal)} | "
        f"{'yes' if f.on_common_points else 'no'} | {f.refuses} | {f.section} |"
        for f in FEATURE_TABLE.values()
    ]
    head = "| feature | meaning | unit | better | common points | refuses | METHOD |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows]) + "\n"


def _better(goal: str | None) -> str:
    return {"minimize": "lower", "maximize": "higher"}.get(goal or "", "as the key")


def _execution_keys(request: Mapping[str, Any], words: Sequence[str]) -> str:
    rows = [
        f"| `{name}` | {CLASS_MEANINGS[name]} | {'yes' if name in LURKING_CLASSES else 'no'} | "
        f"{', '.join(f'`{key}`' for key in keys)} |"
        for name, keys in EXECUTION_KEYS.items()
    ]
    head = "| class | what its keys say | looked at for aliasing | keys |"
    return "\n".join([head, "|---|---|---|---|", *rows]) + "\n"


def _curves(request: Mapping[str, Any], words: Sequence[str]) -> str:
    """What the rules say of the request's runs; of the words, the keys that are shown."""
    told = answer_curves(request)
    return _fenced({key: told[key] for key in words})


def _rules(request: Mapping[str, Any], words: Sequence[str]) -> str:
    """A part for each module of rules: how they decide, and what each reads and compares with."""
    modules = (*ABOUT_RUNS, *ABOUT_COMPARISONS)
    return "\n".join(line for module in modules for line in _module(module))


def _module(module: ModuleType) -> Iterator[str]:
    """The definition that a module opens with, behind the names of its rules."""
    rules: list[Rule | ComparisonRule] = [
        *getattr(module, "RULES", ()),
        *getattr(module, "COMPARISONS", ()),
    ]
    yield f"### {', '.join(rule.name for rule in rules)}\n"
    yield f"{inspect.cleandoc(module.__doc__ or '')}\n"
    for rule in rules:
        yield from _rule(rule)


def _rule(rule: Rule | ComparisonRule) -> Iterator[str]:
    about = "of one run" if isinstance(rule, Rule) else "of runs beside one another"
    thumb = "; a rule of thumb, and no test" if rule.is_heuristic else ""
    where = "here" if rule.section == "findings.md" else f"in {rule.section}"
    yield f"**{rule.name}**: {rule.meaning}\n"
    yield f"Version {rule.version}, {about}; defined {where}{thumb}.\n"
    reads = [*rule.roles, *rule.keys]
    if reads:
        yield f"Reads {', '.join(f'`{name}`' for name in reads)}.\n"
    if rule.labels:
        rows = [f"| `{label}` | {meaning} |" for label, meaning in rule.labels.items()]
        yield "\n".join(["| label | meaning |", "|---|---|", *rows]) + "\n"
    if rule.thresholds:
        rows = [f"| `{t.name}` | {t.default:g} | {t.reason} |" for t in rule.thresholds]
        yield "\n".join(["| threshold | default | reason |", "|---|---|---|", *rows]) + "\n"


def _roles(request: Mapping[str, Any], words: Sequence[str]) -> str:
    rows = [
        f"| `{role.name}` | {role.meaning} | "
        + ", ".join(f"`{name}`".replace("|", "\\|") for name in role.names)
        + " |"
        for role in ROLES
    ]
    return (
        "\n".join(
            ["| role | meaning | keys, the first that was logged counts |", "|---|---|---|", *rows]
        )
        + "\n"
    )


def _words(values: Sequence[str]) -> str:
    return ", ".join(f"`{value}`" for value in values) + "\n"


_PARTS: Mapping[str, Callable[[Mapping[str, Any], Sequence[str]], str]] = {
    "answer": _answer,
    "rest": _rest,
    "report": _report,
    "features": _features,
    "curves": _curves,
    "rules": _rules,
    "roles": _roles,
    "execution-keys": _execution_keys,
    "states": lambda request, words: _words(STATES),
    "replicate-keys": lambda request, words: _words(REPLICATE_KEYS),
}
"""Part → what writes it, from the request above it and the further words of its mark."""
