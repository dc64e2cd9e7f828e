"""Tags of resources."""

from functools import partial
from typing import Any

import pytest

from affidavit.operations.faults import AccessDeniedFault, NotFoundFault, ValidationFault
from affidavit.store.documents import Document

ASSESSMENT = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def assessment(owner: Any) -> str:
    """Give the ARN of an assessment whose audit owner is the caller."""
    arn = f"arn:aws:auditmanager:us-east-1:111122223333:assessment/{ASSESSMENT}"
    roles = [{"roleType": "PROCESS_OWNER", "roleArn": owner.caller.principal_arn}]
    body = {"arn": arn, "metadata": {"name": "A", "roles": roles}, "tags": {}}
    document = Document(kind="assessment", id=ASSESSMENT, body=body)
    owner.context.store.documents.act(owner.caller.tenant, now=owner.clock(), puts=[document])
    return arn


def _tags(side: Any, arn: str) -> dict[str, str]:
    found: dict[str, str] = side("ListTagsForResource", resourceArn=arn)["tags"]
    return found


def test_tags_are_added_changed_and_taken_off(
    owner: Any, a_control: Any, a_framework: Any, assessment: str
) -> None:
    """On each kind of resource: given tags are set, others stay, and unknown keys are no error."""
    for arn in (a_control()["arn"], a_framework()["arn"], assessment):
        owner("TagResource", resourceArn=arn, tags={"a": "1", "b": "2"})
        owner("TagResource", resourceArn=arn, tags={"b": "3", "c": ""})
        assert _tags(owner, arn) == {"a": "1", "b": "3", "c": ""}
        owner("UntagResource", resourceArn=arn, tagKeys=["a", "nobody"])
        assert _tags(owner, arn) == {"b": "3", "c": ""}


def test_a_resources_own_answer_has_its_tags(owner: Any, a_control: Any) -> None:
    """GetControl shows them too."""
    made = a_control(tags={"a": "1"})
    owner("TagResource", resourceArn=made["arn"], tags={"b": "2"})
    control = owner("GetControl", controlId=made["id"])["control"]
    assert control["tags"] == {"a": "1", "b": "2"}


def test_a_resource_has_at_most_50_tags(owner: Any, a_control: Any) -> None:
    """Fifty in all; the fifty-first is refused and sets nothing."""
    made = a_control(tags={f"k{number}": "" for number in range(49)})
    owner("TagResource", resourceArn=made["arn"], tags={"k49": "", "k0": "new"})
    with pytest.raises(ValidationFault, match="50"):
        owner("TagResource", resourceArn=made["arn"], tags={"k50": ""})
    assert len(_tags(owner, made["arn"])) == 50


@pytest.mark.parametrize("key", ["AWS:x", "affidavit:imported-from", "Affidavit:x"])
def test_reserved_keys_are_refused(
    owner: Any, a_control: Any, a_framework: Any, an_assessment: Any, key: str
) -> None:
    """However they are written, and whenever they are set: nobody makes an import's mark."""
    arn = a_control()["arn"]
    tag = partial(owner, "TagResource", resourceArn=arn)
    for act in (tag, a_control, a_framework, an_assessment):
        with pytest.raises(ValidationFault, match="reserved"):
            act(tags={key: "y"})


def test_what_is_not_the_callers_is_not_found(
    owner: Any, stranger: Any, a_control: Any, shipped: Any
) -> None:
    """Another tenant's ARN, an unknown one and a standard one all have no tags to ask for."""
    arn = a_control(tags={"secret": "yes"})["arn"]
    standard = next(shipped.framework.controls()).uuid
    for side, asked in (
        (stranger, arn),
        (stranger, arn.replace("111122223333", "444455556666")),
        (owner, arn.replace("us-east-1", "eu-west-1")),
        (owner, arn.replace("control/", "assessment/")),
        (owner, arn.rpartition("/")[0] + "/" + standard),
        (owner, "arn:aws:auditmanager:us-east-1:111122223333:nothing"),
    ):
        with pytest.raises(NotFoundFault) as caught:
            _tags(side, asked)
        assert caught.value.resource_id == asked
        with pytest.raises(NotFoundFault):
            side("TagResource", resourceArn=asked, tags={"a": "b"})
        with pytest.raises(NotFoundFault):
            side("UntagResource", resourceArn=asked, tagKeys=["secret"])
    assert _tags(owner, arn) == {"secret": "yes"}


def test_an_assessments_tags_are_its_owners(owner: Any, assessment: str) -> None:
    """A session of an owner's role changes them; another owner of the account only reads them."""
    role = owner.caller.principal_arn.rpartition("/")[2]
    session = owner.as_(principal_arn=f"arn:aws:sts::111122223333:assumed-role/{role}/session")
    session("TagResource", resourceArn=assessment, tags={"a": "b"})
    session("UntagResource", resourceArn=assessment, tagKeys=["a"])
    other = owner.as_(principal_arn="arn:aws:iam::111122223333:role/Another")
    assert _tags(other, assessment) == {}
    with pytest.raises(AccessDeniedFault, match="audit owner"):
        other("TagResource", resourceArn=assessment, tags={"a": "b"})
    with pytest.raises(AccessDeniedFault):
        other("UntagResource", resourceArn=assessment, tagKeys=["a"])


def test_a_change_is_a_leaf_and_no_change_is_none(owner: Any, assessment: str) -> None:
    """The ledger tells the tags once, under the assessment they belong to."""
    for _ in range(2):
        owner("TagResource", resourceArn=assessment, tags={"a": "b"})
    (told,) = [leaf for leaf in owner.leaves() if leaf["object_type"] == "ASSESSMENT"]
    assert (told["assessment_id"], told["object_name"]) == (ASSESSMENT, "A")
    assert told["details"] == '{"tags":{"a":"b"}}'
    (entry,) = owner.context.store.documents.every(
        owner.caller.tenant, "change_log", parent=ASSESSMENT
    )
    assert entry.body["action"] == "UPDATE_METADATA"
