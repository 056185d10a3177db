"""Sweeps that a W&B server tracks.

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op

from paribus_service.store.types import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is there already is tracked here, and has no row in these tables."""
    op.create_table(
        "upstream_sweeps",
        sa.Column("sweep_id", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("gql_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("state_there", sa.Text(), nullable=False),
        sa.Column("state_here", sa.Text(), nullable=False),
        sa.Column("agents", sa.Integer(), nullable=False),
        sa.Column("looked_at", UtcDateTime(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("problem_since", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("sweep_id", name="pk_upstream_sweeps"),
        sa.UniqueConstraint("entity", "project", "remote_id", name="uq_upstream_sweeps_entity_project_remote_id"),
        sa.ForeignKeyConstraint(['sweep_id'], ['sweeps.id'], name="fk_upstream_sweeps_sweep_id_sweeps"),
    )
    op.create_table(
        "upstream_trials",
        sa.Column("trial_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sweep_id", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("remote_run_id", sa.Text(), nullable=True),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.Column("stop_sent_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(['sweep_id'], ['sweeps.id'], name="fk_upstream_trials_sweep_id_sweeps"),
        sa.PrimaryKeyConstraint("trial_id", "attempt", name="pk_upstream_trials"),
        sa.ForeignKeyConstraint(['trial_id'], ['trials.id'], name="fk_upstream_trials_trial_id_trials", ondelete="CASCADE"),
    )
    op.create_index("ix_upstream_trials_display_name", "upstream_trials", ['display_name'])
    op.create_index("ix_upstream_trials_remote_run_id", "upstream_trials", ['remote_run_id'])
    op.create_index("ix_upstream_trials_sweep_id", "upstream_trials", ['sweep_id'])
    op.create_table(
        "upstream_launches",
        sa.Column("marker", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=True),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("marker", name="pk_upstream_launches"),
    )


def downgrade() -> None:
    """What a server holds stays there; here it is forgotten."""
    op.drop_table("upstream_launches")
    op.drop_table("upstream_trials")
    op.drop_table("upstream_sweeps")

