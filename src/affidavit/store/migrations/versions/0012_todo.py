"""What is to be done outside the database once a transaction is over, until it is done."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "todo",
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("tried_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_todo_done_at_kind", "todo", ["done_at", "kind"])
    op.create_index("ix_todo_kind_since", "todo", ["kind", "since"])


def downgrade() -> None:
    """Refuse: a database with evidence is never migrated backwards."""
    raise NotImplementedError("restore a backup instead")
