"""Two callers at the same moment, on PostgreSQL: nobody else's write comes between."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.operations.api import conftest as here
from tests.operations.api.test_races import CALLERS, at_once

from affidavit.operations import controls, passwords, signing_in, uploads
from affidavit.operations.context import Context
from affidavit.operations.dispatch import Dispatcher
from affidavit.operations.faults import AccessDeniedFault, Fault
from affidavit.operations.presigned import Pass
from affidavit.settings import Settings
from affidavit.store import open_store


@pytest.fixture
def installation(
    tmp_path: Path, shipped: Any, postgres_database: str
) -> Iterator[here.Installation]:
    """Give an installation whose database is PostgreSQL's, for the other fixtures."""
    clock = here.Clock()
    settings = Settings(
        home=tmp_path / "home", keys=tmp_path / "keys", database_url=postgres_database
    )
    with open_store(settings, clock=clock) as store:
        context = Context(
            store=store, catalogue=shipped, settings=settings, now=clock, aws=here.UNREACHABLE
        )
        yield here.Installation(
            context=context, clock=clock, dispatcher=Dispatcher(context), caller=here.CALLER
        )


def test_quotas_hold(owner: Any, a_control: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for two, of several callers at the same moment no third one gets in."""
    monkeypatch.setattr(controls, "MAX_CONTROLS", 2)
    answers = at_once(a_control, 2 * CALLERS)
    found = owner.context.store.documents.every(owner.caller.tenant, "control")
    assert len(found) == 2
    assert sum(isinstance(one, Fault) for one in answers) == 2 * CALLERS - 2


def test_a_url_takes_one_file(owner: Any) -> None:
    """Uploads by the same URL that end at the same moment are one upload, for all of them."""
    given = Pass(purpose="upload", tenant=owner.caller.tenant, id="u", tag="t")
    contents = iter(b"%d" % number for number in range(CALLERS))

    def upload() -> str | None:
        with owner.context.store.attachments.new(owner.caller.tenant) as new:
            new.write(next(contents))
            new.close()
        return uploads.received(owner.context, given, new)

    taken = at_once(upload)
    assert len(set(taken)) == 1
    assert None not in taken


def test_failures_to_sign_in_count_each(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many attempts at the same moment no more than the free ones are tried."""
    monkeypatch.setattr(passwords, "fits", lambda *_: False)
    given = signing_in.Credentials(name="olga", password="guess", code="", address="192.0.2.1")
    store, now = owner.context.store, owner.clock()
    answers = at_once(lambda: signing_in.sign_in(store, given, now), 3 * CALLERS)
    denied = [one for one in answers if isinstance(one, AccessDeniedFault)]
    assert len(denied) == signing_in.FREE_OF_BOTH
    later = replace(given, address="192.0.2.2")
    with pytest.raises(AccessDeniedFault):
        signing_in.sign_in(store, later, now)
