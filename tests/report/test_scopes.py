"""Runs of activity alone, and lists of events left out: what they may not say."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from tests.report.test_lying_ledger import lie_in_answers, lie_in_run, refused

from affidavit.model.observation import GLOBAL_REGION, Gap, Observation, Result
from affidavit.model.run import RunRecord
from affidavit.report import manifest
from affidavit.report.verify import dsse
from affidavit.report.verify.failure import VerificationError
from affidavit.report.verify.note import read_key
from affidavit.report.verify.outcome import verify
from affidavit.report.verify.seen import KEY, Seen, check_proof, read_list

Worlds = Callable[..., Any]


def test_the_format_before_is_still_verified(fresh: Worlds, monkeypatch: Any) -> None:
    """A report whose runs do not say their scope, under a manifest of v4, holds."""
    as_json = RunRecord.to_json
    without = lambda run: {k: v for k, v in as_json(run).items() if k != "scope"}  # noqa: E731
    monkeypatch.setattr(RunRecord, "to_json", without)
    monkeypatch.setattr(manifest, "PREDICATE", dsse.WITHOUT_SCOPE)
    world = fresh()
    outcome = verify(world.build("old.zip"), read_key(str(world.key)))
    assert outcome.failure is None, outcome.failure


def test_the_format_before_knows_no_scope(fresh: Worlds, monkeypatch: Any) -> None:
    """A run that says its scope is no run of v4, for older verifiers would read it as whole."""
    monkeypatch.setattr(manifest, "PREDICATE", dsse.WITHOUT_SCOPE)
    refused(fresh(), "has the unknown member 'scope'")


def test_other_formats_are_refused(fresh: Worlds, monkeypatch: Any) -> None:
    """A report of a format that is not known is refused, whatever it holds."""
    monkeypatch.setattr(manifest, "PREDICATE", dsse.PREDICATE.replace("v5", "v6"))
    refused(fresh(), "of format v6, and this program verifies v4 and v5")


def test_unknown_scope(fresh: Worlds) -> None:
    """There are two scopes."""
    world = fresh()
    lie_in_run(world, lambda _: {"scope": "some"})
    refused(world, "has the unknown scope 'some'")


def test_a_run_of_activity_has_no_verdicts(fresh: Worlds) -> None:
    """A whole run cannot be passed over by calling it one of activity: its records decide."""
    world = fresh()
    lie_in_run(world, lambda _: {"scope": "activity"})
    refused(world, "is no activity, but its run says that it is of no more")


def test_a_report_needs_a_whole_run(fresh: Worlds) -> None:
    """Where no run says what controls are, there is nothing to report."""
    world = fresh()
    day = world.maker.run(world.assessment, _day(world)).day
    for record in world.maker.ledger.records.values():
        if record["kind"] == "run" and record["day"] == day.isoformat():
            record["scope"] = "activity"
    refused(world, "has no run from", first_day=day, last_day=day)


def test_a_list_of_events_is_no_answer_to_cite(fresh: Worlds) -> None:
    """No verdict follows from what the program says of itself."""
    world = fresh()
    lie_in_answers(world, _as_list)
    refused(world, "cites a list of events left out")


def test_a_list_does_not_come_from_aws(fresh: Worlds) -> None:
    """A list that names an endpoint pretends to be an answer."""
    world = fresh()
    endpoint = "https://s3.us-east-1.amazonaws.com"

    def pretending(result: Result) -> Result:
        made = _as_list(result)
        if isinstance(made, Gap):
            return made
        return replace(made, proof=replace(made.proof, endpoint=endpoint))

    lie_in_answers(world, pretending)
    refused(world, "says that AWS was asked for it")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"events": []},
        {"events": [["s", "e", 2], ["s", "e", 2]]},
        {"events": [["s", "f", 1], ["s", "e", 1]]},
        {"events": [["s", "e"]]},
        {"events": [["s", "e", True]]},
        {"events": [["s", "e", 1]], "more": 1},
        ["s"],
    ],
)
def test_a_list_is_read_in_one_way(body: Any) -> None:
    """Out of order, twice, empty, or of another shape: refused."""
    with pytest.raises(VerificationError):
        read_list(body, "here")


def test_events_are_looked_up_where_they_are_said_to_be() -> None:
    """An event must stand in the run that is named, of the same account, before this one."""
    seen = Seen()
    record = {"attributes": {"eventId": "e"}, "check_id": "", "gap": ""}
    seen.add(1, {**record, "account_id": "a", "source_id": "s"})
    seen.add(1, {**record, "account_id": "a", "source_id": "s", "check_id": "c"})
    seen.check((3, "run 3"), "a", (("s", "e", 1),), {1, 2})
    assert seen.elsewhere == 0
    seen.check((3, "run 3"), "a", (("s", "e", 1), ("s", "e", 2)), {1})
    assert seen.elsewhere == 1
    for account, listed in (("b", ("s", "e", 1)), ("a", ("t", "e", 1)), ("a", ("s", "e", 2))):
        with pytest.raises(VerificationError, match="which does not"):
            seen.check((3, "run 3"), account, (listed,), {1, 2})
    for holder in (0, 3, 4):
        with pytest.raises(VerificationError, match="said to be in run"):
            seen.check((3, "run 3"), "a", (("s", "e", holder),), {1, 2})


def test_the_proof_of_a_list_says_nothing() -> None:
    """Every member of a proof that could be taken for AWS's is empty."""
    bare: dict[str, Any] = dict.fromkeys(("endpoint", "caller_arn", "request_ids", "redacted"), "")
    bare |= dict.fromkeys(("pages", "attempts"), 0) | {"synthetic": False}
    check_proof(bare, "here")
    for name in bare:
        with pytest.raises(VerificationError):
            check_proof({**bare, name: 1}, "here")


def _as_list(result: Result) -> Result:
    """Return a list of events in place of an answer."""
    if isinstance(result, Gap):
        return result
    proof = replace(
        result.proof, endpoint="", caller_arn="", request_ids=(), pages=0, attempts=0,
        synthetic=False, redacted=(),
    )  # fmt: skip
    unit = replace(result.unit, key=KEY, region=GLOBAL_REGION)
    body = {"events": [["source", "event", 1]]}
    return Observation(
        unit=unit, service="affidavit", operation=KEY, absent="", body=body, proof=proof
    )


def _day(world: Any) -> Any:
    """Return a day behind all runs."""
    days = [date.fromisoformat(one["day"]) for one in _runs(world)]
    return max(days) + timedelta(days=1)


def _runs(world: Any) -> list[dict[str, Any]]:
    return [one for one in world.maker.ledger.records.values() if one["kind"] == "run"]
