"""What is wrong with an installation, looked at before somebody needs it.

Nothing is changed, but that an older database is brought up to date, as every command does.
"""

import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from affidavit import catalogue as catalogues
from affidavit.aws.door import Door
from affidavit.aws.settings import AwsSettings
from affidavit.errors import AffidavitError, CredentialsError
from affidavit.ledger.keys import open_keys
from affidavit.model.times import utc_now
from affidavit.operations import activity
from affidavit.operations.context import Context
from affidavit.operations.renamed import renamed
from affidavit.operations.tenant_bindings import aws_of, binding_of
from affidavit.settings import Settings
from affidavit.store import Store, open_store

LEAST_FREE: Final = 2 << 30
"""Bytes free on the disk below which a run may not end."""
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO

State = Literal["good", "note", "bad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One thing that was looked at."""

    what: str
    state: State
    words: str
    todo: str = ""

    def to_json(self) -> dict[str, str]:
        """Return it as JSON."""
        return {"what": self.what, "state": self.state, "words": self.words, "todo": self.todo}


def examine(settings: Settings, aws: AwsSettings) -> Iterator[Seen]:
    """Look at keys, disk, database, objects, runs, AWS and the tenants' roles, one by one.

    What fails is told with its reason, and the rest is looked at all the same.
    """
    yield from _told("Keys", lambda: _keys(settings))
    yield from _told("Disk", lambda: _disk(settings))
    yield from _told("Database", lambda: _database(settings, aws))
    yield from _told("AWS", lambda: _aws(aws))


def _told(what: str, look: Callable[[], Iterator[Seen]]) -> Iterator[Seen]:
    try:
        yield from look()
    except AffidavitError as error:
        words = error.in_a_line
        yield Seen(what=what, state="bad", words=words, todo=error.todo)


def _keys(settings: Settings) -> Iterator[Seen]:
    keys = open_keys(settings)
    if not keys.has_signer():
        words = f"There are none in {settings.keys} yet; the first run makes them."
        yield Seen(what="Keys", state="note", words=words)
        return
    name = keys.public_keys()[0].fingerprint[:16]
    yield Seen(what="Keys", state="good", words=f"{settings.keys} signs as {name}...")
    if settings.keys.stat().st_mode & _OTHERS:
        words = f"Other users of this machine may enter {settings.keys}."
        yield Seen(what="Keys", state="bad", words=words, todo=f"chmod 700 {settings.keys}")
    if settings.keys.resolve().is_relative_to(settings.home.resolve()):
        yield Seen(
            what="Keys",
            state="note",
            words="They lie within the data: whoever copies the data can sign in your name.",
            todo="Set AFFIDAVIT_KEYS to a folder elsewhere, and move them.",
        )


def _disk(settings: Settings) -> Iterator[Seen]:
    there = _existing(settings.home)
    free = shutil.disk_usage(there).free
    words = f"{free / (1 << 30):.1f} GiB free at {settings.home}"
    if free < LEAST_FREE:
        yield Seen(what="Disk", state="bad", words=f"Only {words}.", todo="Make room.")
    else:
        yield Seen(what="Disk", state="good", words=f"{words}.")


def _existing(path: Path) -> Path:
    return next(one for one in (path, *path.resolve().parents) if one.exists())


def _database(settings: Settings, aws: AwsSettings) -> Iterator[Seen]:
    kind = settings.database.partition(":")[0].partition("+")[0]
    if kind == "sqlite" and not (settings.home / "affidavit.db").exists():
        words = f"There is none in {settings.home} yet; the first run makes it."
        yield Seen(what="Database", state="note", words=words)
        return
    with open_store(settings, create=False, aws=aws) as store:
        version = f" {sqlite3.sqlite_version}" if kind == "sqlite" else ""
        words = f"{kind}{version}, {len(store.tenants())} tenant(s)."
        yield Seen(what="Database", state="good", words=words)
        yield from _told("Objects", lambda: _objects(store, settings))
        yield from _runs(store)
        if settings.activity_minutes:
            yield from _activity(store)
        for one in store.waiting():
            if one.why:
                words = f"To {one.kind} {one.name} failed {one.attempts} time(s): {one.why}"
                yield Seen(what="To do", state="bad", words=words)
        context = Context(store=store, catalogue=catalogues.load(), settings=settings, aws=aws)
        for tenant in store.tenants():
            yield from _roles(context, tenant)


def _objects(store: Store, settings: Settings) -> Iterator[Seen]:
    store.probe()
    where = settings.objects if settings.objects_on_s3 else str(settings.object_folder)
    yield Seen(what="Objects", state="good", words=f"{where} answers.")


def _runs(store: Store) -> Iterator[Seen]:
    today = utc_now().date()
    for one in renamed(store):
        last = store.last_day(one.id)
        if last is None:
            yield Seen(what="Runs", state="note", words=f"{one.name} was never collected.")
        elif (today - last).days > 1:
            words = f"{one.name} was last collected on {last}, {(today - last).days} days ago."
            todo = "Run `affidavit run` daily, or keep `affidavit serve` running."
            yield Seen(what="Runs", state="bad", words=words, todo=todo)
        else:
            yield Seen(what="Runs", state="good", words=f"{one.name} was collected on {last}.")


def _activity(store: Store) -> Iterator[Seen]:
    """Tell how far CloudTrail was asked between the daily runs, and what went wrong last."""
    for one in renamed(store):
        asking = activity.asking(store, one.tenant, one.id)
        if asking is None:
            continue
        far = f"up to {_shown(asking.up_to)}" if asking.up_to else "never without a gap"
        words = f"CloudTrail's new events of {one.name} were asked for {far}."
        if asking.failed:
            words = f"{words} At {_shown(asking.ended)} it failed: {asking.failed}"
            todo = "The server tries again; where it stays so, its log says more."
            yield Seen(what="Activity", state="bad", words=words, todo=todo)
        elif asking.missed:
            accounts = ", ".join(asking.missed)
            words = f"{words} At {_shown(asking.ended)} there was a gap in {accounts}."
            todo = "The server tries again; where it stays so, see to the role's rights."
            yield Seen(what="Activity", state="note", words=words, todo=todo)
        else:
            yield Seen(what="Activity", state="good", words=words)


def _shown(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _roles(context: Context, tenant: str) -> Iterator[Seen]:
    """Enter each account that is bound to a tenant by its role."""
    binding = binding_of(context.store, tenant)
    if binding is None:
        return
    with Door(aws_of(context, tenant)) as door:
        for account in binding.accounts:
            try:
                words = f"{tenant}: entered as {door.enter(account).arn}."
                yield Seen(what="Roles", state="good", words=words)
            except AffidavitError as error:
                words = f"{tenant}: {error.in_a_line}"
                yield Seen(what="Roles", state="bad", words=words, todo=error.todo)


def _aws(aws: AwsSettings) -> Iterator[Seen]:
    try:
        with Door(aws) as door:
            found = door.identity()
            words = f"{found.arn}, at home in {door.home_region()}."
    except CredentialsError as error:
        words = error.in_a_line
        yield Seen(what="AWS", state="note", words=words, todo=error.todo)
        return
    if found.synthetic:
        words += " The endpoint is not AWS: all evidence is marked SYNTHETIC."
    yield Seen(what="AWS", state="note" if found.synthetic else "good", words=words)
