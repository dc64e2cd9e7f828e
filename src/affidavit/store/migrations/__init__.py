"""Alembic's migrations, run by `Database` when it is opened."""

from pathlib import Path

import sqlalchemy as sa

from affidavit.errors import StoreError
from affidavit.store.schema import REVISION


def upgrade(connection: sa.Connection, where: str) -> None:
    """Bring the schema to `REVISION` inside the connection's transaction; refuse an unknown one."""
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, REVISION)
    except CommandError as error:
        raise StoreError(
            f"The database {where} was made by another version of Affidavit",
            why=str(error),
            todo="Use that version or a newer one; databases are never migrated backwards.",
        ) from error
