"""What an earlier report contradicts (`--previous`): a ledger that was begun anew, or forged."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.report.test_lying_ledger import DAY, Worlds

from affidavit.report.verify.note import read_key
from affidavit.report.verify.outcome import verify


def test_assessment_begun_anew(fresh: Worlds) -> None:
    """A ledger that begins the assessment again behind its bad runs is given away by --previous.

    By itself the new report holds: its first run says that it is number 1. It does say how many
    leaves before it are not shown.
    """
    world = fresh()
    key = read_key(str(world.key))
    old = world.build("old.zip", first_day=date(2026, 1, 5))
    del world.maker.sequences[world.assessment.id]
    following = DAY + timedelta(days=1)
    world.maker.run(world.assessment, following)
    ledger = world.maker.ledger
    forgotten = [n for n, r in ledger.records.items() if r["kind"] == "run"][:-1]
    records = {n: r for n, r in ledger.records.items() if n not in forgotten}
    ledger.records = records
    later = datetime(2026, 1, 9, 7, tzinfo=UTC)
    anew = world.build("anew.zip", now=later, first_day=following)
    alone = verify(anew, key)
    assert alone.verified, alone.failure
    assert alone.facts["leaves"]["before_not_shown"] > 100
    assert any("of the ledger before leaf" in note for note in alone.notes)
    outcome = verify(anew, key, old)
    assert outcome.failure is not None
    assert "earlier runs are denied" in outcome.failure.what


def test_earlier_report_that_is_forged(world: Any, good: Any, gallery: Any, tmp_path: Any) -> None:
    """The earlier report is verified as well: one that does not hold proves nothing."""
    bad = tmp_path / "old.zip"
    opened = gallery.Good(good, world.maker.ledger.signer)
    next(b for b in gallery.GALLERY if b.name == "omitted-records").make(opened, bad)
    outcome = verify(good, read_key(str(world.key)), bad)
    assert outcome.failure is not None
    assert outcome.failure.where.startswith("old.zip, evidence.jsonl")


def test_same_report_twice(world: Any, good: Any) -> None:
    """A report does not contradict itself, and what was compared is said."""
    outcome = verify(good, read_key(str(world.key)), good)
    assert outcome.verified, outcome.failure
    words = dict(outcome.steps)["ledgers"]
    assert (
        "5 runs that both hold are the same, with all their verdicts, 3 of them with all" in words
    )
