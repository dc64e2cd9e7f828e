"""What a form brought: texts, choices, files; and what was wrong with it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import FormData, UploadFile

from affidavit.errors import AffidavitError
from affidavit.operations.faults import ValidationFault

MAX_BYTES: Final = 262_144
"""Longest form without files."""
OF_FILES: Final = 1_048_576
"""What a form with a file may have beyond the file."""
MAX_FIELDS: Final = 2_000
"""A folder's worth of evidence may be selected at once."""
MAX_FIELDS_WITH_FILES: Final = 50
"""Of a form with a large file: each field may have a megabyte, and is held in memory."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form; empty for a GET."""

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Mapping[str, UploadFile] = field(default_factory=dict)

    @classmethod
    def of(cls, data: FormData) -> "Form":
        """Return the form that was sent; an empty file field counts as none."""
        fields: dict[str, list[str]] = {}
        files: dict[str, UploadFile] = {}
        for name, value in data.multi_items():
            if isinstance(value, UploadFile):
                if value.filename:
                    files[name] = value
            else:
                fields.setdefault(name, []).append(value.replace("\r\n", "\n").strip())
        return cls(fields, files)

    def text(self, name: str, default: str = "") -> str:
        """Return a field's value, without blanks around it (of passwords neither)."""
        return next(iter(self.fields.get(name, ())), default)

    def many(self, name: str) -> list[str]:
        """Return all values of a field that are not empty."""
        return [value for value in self.fields.get(name, ()) if value]

    def lines(self, name: str) -> list[str]:
        """Return the lines and comma-separated parts of a field that are not empty."""
        parts = self.text(name).replace(",", "\n").split("\n")
        return [part.strip() for part in parts if part.strip()]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something was not done, as the page shows it."""

    what: str
    why: str = ""
    todo: str = ""
    fields: Sequence[tuple[str, str]] = ()
    """(member, what it must be)."""

    @classmethod
    def of(cls, error: AffidavitError) -> "Trouble":
        """Return what an error says to a person."""
        members = error.fields if isinstance(error, ValidationFault) else ()
        what = _without_members(error.what) if members else error.what
        return cls(what, error.why, error.todo, members)


def free_key(taken: Collection[str]) -> str:
    """Return what a new row's fields are named by: the least number that no other row has."""
    return next(str(n) for n in range(len(taken) + 1) if str(n) not in taken)


def _without_members(what: str) -> str:
    """Return the words before AWS's list of members, which stand in `fields`."""
    return "Some of what you gave cannot be used." if "failed to satisfy" in what else what
