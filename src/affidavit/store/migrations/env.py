"""What Alembic runs for each migration: inside the transaction that `Database` has opened."""

from alembic import context

from affidavit.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
