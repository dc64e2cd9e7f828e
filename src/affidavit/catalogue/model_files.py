"""botocore's data files, kept as text until somebody asks for a member.

A service model read as it stands is some ten times its text in Python objects, and most of it is
never looked at: of ec2's 3,000 shapes we need 40. Measured (botocore 1.44): after all 14 services'
models are read the process holds 45 MiB more as they are, and 18 MiB so.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from botocore.loaders import JSONFileLoader

_DOCUMENTATION = "documentation"
_PACKED = ("shapes", "operations")
"""Members of a service model that are large and asked for by name."""


class Packed(dict[str, Any]):
    """A dict whose values are JSON text until they are first asked for, then what it says.

    A value that was asked for is kept: botocore merges its own additions into what it was given.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__({name: _Text(json.dumps(value)) for name, value in values.items()})

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if isinstance(value, _Text):
            value = self[name] = json.loads(value)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value, or `default`."""
        try:
            return self[name]
        except KeyError:
            return default

    def values(self) -> Any:
        """Return all values, each read."""
        return self._read().values()

    def items(self) -> Any:
        """Return all names and values, each read."""
        return self._read().items()

    def _read(self) -> dict[str, Any]:
        return {name: self[name] for name in self}


class _Text(str):
    """JSON text that was not read yet; no value of JSON is of this class."""

    __slots__ = ()


class LeanFiles(JSONFileLoader):
    """Reads botocore's data files; service models and the list of endpoints come packed."""

    def _load_file(self, full_path: str, open_method: Callable[[str, str], BinaryIO]) -> Any:
        """Return the file's content, or None where there is no such file.

        Plain dicts keep their order too, and take a third of botocore's ordered ones.
        """
        if not Path(full_path).is_file():
            return None
        with open_method(full_path, "rb") as file:
            content = json.loads(file.read())
        if isinstance(content, dict):
            _pack(content)
        return content


def _pack(content: dict[str, Any]) -> None:
    for name in _PACKED:
        members = content.get(name)
        if isinstance(members, dict):
            for member in members.values():
                _without_words(member)
            content[name] = Packed(members)
    for partition in content.get("partitions") or ():
        if isinstance(partition.get("services"), dict):
            partition["services"] = Packed(partition["services"])


def _without_words(shape: Any) -> None:
    """Take the documentation out of a shape or an operation and the members right below it."""
    if not isinstance(shape, dict):
        return
    below = [shape, *(v for v in shape.values() if isinstance(v, dict))]
    members = shape.get("members")
    below += [v for v in members.values() if isinstance(v, dict)] if members else []
    for one in below:
        if isinstance(one.get(_DOCUMENTATION), str):
            del one[_DOCUMENTATION]
