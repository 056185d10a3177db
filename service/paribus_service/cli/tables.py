"""What people read: tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

console = Console()


def show_keys(rows: Sequence[Mapping[str, Any]]) -> None:
    """Every key, by what may be shown of it."""
    table = _table("id", "name", "key", "entity", "may", "last used", "ends")
    for row in rows:
        ends = f"revoked {row['revoked_at']}" if row["revoked_at"] else row["expires_at"]
        table.add_row(
            row["id"],
            row["name"],
            f"{row['prefix']}…",
            row["entity"],
            ", ".join(row["scopes"]),
            row["last_used_at"] or "never",
            ends or "",
        )
    console.print(table)


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column)
    return table
