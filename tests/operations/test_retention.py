"""Retention deletes whole old days, never what is held, and leaves a ledger that verifies."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.store.conftest import Sample

from affidavit.cli import ledger as command
from affidavit.errors import LedgerError, UsageError
from affidavit.model.times import utc_now
from affidavit.operations import holds, retention
from affidavit.operations.retention import Expired
from affidavit.settings import Settings
from affidavit.store import Store, open_store

TODAY = utc_now().date()
OLD = TODAY - timedelta(days=800)
YOUNG = TODAY - timedelta(days=3)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings with a new home."""
    return Settings(home=tmp_path / "home", keys=tmp_path / "keys")


@pytest.fixture
def filled(settings: Settings) -> Iterator[tuple[Store, str, str]]:
    """Give a store with two assessments, each with two runs of an old day and one of a young."""
    sample = Sample()
    with open_store(settings) as store:
        made = [sample.assessment(name) for name in ("One", "Two")]
        for one in made:
            store.create_assessment(one, "auditor")
            for day in (OLD, OLD, YOUNG):
                sample.commit(store, one, day=day)
        yield store, made[0].id, made[1].id


def _held(store: Store, assessment_id: str) -> int:
    return len(list(store.evidence(assessment_id, OLD, TODAY)))


@pytest.mark.parametrize("compacted", [False, True])
def test_old_days_go_and_the_ledger_verifies(
    settings: Settings, filled: tuple[Store, str, str], compacted: bool
) -> None:
    """Evidence of before is gone, compacted or not, that of after stays, every leaf still holds."""
    store, one, two = filled
    if compacted:
        store.compact(Sample.tenant)
    size = store.log(Sample.tenant).size
    done = retention.expire(settings, Sample.tenant, by="me")
    assert done == dict.fromkeys((one, two), Expired(files=1 if compacted else 2))
    assert (_held(store, one), _held(store, two)) == (10, 10)
    [log] = store.verify()
    assert (log.deleted, log.evidence, log.leaves) == (40, 20, size + 2)


def test_what_is_held_stays(settings: Settings, filled: tuple[Store, str, str]) -> None:
    """A held assessment is left out, and refused where it is asked for by name."""
    store, one, two = filled
    holds.place(store, Sample.tenant, one, why="case", by="me")
    with pytest.raises(UsageError, match="legal hold"):
        retention.expire(settings, Sample.tenant, one, by="me")
    assert retention.expire(settings, Sample.tenant, by="me") == {two: Expired(files=2)}
    assert (_held(store, one), _held(store, two)) == (30, 10)


def test_a_hold_that_is_set_meanwhile_counts(
    filled: tuple[Store, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking for holds and deleting lies time: a hold set in it keeps all of it."""
    store, one, two = filled
    looked = holds.every

    def slow(store: Store, tenant: str | None = None) -> list[holds.Hold]:
        found = looked(store, tenant)
        holds.place(store, Sample.tenant, one, why="case", by="me")
        return found

    monkeypatch.setattr(holds, "every", slow)
    assert retention.expire_due(store, Sample.tenant, TODAY, default=730, by="me") == Expired(
        files=2
    )
    assert (_held(store, one), _held(store, two)) == (30, 10)


def test_one_assessment_by_command(settings: Settings, filled: tuple[Store, str, str]) -> None:
    """The command asks before it deletes, and deletes of the assessment that it is told."""
    store, one, two = filled
    given = ["expire", "--tenant", Sample.tenant, "--assessment", one, "--days", "2"]
    assert CliRunner().invoke(command.command, given, obj=settings, input="n").exit_code == 1
    assert _held(store, one) == 30
    done = CliRunner().invoke(command.command, [*given, "--yes"], obj=settings)
    assert done.output == f"{one}: 3 evidence files were deleted.\n"
    assert (_held(store, one), _held(store, two)) == (0, 30)


@pytest.mark.usefixtures("filled")
def test_unknown_names_are_refused(settings: Settings) -> None:
    """A tenant or an assessment that is not there is an error, not an empty success."""
    with pytest.raises(LedgerError):
        retention.expire(settings, "999999999999/us-east-1", by="me")
    with pytest.raises(UsageError):
        retention.expire(settings, Sample.tenant, "nothing", by="me")
