"""What a mirrored run has beside its history: system metrics, the end of its console output.

Revision: 0008, after 0007
"""

import sqlalchemy as sa
from alembic import op

from paribus_service.store.types import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INDEX = "ix_upstream_runs_source_id_records_pending"


def upgrade() -> None:
    """Runs that are mirrored already have none of it, until they are listed again."""
    for name in ("records_pending", "system_final"):
        op.add_column(
            "upstream_runs",
            sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()),
        )
    op.add_column("upstream_runs", sa.Column("system_lines", sa.Integer(), nullable=True))
    op.add_column("upstream_runs", sa.Column("system_heard_at", UtcDateTime(), nullable=True))
    op.add_column("upstream_runs", sa.Column("console_lines", sa.Integer(), nullable=True))
    op.add_column("upstream_runs", sa.Column("console_problem", sa.Text(), nullable=True))
    op.create_index(INDEX, "upstream_runs", ["source_id", "records_pending", "run_pk"])


def downgrade() -> None:
    """Forget which there were; what was read of them stays."""
    op.drop_index(INDEX, "upstream_runs")
    for name in (
        "records_pending", "system_final", "system_lines", "system_heard_at", "console_lines",
        "console_problem",
    ):  # fmt: skip
        op.drop_column("upstream_runs", name)
