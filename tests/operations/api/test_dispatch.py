"""The way to an operation: authorised, registered, repeated after a conflict."""

from collections.abc import Mapping
from typing import Any

import botocore.session
import pytest

from affidavit.errors import StoreBusyError, StoreConflictError
from affidavit.operations.accounts import NOT_SET_UP
from affidavit.operations.authorise import ROLES, Scope, scope
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.dispatch import WITHOUT_REGISTRATION, Dispatcher, find_operations
from affidavit.operations.faults import AccessDeniedFault, ThrottlingFault, ValidationFault

NAMES = botocore.session.get_session().get_service_model("auditmanager").operation_names


class Failing:
    """An operation that raises so many times, then answers."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error = error
        self.left = times
        self.calls = 0

    def __call__(
        self, context: Context, caller: Caller, request: dict[str, Any]
    ) -> Mapping[str, Any]:
        """Raise or answer."""
        del context, caller, request
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        return {"tags": {}}


def test_every_handler_is_an_operation_of_the_api() -> None:
    """No module has an operation that Audit Manager does not have."""
    assert set(find_operations()) <= set(NAMES)


@pytest.mark.parametrize("name", sorted(set(find_operations()) - WITHOUT_REGISTRATION))
def test_an_account_that_is_not_registered_is_told_so(installation: Any, name: str) -> None:
    """Every operation but two answers an unregistered account with Audit Manager's own text."""
    role = next(role for role in ROLES if scope(role, name) is not Scope.DENY)
    with pytest.raises(AccessDeniedFault) as caught:
        installation.as_(role=role)(name)
    assert caught.value.what == NOT_SET_UP


def test_a_conflict_is_tried_again_once(owner: Any) -> None:
    """An operation that lost a race runs again and nobody notices."""
    run = Failing(StoreConflictError("changed"), 1)
    dispatcher = Dispatcher(owner.context, {"ListTagsForResource": run})
    assert dispatcher("ListTagsForResource", owner.caller, {}) == {"tags": {}}
    assert run.calls == 2


@pytest.mark.parametrize("error", [StoreConflictError("changed"), StoreBusyError("locked")])
def test_who_loses_again_is_to_come_later(owner: Any, error: Exception) -> None:
    """A second conflict, or a busy store, is throttling: SDKs come again by themselves."""
    dispatcher = Dispatcher(owner.context, {"ListTagsForResource": Failing(error, 9)})
    with pytest.raises(ThrottlingFault):
        dispatcher("ListTagsForResource", owner.caller, {})


def test_an_unknown_operation_is_said_to_be_unknown(owner: Any) -> None:
    """A name without an operation is the modelled error for it."""
    with pytest.raises(ValidationFault) as caught:
        owner.dispatcher("InventEvidence", owner.caller, {})
    assert caught.value.reason == "unknownOperation"


def test_handlers_are_what_the_api_takes(owner: Any) -> None:
    """Each handler runs its own operation for the caller that it is given."""
    handlers = owner.dispatcher.handlers()
    assert handlers["GetAccountStatus"](owner.caller, {}) == {"status": "ACTIVE"}
