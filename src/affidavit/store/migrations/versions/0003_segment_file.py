"""Segments and the files that hold them: compaction puts several segments into one file."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let each segment say which file holds it, and from which row on; so far, its own."""
    op.add_column("segment", sa.Column("file", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "segment", sa.Column("first_row", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.execute("UPDATE segment SET file = digest")
    op.create_index(op.f("ix_segment_file"), "segment", ["file"])


def downgrade() -> None:
    """Refuse: a database with evidence is never migrated backwards."""
    raise NotImplementedError("restore a backup instead")
