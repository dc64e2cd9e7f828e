"""Whether a run is of everything or of CloudTrail's new events alone."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what was run before is whole."""
    column = sa.Column("scope", sa.Text(), nullable=False, server_default="whole")
    op.add_column("run", column)


def downgrade() -> None:
    """Refuse: a database with evidence is never migrated backwards."""
    raise NotImplementedError("restore a backup instead")
