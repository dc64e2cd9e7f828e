"""The first schema: assessments, runs, results, segments, folders, verdicts, and the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "assessment",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessment")),
        sa.UniqueConstraint("tenant", "name", name=op.f("uq_assessment_tenant_name")),
    )
    op.create_table(
        "log",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_log")),
    )
    op.create_table(
        "checkpoint",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("stamp", sa.LargeBinary(), nullable=True),
        sa.Column("stamp_warning", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["log.tenant"], name=op.f("fk_checkpoint_tenant")),
        sa.PrimaryKeyConstraint("tenant", "size", "key", name=op.f("pk_checkpoint")),
    )
    op.create_table(
        "folder",
        sa.Column("assessment_id", sa.Text(), nullable=False),
        sa.Column("control_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("control_set_id", sa.Text(), nullable=False),
        sa.Column("compliant", sa.BigInteger(), nullable=False),
        sa.Column("non_compliant", sa.BigInteger(), nullable=False),
        sa.Column("not_applicable", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessment.id"], name=op.f("fk_folder_assessment_id")
        ),
        sa.PrimaryKeyConstraint("assessment_id", "control_id", "day", name=op.f("pk_folder")),
    )
    op.create_table(
        "log_tile",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["log.tenant"], name=op.f("fk_log_tile_tenant")),
        sa.PrimaryKeyConstraint("tenant", "level", "number", name=op.f("pk_log_tile")),
    )
    op.create_table(
        "record",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("leaf", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["log.tenant"], name=op.f("fk_record_tenant")),
        sa.PrimaryKeyConstraint("tenant", "leaf", name=op.f("pk_record")),
    )
    op.create_index("ix_record_tenant_kind_day", "record", ["tenant", "kind", "day"], unique=False)
    op.create_table(
        "run",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("assessment_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("catalogue_digest", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("lease", sa.Text(), nullable=False),
        sa.Column("held_since", sa.BigInteger(), nullable=False),
        sa.Column("heartbeat", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("first_leaf", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessment.id"], name=op.f("fk_run_assessment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index(
        "uq_run_open",
        "run",
        ["assessment_id", "day"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "uq_run_sequence",
        "run",
        ["assessment_id", "sequence"],
        unique=True,
        sqlite_where=sa.text("state = 'committed'"),
        postgresql_where=sa.text("state = 'committed'"),
    )
    op.create_table(
        "result",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("blob", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_result_run_id")),
        sa.PrimaryKeyConstraint("run_id", "unit_id", name=op.f("pk_result")),
    )
    op.create_index(op.f("ix_result_blob"), "result", ["blob"], unique=False)
    op.create_index(op.f("ix_result_digest"), "result", ["digest"], unique=False)
    op.create_table(
        "segment",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("assessment_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("first_leaf", sa.BigInteger(), nullable=False),
        sa.Column("min_time", sa.BigInteger(), nullable=False),
        sa.Column("max_time", sa.BigInteger(), nullable=False),
        sa.Column("min_id", sa.Text(), nullable=False),
        sa.Column("max_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_segment_run_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_segment")),
        sa.UniqueConstraint("tenant", "first_leaf", name=op.f("uq_segment_tenant_first_leaf")),
    )
    op.create_index(
        "ix_segment_assessment_id_day", "segment", ["assessment_id", "day"], unique=False
    )
    op.create_index(op.f("ix_segment_run_id"), "segment", ["run_id"], unique=False)
    op.create_table(
        "verdict",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("control_id", sa.Text(), nullable=False),
        sa.Column("assessment_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_verdict_run_id")),
        sa.PrimaryKeyConstraint("run_id", "control_id", name=op.f("pk_verdict")),
    )
    op.create_index(
        "ix_verdict_assessment_id_day", "verdict", ["assessment_id", "day"], unique=False
    )


def downgrade() -> None:
    """Refuse: a database with evidence is never migrated backwards."""
    raise NotImplementedError("restore a backup instead")
