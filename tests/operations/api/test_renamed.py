"""The command line finds an assessment by the name that the API shows."""

from typing import Any

import pytest

from affidavit.errors import ReportError
from affidavit.operations.renamed import find_named, renamed
from affidavit.operations.reports import find_assessment


def _rename(owner: Any, identifier: str, name: str) -> None:
    scope = {"awsAccounts": [{"id": owner.caller.account_id}]}
    owner("UpdateAssessment", assessmentId=identifier, assessmentName=name, scope=scope)


def test_a_renamed_assessment_is_found_by_its_present_name(owner: Any, an_assessment: Any) -> None:
    """Reports, the finder and `run --name` take the new name, and the same assessment."""
    identifier = an_assessment(name="Before")["metadata"]["id"]
    _rename(owner, identifier, "After")
    store, tenant = owner.context.store, owner.caller.tenant
    assert find_assessment(renamed(store), "After").id == identifier
    with pytest.raises(ReportError, match="After"):
        find_assessment(renamed(store), "Before")
    found = find_named(store, tenant, "After")
    assert found is not None
    assert (found.id, found.name) == (identifier, "Before")
    assert find_named(store, tenant, "Before") == found
    assert find_named(store, tenant, "Never") is None


def test_who_has_a_name_now_goes_before_who_had_it(owner: Any, an_assessment: Any) -> None:
    """A name that moved on to another assessment means that one."""
    first = an_assessment(name="Audit")["metadata"]["id"]
    second = an_assessment(name="Other")["metadata"]["id"]
    _rename(owner, first, "Audit 2025")
    _rename(owner, second, "Audit")
    found = find_named(owner.context.store, owner.caller.tenant, "Audit")
    assert found is not None
    assert found.id == second
    assert find_assessment(renamed(owner.context.store), "Audit").id == second


def test_an_assessment_without_a_document_keeps_its_name(owner: Any, collected: Any) -> None:
    """What only the command line knows is found as ever."""
    found = find_named(owner.context.store, owner.caller.tenant, collected.assessment.name)
    assert found == collected.assessment
