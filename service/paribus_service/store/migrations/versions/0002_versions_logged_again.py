"""Versions logged again.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Versions logged again."""
    op.create_table(
        "artifact_outputs",
        sa.Column("run_pk", sa.Integer(), nullable=False),
        sa.Column("artifact_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_id"],
            ["artifacts.id"],
            name=op.f("fk_artifact_outputs_artifact_id_artifacts"),
        ),
        sa.ForeignKeyConstraint(
            ["run_pk"],
            ["runs.pk"],
            name=op.f("fk_artifact_outputs_run_pk_runs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_pk", "artifact_id", name=op.f("pk_artifact_outputs")),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("artifact_outputs")
