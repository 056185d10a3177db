"""A short document of headings, sentences and tables, as Markdown or as HTML.

    document = Document("Which factor made the difference?")
    document.say("`batch`: yes.")
    document.table(["level", "n"], [["8", "6"]])
    document.markdown(), document.html()

A `word` in back-ticks is code in both; all else is text, whatever it holds.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

_CODE = re.compile(r"`([^`]+)`")
_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}table{border-collapse:collapse;display:block;overflow-x:auto;"
    "margin:1rem 0}th,td{border:1px solid #8888;padding:.25rem .6rem;text-align:left;"
    "vertical-align:top}code{font-family:ui-monospace,monospace}"
)


@dataclass(frozen=True, slots=True)
class _Part:
    kind: Literal["heading", "sentence", "list", "table"]
    rows: tuple[tuple[str, ...], ...]


@dataclass(slots=True)
class Document:
    """What a person would forward."""

    title: str
    parts: list[_Part] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """Begin a section."""
        self.parts.append(_Part("heading", ((text,),)))

    def say(self, *sentences: str) -> None:
        """Add a paragraph; empty sentences are left out."""
        told = " ".join(sentence for sentence in sentences if sentence)
        if told:
            self.parts.append(_Part("sentence", ((told,),)))

    def points(self, sentences: Sequence[str]) -> None:
        """Add a list, if there is anything to list."""
        if sentences:
            self.parts.append(_Part("list", tuple((sentence,) for sentence in sentences)))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table, if it has a row."""
        if rows:
            self.parts.append(_Part("table", (tuple(header), *(tuple(row) for row in rows))))

    def markdown(self) -> str:
        """Return it as Markdown (CommonMark with tables)."""
        made = [f"# {_inline(self.title)}", *(_markdown(part) for part in self.parts)]
        return "\n\n".join(made) + "\n"

    def html(self) -> str:
        """Return it as one HTML page that needs nothing else."""
        title = html.escape(_CODE.sub(r"\1", self.title))
        body = "\n".join(
            [f"<h1>{_tagged(self.title)}</h1>", *(_html(part) for part in self.parts)]
        )
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n"
            "</body>\n</html>\n"
        )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str) -> str:
    """Keep what a run's name holds from becoming markup."""
    return re.sub(r"([\\`*_~\[\]<>#|&])", r"\\\1", text)


def _inline(text: str) -> str:
    """Escape Markdown outside of code; code is what stands between back-ticks."""
    return _with_code(text, code=lambda part: part)


def _cell(text: str) -> str:
    """Return a cell; a bar would end it, in code too."""
    return _with_code(text, code=lambda part: part.replace("|", "\\|"))


def _with_code(text: str, *, code: Callable[[str], str]) -> str:
    parts = _CODE.split(_one_line(text))
    return "".join(
        f"`{code(part)}`" if at % 2 else _escaped(part) for at, part in enumerate(parts)
    )


def _markdown(part: _Part) -> str:
    if part.kind == "heading":
        return f"## {_inline(part.rows[0][0])}"
    if part.kind == "sentence":
        return _inline(part.rows[0][0])
    if part.kind == "list":
        return "\n".join(f"- {_inline(row[0])}" for row in part.rows)
    header, *rows = part.rows
    lines = [[_cell(text) for text in line] for line in (header, *rows)]
    lines.insert(1, ["---"] * len(header))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _html(part: _Part) -> str:
    if part.kind == "heading":
        return f"<h2>{_tagged(part.rows[0][0])}</h2>"
    if part.kind == "sentence":
        return f"<p>{_tagged(part.rows[0][0])}</p>"
    if part.kind == "list":
        items = "".join(f"<li>{_tagged(row[0])}</li>" for row in part.rows)
        return f"<ul>{items}</ul>"
    header, *rows = part.rows
    head = "".join(f'<th scope="col">{_tagged(text)}</th>' for text in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{_tagged(text)}</td>" for text in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _tagged(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", html.escape(text))
