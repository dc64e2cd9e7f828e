"""Evidence as an Apache Iceberg table, one a tenant: the same files, for engines of others.

Nothing is written anew: the table's newest snapshot names exactly the files that the database
names. What the database says stays the truth; publishing makes the table equal to it in one commit
of the catalog, however often and wherever it was interrupted. Older snapshots are forgotten, since
what was deleted or compacted must not be read any more. The table keeps no bounds of columns that
tell more than where to look.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from affidavit.errors import SettingsError, StoreBusyError, StoreError
from affidavit.model.times import utc_now
from affidavit.settings import Settings
from affidavit.store import todos
from affidavit.store.database import Database
from affidavit.store.files import make_folder
from affidavit.store.objects import Objects
from affidavit.store.places import check_tenant
from affidavit.store.schema import segment
from affidavit.store.segment_columns import schema
from affidavit.store.segment_places import SEALED

if TYPE_CHECKING:
    from types import ModuleType

    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

OWN: Final = "sql"
"""The catalog that is ours: an SQLite file below the home folder."""
NAMESPACE: Final = "affidavit"
FOLDER: Final = "lake"
_TRIES: Final = 5
_AT_ONCE: Final = 20
"""Tenants that are published before it is looked again who is at which."""
_BOUNDED: Final = ("assessment_id", "control_id", "id", "time", "verdict")
"""Columns whose least and greatest value the table keeps for each file."""
_PROPERTIES: Final = {
    "write.metadata.metrics.default": "none",
    **{f"write.metadata.metrics.column.{name}": "full" for name in _BOUNDED},
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "5",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What the table is after publishing."""

    table: str
    """Its name in the catalog."""
    metadata: str
    """Where its metadata lies: what engines without a catalog open."""
    added: int
    """Files that the table did not name before."""
    removed: int
    """Files that it names no more: compacted or deleted."""
    files: int


