"""botocore's data files, kept as text until somebody asks for a member.

A service model read as it stands is some ten times its text in Python objects, and most of it is
never looked at: of ec2's 3,000 shapes we need 40. Measured (botocore 1.44): after all 14 services'
models are read the process holds 42 MiB more as they are, and 10 MiB so. A file is taken apart
member by member, so that its objects are never there all together.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
from botocore.loaders import JSONFileLoader

_DOCUMENTATION = "documentation"
_SERVICES = "services"


class Packed(dict[str, Any]):
    """A dict whose values are JSON text until they are first asked for, then what it says.

    A value that was asked for is kept: botocore merges its own additions into what it was given.
    """

    def __init__(self, values: Mapping[str, bytes]) -> None:
        """`values` are JSON texts."""
        super().__init__({name: _Text(value) for name, value in values.items()})

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if isinstance(value, _Text):
            value = self[name] = msgspec.json.decode(value)
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


class _Text(bytes):
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
            data = file.read()
        try:
            members = _MEMBERS.decode(data)
        except msgspec.ValidationError:  # a list, which none of the large files is
            return msgspec.json.decode(data)
        return {name: _READERS.get(name, msgspec.json.decode)(raw) for name, raw in members.items()}


def _packed(raw: msgspec.Raw) -> Any:
    """Return the shapes or operations of a service model."""
    members = _MEMBERS.decode(raw)
    return Packed({name: _without_words(member) for name, member in members.items()})


def _partitions(raw: msgspec.Raw) -> Any:
    """Return the partitions of the list of endpoints, their services packed."""
    return [
        {
            name: Packed(_MEMBERS.decode(value))
            if name == _SERVICES
            else msgspec.json.decode(value)
            for name, value in partition.items()
        }
        for partition in _PARTITIONS.decode(raw)
    ]


def _without_words(raw: msgspec.Raw) -> bytes:
    """Take the documentation out of a shape or an operation and the members right below it."""
    shape = msgspec.json.decode(raw)
    if not isinstance(shape, dict):
        return bytes(raw)
    below = [shape, *(v for v in shape.values() if isinstance(v, dict))]
    members = shape.get("members")
    below += [v for v in members.values() if isinstance(v, dict)] if members else []
    for one in below:
        if isinstance(one.get(_DOCUMENTATION), str):
            del one[_DOCUMENTATION]
    return msgspec.json.encode(shape)


_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PARTITIONS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_READERS: Final[Mapping[str, Callable[[msgspec.Raw], Any]]] = {
    "shapes": _packed,
    "operations": _packed,
    "partitions": _partitions,
}
"""What is large and asked for by name."""
