"""Reports of queries: Audit Manager's SQL form, translated or refused by name."""

from typing import Any

import pytest

from affidavit.operations import report_choices, tasks
from affidavit.operations.assessed import find
from affidavit.operations.faults import ValidationFault
from affidavit.operations.query_statements import Matched, matched
from affidavit.report.choice import counted


@pytest.fixture
def ask(owner: Any, collected: Any) -> Any:
    """Return the way to ask a query of an assessment with one run."""
    collected.run()
    store = _store(owner)
    found = _assessed(owner, collected)

    def asked(where: str, *, more: str = "", select: str = "eventJson") -> Matched:
        own = f"eventData.assessmentId = '{collected.assessment.id}'"
        text = f"SELECT {select} FROM {store} WHERE {own}{where} {more}"  # noqa: S608 - our own form
        return matched(owner.context, owner.caller, found, text)

    return asked


def _store(owner: Any) -> str:
    """Return the id of the event data store of the settings, once the finder is enabled."""
    admin = owner.as_(role="admin")
    admin("UpdateSettings", evidenceFinderEnabled=True)
    asked = admin("GetSettings", attribute="EVIDENCE_FINDER_ENABLEMENT")["settings"]
    return str(asked["evidenceFinderEnablement"]["eventDataStoreArn"].rpartition("/")[2])


def _assessed(owner: Any, collected: Any) -> Any:
    return find(owner.context, owner.caller.tenant, collected.assessment.id)


def _truth(owner: Any, collected: Any, wanted: Any) -> int:
    store, day = owner.context.store, owner.clock().date()
    return sum(wanted(one) for _, one in store.evidence(collected.assessment.id, day, day))


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("", lambda _: True),
        (
            " AND eventData.resourceComplianceCheck = 'COMPLIANT'",
            lambda e: e.verdict == "COMPLIANT",
        ),
        (
            " AND resourceComplianceCheck IN ('COMPLIANT', 'NON_COMPLIANT')",
            lambda e: e.verdict != "NOT_APPLICABLE",
        ),
        (  # as the examples of Audit Manager's guide ask; there is nothing of Security Hub here
            " AND resourceComplianceCheck IN ('NON_COMPLIANT', 'FAILED', 'WARNING')",
            lambda e: e.verdict == "NON_COMPLIANT",
        ),
        (" AND resourceComplianceCheck <> 'PASSED'", lambda _: True),
        (
            " AND NOT (resourceComplianceCheck = 'COMPLIANT' OR resourceArn LIKE '%bucket-001')",
            lambda e: e.verdict != "COMPLIANT" and not e.resource_arn.endswith("bucket-001"),
        ),
        (" AND resourceArn LIKE 'arn:aws:s3:::bucket-_01'", lambda e: "t-001" in e.resource_arn),
        (" AND eventTime BETWEEN '2026-03-01' AND '2026-03-01 23:59:59'", lambda _: True),
        (" AND dataSource = 'AWS API calls'", lambda e: e.source_type == "AWS_API_Call"),
    ],
)
def test_a_query_finds_what_it_says(
    owner: Any, collected: Any, ask: Any, where: str, wanted: Any
) -> None:
    """Each documented column and comparison finds the records that plain Python finds.

    What is kept of the query, when the report is asked for, finds the same when it is built.
    """
    found = ask(where)
    assert found.choice.records == _truth(owner, collected, wanted) > 0
    _kept_the_same(owner, collected, found)


def _kept_the_same(owner: Any, collected: Any, found: Matched) -> None:
    store, said = owner.context.store, found.choice.said()
    again = report_choices.kept(store, collected.assessment, said, found.frozen)
    assert counted(again.rows()).digest == found.choice.digest


def test_a_control_is_named_as_the_api_names_it(owner: Any, collected: Any, ask: Any) -> None:
    """A controlId is the UUID of the assessment's control."""
    found = ask(f" AND controlId = '{collected.control.uuid}'")
    truth = _truth(owner, collected, lambda e: e.control_id == collected.control.id)
    assert found.choice.records == truth
    assert found.days == (owner.clock().date(), owner.clock().date())


