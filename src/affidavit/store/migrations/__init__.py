"""Alembic's migrations, run by `Database` when it is opened.

Alembic brings Mako, which colours its errors by Pygments where that is installed: 5 MiB of lexers
(measured, Mako 1.3) that nothing here needs. So Mako is told that there is none.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa

from affidavit.errors import StoreError
from affidavit.store.schema import REVISION


def upgrade(connection: sa.Connection, where: str) -> None:
    """Bring the schema to `REVISION` inside the connection's transaction; refuse an unknown one."""
    with _uncoloured():
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


@contextmanager
def _uncoloured() -> Iterator[None]:
    """Let Mako find an empty module where it looks for the one that colours."""
    stand_in = ModuleType("mako.ext.pygmentplugin")
    sys.modules.setdefault(stand_in.__name__, stand_in)
    try:
        yield
    finally:
        if sys.modules.get(stand_in.__name__) is stand_in:
            del sys.modules[stand_in.__name__]
