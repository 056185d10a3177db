"""Revisions of a sweep, what its plan can tell apart, and a project's version.

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

from paribus_service.store.types import JsonText

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ADDED = (("projects", "version"), ("sweeps", "revision"), ("trials", "revision"))


def upgrade() -> None:
    """What is there already is of the first revision, and was told nothing of its plan."""
    for table, column in _ADDED:
        op.add_column(
            table, sa.Column(column, sa.Integer(), nullable=False, server_default=sa.text("1"))
        )
    op.add_column("sweeps", sa.Column("aliases", JsonText(), nullable=True))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("sweeps", "aliases")
    for table, column in reversed(_ADDED):
        op.drop_column(table, column)
