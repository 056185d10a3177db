"""What was written to the runs of a W&B server, so that it can be taken back.

Revision: 0007, after 0006
"""

import sqlalchemy as sa
from alembic import op

from paribus_service.store.types import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing of this is in older databases."""
    op.create_table(
        "annotations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sweep_id", sa.Text(), nullable=True),
        sa.Column("project_id", sa.Integer(), nullable=True),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.Column("question_text", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("best_text", sa.Text(), nullable=False),
        sa.Column("lines_text", sa.Text(), nullable=False),
        sa.Column("passes", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Integer(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("writes", sa.Integer(), nullable=False),
        sa.Column("sweep_block", sa.Boolean(), nullable=False),
        sa.Column("sweep_left_text", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("wait_until", UtcDateTime(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("begun_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sweep_id"], ["sweeps.id"], name="fk_annotations_sweep_id_sweeps"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_annotations_project_id_projects"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_annotations"),
        sa.UniqueConstraint("sweep_id", name="uq_annotations_sweep_id"),
        sa.UniqueConstraint("project_id", name="uq_annotations_project_id"),
    )
    op.create_table(
        "annotated_runs",
        sa.Column("run_pk", sa.Integer(), nullable=False),
        sa.Column("annotation_id", sa.Integer(), nullable=False),
        sa.Column("keys_text", sa.Text(), nullable=False),
        sa.Column("tags_text", sa.Text(), nullable=False),
        sa.Column("has_block", sa.Boolean(), nullable=False),
        sa.Column("left_text", sa.Text(), nullable=False),
        sa.Column("written_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_pk"], ["runs.pk"], name="fk_annotated_runs_run_pk_runs", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["annotation_id"],
            ["annotations.id"],
            name="fk_annotated_runs_annotation_id_annotations",
        ),
        sa.PrimaryKeyConstraint("run_pk", name="pk_annotated_runs"),
    )
    op.create_index("ix_annotated_runs_annotation_id", "annotated_runs", ["annotation_id"])


def downgrade() -> None:
    """Forget what was written there; its blocks still tell."""
    op.drop_table("annotated_runs")
    op.drop_table("annotations")
