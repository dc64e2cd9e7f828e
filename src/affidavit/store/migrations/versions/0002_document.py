"""Documents: the nouns of Audit Manager's API."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "document",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("sort", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "kind", "id", name=op.f("pk_document")),
    )
    op.create_index(
        op.f("ix_document_tenant_kind_parent_sort_id"),
        "document",
        ["tenant", "kind", "parent", "sort", "id"],
    )
    op.create_index(op.f("ix_document_kind_id"), "document", ["kind", "id"])


def downgrade() -> None:
    """Refuse: a database with evidence is never migrated backwards."""
    raise NotImplementedError("restore a backup instead")
