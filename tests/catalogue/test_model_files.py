"""botocore's files, packed: less memory, and nothing else changes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel, StructureShape

from affidavit.catalogue.model_files import LeanFiles, Packed

SERVICES = ("bedrock", "ec2", "iam", "s3", "s3control", "auditmanager")


def test_packed_is_a_dict() -> None:
    """A packed dict gives what was put in, by every way to ask, and keeps what it gave."""
    values = {"a": {"x": [1, "two"]}, "b": "text", "c": None}
    packed = Packed({name: json.dumps(value).encode() for name, value in values.items()})

    assert packed["a"] is packed["a"]
    assert packed.get("b") == "text"
    assert packed.get("d", 5) == 5
    assert list(packed) == ["a", "b", "c"]
    assert dict(packed.items()) == values
    assert list(packed.values()) == list(values.values())
    with pytest.raises(KeyError):
        packed["d"]


@pytest.mark.parametrize("service", SERVICES)
def test_same_model(service: str) -> None:
    """Every operation's input and output members are those of botocore's own reading."""
    lean = ServiceModel(Loader(file_loader=LeanFiles()).load_service_model(service, "service-2"))
    plain = ServiceModel(Loader().load_service_model(service, "service-2"))

    assert lean.operation_names == plain.operation_names
    assert lean.shape_names == plain.shape_names
    assert lean.metadata == plain.metadata
    for name in plain.shape_names:
        ours, theirs = lean.shape_for(name), plain.shape_for(name)
        assert ours.type_name == theirs.type_name
        assert ours.serialization == theirs.serialization
        assert ours.metadata == theirs.metadata
        if isinstance(theirs, StructureShape):
            assert isinstance(ours, StructureShape)
            assert list(ours.members) == list(theirs.members)
    for name in plain.operation_names:
        assert lean.operation_model(name).http == plain.operation_model(name).http


def test_same_endpoints() -> None:
    """The list of endpoints says the same."""
    lean = Loader(file_loader=LeanFiles()).load_data("endpoints")
    plain = Loader().load_data("endpoints")

    assert [p["partition"] for p in lean["partitions"]] == [
        p["partition"] for p in plain["partitions"]
    ]
    assert dict(lean["partitions"][0]["services"].items()) == plain["partitions"][0]["services"]


def test_other_files(tmp_path: Path) -> None:
    """A file that is a list, or whose members are of another kind than a model's, is read as is."""
    (tmp_path / "list.json").write_text('[1, {"shapes": 2}]', encoding="utf-8")
    (tmp_path / "odd.json").write_text('{"shapes": {"a": 1}, "x": [null]}', encoding="utf-8")

    assert LeanFiles().load_file(str(tmp_path / "list")) == [1, {"shapes": 2}]
    odd = LeanFiles().load_file(str(tmp_path / "odd"))
    assert odd["x"] == [None]
    assert dict(odd["shapes"].items()) == {"a": 1}
    assert LeanFiles().load_file(str(tmp_path / "none")) is None


def test_no_terminal_toolkit() -> None:
    """Reading the catalogue's rules imports no command line of the CEL package."""
    words = "import sys, affidavit.checks.rules; print('prompt_toolkit' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, check=True, timeout=300
    )

    assert done.stdout.strip() == "False"
