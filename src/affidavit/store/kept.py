"""What is kept beside the database, opened by the settings: objects, segments, keys."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from affidavit.aws.settings import AwsSettings
from affidavit.errors import SettingsError
from affidavit.ledger.keys import KeyFolder
from affidavit.settings import Settings
from affidavit.store.bucket_objects import open_bucket
from affidavit.store.database import Database
from affidavit.store.documents import Documents
from affidavit.store.objects import DiskObjects, Objects
from affidavit.store.removing import Removals
from affidavit.store.segment_places import SegmentPlaces
from affidavit.store.tenant_keys import TenantKeyring


@dataclass(frozen=True, slots=True)
class Kept:
    """Where everything but the database lies."""

    objects: Objects
    places: SegmentPlaces
    keyring: TenantKeyring
    removals: Removals
    publishes: bool
    """Whether evidence is published as Iceberg: then what changes is a to-do."""


def open_kept(
    settings: Settings,
    database: Database,
    documents: Documents,
    keys: KeyFolder,
    clock: Callable[[], datetime],
    aws: AwsSettings | None,
) -> Kept:
    """Return what the settings name; nothing is read or sent yet."""
    if "://" in settings.objects and not settings.objects_on_s3:
        raise SettingsError(
            f"AFFIDAVIT_OBJECTS is {settings.objects!r}",
            why="It must be a folder, or s3://bucket/prefix.",
            todo="Correct it, or unset it: objects lie in the home folder then.",
        )
    keyring = TenantKeyring(documents, keys, clock, aws or AwsSettings())
    objects: Objects = (
        open_bucket(settings) if settings.objects_on_s3 else DiskObjects(settings.object_folder)
    )
    places = SegmentPlaces(objects, keyring, settings)
    return Kept(objects, places, keyring, Removals(database, objects), bool(settings.lake))
