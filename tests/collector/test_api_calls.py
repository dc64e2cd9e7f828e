"""The API calls of custom controls, held to botocore's models."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from affidavit import catalogue
from affidavit.catalogue.shapes import service
from affidavit.collector import api_calls
from affidavit.model.catalogue import Operation


def test_the_catalogues_own_question_is_not_asked_twice() -> None:
    """What the catalogue asks as it is has its key, also as a parent; all else the keyword's."""
    shipped = catalogue.load()
    added = api_calls.added(shipped, ["s3_GetBucketEncryption", "s3_ListBuckets"])
    assert set(added) == {"ListBuckets", "s3_GetBucketEncryption"}
    assert added["s3_GetBucketEncryption"].parents == ("ListBuckets",)
    assert added["s3_GetBucketEncryption"].inputs == {"Bucket": "ListBuckets.Buckets[].Name"}
    assert set(api_calls.added(shipped, ["ecs_DescribeClusters"])) == {
        "ecs_DescribeClusters",
        "ecs_ListClusters",
    }


def test_nothing_but_the_list_can_be_asked() -> None:
    """A keyword that is not Audit Manager's is no operation, whatever botocore knows."""
    assert api_calls.operation("ec2_TerminateInstances") is None
    assert api_calls.operation("no-such-service_List") is None
    assert api_calls.added(catalogue.load(), ["ec2_TerminateInstances"]) == {}


def _leads(shape: Any, path: str) -> bool:
    for part in path.split("."):
        name = part.removesuffix("[]")
        if name == "*":
            shape = shape.value
            continue
        if name not in getattr(shape, "members", {}):
            return False
        shape = shape.members[name]
        if part.endswith("[]"):
            shape = shape.member
    return True


@pytest.mark.parametrize("keyword", api_calls.keywords())
def test_every_call_is_true_to_the_service_model(keyword: str) -> None:
    """What is sent, where resources are listed and what is replaced exists; nothing is missing."""
    operation = api_calls.operation(keyword)
    assert isinstance(operation, Operation)
    model = service(operation.service).operation_model(operation.operation)
    members = model.input_shape.members if model.input_shape else {}
    required = model.input_shape.required_members if model.input_shape else []
    assert set(required) <= set(operation.inputs) <= set(members)
    for path in (*operation.lists, *operation.redact):
        assert _leads(model.output_shape, path), path
    assert model.name.startswith(("Get", "List", "Describe", "Generate"))
    hidden = [path for path in _secrets(model.output_shape, "", ()) if path not in operation.redact]
    assert hidden == []


NOT_SECRET: Final = frozenset({"Comment", "KMSMasterKeyID", "Message", "SecretList"})
"""Members that botocore marks as sensitive, and that are what the evidence is about."""
SECRET_NAMES: Final = ("MasterUserPassword", "PreSharedKey", "Base32StringSeed", "QRCodePNG")


def _secrets(shape: Any, path: str, seen: tuple[str, ...]) -> Iterator[str]:
    """Yield the paths of members that hold secrets."""
    name = path.rpartition(".")[2].removesuffix("[]")
    if shape is None or shape.name in seen or name in NOT_SECRET:
        return
    kind, seen = shape.type_name, (*seen, shape.name)
    if kind == "structure":
        for member, inner in shape.members.items():
            yield from _secrets(inner, f"{path}.{member}".lstrip("."), seen)
    elif kind == "list":
        yield from _secrets(shape.member, f"{path}[]", seen)
    elif kind == "map":
        yield from _secrets(shape.value, f"{path}.*", seen)
    elif shape.metadata.get("sensitive") or name in SECRET_NAMES:
        yield path
