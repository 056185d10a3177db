"""Runs that are mirrored from a W&B server, and how far that has come.

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

from paribus_service.store.types import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing of this is in older databases."""
    op.create_table(
        "upstream_projects",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("filters_text", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("listing_all", sa.Boolean(), nullable=False),
        sa.Column("passes", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("begun_at", UtcDateTime(), nullable=False),
        sa.Column("heard_at", UtcDateTime(), nullable=True),
        sa.Column("listed_at", UtcDateTime(), nullable=True),
        sa.Column("listed_all_at", UtcDateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("wait_until", UtcDateTime(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_upstream_projects_project_id_projects"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_upstream_projects"),
        sa.UniqueConstraint(
            "project_id",
            "base_url",
            "entity",
            "project",
            "filters_text",
            name="uq_upstream_projects_project_id_base_url_entity_project_filters_text",
        ),
    )
    op.create_table(
        "upstream_skips",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("wandb_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("seen_pass", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["upstream_projects.id"],
            name="fk_upstream_skips_source_id_upstream_projects",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("source_id", "wandb_id", name="pk_upstream_skips"),
    )
    op.create_table(
        "upstream_runs",
        sa.Column("run_pk", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("gql_id", sa.Text(), nullable=False),
        sa.Column("sweep_id", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("history_lines", sa.Integer(), nullable=True),
        sa.Column("next_step", sa.BigInteger(), nullable=False),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.Column("reread_lines", sa.Integer(), nullable=True),
        sa.Column("seen_pass", sa.Integer(), nullable=False),
        sa.Column("gone_at", UtcDateTime(), nullable=True),
        sa.Column("mirrored_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_pk"], ["runs.pk"], name="fk_upstream_runs_run_pk_runs", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["upstream_projects.id"],
            name="fk_upstream_runs_source_id_upstream_projects",
        ),
        sa.PrimaryKeyConstraint("run_pk", name="pk_upstream_runs"),
    )
    op.create_index(
        "ix_upstream_runs_source_id_pending", "upstream_runs", ["source_id", "pending", "run_pk"]
    )
    op.create_index(
        "ix_upstream_runs_source_id_seen_pass", "upstream_runs", ["source_id", "seen_pass"]
    )


def downgrade() -> None:
    """Take it back; what was mirrored stays, as plain runs."""
    op.drop_table("upstream_runs")
    op.drop_table("upstream_skips")
    op.drop_table("upstream_projects")
