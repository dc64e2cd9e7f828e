"""Evidence that was deleted: a report says so and verifies; a deletion nobody logged is refused."""

import json
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from affidavit.errors import ReportError
from affidavit.model.canonical import plain_json
from affidavit.report.verify.note import read_key
from affidavit.report.verify.outcome import Outcome, verify
from affidavit.report.verify.summary import render

FIRST_DAY = date(2026, 1, 5)
WHEN = "2026-01-08T04:00:00Z"
WHY = "Retention of 730 days is over."


def _runs(world: Any, last: date) -> list[dict[str, Any]]:
    """Return the assessment's runs up to a day."""
    found = world.maker.ledger.run_records(world.assessment.tenant, date.min, last)
    return [run for _, run in found if run["assessment_id"] == world.assessment.id]


def _remove(world: Any, runs: list[dict[str, Any]]) -> None:
    """Take evidence and answers of runs out of the store, as a deletion does."""
    ledger, gone = world.maker.ledger, {run["run_id"] for run in runs}
    ledger.kept = [(leaf, item) for leaf, item in ledger.kept if item.run_id not in gone]
    for run_id in gone:
        ledger.asked[run_id] = set()


def _log(world: Any, places: list[tuple[int, int]], **said: str) -> int:
    """Log a deletion of these leaves, as (first, number)."""
    segments = [{"digest": "d" * 64, "firstLeaf": at, "rows": rows} for at, rows in places]
    record = {
        "kind": "change",
        "id": "x",
        "time": WHEN,
        "by": "ms.owner@example.com",
        "action": "DELETE",
        "object_type": "EVIDENCE",
        "object_id": world.assessment.id,
        "object_name": "",
        "assessment_id": world.assessment.id,
        "tenant": world.assessment.tenant,
        "details": plain_json({"why": WHY, "segments": segments}).decode(),
        **said,
    }
    leaf: int = world.maker.ledger.append(record)
    world.maker.ledger.sign()
    return leaf


def _places(runs: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(run["first_leaf"], run["evidence"]) for run in runs]


def _checked(world: Any, path: Path) -> Outcome:
    return verify(path, read_key(str(world.key)))


def test_deleted_days_are_told_and_the_rest_verifies(fresh: Callable[..., Any]) -> None:
    """A report over days whose evidence was deleted verifies, and says when, by whom and why."""
    world = fresh()
    runs = _runs(world, FIRST_DAY)
    _remove(world, runs)
    leaf = _log(world, _places(runs))

    path = world.build("deleted.zip")
    outcome = _checked(world, path)

    assert outcome.failure is None
    told = outcome.facts["deleted"]
    assert [one["day"] for one in told] == ["2026-01-04", "2026-01-05"]
    assert {one["why"] for one in told} == {WHY}
    assert {one["leaf"] for one in told} == {leaf}
    assert [one["records"] for one in told] == [run["evidence"] for run in runs]
    words = " ".join(render(outcome).split())
    assert (
        f"DELETED: the evidence of 2026-01-04 to 2026-01-05 ({sum(n for _, n in _places(runs))}"
        in words
    )
    assert f"on {WHEN} by ms.owner@example.com: {WHY} (leaf {leaf})" in words
    assert "The evidence of 2 runs was deleted before, as the ledger says" in words
    assert "The youngest were 3 days old when they were deleted, whatever reason" in words
    with zipfile.ZipFile(path) as archive:
        assert WHY in " ".join(archive.read("README.txt").decode().split())
        assert len(archive.read("answers.jsonl").splitlines()) == 2


def test_all_of_a_report_may_be_deleted(fresh: Callable[..., Any]) -> None:
    """Where the last run's evidence is gone too, what is left still verifies."""
    world = fresh()
    runs = _runs(world, date.max)
    _remove(world, runs)
    _log(world, _places(runs))

    outcome = _checked(world, world.build("all.zip"))

    assert outcome.failure is None
    assert len(outcome.facts["deleted"]) == len(runs)
    assert sum(outcome.facts["evidence"].values()) == 0


def test_an_earlier_report_is_still_compared(fresh: Callable[..., Any]) -> None:
    """A report made before the deletion and one made after it do not contradict each other."""
    world = fresh()
    before = world.build("before.zip")
    runs = _runs(world, FIRST_DAY)
    _remove(world, runs)
    _log(world, _places(runs))
    after = world.build("after.zip")

    assert verify(after, read_key(str(world.key)), before).failure is None


@pytest.mark.parametrize(
    "told",
    [
        lambda _: None,
        lambda runs: (_places(runs)[:1], {}),
        lambda runs: ([(first, rows - 1) for first, rows in _places(runs)], {}),
        lambda runs: (_places(runs), {"assessment_id": "another"}),
        lambda runs: (_places(runs), {"object_type": "ASSESSMENT"}),
        lambda runs: (_places(runs), {"action": "UPDATE"}),
    ],
    ids=["unlogged", "one-run", "all-but-one", "another-assessment", "no-evidence", "no-deletion"],
)
def test_a_deletion_that_no_record_tells_of_is_refused(
    fresh: Callable[..., Any], told: Callable[[Any], Any]
) -> None:
    """Evidence that is gone, and that no deletion in the ledger names whole, was left out."""
    world = fresh()
    runs = _runs(world, FIRST_DAY)
    _remove(world, runs)
    said = told(runs)
    if said is not None:
        _log(world, said[0], **said[1])

    with pytest.raises(ReportError, match="does not verify"):
        world.build("bad.zip")


def test_a_deletion_before_the_run_is_none_of_it(fresh: Callable[..., Any]) -> None:
    """A record speaks of what stands before it: nobody deletes in advance."""
    world = fresh()
    size = world.maker.ledger.tree.size
    _log(world, [(size + 1, 1000)])
    world.maker.run(world.assessment, FIRST_DAY + timedelta(days=3))
    (*_, last) = _runs(world, date.max)
    _remove(world, [last])

    with pytest.raises(ReportError, match="does not verify"):
        world.build("bad.zip")


def test_what_was_deleted_is_not_there(fresh: Callable[..., Any]) -> None:
    """A report that holds records which the ledger says were deleted is refused."""
    world = fresh()
    runs = _runs(world, FIRST_DAY)
    leaf = _log(world, _places(runs))

    with pytest.raises(ReportError) as refused:
        world.build("bad.zip")

    assert f"was deleted, says leaf {leaf} of the ledger" in refused.value.diagnostics()


def test_a_deletion_that_does_not_say_which_is_refused(fresh: Callable[..., Any]) -> None:
    """A record of a deletion without its leaves is named as wrong."""
    world = fresh()
    _log(world, [], details=json.dumps({"why": WHY}))

    with pytest.raises(ReportError) as refused:
        world.build("bad.zip")

    assert "says that evidence was deleted, but not which" in refused.value.diagnostics()