class Lake:
    """Publishes tenants' evidence to the catalog of the settings."""

    def __init__(self, database: Database, objects: Objects, settings: Settings) -> None:
        self._database = database
        self._objects = objects
        self._settings = settings
        self._name = settings.lake

    def warning(self, tenant: str) -> str:
        """Publish if that is switched on; return why it could not be done, or the empty text."""
        if not self._name:
            return ""
        why = self.follow(tenant)
        return f"The evidence was not published as Iceberg: {why}" if why else ""

    def leave(self, connection: sa.Connection, tenant: str) -> None:
        """Leave publishing to be done, in the transaction that changes what is to be published."""
        if self._name:
            todos.leave(connection, todos.PUBLISH, tenant, [tenant])

    def follow(self, tenant: str) -> str:
        """Publish if that is switched on; return why it could not be done, or the empty text.

        A transaction that deletes or adds files leaves it to be done; it stays so until it is.
        """
        return " ".join(self._carry_out([tenant], patient=False)) if self._name else ""

    def resume(self) -> list[str]:
        """Publish what was left to be done and did not fail just now; return why some cannot be."""
        return self._carry_out(None, patient=True) if self._name else []

    def _carry_out(self, tenants: list[str] | None, *, patient: bool) -> list[str]:
        asked = todos.Asked(names=tenants, before=utc_now(), patient=patient)
        taken = todos.take(self._database, todos.PUBLISH, _AT_ONCE, asked)
        problems = []
        for name, mark in taken:
            try:
                self.publish(name)
            except (StoreError, SettingsError) as error:
                problems.append(error.in_a_line)
                todos.finish(self._database, todos.PUBLISH, [], [(name, mark, problems[-1])])
        return problems

    def publish(self, tenant: str) -> Published:
        """Make the tenant's table name exactly the committed files.

        `SettingsError` where publishing is switched off or the catalog is not known, `StoreError`
        where a file is encrypted or gone, or the catalog refuses.
        """
        check_tenant(tenant)
        mark = todos.mark_of(self._database, todos.PUBLISH, tenant)
        done = self._publish(tenant)
        if mark:
            todos.finish(self._database, todos.PUBLISH, [(tenant, mark)])
        return done

    def _publish(self, tenant: str) -> Published:
        catalogs = self._catalogs()
        from pyiceberg.exceptions import CommitFailedException

        try:
            catalog = self._catalog()
            for _ in range(_TRIES):
                try:
                    return self._published(catalog, tenant)
                except CommitFailedException:
                    continue
        except catalogs.refusals() as error:
            raise StoreError(
                f"The evidence of {tenant} could not be published as Iceberg",
                why=" ".join(str(error).split())[:500],
                todo="Correct it, then run `affidavit lake publish`: nothing is lost meanwhile.",
            ) from error
        raise StoreBusyError(
            f"The Iceberg table of {tenant} is being changed by others",
            why=f"{_TRIES} commits in a row came second.",
            todo="Run `affidavit lake publish` again.",
        )

    def table(self, tenant: str) -> "Table":
        """Return the tenant's table as its catalog has it, or raise pyiceberg's error."""
        return self._catalog().load_table(table_name(tenant))

    def _published(self, catalog: "Catalog", tenant: str) -> Published:
        table = self._table(catalog, tenant)
        wanted = self._committed(tenant)
        present = {file.file_path: file for file in _files(table)}
        self._check_own(table, present)
        new = sorted(wanted - present.keys())
        gone = sorted(present.keys() - wanted)
        if new or gone:
            _replace(table, new, [present[path] for path in gone])
        _forget(table)
        return Published(
            table=".".join(table.name()),
            metadata=table.metadata_location,
            added=len(new),
            removed=len(gone),
            files=len(wanted),
        )

    def _check_own(self, table: "Table", present: Iterable[str]) -> None:
        """Refuse a table of a shared catalog that another installation publishes."""
        here = self._address("").rstrip("/") + "/"
        strange = next((path for path in present if not path.startswith(here)), None)
        if strange is None or self._name == OWN:
            return
        raise StoreError(
            f"The Iceberg table {'.'.join(table.name())} is of another installation",
            why=f"It names {strange}, and segments of this one lie below {here}.",
            todo="Publish to another catalog or warehouse. If the evidence was moved here, drop "
            "the table in the catalog (its files stay), then run `affidavit lake publish`.",
        )

    def _committed(self, tenant: str) -> set[str]:
        """Return the addresses of the tenant's committed files."""
        chosen = sa.select(segment.c.path).where(segment.c.tenant == tenant).distinct()
        with self._database.read() as connection:
            return {self._address(path) for path in connection.scalars(chosen)}

    def _address(self, name: str) -> str:
        """Return a segment's address for other engines; `StoreError` for what they cannot read."""
        where = self._objects.where(name)
        if name.endswith(SEALED):
            raise StoreError(
                f"The segment {where} cannot be published",
                why="It is sealed by the store, and other engines have no key for it.",
                todo="Unset AFFIDAVIT_LAKE; or keep segments plain on an encrypted disk or bucket "
                "(AFFIDAVIT_SEAL_SEGMENTS=no). Segments that are sealed already stay so.",
            )
        return where if "://" in where else Path(where).absolute().as_uri()

    def _table(self, catalog: "Catalog", tenant: str) -> "Table":
        from pyiceberg.table import TableProperties

        catalog.create_namespace_if_not_exists(NAMESPACE)
        table = catalog.create_table_if_not_exists(
            table_name(tenant), schema(), properties=_PROPERTIES
        )
        if table.name_mapping() is None:
            # Our files have no field ids: their columns are found by name.
            names = table.schema().name_mapping.model_dump_json()
            with table.transaction() as change:
                change.set_properties({TableProperties.DEFAULT_NAME_MAPPING: names})
        return table

    def _catalog(self) -> "Catalog":
        catalogs = self._catalogs()
        if self._name == OWN:
            return catalogs.own(OWN, self._own())
        return catalogs.configured(self._name, self._settings.call_timeout)

    def _catalogs(self) -> "ModuleType":
        """Return what opens catalogs: pyiceberg is loaded only where it is needed."""
        if not self._name:
            raise SettingsError(
                "Publishing as Iceberg is switched off",
                why="AFFIDAVIT_LAKE is not set.",
                todo=f"Set it to {OWN}, or to the name of a catalog of pyiceberg's configuration.",
            )
        try:
            from affidavit.store import lake_catalogs
        except ImportError as error:
            raise SettingsError(
                "Publishing as Iceberg needs pyiceberg",
                why=str(error),
                todo="Install Affidavit with its `lake` extra, or unset AFFIDAVIT_LAKE.",
            ) from error
        return lake_catalogs

    def _own(self) -> dict[str, str]:
        """Return the properties of our own catalog; segments on S3 are read as the store reads."""
        folder = (self._settings.home / FOLDER).absolute()
        make_folder(folder)
        on_s3 = {
            "s3.endpoint": self._settings.objects_endpoint,
            "s3.region": self._settings.objects_region,
        }
        return {
            "type": "sql",
            "uri": f"sqlite:///{folder / 'catalog.db'}",
            "warehouse": folder.as_uri(),
            **{name: value for name, value in on_s3.items() if value},
        }


def table_name(tenant: str) -> str:
    """Return the name of a tenant's table."""
    check_tenant(tenant)
    return f"{NAMESPACE}.evidence_{tenant.replace('/', '_').replace('-', '_')}"


def _files(table: "Table") -> list[Any]:
    """Return the data files that the table's newest snapshot names."""
    return [task.file for task in table.scan().plan_files()]


def _replace(table: "Table", new: list[str], gone: list[Any]) -> None:
    """Commit one snapshot that names the new files, and those that are gone no more."""
    from pyiceberg.io.pyarrow import parquet_file_to_data_file

    made = [parquet_file_to_data_file(table.io, table.metadata, path) for path in new]
    with table.transaction() as change:
        snapshot = change.update_snapshot()
        with snapshot.overwrite() if gone else snapshot.fast_append() as files:
            for file in gone:
                files.delete_data_file(file)
            for file in made:
                files.append_data_file(file)


def _forget(table: "Table") -> None:
    """Forget all snapshots but the newest: what was deleted is not read through an old one."""
    newest = table.current_snapshot()
    old = [one.snapshot_id for one in table.snapshots() if newest and one != newest]
    if old:
        table.maintenance.expire_snapshots().by_ids(old).commit()
