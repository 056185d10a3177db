"""History as columns, what rules find in them, and trials that clients named.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

from paribus_service.store.types import JsonText, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ADDED = ("history_rewrites", "folded_lines")


def upgrade() -> None:
    """Histories that are there already are folded as the service finds the time."""
    for column in _ADDED:
        op.add_column(
            "runs", sa.Column(column, sa.Integer(), nullable=False, server_default=sa.text("0"))
        )
    op.add_column("trials", sa.Column("driver_key", sa.Text(), nullable=True))
    op.create_index("ix_trials_sweep_id_driver_key", "trials", ["sweep_id", "driver_key"])
    op.create_table(
        "history_columns",
        sa.Column("run_pk", sa.Integer(), nullable=False),
        sa.Column("session", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("first_line", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("others", sa.Integer(), nullable=False),
        sa.Column("lines", sa.LargeBinary(), nullable=True),
        sa.Column("numbers", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_pk"], ["runs.pk"], name="fk_history_columns_run_pk_runs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(
            "run_pk", "session", "key", "first_line", name="pk_history_columns"
        ),
    )
    op.create_table(
        "finding_marks",
        sa.Column("run_pk", sa.Integer(), nullable=False),
        sa.Column("data_version", sa.Text(), nullable=False),
        sa.Column("rules_version", sa.Text(), nullable=False),
        sa.Column("evaluated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_pk"], ["runs.pk"], name="fk_finding_marks_run_pk_runs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_pk", name="pk_finding_marks"),
    )
    op.create_table(
        "findings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_pk", sa.Integer(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("document", JsonText(), nullable=False),
        sa.Column("data_version", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_pk"], ["runs.pk"], name="fk_findings_run_pk_runs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_findings"),
        sa.UniqueConstraint("run_pk", "rule", name="uq_findings_run_pk_rule"),
    )


def downgrade() -> None:
    """Take it back: the lines hold everything."""
    op.drop_table("findings")
    op.drop_table("finding_marks")
    op.drop_table("history_columns")
    op.drop_index("ix_trials_sweep_id_driver_key", "trials")
    op.drop_column("trials", "driver_key")
    for column in reversed(_ADDED):
        op.drop_column("runs", column)