def test_limit_takes_the_newest(owner: Any, collected: Any, ask: Any) -> None:
    """LIMIT counts; ORDER BY eventTime says from which end; above all there is, it cuts nothing."""
    newest, oldest = ask("", more="LIMIT 2"), ask("", more="ORDER BY eventTime ASC LIMIT 2")
    assert newest.choice.records == oldest.choice.records == 2
    assert newest.choice.digest != oldest.choice.digest
    for found in (newest, oldest):
        _kept_the_same(owner, collected, found)
    assert ask("", more="LIMIT 1000000").choice.digest == ask("").choice.digest


@pytest.mark.parametrize(
    ("where", "more", "says"),
    [
        ("", "GROUP BY eventName", "GROUP"),
        ("", "HAVING count(*) > 1", "HAVING"),
        (" OR 1 = 1", "", "column"),
        (" OR eventName = 'x'", "", "hold for all"),
        (" AND assessmentId = 'x'", "", "exactly one"),
        (" AND lower(eventName) = 'x'", "", "column"),
        (" AND eventName = service", "", "other than a value"),
        (" AND eventName IN (SELECT eventName FROM store)", "", "FROM must be"),
        (" AND userIdentity = 'x'", "", "userIdentity"),
        (" AND eventName IS NULL", "", "not supported"),
        (" AND resourceComplianceCheck = 'GOOD'", "", "GOOD"),
        ("", "LIMIT 0", "LIMIT"),
        ("", "ORDER BY eventName", "ORDER BY"),
        ("", "UNION SELECT eventJson FROM store", "one SELECT"),
        ("; SELECT 1", "", "one SELECT"),
        (" AND (", "", "cannot|can be read"),
        (" AND (1 = 1" + " OR service = 's'" * 500 + ")", "", "column"),
        (" AND (service = 's'" + " OR service = 's'" * 520 + ")", "LIMIT 0", "LIMIT"),
        (" AND " + "NOT " * 60 + "service = 's'", "", "nests"),
        (" AND " + "NOT " * 2300 + "service = 's'", "", "nests"),
        (" AND " + "(" * 4000 + "service = 's'" + ")" * 4000, "", "nests"),
    ],
)
def test_what_cannot_be_translated_is_refused_by_name(
    ask: Any, where: str, more: str, says: str
) -> None:
    """No clause is left out in silence: the answer names the member and the clause."""
    with pytest.raises(ValidationFault, match=says) as caught:
        ask(where, more=more)
    assert caught.value.fields
    with pytest.raises(ValidationFault, match="eventJson"):
        ask("", select="eventJson, eventName")


def test_from_must_be_the_tenants_store(owner: Any, collected: Any) -> None:
    """Another store, or none, is refused."""
    place = {"assessmentId": collected.assessment.id, "name": "r"}
    for text in ("SELECT eventJson FROM other WHERE assessmentId = 'x'", "SELECT 1", "", "x" * 900):
        with pytest.raises(ValidationFault, match="queryStatement"):
            owner("CreateAssessmentReport", **place, queryStatement=text or " ")


def test_a_report_of_a_query_is_built(owner: Any, collected: Any, ask: Any) -> None:
    """Query, number and digest of the matches are in the ledger; no match, no report."""
    ask("")
    own = f"assessmentId = '{collected.assessment.id}'"
    place = {"assessmentId": collected.assessment.id, "name": "r"}
    statement = f"SELECT eventJson FROM {_store(owner)} WHERE {own}"  # noqa: S608 - our own form
    made = owner("CreateAssessmentReport", **place, queryStatement=statement)["assessmentReport"]
    assert "_query" not in made
    assert tasks.run_one(owner.context)
    leaf = next(one for one in owner.leaves() if one.get("object_id") == made["id"])
    assert statement in leaf["details"]
    nothing = f"{statement} AND eventTime < '2020-01-01'"
    with pytest.raises(ValidationFault, match="finds no evidence"):
        owner("CreateAssessmentReport", **place, queryStatement=nothing)
