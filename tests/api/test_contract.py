"""Every operation through boto3 and a real server: nothing is lost or changed on the way."""

from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from affidavit.api import serialise

NAMES = botocore.session.get_session().get_service_model("auditmanager").operation_names
ALL_62 = 62


def test_the_model_has_the_62_operations(protocol: Any) -> None:
    """The operations that are served are those that Audit Manager has."""
    assert len(protocol.operations) == ALL_62
    assert set(protocol.operations) == set(NAMES)


@pytest.mark.parametrize("full", [True, False], ids=["all-members", "required-only"])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_sent_arrives_and_what_is_answered_returns(
    name: str, full: bool, served: Any, sample: Callable[..., Any], protocol: Any
) -> None:
    """The operation gets what boto3 was given, and boto3 returns what the operation answered."""
    model = protocol.model.operation_model(name)
    request = sample(model.input_shape, full=full)
    answer = sample(model.output_shape, full=full) if model.output_shape else {}
    assert serialise.problems(model.output_shape, answer) == []
    served.recorder.received.clear()
    served.recorder.answers[name] = answer
    client = served.client()

    returned = getattr(client, xform_name(name))(**request)
    client.close()

    ((called, caller, received),) = served.recorder.received
    assert called == name
    assert received == request
    assert caller.tenant == "111122223333/eu-central-1"
    metadata = returned.pop("ResponseMetadata")
    assert returned == answer
    assert metadata["HTTPStatusCode"] == 200
    assert metadata["HTTPHeaders"]["x-amzn-requestid"] == caller.request_id
    assert metadata["HTTPHeaders"]["date"].endswith("GMT")


@pytest.mark.parametrize("name", NAMES)
def test_null_members_are_never_sent(name: str, sample: Callable[..., Any], protocol: Any) -> None:
    """An answer whose optional members are None is sent without them."""
    shape = protocol.operations[name].output
    answer = sample(shape, full=False)
    nulls = answer | {member: None for member in shape.members if member not in answer}
    assert serialise.body(nulls) == serialise.body(answer)
    assert b"null" not in serialise.body(nulls)
