"""A real installation for bench/api.py: registered account, access key, 10,000 evidence records."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn

from affidavit import catalogue
from affidavit.api.bounded_http import BoundedHttp
from affidavit.finder.engine import Finder
from affidavit.model.catalogue import Catalogue
from affidavit.operations import access_keys
from affidavit.operations.access_keys import AccessKey
from affidavit.operations.accounts import register_account
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.folder_ids import folder_id
from affidavit.server import Background, ServeOptions, make_app, make_context
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from bench.evidence_columns import CONTROLS
from bench.evidence_maker import LAST_DAY, TENANT, make

RECORDS, DAYS = 10_000, 1


@dataclass(frozen=True, slots=True)
class Real:
    """What requests of the installation need."""

    home: str
    key: AccessKey
    assessment_id: str
    control_set: str
    folder: str
    """With more than a hundred records."""
    framework_id: str


@contextmanager
def installation() -> Iterator[Real]:
    """Make an installation in a temporary folder."""
    shipped = catalogue.load()
    with TemporaryDirectory() as home, open_store(_settings(home)) as store:
        yield _furnished(store, shipped, home)


def _furnished(store: Store, shipped: Catalogue, home: str) -> Real:
    account, region = TENANT.split("/")
    principal = f"arn:aws:iam::{account}:role/owner"
    caller = Caller(
        account_id=account, region=region, principal_arn=principal, role="admin", request_id="bench"
    )
    context = Context(store=store, catalogue=shipped, settings=_settings(home))
    register_account(context, caller, {})
    key = access_keys.add(
        store, account_id=account, principal_arn=principal, role="owner", by="bench"
    )
    made = make(store, RECORDS, days=DAYS)
    known = {control.id: one for one in shipped.framework.control_sets for control in one.controls}
    control = next(name for name in CONTROLS if name in known)
    return Real(
        home=home,
        key=key,
        assessment_id=made.assessments[0],
        control_set=known[control].name,
        folder=folder_id(made.assessments[0], control, LAST_DAY),
        framework_id=shipped.framework.uuid,
    )


def serve(home: str, port: int) -> None:
    """Serve the installation as `affidavit serve` does, but without its worker."""
    settings, options = _settings(home), ServeOptions(port=port)
    with open_store(settings) as store, Finder(store) as finder:
        background = Background(make_context(store, settings, options))
        app = make_app(background, options, finder)
        uvicorn.run(app, port=port, http=BoundedHttp, log_config=None, access_log=False)


def _settings(home: str) -> Settings:
    return Settings(home=Path(home) / "home", keys=Path(home) / "keys")
