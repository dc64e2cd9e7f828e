"""Increments ask several accounts at the same time."""

from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

from affidavit import catalogue
from affidavit.aws.door import Door
from affidavit.aws.settings import AwsSettings
from affidavit.checks.facts import Facts
from affidavit.collector.increment import Increment
from affidavit.model.identifiers import new_id
from affidavit.model.run import Assessment, Estate
from affidavit.settings import Settings
from affidavit.store import open_store

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
ACCOUNTS = ("111122223333", "222233334444", "333344445555")
MET = Barrier(len(ACCOUNTS), timeout=100)


class Meeting(Increment):
    """Gets no answer for an account before all the others are asked too."""

    def _ask(self, *given: Any) -> Facts:
        MET.wait()
        return Facts(given[-1], ("us-east-1",))


def test_accounts_are_asked_at_the_same_time(tmp_path: Path) -> None:
    """Three accounts are under way at once, and each one's cursor moves to the start."""
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    assessment = Assessment(
        id=new_id(NOON),
        name="Assistants",
        tenant="111122223333/us-east-1",
        framework_id="genai-v1",
        estate=Estate(accounts=ACCOUNTS, regions=("us-east-1",)),
        parameters={},
        created_at=NOON,
        created_by="test",
    )
    with open_store(settings) as store, Door(AwsSettings(region="us-east-1")) as door:
        store.create_assessment(assessment, "test")
        increment = Meeting(catalogue=catalogue.load(), store=store, door=door, now=lambda: NOON)
        done = increment.run(assessment, {})
    assert done.committed is None
    assert done.cursors == dict.fromkeys(ACCOUNTS, NOON)
