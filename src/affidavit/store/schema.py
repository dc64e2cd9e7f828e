"""The tables. `migrations/` makes them; a test compares the two.

Times that are compared are whole microseconds since 1970 UTC; those shown stand in the JSON.
Leaves (`leaf`, `first_leaf`) count from 0 in the tenant's log.
"""

import sqlalchemy as sa

REVISION = "0013"
"""The newest migration; a test compares it with the folder."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

assessment = sa.Table(
    "assessment",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False, doc="The assessment as JSON."),
    sa.UniqueConstraint("tenant", "name"),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("assessment_id", sa.Text, sa.ForeignKey("assessment.id"), nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("day", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, doc="open, committed or abandoned."),
    sa.Column("catalogue_digest", sa.Text, nullable=False),
    sa.Column("started_at", sa.Text, nullable=False),
    sa.Column("holder", sa.Text, nullable=False, doc="Who works on it, as JSON; empty: nobody."),
    sa.Column("lease", sa.Text, nullable=False, doc="Token of the holder; a lost lease stops him."),
    sa.Column("held_since", sa.BigInteger, nullable=False),
    sa.Column("heartbeat", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False, doc="0 until committed."),
    sa.Column("entry", sa.Text, nullable=False, doc="Ledger entry of the run record, or empty."),
    sa.Column("first_leaf", sa.BigInteger, nullable=False),
    sa.Column("leaf", sa.BigInteger, nullable=False, doc="Of the run record; -1 until committed."),
    sa.Column("scope", sa.Text, nullable=False, server_default="whole", doc="whole or activity."),
    sa.Index(
        "uq_run_open",
        "assessment_id",
        "day",
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    ),
    sa.Index(
        "uq_run_sequence",
        "assessment_id",
        "sequence",
        unique=True,
        sqlite_where=sa.text("state = 'committed'"),
        postgresql_where=sa.text("state = 'committed'"),
    ),
)

result = sa.Table(
    "result",
    metadata,
    sa.Column("run_id", sa.Text, sa.ForeignKey("run.id"), primary_key=True),
    sa.Column("unit_id", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False, doc="The observation or gap as canonical JSON."),
    sa.Column("blob", sa.Text, nullable=False, index=True, doc="Address of the body, or empty."),
)

segment = sa.Table(
    "segment",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True, doc="Of the file that it was written as."),
    sa.Column("run_id", sa.Text, sa.ForeignKey("run.id"), nullable=False, index=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("assessment_id", sa.Text, nullable=False),
    sa.Column("day", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False, doc="Below the object folder."),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("first_leaf", sa.BigInteger, nullable=False),
    sa.Column("min_time", sa.BigInteger, nullable=False),
    sa.Column("max_time", sa.BigInteger, nullable=False),
    sa.Column("min_id", sa.Text, nullable=False),
    sa.Column("max_id", sa.Text, nullable=False),
    sa.Column("file", sa.Text, nullable=False, index=True, doc="SHA-256 of the file at `path`."),
    sa.Column("first_row", sa.BigInteger, nullable=False, doc="Its first row in that file."),
    sa.Index("ix_segment_assessment_id_day", "assessment_id", "day"),
    sa.UniqueConstraint("tenant", "first_leaf"),
)

folder = sa.Table(
    "folder",
    metadata,
    sa.Column("assessment_id", sa.Text, sa.ForeignKey("assessment.id"), primary_key=True),
    sa.Column("control_id", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("control_set_id", sa.Text, nullable=False),
    sa.Column("compliant", sa.BigInteger, nullable=False),
    sa.Column("non_compliant", sa.BigInteger, nullable=False),
    sa.Column("not_applicable", sa.BigInteger, nullable=False),
)

verdict = sa.Table(
    "verdict",
    metadata,
    sa.Column("run_id", sa.Text, sa.ForeignKey("run.id"), primary_key=True),
    sa.Column("control_id", sa.Text, primary_key=True),
    sa.Column("assessment_id", sa.Text, nullable=False),
    sa.Column("day", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False, doc="The control's verdict as JSON."),
    sa.Index("ix_verdict_assessment_id_day", "assessment_id", "day"),
)

log = sa.Table(
    "log",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
)

log_tile = sa.Table(
    "log_tile",
    metadata,
    sa.Column("tenant", sa.Text, sa.ForeignKey("log.tenant"), primary_key=True),
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("hashes", sa.LargeBinary, nullable=False, doc="See ledger.tiles."),
)

record = sa.Table(
    "record",
    metadata,
    sa.Column("tenant", sa.Text, sa.ForeignKey("log.tenant"), primary_key=True),
    sa.Column("leaf", sa.BigInteger, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False, doc="run, change, parameter or key."),
    sa.Column("day", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False, doc="The record as canonical JSON."),
    sa.Index("ix_record_tenant_kind_day", "tenant", "kind", "day"),
)

checkpoint = sa.Table(
    "checkpoint",
    metadata,
    sa.Column("tenant", sa.Text, sa.ForeignKey("log.tenant"), primary_key=True),
    sa.Column("size", sa.BigInteger, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True, doc="Fingerprint of the key that signed."),
    sa.Column("signed_at", sa.BigInteger, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("stamp", sa.LargeBinary, nullable=True, doc="RFC 3161 answer."),
    sa.Column("stamp_warning", sa.Text, nullable=False, doc="Why there is no stamp, or empty."),
)

document = sa.Table(
    "document",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True, doc="Noun of the API, for example control."),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("parent", sa.Text, nullable=False, doc="Id of what it belongs to, or empty."),
    sa.Column("sort", sa.Text, nullable=False, doc="What lists are ordered by, then the id."),
    sa.Column("version", sa.BigInteger, nullable=False, doc="Counts its writes from 1."),
    sa.Column("body", sa.Text, nullable=False, doc="The document as JSON."),
    sa.Index("ix_document_tenant_kind_parent_sort_id", "tenant", "kind", "parent", "sort", "id"),
    sa.Index("ix_document_kind_id", "kind", "id"),
)

scanned_object = sa.Table(
    "scanned_object",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("watch", sa.Text, primary_key=True),
    sa.Column("uri", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False, doc="listed, scanned, failed or folded."),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("listed_at", sa.Text, nullable=False),
    sa.Column("done_at", sa.Text, nullable=False, doc="Empty while it is to be scanned."),
    sa.Column("body", sa.Text, nullable=False, doc="Counts as JSON; of a failed one, why."),
    sa.Index("ix_scanned_object_tenant_watch_state_done_at", "tenant", "watch", "state", "done_at"),
)

todo = sa.Table(
    "todo",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True, doc="remove or publish."),
    sa.Column("name", sa.Text, primary_key=True, doc="The object, or the tenant."),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False, doc="Grows with every to-do that is left."),
    sa.Column("holder", sa.Text, nullable=False, doc="Who is at it, as JSON; empty: nobody."),
    sa.Column("tried_at", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, doc="That failed."),
    sa.Column("why", sa.Text, nullable=False, doc="Why the last one failed, or empty."),
    sa.Column("done_at", sa.BigInteger, nullable=False, doc="0 until it is done."),
    sa.Index("ix_todo_done_at_kind", "done_at", "kind"),
    sa.Index("ix_todo_kind_since", "kind", "since"),
)
