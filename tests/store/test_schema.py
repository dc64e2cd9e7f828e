"""The migrations make exactly the tables that the code reads."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from affidavit.errors import StoreError
from affidavit.settings import Settings
from affidavit.store import migrations
from affidavit.store.database import Database
from affidavit.store.schema import REVISION, metadata


def test_revision_is_the_head() -> None:
    """`REVISION` is the newest migration of the folder, and there is one head only."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_migrations_make_the_schema(settings: Settings) -> None:
    """A migrated database differs in nothing from the declared tables."""
    database = Database(settings.database)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    database.close()


def test_a_newer_database_is_refused(settings: Settings) -> None:
    """A database of a later version is refused and left as it is."""
    database = Database(settings.database)
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(StoreError, match="another version"):
        Database(settings.database)


def test_migrating_loads_no_lexers() -> None:
    """Alembic comes without what would colour its errors, which is memory of every first run."""
    script = (
        "import sys, sqlalchemy as sa; from affidavit.store.migrations import upgrade\n"
        "with sa.create_engine('sqlite://').begin() as c: upgrade(c, 'memory')\n"
        "print(*(name for name in sys.modules if name.startswith(('pygments', 'mako.ext'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, timeout=300, capture_output=True, text=True
    )
    assert done.stdout.split() == []


def test_two_threads_may_open_databases_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who began first is done first: what stood in for Mako's colouring is gone by then."""
    monkeypatch.delitem(sys.modules, "mako.ext.pygmentplugin", raising=False)
    first, second = ExitStack(), ExitStack()
    for one in (first, second):
        one.enter_context(migrations._uncoloured())
    for one in (first, second):
        one.close()
