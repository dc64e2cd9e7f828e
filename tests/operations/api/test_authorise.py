"""Personas: who may call what."""

from typing import Any, get_args

import botocore.session
import pytest

from affidavit.errors import SettingsError
from affidavit.operations import authorise
from affidavit.operations.authorise import Scope, personas, scope
from affidavit.operations.caller import Role
from affidavit.operations.faults import AccessDeniedFault

NAMES = botocore.session.get_session().get_service_model("auditmanager").operation_names
WRITES = ("Associate", "Batch", "Create", "Delete", "Disassociate", "Tag", "Untag", "Update")


def test_every_operation_has_a_cell_for_every_role() -> None:
    """The table is complete: 62 operations, four roles, nothing besides."""
    assert set(personas()) == set(NAMES)
    assert len(personas()) == 62
    for cells in personas().values():
        assert set(cells) == set(get_args(Role))


def test_what_the_table_does_not_have_is_denied(installation: Any) -> None:
    """An operation or a role that nobody thought of is denied."""
    assert scope("owner", "InventEvidence") is Scope.DENY
    assert scope("root", "GetSettings") is Scope.DENY
    with pytest.raises(AccessDeniedFault):
        authorise.authorise(installation.caller, "InventEvidence")


@pytest.mark.parametrize("name", NAMES)
def test_auditors_only_read(name: str) -> None:
    """An auditor may nothing but get, list and validate, and no upload URL."""
    if scope("auditor", name) is not Scope.DENY:
        assert name.startswith(("Get", "List", "Validate"))
        assert name != "GetEvidenceFileUploadUrl"


@pytest.mark.parametrize("name", NAMES)
def test_administrators_do_not_touch_evidence(name: str) -> None:
    """An administrator changes settings and registrations only."""
    if scope("admin", name) is not Scope.DENY and name != "UpdateSettings":
        assert not name.startswith(WRITES)


def test_a_delegate_may_what_was_delegated() -> None:
    """All that a delegate may change is within control sets of their own."""
    may = {n for n in NAMES if scope("delegate", n) is Scope.OWN and n.startswith(WRITES)}
    assert may == {
        "BatchImportEvidenceToAssessmentControl",
        "UpdateAssessmentControl",
        "UpdateAssessmentControlSetStatus",
    }
    changes = {n for n in NAMES if scope("delegate", n) is Scope.ALLOW and n.startswith(WRITES)}
    assert changes == set()


def test_a_refusal_names_caller_and_operation(installation: Any) -> None:
    """AccessDenied says who may not do what, as AWS's text does."""
    with pytest.raises(AccessDeniedFault, match=r"AuditOwner is not authorized .*UpdateSettings"):
        authorise.authorise(installation.caller, "UpdateSettings")


@pytest.mark.parametrize("cells", [{"owner": "allow"}, dict.fromkeys(get_args(Role), "perhaps")])
def test_a_wrong_cell_is_an_error(cells: dict[str, str]) -> None:
    """A missing cell or an unknown word stops the server instead of denying or allowing."""
    with pytest.raises(SettingsError):
        authorise._row("GetSettings", cells)
