"""Objects of logs that are watched: each is listed once, scanned once, and counted once."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "scanned_object",
        sa.Column("tenant", sa.Text(), primary_key=True),
        sa.Column("watch", sa.Text(), primary_key=True),
        sa.Column("uri", sa.Text(), primary_key=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("listed_at", sa.Text(), nullable=False),
        sa.Column("done_at", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index(
        "ix_scanned_object_tenant_watch_state_done_at",
        "scanned_object",
        ["tenant", "watch", "state", "done_at"],
    )


def downgrade() -> None:
    """Refuse: a database with evidence is never migrated backwards."""
    raise NotImplementedError("restore a backup instead")
